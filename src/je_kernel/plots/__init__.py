"""Adapts plotting libraries to the browser: figures in the page, no third-party requests.

`install` adapts each library when it is first imported; `uninstall` undoes this. The
adapters choose what a student would otherwise configure: the renderer, the source of
scripts, the backend.
"""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING

from je_kernel.net.import_hooks import PostImportFinder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["install", "installed", "say_once", "uninstall"]

_ADAPTERS = {
    "altair.jupyter.jupyter_chart": "je_kernel.plots.altair",
    "altair.vegalite.v6.display": "je_kernel.plots.altair",
    "bokeh.io.notebook": "je_kernel.plots.bokeh",
    "bokeh.settings": "je_kernel.plots.bokeh",
    "branca.element": "je_kernel.plots.maps",
    "folium.raster_layers": "je_kernel.plots.maps",
    "ipyleaflet.leaflet": "je_kernel.plots.maps",
    "matplotlib": "je_kernel.plots.matplotlib",
    "matplotlib._animation_data": "je_kernel.plots.matplotlib",
    "matplotlib._text_helpers": "je_kernel.plots.matplotlib",
    "matplotlib.animation": "je_kernel.plots.matplotlib",
    "matplotlib.backends.registry": "je_kernel.plots.matplotlib",
    "plotly.basewidget": "je_kernel.plots.plotly",
    "plotly.io._kaleido": "je_kernel.plots.plotly",
    "plotly.io._renderers": "je_kernel.plots.plotly",
    "seaborn._statistics": "je_kernel.plots.seaborn",
    "seaborn._stats.density": "je_kernel.plots.seaborn",
    "seaborn.matrix": "je_kernel.plots.seaborn",
    "seaborn.regression": "je_kernel.plots.seaborn",
}

#: Compiled modules that the wheels of the site lack, and their replacements.
_REPLACED = {"wordcloud.query_integral_image": "wordcloud_layout.py"}


class _Finder(PostImportFinder):
    """Adapts modules, and finds the replacements of compiled ones."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a replacement, or a module to adapt."""
        file_name = _REPLACED.get(fullname)
        if file_name is None:
            return super().find_spec(fullname, path, target)
        from importlib.util import spec_from_file_location
        from pathlib import Path

        return spec_from_file_location(fullname, Path(__file__).with_name(file_name))


_finder = _Finder(_ADAPTERS)
install, uninstall, installed = _finder.install, _finder.uninstall, _finder.installed


@cache
def say_once(sentence: str) -> None:
    """Print a message for the student, once in a kernel."""
    print(sentence, file=sys.stderr)
