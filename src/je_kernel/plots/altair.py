"""Altair: charts as Vega-Lite specifications, which JupyterLab's Vega draws.

Altair's default writes HTML that loads Vega from a content delivery network. Its
specifications are Vega-Lite 6, which for charts is nearly the same as the version 5
of JupyterLab.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from je_kernel.plots import say_once

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]

#: The MIME type that JupyterLab draws.
_MIME_TYPE = "application/vnd.vegalite.v5+json"
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"

_IN_THE_PAGE = ("default", "html", "colab", "kaggle", "mimetype", "jupyterlab", "jupyter")

_NO_SCRIPTS = (
    "Altair's JupyterChart has its scripts from another server, which this site does not ask"
)
_SHOWN = f"{_NO_SCRIPTS}: the chart is shown, and what is selected in it stays in the page."
_NOT_SHOWN = f"{_NO_SCRIPTS}: show the chart by itself, outside of other widgets."


def adapt(module: ModuleType, patches: Patches) -> None:
    """Replace the renderers for notebooks by one that publishes the specification."""
    if module.__name__ == "altair.jupyter.jupyter_chart":
        _adapt_widget(module.JupyterChart, patches)
        return
    renderers = module.renderers
    before = {name: renderers._plugins.get(name) for name in _IN_THE_PAGE}

    def register(by_name: dict[str, Any]) -> None:
        for name, renderer in by_name.items():
            renderers.register(name, renderer)
        renderers.enable("default")

    register(dict.fromkeys(_IN_THE_PAGE, _rendered))
    patches.when_undone(lambda: register(before))


def _adapt_widget(widget: Any, patches: Patches) -> None:
    """Publish the specification of a ``JupyterChart``; the widget itself shows a message."""

    def show(self: Any, **_options: Any) -> Any:
        say_once(_SHOWN)
        return self.chart._repr_mimebundle_()

    patches.set(widget, "_repr_mimebundle_", show)
    sentence = json.dumps(_NOT_SHOWN)
    patches.set(widget, "_esm", f"export default {{ render: ({{ el }}) => el.append({sentence}) }}")


def _rendered(spec: dict[str, Any], **metadata: Any) -> Any:
    data = {_MIME_TYPE: {**spec, "$schema": _SCHEMA}, "text/plain": "<Altair chart>"}
    options = metadata.get("embed_options", metadata)
    return (data, {_MIME_TYPE: {"embed_options": options}}) if options else data
