"""Files through the mounted drive: slower than the database, but synchronous in every browser.

The page's contents manager does the work, so whatever keeps the site's files
(memory, another drive) is what is written to.
"""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote

from je_kernel import javascript
from je_kernel.errors import StoreError
from je_kernel.files import names
from je_kernel.files.kinds import mimetype_of
from je_kernel.files.models import Entry, Usage, moment
from je_kernel.files.site_files import entries_in
from je_kernel.files.store import (
    Children,
    Copy,
    Found,
    Has,
    MakeFolder,
    Measure,
    Move,
    NewFile,
    Paths,
    Read,
    Refused,
    Remove,
    Stat,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.files.store import Problem, Request

__all__ = ["DriveStore"]

_MOST_LARGEST = 5
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

    def __init__(self, drive: Any, site: str) -> None:
        self._drive = drive
        self._site = site
        self._listings: dict[str, dict[str, Entry]] = {}

    @property
    def name(self) -> str:
        """What this store is."""
        return "the mounted drive"

    async def perform_async(self, request: Request) -> Any:
        """Do what is asked; the drive can only be waited for."""
        return self.perform(request)

    def perform(self, request: Request) -> Any:
        """Do what is asked."""
        from pyodide.ffi import JsException

        try:
            return self._perform(request)
        except JsException as error:
            raise _explained(error, request) from None

    def _perform(self, request: Request) -> Any:
        match request:
            case Stat(path):
                return self._stat(path)
            case Has(path):
                return self._drive.typeOf(path) is not None
            case Children(path):
                return [self._entry(model) for model in json.loads(self._drive.children(path))]
            case Paths():
                return list(self._paths())
            case Read(path):
                return self._read(path)
            case Write():
                return self._write(request)
            case MakeFolder(path):
                self._make_folders([*names.parents_of(path), path])
            case Move(old, new, replace):
                self._move(old, new, replace)
                return self._there(new)
            case Copy(old, new, replace):
                self._copy(old, new, replace)
                return self._there(new)
            case Remove(path):
                self._remove(path)
            case Measure():
                return self._measure()
            case _:
                raise TypeError(f"The drive cannot do {request!r}.")
        return None

    def _entry(self, model: Any) -> Entry:
        return Entry(
            path=model["path"],
            folder=model["folder"],
            size=int(model["size"]),
            modified=moment(model["modified"]),
            created=moment(model["created"]),
            mimetype="" if model["folder"] else mimetype_of(model["path"]),
            version=model["version"],
        )

    def _stat(self, path: str) -> Entry | None:
        answer = self._drive.stat(path)
        return self._entry(json.loads(answer)) if answer else None

    def _there(self, path: str) -> Entry:
        entry = self._stat(path)
        if entry is None:
            raise Refused("lost", path)
        return entry

    def _paths(self) -> Iterator[str]:
        folders = [""]
        for _ in range(_MOST_FOLDERS):
            if not folders:
                return
            folder = folders.pop(0)
            for name in json.loads(self._drive.names(folder)):
                path = names.join(folder, name)
                yield path
                # Looking each one up would cost a round trip: files have extensions.
                if not names.extension(path) and self._drive.typeOf(path) == "folder":
                    folders.append(path)

    def _read(self, path: str) -> Found | None:
        entry = self._stat(path)
        if entry is None:
            return None
        if entry.folder:
            raise Refused("folder", path)
        if not self._is_own(entry):
            # The page changes what it reads of the site: it parses JSON, and all text is UTF-8.
            data = self._fetched("files", path)
            if data is not None:
                return Found(dataclasses.replace(entry, size=len(data)), data)
        content = self._drive.read(path)
        if content is None:
            return None
        return Found(entry, javascript.bytes_of(content))

    def _write(self, request: Write) -> list[Entry]:
        if not request.conditional:
            return self._checked_write(request)
        claim = self._drive.claim()
        try:
            return self._checked_write(request, claim)
        finally:
            self._drive.remove(claim)

    def _checked_write(self, request: Write, claim: str | None = None) -> list[Entry]:
        for path, version in request.expected.items():
            self._check_version(path, version)
        for file in request.files:
            self._check(file, request)
        if claim is not None and not self._drive.holds(claim):
            # This kernel was stopped for so long that another may write.
            raise StoreError("Nothing was saved: the browser was too slow. Try once more.")
        written = []
        for file in request.files:
            self._make_folders(names.parents_of(file.path))
            self._drive.write(file.path, memoryview(file.data).cast("B"))
            self._drive.forget(file.path)
            written.append(self._written(file))
        return written

    def _check(self, file: NewFile, request: Write) -> None:
        there = self._stat(file.path)
        if there is not None and there.folder:
            raise Refused("folder", file.path)
        if request.new and there is not None:
            raise Refused("exists", file.path)

    def _check_version(self, path: str, version: str | None) -> None:
        there = self._stat(path)
        if there is None and version is not None:
            raise Refused("gone", path)
        if there is not None and there.version != version:
            raise Refused("exists" if version is None else "changed", path)

    def _written(self, file: NewFile) -> Entry:
        entry = self._stat(file.path)
        size = memoryview(file.data).nbytes
        # A notebook's JSON is written in the page's own way: its length is not ours.
        exact = not file.path.lower().endswith(".ipynb")
        if entry is None or (exact and entry.size != size):
            raise StoreError(
                f"{file.path!r} was not saved: the page did not keep it. "
                "Is the browser's storage full? files.usage() tells."
            )
        return entry

    def _make_folders(self, paths: tuple[str, ...] | list[str]) -> None:
        for path in paths:
            kind = self._drive.typeOf(path)
            if kind == "file":
                raise Refused("not-folder", path)
            if kind is None:
                self._drive.makeFolder(path)
                self._drive.forget(path)

    def _of_site(self, path: str) -> Entry | None:
        """Return what the site has at a path. The page does not say whose a file is."""
        if self._drive.driveName:
            return None
        parent = names.parent_of(path)
        if parent not in self._listings:
            above = self._of_site(parent) if parent else None
            if parent and (above is None or not above.folder):
                return None
            listing = self._fetched("api/contents", names.join(parent, "all.json"))
            try:
                self._listings[parent] = entries_in(listing or b"")
            except ValueError:
                return None  # it cannot be reached: the next operation asks once more
        return self._listings[parent].get(path)

    def _fetched(self, root: str, path: str) -> bytes | None:
        content = self._drive.fetched(f"{self._site}{root}/{quote(path)}")
        return None if content is None else javascript.bytes_of(content)

    def _is_own(self, entry: Entry) -> bool:
        shipped = self._of_site(entry.path)
        return shipped is None or shipped.modified != entry.modified

    def _walk(self, folder: str) -> Iterator[Entry]:
        """Look at all that is in a folder, at any depth."""
        for entry in self._perform(Children(folder)):
            yield entry
            if entry.folder:
                yield from self._walk(entry.path)

    def _move(self, old: str, new: str, replace: bool) -> None:
        entry, shipped = self._there(old), self._of_site(old)
        if not self._is_own(entry) or (shipped is not None and shipped.folder):
            raise Refused("shipped-rename", old)  # the site's part of it would stay behind
        self._check_transfer(old, new, replace)
        self._drive.rename(old, new)
        for path in (old, new):
            self._drive.forget(path)

    def _copy(self, old: str, new: str, replace: bool) -> None:
        self._check_transfer(old, new, replace)
        if self._drive.typeOf(old) == "folder":
            self._make_folders([new])
            for name in json.loads(self._drive.names(old)):
                self._copy(names.join(old, name), names.join(new, name), replace)
            return
        found = self._read(old)
        if found is None:
            raise Refused("lost", old)
        self._write(Write((NewFile(new, found.data, mimetype_of(new)),)))

    def _check_transfer(self, old: str, new: str, replace: bool) -> None:
        if self._drive.typeOf(old) is None:
            raise Refused("lost", old)
        if not replace and self._drive.typeOf(new) is not None:
            raise Refused("exists", new)
        self._make_folders(names.parents_of(new))

    def _remove(self, path: str) -> None:
        entry = self._there(path)
        if not self._is_own(entry) and not (
            entry.folder and any(map(self._is_own, self._walk(path)))
        ):
            raise Refused("shipped-delete", path)
        self._drive.remove(path)
        self._drive.forget(path)

    def _measure(self) -> Usage:
        sizes = [(entry.path, entry.size) for entry in self._walk("") if not entry.folder]
        sizes.sort(key=lambda item: (-item[1], item[0]))
        # How much is left can only be asked asynchronously.
        return Usage(sum(size for _, size in sizes), None, tuple(sizes[:_MOST_LARGEST]))


def _explained(error: Any, request: Request) -> Exception:
    if str(error.name) == "Refusal":
        problem, _, path = str(error.message).partition(" ")
        return Refused(cast("Problem", problem), path)
    said = str(getattr(error, "message", "") or error).rstrip(".")
    looks = isinstance(request, (Stat, Has, Children, Paths, Read, Measure))
    why = "" if looks else " The drive may be read-only, or full."
    return StoreError(
        f"The page did not do what it was asked: {said}.{why} Reload the page, and try once more."
    )
