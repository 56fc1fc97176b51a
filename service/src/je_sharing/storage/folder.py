"""Store objects as files in a folder."""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from je_sharing.folders import flush_folder, make_folder

# Longer than any request: a file of this age is not being written.
_INCOMPLETE_SECONDS = 3600.0


class Folder:
    """Keeps each object in a file of its own.

    Parameters
    ----------
    root
        The folder.
    fsync
        Whether to wait for the disk before an object counts as stored.
    backup_seconds
        How long packs, in which earlier versions kept contents, stay for backups.

    Notes
    -----
    A file is written under another name, flushed, and renamed, so that a process that ends at any
    moment leaves a whole file or none.
    """

    def __init__(self, root: Path, *, fsync: bool = True, backup_seconds: float = 0) -> None:
        self._root = root
        self._incoming = root / "incoming"
        self._fsync = fsync
        self._backup_seconds = backup_seconds

    def create(self) -> None:
        """Create the folder, if it is missing."""
        make_folder(self._incoming)

    async def put(self, key: str, content: bytes) -> None:
        """Write an object."""
        await asyncio.to_thread(self.write, key, content)

    def write(self, key: str, content: bytes) -> None:
        """Write an object; blocks until the disk has it."""
        path = self._root / key
        make_folder(path.parent)
        descriptor, name = tempfile.mkstemp(dir=self._incoming)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if self._fsync:
                os.fsync(descriptor)
        Path(name).replace(path)
        if self._fsync:
            flush_folder(path.parent)
            # Another process may have made the folder, and not flushed its entry yet.
            flush_folder(path.parent.parent)

    async def get(self, key: str) -> bytes | None:
        """Read an object; None if there is none."""
        try:
            return await asyncio.to_thread((self._root / key).read_bytes)
        except FileNotFoundError:
            return None

    async def size(self, key: str) -> int | None:
        """Return an object's bytes; None if there is none."""
        try:
            return (await asyncio.to_thread((self._root / key).stat)).st_size
        except FileNotFoundError:
            return None

    async def move(self, source: str, target: str) -> None:
        """Move an object; does nothing if there is none."""
        await asyncio.to_thread(self._move, self._root / source, self._root / target)

    def _move(self, source: Path, target: Path) -> None:
        make_folder(target.parent)
        with suppress(FileNotFoundError):
            source.replace(target)
            flush_folder(target.parent)

    async def delete(self, key: str) -> None:
        """Delete an object, if there is one."""
        await asyncio.to_thread((self._root / key).unlink, missing_ok=True)

    async def delete_leftovers(self) -> None:
        """Delete incomplete files, and packs that no backup needs any more."""
        await asyncio.to_thread(self._delete_old, self._incoming.iterdir(), _INCOMPLETE_SECONDS)
        await asyncio.to_thread(self._delete_old, self._root.glob("*.pack"), self._backup_seconds)

    def _delete_old(self, paths: Iterable[Path], seconds: float) -> None:
        for path in paths:
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > seconds:
                    path.unlink()

    async def ping(self) -> None:
        """Raise when the folder cannot be written to."""
        if not await asyncio.to_thread(os.access, self._root, os.W_OK):
            raise OSError(f"cannot write to {self._root}")
