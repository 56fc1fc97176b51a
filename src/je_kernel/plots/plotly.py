"""Plotly: figures as JSON, which the plotly.js of the site draws.

The renderers that write HTML load plotly.js from a content delivery network or copy it
into the notebook. Lessons name them (``fig.show(renderer="colab")``), so all of them
publish JSON here.
"""

from __future__ import annotations

import os
import re
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn

from je_kernel.plots.maps import without_tiles

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]

#: The tile server of plotly's maps.
_TILES = "https://basemaps.cartocdn.com/"

_IN_THE_PAGE = "plotly_mimetype"
_BY_HTML = (
    *("notebook", "notebook_connected", "kaggle", "azure", "colab", "cocalc", "databricks"),
    *("browser", "firefox", "chrome", "chromium", "iframe", "iframe_connected"),
)

_NO_PICTURES = (
    "Plotly makes picture files with a program that does not run in a browser. Click the camera "
    "above the figure to save it as a picture, or write fig.write_html('figure.html') for a page "
    "that stays interactive."
)


def adapt(module: ModuleType, patches: Patches) -> None:
    """Adapt one of plotly's modules."""
    if module.__name__ == "plotly.io._kaleido":
        for name in ("to_image", "write_image", "write_images"):
            if hasattr(module, name):
                patches.set(module, name, _refuse_pictures)
        return
    if module.__name__ == "plotly.basewidget":
        _adapt_widget(module.BaseFigureWidget, patches)
        return
    renderers = module.renderers
    before = dict(renderers.items()), renderers.default
    figure = _in_the_page(module.PlotlyRenderer)
    names = (_IN_THE_PAGE, "jupyterlab", "nteract", "vscode", *_BY_HTML)
    renderers.update({name: figure for name in names if name in renderers})
    if not os.environ.get("PLOTLY_RENDERER"):
        renderers.default = _IN_THE_PAGE
    patches.when_undone(lambda: _restore(renderers, *before))


def _in_the_page(base: Any) -> Any:
    """Return plotly's JSON renderer, without the tiles of maps."""

    class InThePage(base):  # type: ignore[misc]
        def to_mimebundle(self, fig_dict: dict[str, Any]) -> dict[str, Any]:
            layout = _without_tiles(fig_dict.get("data", ()), fig_dict.get("layout", {}))
            bundle: dict[str, Any] = super().to_mimebundle({**fig_dict, "layout": layout})
            return bundle

    return InThePage()


def _adapt_widget(widget: Any, patches: Patches) -> None:
    """Omit the tiles of maps in a ``FigureWidget``."""
    show = widget._repr_mimebundle_

    @wraps(show)
    def show_without_tiles(self: Any, *arguments: Any, **options: Any) -> Any:
        bundle = show(self, *arguments, **options)
        self._widget_layout = _without_tiles(self._widget_data, self._widget_layout)
        return bundle

    patches.set(widget, "_repr_mimebundle_", show_without_tiles)


def _without_tiles(traces: Iterable[dict[str, Any]], layout: dict[str, Any]) -> dict[str, Any]:
    for trace in traces:
        name = _map_of(trace)
        if name is not None and without_tiles(_TILES):
            layout = {**layout, name: {**layout.get(name, {}), "style": "white-bg"}}
    return layout


def _map_of(trace: dict[str, Any]) -> str | None:
    """Return the name of the tile map of a trace, or None."""
    match = re.fullmatch(r"(?:scatter|choropleth|density)(map|mapbox)", trace.get("type", ""))
    return str(trace.get("subplot", match[1])) if match else None


def _refuse_pictures(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError(_NO_PICTURES)


def _restore(renderers: Any, named: dict[str, Any], default: str) -> None:
    renderers.update(named)
    renderers.default = default
