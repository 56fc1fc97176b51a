"""A finder that loads the site's packages when they are imported.

JupyterLite's kernel loads what a cell imports before it runs the cell, if the cell
is plain Python. This finder is the last in `sys.meta_path` and gets all other
imports that fail: those in cells with magics, in modules and libraries, and in
`importlib.import_module`. `je_kernel.imports.loading` loads the packages.
"""

from __future__ import annotations

import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

from je_kernel.compatibility import is_being_imported, package_of_module

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["DOES_WITHOUT", "SitePackagesFinder", "install", "uninstall"]

DOES_WITHOUT: Mapping[str, frozenset[str]] = {
    "openpyxl": frozenset({"lxml"}),
    "pandas": frozenset({"bottleneck", "numexpr", "pyarrow"}),
    "seaborn": frozenset({"scipy", "statsmodels"}),
}
"""Optional dependencies that a library tries to import while it is imported itself.

They are not loaded then: they are large or slow to import, and most lessons never use
them. After that, the library can import them.
"""

# Completion looks for modules; it must not run or fetch anything.
_COMPLETERS = ("jedi.", "IPython.core.completerlib")


class SitePackagesFinder:
    """Finds modules of the site's packages, by loading these.

    Parameters
    ----------
    owners
        Returns the package of each top-level module.
    load
        Loads all packages that contain a top-level module; returns whether there
        was one that was not loaded before.
    """

    def __init__(
        self, owners: Callable[[], Mapping[str, str]], load: Callable[[str], bool]
    ) -> None:
        self._owners = owners
        self._load = load

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find a module as `PathFinder` does, once its package has been loaded.

        Parameters
        ----------
        fullname
            The module's name.
        path
            Where its parent's modules are; None for a top-level module.
        target
            Passed on to `PathFinder`.

        Raises
        ------
        PackageNotLoadedError
            If the package cannot be loaded.
        """
        top = fullname.partition(".")[0]
        # No other package adds modules to a regular package, whose path is a list.
        if top not in self._owners() or isinstance(path, list):
            return None
        importer = _importer()
        if importer.startswith(_COMPLETERS) or _does_without(importer, top):
            return None
        if not self._load(top):
            return None
        return PathFinder.find_spec(fullname, path, target)


def _importer() -> str:
    """Return the name of the module whose code is importing, or an empty text."""
    frame = sys._getframe(2)
    while frame.f_back is not None:
        name = str(frame.f_globals.get("__name__", ""))
        if name.partition(".")[0] != "importlib":
            return name
        frame = frame.f_back
    return ""


def _does_without(importer: str, top: str) -> bool:
    library = importer.partition(".")[0]
    if top not in DOES_WITHOUT.get(library, ()):
        return False
    return is_being_imported(sys.modules.get(library))


def _load(top: str) -> bool:
    from je_kernel.imports.loading import load_owners

    return load_owners(top)


_finder = SitePackagesFinder(package_of_module, _load)


def install() -> None:
    """Put the finder at the end of `sys.meta_path`; doing it twice does no harm."""
    if _finder not in sys.meta_path:
        sys.meta_path.append(_finder)


def uninstall() -> None:
    """Take the finder away."""
    if _finder in sys.meta_path:
        sys.meta_path.remove(_finder)
