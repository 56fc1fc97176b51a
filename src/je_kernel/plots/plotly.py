"""Plotly: figures as data, which the site's own plotly.js draws.

Of its many renderers, those that write HTML fetch plotly.js from a content delivery
network or put all of it into the notebook. Lessons name them as they were told to
elsewhere (``fig.show(renderer="colab")``), so all of them show the figure as data.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]

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
    renderers = module.renderers
    before = dict(renderers.items()), renderers.default
    figure = renderers[_IN_THE_PAGE]
    renderers.update({name: figure for name in _BY_HTML if name in renderers})
    if not os.environ.get("PLOTLY_RENDERER"):
        renderers.default = _IN_THE_PAGE
    patches.when_undone(lambda: _restore(renderers, *before))


def _refuse_pictures(*_: Any, **__: Any) -> NoReturn:
    raise RuntimeError(_NO_PICTURES)


def _restore(renderers: Any, named: dict[str, Any], default: str) -> None:
    renderers.update(named)
    renderers.default = default
