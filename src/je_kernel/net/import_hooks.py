"""Post-import hooks: run the adapter of a library as soon as the library is imported.

A finder at the head of `sys.meta_path` knows the modules that have an adapter. The other
finders find and load such a module; then its adapter runs. Nothing is imported for it. The
finder and its loader have no base class: the import of ``importlib.abc`` takes more time
at the start of a kernel than all of this.
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
    """Runs an adapter on each of some modules after its import.

    Parameters
    ----------
    adapters
        By the name of the module: the name of the adapter, a module with a function
        ``adapt(module, patches)``.

    Attributes
    ----------
    patches
        The changes that the adapters make.
    """

    def __init__(self, adapters: Mapping[str, str]) -> None:
        self._adapters = adapters
        self.patches = Patches()

    def install(self) -> None:
        """Adapt the modules that are imported already, and those that will be. Idempotent."""
        if not self.installed():
            sys.meta_path.insert(0, self)
            self.adapt_imported()

    def uninstall(self) -> None:
        """Undo all changes. Idempotent."""
        if self.installed():
            sys.meta_path.remove(self)
            self.patches.undo()

    def installed(self) -> bool:
        """Return whether the hooks are installed."""
        return self in sys.meta_path

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module with an adapter by the other finders, and wrap its loader."""
        if fullname not in self._adapters:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in specs if spec is not None), None)
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Any", _AdaptingLoader(spec.loader, self))
        return spec

    def adapt_imported(self) -> None:
        """Adapt the modules that are imported already."""
        for name in self._adapters:
            module = sys.modules.get(name)
            if module is not None:
                self.adapt(module)

    def adapt(self, module: ModuleType) -> None:
        """Run the adapter of a module; its errors are logged."""
        try:
            adapter = importlib.import_module(self._adapters[module.__name__])
            adapter.adapt(module, self.patches)
        except Exception:
            _log.exception("could not adapt %s to the browser", module.__name__)


class _AdaptingLoader:
    """A loader that runs the adapter on the module that it has loaded."""

    def __init__(self, loader: Any, finder: PostImportFinder) -> None:
        self._loader = loader
        self._finder = finder

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The module keeps no trace of this finder.
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        # Python does this later, but an adapter may import the module by its full name.
        package, _, name = module.__name__.rpartition(".")
        if package:
            setattr(sys.modules[package], name, module)
        self._finder.adapt(module)
