"""Bokeh: its scripts out of its own wheel."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]

_VARIABLE = "BOKEH_RESOURCES"


def adapt(_module: ModuleType, patches: Patches) -> None:
    """Have ``output_notebook()`` put the scripts into the page, unless the lesson says else."""
    if _VARIABLE not in os.environ:
        os.environ[_VARIABLE] = "inline"
        patches.when_undone(_forget)


def _forget() -> None:
    os.environ.pop(_VARIABLE, None)
