"""Adapts libraries as they are imported, and never imports one itself.

A finder at the head of `sys.meta_path` knows the few modules that need
something of ours; it lets Python find and run each as ever and then hands the
new module to its adapter. What nobody imports costs nothing. The finder and
its loader have the methods that Python asks for and no base class: importing
``importlib.abc`` would cost a starting kernel more than all the rest.
"""

from __future__ import annotations

import importlib
import logging
import sys
from typing import TYPE_CHECKING, Any, cast

from je_kernel.net.patches import Patches

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["PostImportFinder"]

_log = logging.getLogger("je_kernel")


class PostImportFinder:
    """Runs an adapter on each of some modules, once it has been imported.

    Parameters
    ----------
    adapters
        For the name of each module, the name of our module whose function
        ``adapt(module, patches)`` does the work.

    Attributes
    ----------
    patches
        Where the adapters record what they change.
    """

    def __init__(self, adapters: Mapping[str, str]) -> None:
        self._adapters = adapters
        self.patches = Patches()

    def install(self) -> None:
        """Adapt what is imported already, and what will be. Doing it twice does no harm."""
        if not self.installed():
            sys.meta_path.insert(0, self)
            self.adapt_imported()

    def uninstall(self) -> None:
        """Take back everything that was changed; without effect if nothing was."""
        if self.installed():
            sys.meta_path.remove(self)
            self.patches.undo()

    def installed(self) -> bool:
        """Return whether libraries are adapted."""
        return self in sys.meta_path

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find one of our modules as the other finders would, and wrap its loader."""
        if fullname not in self._adapters:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        found = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in found if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Any", _ThenAdapt(spec.loader, self))
        return spec

    def adapt_imported(self) -> None:
        """Adapt those of our modules that are imported already."""
        for name in self._adapters:
            module = sys.modules.get(name)
            if module is not None:
                self.adapt(module)

    def adapt(self, module: ModuleType) -> None:
        """Hand a module to its adapter; one that fails leaves the module as it came."""
        try:
            adapter = importlib.import_module(self._adapters[module.__name__])
            adapter.adapt(module, self.patches)
        except Exception:
            _log.exception("could not adapt %s to the browser", module.__name__)


class _ThenAdapt:
    """A loader that has an adapter run on the module it has loaded."""

    def __init__(self, loader: Any, finder: PostImportFinder) -> None:
        self._loader = loader
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        # From here on nobody can tell that it was found by us.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        # Python does this last; an adapter may well say ``import http.client``.
        package, _, name = module.__name__.rpartition(".")
        if package:
            setattr(sys.modules[package], name, module)
        self._finder.adapt(module)
