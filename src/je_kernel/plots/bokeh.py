"""Bokeh: loads its scripts from its own wheel, once."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]

_VARIABLE = "BOKEH_RESOURCES"


def adapt(module: ModuleType, patches: Patches) -> None:
    """Make ``output_notebook()`` use inline scripts, unless the lesson sets another source."""
    if module.__name__ == "bokeh.io.notebook":
        _load_once(module, patches)
    elif _VARIABLE not in os.environ:
        os.environ[_VARIABLE] = "inline"
        patches.when_undone(_forget)


def _load_once(module: ModuleType, patches: Patches) -> None:
    """Omit the second copy of the scripts: 4 MB for an extension that no site has."""
    publish = module.publish_display_data

    def publish_without_copy(data: dict[str, Any], *arguments: Any, **options: Any) -> None:
        bundle = {name: value for name, value in data.items() if name != module.LOAD_MIME_TYPE}
        publish(bundle, *arguments, **options)

    patches.set(module, "publish_display_data", publish_without_copy)


def _forget() -> None:
    os.environ.pop(_VARIABLE, None)
