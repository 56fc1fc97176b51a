"""Finders of modules on JupyterLite's mounted drive, including new and changed ones.

Importlib's own finder lists a folder again when the folder's time has changed, and the
drive never changes that time. It also requests each file that it lists. The finder here
replaces importlib's for folders of the drive, through `sys.path_hooks`, and lists a
folder with one request. The page reads all its files to answer that, so a list is
cached: until this kernel creates, renames or removes a module, and until the next cell
if a name is in the list or no finder knows it. Modules are compiled from their source,
never read from ``__pycache__``.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from importlib.util import spec_from_file_location
from typing import TYPE_CHECKING, Any

from je_kernel import drive, runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import CodeType, ModuleType
    from typing import Protocol

    from IPython.core.interactiveshell import InteractiveShell

    class Folders(Protocol):
        """Folders without modification times."""

        @property
        def changes(self) -> int:
            """Return a number that grows when this kernel changes the set of modules."""
            ...

        def names(self, path: str) -> list[str] | None:
            """Return the names in a folder, or None if there is no such folder."""
            ...


__all__ = ["DriveModules", "install", "uninstall"]

_log = logging.getLogger("je_kernel")

# The greatest age of a list for a name that no finder knows: in seconds, and as a multiple of
# the time that the listing took.
_RECENT = 1.0
_RESTS = 20


class _SourceLoader(SourceFileLoader):
    """A loader that compiles a module from its source each time."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        code: CodeType = self.source_to_code(self.get_data(path), path)
        return code


# In the order of importlib.
_LOADERS: tuple[tuple[str, Callable[[str, str], Any]], ...] = (
    *((suffix, ExtensionFileLoader) for suffix in EXTENSION_SUFFIXES),
    *((suffix, _SourceLoader) for suffix in SOURCE_SUFFIXES),
    *((suffix, SourcelessFileLoader) for suffix in BYTECODE_SUFFIXES),
)


class _Listing:
    """The names in a folder at one time."""

    # Not a dataclass: creating one takes a millisecond of each kernel's start.
    def __init__(self, folders: Folders, path: str, cell: int) -> None:
        self.cell = cell
        self.changes = folders.changes
        begin = time.monotonic()
        names = folders.names(path)
        self.is_folder = names is not None
        self.names = frozenset(names or ())
        self.made = time.monotonic()
        self.took = self.made - begin

    def is_recent(self, cell: int) -> bool:
        """Return whether it was made in a cell, and is not old."""
        age = time.monotonic() - self.made
        return self.cell == cell and age < max(_RECENT, _RESTS * self.took)


class _DriveFinder(FileFinder):
    """A finder for one folder. It is a `FileFinder` for pkgutil."""

    def __init__(self, path: str, modules: DriveModules) -> None:
        super().__init__(path)
        self._modules = modules

    def find_spec(
        self,
        fullname: str,
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        name = fullname.rpartition(".")[2]
        candidates = (name, *(name + suffix for suffix, _ in _LOADERS))
        if self._modules.listing(self.path).names.isdisjoint(candidates):
            return None
        names = self._modules.listing_of_cell(self.path).names
        path = f"{self.path}/{name}"
        inner = self._modules.listing_of_cell(path) if name in names else None
        if inner is not None and inner.is_folder:
            for suffix, loader in _LOADERS:
                if f"__init__{suffix}" in inner.names:
                    file = f"{path}/__init__{suffix}"
                    return spec_from_file_location(
                        fullname,
                        file,
                        loader=loader(fullname, file),
                        submodule_search_locations=[path],
                    )
        for suffix, loader in _LOADERS:
            if name + suffix in names:
                file = path + suffix
                return spec_from_file_location(fullname, file, loader=loader(fullname, file))
        if inner is None or not inner.is_folder:
            return None
        spec = ModuleSpec(fullname, None)  # a part of a namespace package
        spec.submodule_search_locations = [path]
        return spec

    def invalidate_caches(self) -> None:
        self._modules.look_again()


class DriveModules:
    """The modules in folders without modification times.

    Parameters
    ----------
    folders
        The folders.
    mount
        The path of the topmost of them.
    """

    def __init__(self, folders: Folders, mount: str) -> None:
        self._folders = folders
        self._mount = mount
        self._cell = 0
        self._listings: dict[str, _Listing] = {}

    def install(self) -> None:
        """Serve the folders to `import`."""
        sys.path_hooks.insert(0, self._hook)
        sys.meta_path.append(self)
        self._forget_finders()

    def uninstall(self) -> None:
        """Leave the folders to importlib's own finder."""
        if self._hook in sys.path_hooks:
            sys.path_hooks.remove(self._hook)
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        self._forget_finders()

    def begin_cell(self) -> None:
        """Start a new cell: the page may have changed the folders since the last one."""
        self._cell += 1

    def look_again(self) -> None:
        """Forget the lists of earlier cells. Pyodide does so with each package it loads."""
        self._keep(lambda listing: listing.cell == self._cell)

    def listing(self, path: str) -> _Listing:
        """Return the names in a folder, without changes by others."""
        listing = self._listings.get(path)
        if listing is None or listing.changes != self._folders.changes:
            listing = self._listings[path] = _Listing(self._folders, path, self._cell)
        return listing

    def listing_of_cell(self, path: str) -> _Listing:
        """Return the names in a folder, listed in the running cell."""
        if path in self._listings and self._listings[path].cell != self._cell:
            del self._listings[path]
        return self.listing(path)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Look again for a module that no finder knows, if lists are not recent.

        The page may also change files while a cell runs, for example during ``input()``.
        """
        places = sys.path if path is None else path
        if not any(self._has(os.path.abspath(each)) for each in places):  # noqa: PTH100
            return None
        before = len(self._listings)
        self._keep(lambda listing: listing.is_recent(self._cell))
        if len(self._listings) == before:
            return None
        return PathFinder.find_spec(fullname, path, target)

    def _keep(self, is_kept: Callable[[_Listing], bool]) -> None:
        self._listings = {path: each for path, each in self._listings.items() if is_kept(each)}

    def _hook(self, path: str) -> _DriveFinder:
        folder = os.path.abspath(path)  # noqa: PTH100 (as importlib does)
        if not self._has(folder):
            raise ImportError("not on the drive", path=path)
        # A zip archive is for zipimport.
        if "." in os.path.basename(folder) and self._folders.names(folder) is None:  # noqa: PTH119
            raise ImportError("not a folder", path=path)
        return _DriveFinder(folder, self)

    def _has(self, folder: str) -> bool:
        return folder == self._mount or folder.startswith(f"{self._mount}/")

    def _forget_finders(self) -> None:
        for path in list(sys.path_importer_cache):
            if self._has(os.path.abspath(path)):  # noqa: PTH100
                del sys.path_importer_cache[path]


class _MountedFolders:
    """The folders of the mounted drive.

    Parameters
    ----------
    drive
        A ``Drive`` of ``drive.js``.
    mount
        Where it is mounted.
    """

    def __init__(self, drive: Any, mount: str) -> None:
        self._drive = drive
        self._mount = mount

    @property
    def changes(self) -> int:
        return int(self._drive.changes)

    def names(self, path: str) -> list[str] | None:
        from pyodide.ffi import JsException

        inner = path.removeprefix(self._mount).removeprefix("/")
        try:
            drive.save_new()
            # The page does not answer for a folder that is not there.
            if self._drive.typeOf(inner) != "folder":
                return None
            names: list[str] = json.loads(self._drive.names(inner))
        except JsException:
            # Whoever imports something else must not be stopped.
            _log.exception("the drive did not list %r", path)
            return None
        return names


_installed: DriveModules | None = None


def install(shell: InteractiveShell | None) -> bool:
    """Find modules on the mounted drive. Idempotent.

    Parameters
    ----------
    shell
        The IPython shell.

    Returns
    -------
    bool
        Whether there is a drive of a known kind.
    """
    global _installed
    if _installed is not None:
        return True
    mount = runtime.drive_mount()
    mounted = drive.mounted_drive() if mount is not None else None
    if mount is None or mounted is None:
        return False
    _installed = DriveModules(_MountedFolders(mounted, mount), mount)
    _installed.install()
    if shell is not None:
        shell.events.register("pre_execute", _installed.begin_cell)
    return True


def uninstall(shell: InteractiveShell | None) -> None:
    """Undo `install`.

    Parameters
    ----------
    shell
        The IPython shell that `install` was given.
    """
    global _installed
    if _installed is None:
        return
    modules, _installed = _installed, None
    if shell is not None:
        shell.events.unregister("pre_execute", modules.begin_cell)
    modules.uninstall()
