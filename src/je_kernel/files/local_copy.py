"""A file on the kernel's own fast disk for a while, for what needs random access."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from je_kernel.arguments import check_flag
from je_kernel.errors import ChangedFileError
from je_kernel.files import names
from je_kernel.files.kinds import mimetype_of
from je_kernel.files.store import CHANGED, Has, NewFile, Read, Refused, Remove, Write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.files.operations import Name, Operations
    from je_kernel.files.store import Steps

__all__ = ["LocalCopy", "check_in", "check_out", "temporary_folder"]

# What databases keep beside the file that they are named for: SQLite, and the dbm family.
_COMPANIONS = ("", "-wal", "-journal", ".db", ".dat", ".dir", ".bak", ".pag")
# SQLite's shared memory is of one process only, and its journal is gone once all is well.
_PASSING = ("-shm",)


@dataclass(frozen=True)
class LocalCopy:
    """Files that were put on the local disk.

    Parameters
    ----------
    name
        What the file was called.
    path
        Its path in the store.
    place
        Where it is on the local disk.
    versions
        The version of each file that was there, by its path in the store.
    digests
        What was in each, by its path.
    """

    name: str
    path: str
    place: Path
    versions: dict[str, str]
    digests: dict[str, bytes]


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a local folder for a while."""
    folder = Path(tempfile.mkdtemp(prefix="je-kernel-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_out(
    operations: Operations, name: Name, folder: Path, must_exist: bool
) -> Steps[LocalCopy]:
    """Put a file, and a database's companions of it, into a local folder.

    Parameters
    ----------
    operations
        The operations of the notebook's folder.
    name
        The file's name. It need not be there.
    folder
        The local folder.
    must_exist
        Whether to refuse if there is no such file.
    """
    path = operations.path(name)
    check_flag(must_exist, "must_exist")
    if must_exist:
        yield from operations.info(name)
    names.check_new(path)
    place = folder / names.name_of(path)
    versions: dict[str, str] = {}
    digests: dict[str, bytes] = {}
    for ending in _COMPANIONS:
        found = yield Read(path + ending)
        if found is not None:
            (folder / (place.name + ending)).write_bytes(found.data)
            versions[path + ending] = found.entry.version
            digests[path + ending] = _digest(found.data)
    return LocalCopy(str(name), path, place, versions, digests)


def check_in(operations: Operations, copy: LocalCopy) -> Steps[None]:
    """Write back what was changed, all of it or nothing.

    Raises
    ------
    ChangedFileError
        If the store's file was changed meanwhile. Ours is kept beside it.
    """
    changed = list(_changed(copy))
    gone = _gone(copy)
    if not changed and not gone:
        return
    # A journal that outlives its transaction would undo later ones: it is emptied in the same step.
    new = [*changed, *((path, b"") for path in gone)]
    expected = {path: copy.versions.get(path) for path in (copy.path, *dict(new))}
    try:
        yield Write(
            tuple(NewFile(path, data, mimetype_of(path)) for path, data in new), expected=expected
        )
    except Refused as refused:
        if refused.problem not in CHANGED:
            raise
        if changed:
            yield from _keep_beside(operations, copy, changed)
        return
    for path in gone:
        yield Remove(path)


def _keep_beside(
    operations: Operations, copy: LocalCopy, changed: list[tuple[str, bytes]]
) -> Steps[None]:
    kept = yield from _free_name(copy.path)
    base = len(copy.path)
    files = tuple(NewFile(kept + path[base:], data, mimetype_of(kept)) for path, data in changed)
    yield Write(files, new=True)
    raise ChangedFileError(
        f"{copy.name!r} was changed elsewhere while this cell worked on it. Nothing is "
        f"lost: your version is saved as {names.relative(kept, operations.folder)!r}."
    )


def _gone(copy: LocalCopy) -> list[str]:
    """Return the paths of the companions that were there and were deleted."""
    folder, name, base = copy.place.parent, copy.place.name, len(copy.path)
    companions = [path for path in copy.digests if path != copy.path]
    return [path for path in companions if not (folder / (name + path[base:])).exists()]


def _changed(copy: LocalCopy) -> Iterator[tuple[str, bytes]]:
    for place in sorted(copy.place.parent.iterdir()):
        ending = place.name.removeprefix(copy.place.name)
        if not place.is_file() or place.name == ending != "" or ending in _PASSING:
            continue
        path = copy.path + ending
        data = place.read_bytes()
        if copy.digests.get(path) != _digest(data):
            yield path, data


def _free_name(path: str) -> Steps[str]:
    ending = names.extension(path)
    stem = path[: len(path) - len(ending)]
    count = 1
    while True:
        candidate = f"{stem} (mine{f' {count}' if count > 1 else ''}){ending}"
        if not (yield Has(candidate)):
            return candidate
        count += 1


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
