"""Copy a file to the kernel's own disk and back, for libraries that need random access."""

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
from je_kernel.files.store import CHANGED, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.files.operations import Name, Operations

__all__ = ["LocalCopy", "check_in", "check_out", "temporary_folder"]

# Suffixes of the files that databases keep beside theirs: SQLite, and the dbm family.
_COMPANIONS = ("", "-wal", "-journal", ".db", ".dat", ".dir", ".bak", ".pag")
# Suffixes that are never saved: SQLite's shared memory belongs to one process.
_TRANSIENT = ("-shm",)


@dataclass(frozen=True)
class LocalCopy:
    """A file on the local disk, and its companions.

    Parameters
    ----------
    name
        The file's name as the caller wrote it.
    path
        Its path in the store.
    local_path
        Its path on the local disk.
    versions
        The version of each file that exists in the store, by its path there.
    digests
        The hash of each, by its path in the store.
    """

    name: str
    path: str
    local_path: Path
    versions: dict[str, str]
    digests: dict[str, bytes]


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a local folder for the time of a block."""
    folder = Path(tempfile.mkdtemp(prefix="je-kernel-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def check_out(
    operations: Operations, name: Name, folder: Path, must_exist: bool
) -> LocalCopy:
    """Copy a file and its companions into a local folder.

    Parameters
    ----------
    operations
        The operations on the store.
    name
        The file's name. It need not exist.
    folder
        The local folder.
    must_exist
        Whether to raise if it does not exist.
    """
    path = operations.path(name)
    check_flag(must_exist, "must_exist")
    if must_exist:
        await operations.info(name)
    names.check_new(path)
    local_path = folder / names.name_of(path)
    versions: dict[str, str] = {}
    digests: dict[str, bytes] = {}
    for suffix in _COMPANIONS:
        file = await operations.store.read(path + suffix)
        if file is not None:
            info, data = file
            (folder / (local_path.name + suffix)).write_bytes(data)
            versions[path + suffix] = info.version
            digests[path + suffix] = _digest(data)
    return LocalCopy(str(name), path, local_path, versions, digests)


async def check_in(operations: Operations, copy: LocalCopy) -> None:
    """Save what has changed, all of it or nothing.

    Raises
    ------
    ChangedFileError
        If the file in the store has changed too. The local one is saved beside it.
    """
    changed = dict(_changed(copy))
    deleted = _deleted(copy)
    if not changed and not deleted:
        return
    # A journal that outlives its transaction would undo later ones: it is emptied in the same step.
    files = {**changed, **dict.fromkeys(deleted, b"")}
    expected = {path: copy.versions.get(path) for path in (copy.path, *files)}
    try:
        await operations.store.write(files, expected=expected)
    except Refusal as refusal:
        if refusal.problem not in CHANGED:
            raise
        if changed:
            await _save_beside(operations, copy, changed)
        return
    for path in deleted:
        await operations.store.remove(path)


async def _save_beside(operations: Operations, copy: LocalCopy, changed: dict[str, bytes]) -> None:
    free = await _free_path(operations, copy.path)
    files = {free + path.removeprefix(copy.path): data for path, data in changed.items()}
    await operations.store.write(files, new=True)
    raise ChangedFileError(
        f"{copy.name!r} was changed elsewhere while this cell worked on it. Nothing is "
        f"lost: your version is saved as {names.relative(free, operations.folder)!r}."
    )


def _deleted(copy: LocalCopy) -> list[str]:
    """Return the paths of the companions that no longer exist on the local disk."""
    companions = [path for path in copy.digests if path != copy.path]
    return [path for path in companions if not _local(copy, path).exists()]


def _local(copy: LocalCopy, path: str) -> Path:
    return copy.local_path.with_name(copy.local_path.name + path.removeprefix(copy.path))


def _changed(copy: LocalCopy) -> Iterator[tuple[str, bytes]]:
    for file in sorted(copy.local_path.parent.iterdir()):
        suffix = file.name.removeprefix(copy.local_path.name)
        if not file.is_file() or file.name == suffix != "" or suffix in _TRANSIENT:
            continue
        path = copy.path + suffix
        data = file.read_bytes()
        if copy.digests.get(path) != _digest(data):
            yield path, data


async def _free_path(operations: Operations, path: str) -> str:
    extension = names.extension(path)
    stem = path[: len(path) - len(extension)]
    count = 1
    while True:
        candidate = f"{stem} (mine{f' {count}' if count > 1 else ''}){extension}"
        if not await operations.store.exists(candidate):
            return candidate
        count += 1


def _digest(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()
