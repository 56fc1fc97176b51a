"""Seaborn: imports scipy and statsmodels when a figure needs them.

When seaborn is imported, it sets a flag for each that tells whether it is installed. That
import does not load them (`je_kernel.imports.site_packages`), because they are large. An
object that imports them when it is tested replaces the flag.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]

# For each module: its flag, the value for an installed library, the library, and its parts.
_FLAGS: dict[str, tuple[str, bool, str, tuple[str, ...]]] = {
    "seaborn._statistics": ("_no_scipy", False, "scipy.stats", ("gaussian_kde",)),
    "seaborn._stats.density": ("_no_scipy", False, "scipy.stats", ("gaussian_kde",)),
    "seaborn.matrix": ("_no_scipy", False, "scipy.cluster", ("hierarchy",)),
    "seaborn.regression": ("_has_statsmodels", True, "statsmodels", ()),
}


def adapt(module: ModuleType, patches: Patches) -> None:
    """Replace the flag of one of seaborn's modules, if it says that a library is missing."""
    flag, if_there, library, parts = _FLAGS[module.__name__]
    if getattr(module, flag) is not if_there:
        patches.set(module, flag, _LazyFlag(module, if_there, library, parts))


class _LazyFlag:
    """A flag whose truth value is computed by importing a library."""

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
