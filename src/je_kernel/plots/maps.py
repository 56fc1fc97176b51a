"""Maps: loads folium's scripts from the site, and tiles only if the site allows them.

Map tiles come from a third-party server, which then learns what a class looks at. Tiles,
and scripts that the site does not have, are omitted with a message; the setting
``map_tiles`` allows them.
"""

from __future__ import annotations

import re
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from je_kernel import settings
from je_kernel.plots import say_once
from je_kernel.site import site_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt", "without_tiles"]

_NO_TILES = (
    "The picture under a map comes from another server ({host}), which this site does not ask by "
    "itself: the map shows what you draw on it. Whoever runs the site can allow it with the "
    "setting JE_KERNEL_MAP_TILES=on."
)
_NO_SCRIPT = (
    "This part of folium needs a script of another server ({host}), which this site does not ask "
    "by itself. Whoever runs the site can allow it with the setting JE_KERNEL_MAP_TILES=on."
)

#: The replacement of a tile: paper with a grid.
BLANK_TILE = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='256' height='256'%3E"
    "%3Crect width='256' height='256' fill='%23eef3f6' stroke='%23d3dde3'/%3E%3C/svg%3E"
)

#: The npm packages that the site serves.
_PACKAGES = frozenset(
    {
        "@fortawesome/fontawesome-free@6.2.0",
        "bootstrap@5.2.2",
        "leaflet@1.9.3",
    }
)
_OF_NPM = re.compile(r"https://cdn\.jsdelivr\.net/npm/((?:@[\w-]+/)?[\w.-]+@[\w.-]+)/([\w./-]+)")

#: Scripts of other servers, by the end of their URL, and their files in npm packages.
_NPM_FILES = {
    "/jquery-3.7.1.min.js": "jquery@3.7.1/dist/jquery.min.js",
    "/bootstrap-glyphicons.css": "glyphicons-only-bootstrap@1.0.1/css/bootstrap.min.css",
    "/leaflet.awesome-markers.js": "leaflet.awesome-markers@2.0.5/dist/leaflet.awesome-markers.js",
    "/leaflet.awesome-markers.css": (
        "leaflet.awesome-markers@2.0.5/dist/leaflet.awesome-markers.css"
    ),
    "/leaflet.markercluster.js": "leaflet.markercluster@1.1.0/dist/leaflet.markercluster.js",
    "/MarkerCluster.css": "leaflet.markercluster@1.1.0/dist/MarkerCluster.css",
    "/MarkerCluster.Default.css": "leaflet.markercluster@1.1.0/dist/MarkerCluster.Default.css",
    "/leaflet_heat.min.js": "leaflet.heat@0.2.0/dist/leaflet-heat.js",
}
#: Rotates icons by degrees, which lessons do not use.
_NOT_NEEDED = "/leaflet.awesome.rotate.min.css"


def adapt(module: ModuleType, patches: Patches) -> None:
    """Adapt a module of folium, of branca, on which folium is built, or of ipyleaflet."""
    _ADAPTERS[module.__name__](module, patches)


def without_tiles(url: str) -> bool:
    """Return whether to omit the tiles of a URL; if so, print a message once."""
    if settings.current().map_tiles or url.startswith("data:"):
        return False
    say_once(_NO_TILES.format(host=urlsplit(url).hostname or url))
    return True


def _adapt_links(module: ModuleType, patches: Patches) -> None:
    """Load scripts and style sheets from the site."""
    initialise = module.Link.__init__

    @wraps(initialise)
    def initialise_of_site(self: Any, url: str, download: bool = False) -> None:
        initialise(self, _of_site(url), download)

    patches.set(module.Link, "__init__", initialise_of_site)


def _of_site(url: str) -> str:
    """Return the URL on the site of a script of folium."""
    of_npm = _OF_NPM.fullmatch(url)
    if of_npm and of_npm[1] in _PACKAGES:
        return site_url(f"static/je-kernel/npm/{of_npm[1]}/{of_npm[2]}")
    path = urlsplit(url).path
    if path.endswith(_NOT_NEEDED):
        return "data:,"
    for end, place in _NPM_FILES.items():
        if path.endswith(end):
            return site_url(f"static/je-kernel/npm/{place}")
    if urlsplit(url).scheme in ("http", "https") and not settings.current().map_tiles:
        say_once(_NO_SCRIPT.format(host=urlsplit(url).hostname))
        return "data:,"
    return url


def _adapt_folium(module: ModuleType, patches: Patches) -> None:
    initialise = module.TileLayer.__init__

    @wraps(initialise)
    def initialise_without_tiles(self: Any, *arguments: Any, **options: Any) -> None:
        initialise(self, *arguments, **options)
        if without_tiles(self.tiles):
            self.tiles = BLANK_TILE

    patches.set(module.TileLayer, "__init__", initialise_without_tiles)


def _adapt_ipyleaflet(module: ModuleType, patches: Patches) -> None:
    initialise = module.TileLayer.__init__

    @wraps(initialise)
    def initialise_without_tiles(self: Any, *arguments: Any, **options: Any) -> None:
        default = type(self).url.default_value
        if without_tiles(options.get("url") or default):
            options["url"] = BLANK_TILE
        initialise(self, *arguments, **options)

    patches.set(module.TileLayer, "__init__", initialise_without_tiles)


_ADAPTERS: dict[str, Callable[[ModuleType, Patches], None]] = {
    "branca.element": _adapt_links,
    "folium.raster_layers": _adapt_folium,
    "ipyleaflet.leaflet": _adapt_ipyleaflet,
}
