"""Seaborn: scipy and statsmodels are loaded for the figures that need them.

While it is imported, seaborn notes whether they are there. They are large, so that
import does not load them (`je_kernel.imports.site_packages`): the note is replaced by
an object that imports them when a figure asks.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]

# For each module its note, what that is if the library is there, and what it then has of it.
_NOTES: dict[str, tuple[str, bool, str, tuple[str, ...]]] = {
    "seaborn._statistics": ("_no_scipy", False, "scipy.stats", ("gaussian_kde",)),
    "seaborn._stats.density": ("_no_scipy", False, "scipy.stats", ("gaussian_kde",)),
    "seaborn.matrix": ("_no_scipy", False, "scipy.cluster", ("hierarchy",)),
    "seaborn.regression": ("_has_statsmodels", True, "statsmodels", ()),
}


def adapt(module: ModuleType, patches: Patches) -> None:
    """Replace the note of one of seaborn's modules, if it says that something is missing."""
    note, if_there, library, parts = _NOTES[module.__name__]
    if getattr(module, note) is not if_there:
        patches.set(module, note, _Note(module, if_there, library, parts))


class _Note:
    """Its truth value says whether a library is there, which is imported to find out."""

    def __init__(
        self, module: ModuleType, if_there: bool, library: str, parts: tuple[str, ...]
    ) -> None:
        self._module = module
        self._if_there = if_there
        self._library = library
        self._parts = parts

    def __bool__(self) -> bool:
        try:
            library = import_module(self._library)
        except ImportError:
            return not self._if_there
        for part in self._parts:
            setattr(self._module, part, getattr(library, part))
        return self._if_there
