"""The store of the mounted drive: slower than the database, but synchronous in every browser.

The page's contents manager reads and writes the files, wherever the site keeps them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from je_kernel import javascript
from je_kernel.errors import StoreError
from je_kernel.files import names
from je_kernel.files.models import Info, Usage, info_in, largest
from je_kernel.files.site_files import infos_in
from je_kernel.files.store import NOTHING, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from je_kernel.files.store import Contents, Versions

__all__ = ["DriveStore"]

_MOST_FOLDERS = 30  # each costs a round trip to the page, and this only serves a hint


class DriveStore:
    """The mounted drive as a store.

    Parameters
    ----------
    drive
        A ``Drive`` of ``drive.js``.
    site
        The address of the site, with a slash at its end.
    """

    suspends = False

    def __init__(self, drive: Any, site: str) -> None:
        self._drive = drive
        self._site = site
        self._listings: dict[str, dict[str, Info]] = {}

    @property
    def name(self) -> str:
        """What this store is."""
        return "the mounted drive"

    async def stat(self, path: str) -> Info | None:
        """Return the metadata of a file or folder, or None if it does not exist."""
        with _page_errors():
            return self._stat(path)

    async def exists(self, path: str) -> bool:
        """Return whether a file or folder exists."""
        with _page_errors():
            return self._drive.typeOf(path) is not None

    async def children(self, path: str) -> Sequence[Info]:
        """Return what is directly in a folder."""
        with _page_errors():
            return self._children(path)

    async def paths(self) -> Sequence[str]:
        """Return the paths of the files in the first folders."""
        with _page_errors():
            return list(self._paths())

    async def read(self, path: str) -> tuple[Info, bytes] | None:
        """Return a file's metadata and bytes, or None if it does not exist."""
        with _page_errors():
            return self._read(path)

    async def write(
        self, files: Contents, *, new: bool = False, expected: Versions = NOTHING
    ) -> Sequence[Info]:
        """Write files. Several are not written in one step."""
        with _page_errors(writes=True):
            if not new and not expected:
                self._check(files)
                return self._write(files)
            claim = self._drive.claim()
            try:
                self._check_versions(expected)
                self._check(files, new)
                if not self._drive.holds(claim):
                    # This kernel was stopped for so long that another may write.
                    raise StoreError("Nothing was saved: the browser was too slow. Try once more.")
                return self._write(files)
            finally:
                self._drive.remove(claim)

    async def make_folder(self, path: str) -> None:
        """Make a folder and those above it."""
        with _page_errors(writes=True):
            self._make_folders([*names.parents_of(path), path])

    async def move(self, old: str, new: str, *, replace: bool = False) -> Info:
        """Give a file or folder another path."""
        with _page_errors(writes=True):
            info, shipped = self._existing(old), self._shipped(old)
            if not self._is_own(info) or (shipped is not None and shipped.folder):
                raise Refusal("shipped-rename", old)  # the site's part of it would stay behind
            self._check_transfer(old, new, replace)
            self._drive.rename(old, new)
            for path in (old, new):
                self._drive.forget(path)
            return self._existing(new)

    async def copy(self, old: str, new: str, *, replace: bool = False) -> Info:
        """Copy a file or folder."""
        with _page_errors(writes=True):
            self._copy(old, new, replace)
            return self._existing(new)

    async def remove(self, path: str) -> None:
        """Remove a file or folder."""
        with _page_errors(writes=True):
            info = self._existing(path)
            if not self._is_own(info) and not (
                info.folder and any(map(self._is_own, self._walk(path)))
            ):
                raise Refusal("shipped-delete", path)
            self._drive.remove(path)
            self._drive.forget(path)

    async def usage(self) -> Usage:
        """Return the sizes of the files. Only an asynchronous call tells how much is left."""
        with _page_errors():
            sizes = [(info.path, info.size) for info in self._walk("") if not info.folder]
            return Usage(sum(size for _, size in sizes), None, largest(sizes))

    def _stat(self, path: str) -> Info | None:
        answer = self._drive.stat(path)
        return info_in(json.loads(answer)) if answer else None

    def _children(self, path: str) -> Sequence[Info]:
        return [info_in(model) for model in json.loads(self._drive.children(path))]

    def _existing(self, path: str) -> Info:
        info = self._stat(path)
        if info is None:
            raise Refusal("lost", path)
        return info

    def _paths(self) -> Iterator[str]:
        folders = [""]
        for _ in range(_MOST_FOLDERS):
            if not folders:
                return
            folder = folders.pop(0)
            for name in json.loads(self._drive.names(folder)):
                path = names.join(folder, name)
                yield path
                # `typeOf` costs a round trip: what has an extension is a file.
                if not names.extension(path) and self._drive.typeOf(path) == "folder":
                    folders.append(path)

    def _read(self, path: str) -> tuple[Info, bytes] | None:
        info = self._stat(path)
        if info is None:
            return None
        if info.folder:
            raise Refusal("folder", path)
        if not self._is_own(info):
            # The page changes what it reads of the site: it parses JSON, and all text is UTF-8.
            data = self._fetch("files", path)
            if data is not None:
                return dataclasses.replace(info, size=len(data)), data
        content = self._drive.read(path)
        return None if content is None else (info, javascript.bytes_of(content))

    def _write(self, files: Contents) -> Sequence[Info]:
        written = []
        for path, data in files.items():
            self._make_folders(names.parents_of(path))
            self._drive.write(path, memoryview(data).cast("B"))
            self._drive.forget(path)
            written.append(self._written(path, memoryview(data).nbytes))
        return written

    def _check(self, paths: Iterable[str], new: bool = False) -> None:
        for path in paths:
            info = self._stat(path)
            if info is not None and info.folder:
                raise Refusal("folder", path)
            if info is not None and new:
                raise Refusal("exists", path)

    def _check_versions(self, expected: Versions) -> None:
        for path, version in expected.items():
            info = self._stat(path)
            if info is None and version is not None:
                raise Refusal("gone", path)
            if info is not None and info.version != version:
                raise Refusal("exists" if version is None else "changed", path)

    def _written(self, path: str, size: int) -> Info:
        info = self._stat(path)
        # The page formats a notebook's JSON: its size is another one.
        exact = not path.lower().endswith(".ipynb")
        if info is None or (exact and info.size != size):
            raise StoreError(
                f"{path!r} was not saved: the page did not keep it. "
                "Is the browser's storage full? files.usage() tells."
            )
        return info

    def _make_folders(self, paths: Iterable[str]) -> None:
        for path in paths:
            kind = self._drive.typeOf(path)
            if kind == "file":
                raise Refusal("not-folder", path)
            if kind is None:
                self._drive.makeFolder(path)
                self._drive.forget(path)

    def _shipped(self, path: str) -> Info | None:
        """Return what the site has at a path. The page does not tell whose a file is."""
        if self._drive.driveName:
            return None
        parent = names.parent_of(path)
        if parent not in self._listings:
            above = self._shipped(parent) if parent else None
            if parent and (above is None or not above.folder):
                return None
            listing = self._fetch("api/contents", names.join(parent, "all.json"))
            try:
                self._listings[parent] = infos_in(listing or b"")
            except ValueError:
                return None  # the site cannot be reached: the next operation tries again
        return self._listings[parent].get(path)

    def _fetch(self, root: str, path: str) -> bytes | None:
        content = self._drive.fetchFile(f"{self._site}{root}/{quote(path)}")
        return None if content is None else javascript.bytes_of(content)

    def _is_own(self, info: Info) -> bool:
        shipped = self._shipped(info.path)
        return shipped is None or shipped.modified != info.modified

    def _walk(self, folder: str) -> Iterator[Info]:
        """Yield everything in a folder, at any depth."""
        for info in self._children(folder):
            yield info
            if info.folder:
                yield from self._walk(info.path)

    def _copy(self, old: str, new: str, replace: bool) -> None:
        self._check_transfer(old, new, replace)
        if self._drive.typeOf(old) == "folder":
            self._make_folders([new])
            for name in json.loads(self._drive.names(old)):
                self._copy(names.join(old, name), names.join(new, name), replace)
            return
        file = self._read(old)
        if file is None:
            raise Refusal("lost", old)
        self._check([new])
        self._write({new: file[1]})

    def _check_transfer(self, old: str, new: str, replace: bool) -> None:
        if self._drive.typeOf(old) is None:
            raise Refusal("lost", old)
        if not replace and self._drive.typeOf(new) is not None:
            raise Refusal("exists", new)
        self._make_folders(names.parents_of(new))


@contextlib.contextmanager
def _page_errors(*, writes: bool = False) -> Iterator[None]:
    """Raise errors of the page as exceptions of ours."""
    from pyodide.ffi import JsException

    try:
        yield
    except JsException as error:
        if str(error.name) == "Refusal":
            raise Refusal.from_message(str(error.message)) from None
        message = str(getattr(error, "message", "") or error).rstrip(".")
        cause = " The drive may be read-only, or full." if writes else ""
        raise StoreError(
            f"The page could not do this: {message}.{cause} Reload the page, and try once more."
        ) from None
