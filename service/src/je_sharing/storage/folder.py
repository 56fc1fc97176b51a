"""Contents in a folder: one file each, under the first two digits of its hash."""

# Plain paths, for pathlib would take longer than the disk does.
# ruff: noqa: PTH103, PTH105, PTH108, PTH110, PTH120, PTH123

import asyncio
import os
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

_FLUSHES_AT_ONCE = 8


class FolderStore:
    """Keeps contents as files.

    Parameters
    ----------
    root
        The folder.
    fsync
        Whether to wait until the disk has a file before it counts as stored.

    Notes
    -----
    A file is written under another name and renamed, so it is there whole or not at all, however
    the process ends.
    """

    def __init__(self, root: Path, *, fsync: bool) -> None:
        self._contents = str(root / "contents")
        self._aside = str(root / "aside")
        self._fsync = fsync
        self._known_folders: set[str] = set()
        self._flushing = ThreadPoolExecutor(_FLUSHES_AT_ONCE, thread_name_prefix="flush")

    @classmethod
    def open(cls, location: str, *, fsync: bool) -> "FolderStore":
        """Open a folder, made if it is missing.

        Parameters
        ----------
        location
            Path, or `file://` URL.
        fsync
            Whether to wait for the disk.

        Returns
        -------
        FolderStore
            Ready for use.
        """
        store = cls(Path(location.removeprefix("file://")), fsync=fsync)
        os.makedirs(store._contents, exist_ok=True)
        os.makedirs(store._aside, exist_ok=True)
        return store

    async def put(self, contents: Mapping[bytes, bytes]) -> None:
        """Store contents; what is there already stays as it is."""
        await asyncio.to_thread(self._put, contents)

    def _put(self, contents: Mapping[bytes, bytes]) -> None:
        missing = {
            target: content
            for digest, content in contents.items()
            if not os.path.exists(target := self._path(self._contents, digest))
        }
        folders = {os.path.dirname(target) for target in missing}
        for folder in folders:
            self._make_folder(folder)
        # A disk flushes many files in little more time than one, when asked at once.
        flush = self._flushing.map if self._fsync and len(missing) > 1 else map
        list(flush(self._write, missing, missing.values()))
        if self._fsync:
            list(flush(_sync_folder, folders))

    def _write(self, target: str, content: bytes) -> None:
        partial = f"{target}.{secrets.token_hex(4)}.part"
        try:
            descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
            try:
                _write_all(descriptor, content)
                if self._fsync:
                    os.fsync(descriptor)
            finally:
                os.close(descriptor)
            os.replace(partial, target)
        except BaseException:
            with suppress(OSError):
                os.unlink(partial)
            raise

    def _make_folder(self, folder: str) -> None:
        if folder not in self._known_folders:
            os.makedirs(folder, exist_ok=True)
            if self._fsync:
                _sync_folder(os.path.dirname(folder))
            self._known_folders.add(folder)

    async def get(self, digest: bytes) -> bytes | None:
        """Read a content, or None when there is none."""
        return await asyncio.to_thread(self._get, digest)

    def _get(self, digest: bytes) -> bytes | None:
        for root in (self._contents, self._aside, self._contents):
            with suppress(FileNotFoundError), open(self._path(root, digest), "rb") as file:
                return file.read()
        return None

    async def set_aside(self, digests: Sequence[bytes]) -> None:
        """Take contents out of the way; missing ones are passed over."""
        await asyncio.to_thread(self._move, digests, self._contents, self._aside)

    async def bring_back(self, digests: Sequence[bytes]) -> None:
        """Undo `set_aside`."""
        await asyncio.to_thread(self._move, digests, self._aside, self._contents)

    def _move(self, digests: Sequence[bytes], source: str, target: str) -> None:
        for digest in digests:
            destination = self._path(target, digest)
            os.makedirs(os.path.dirname(destination), exist_ok=True)
            with suppress(FileNotFoundError):
                os.replace(self._path(source, digest), destination)

    async def drop(self, digests: Sequence[bytes]) -> None:
        """Delete contents that were set aside, for good."""
        await asyncio.to_thread(self._drop, digests)

    def _drop(self, digests: Sequence[bytes]) -> None:
        for digest in digests:
            with suppress(FileNotFoundError):
                os.unlink(self._path(self._aside, digest))

    async def ping(self) -> None:
        """Raise when the folder cannot be written to."""
        if not os.access(self._contents, os.W_OK):
            raise OSError(f"cannot write to {self._contents}")

    @staticmethod
    def _path(root: str, digest: bytes) -> str:
        name = digest.hex()
        return f"{root}/{name[:2]}/{name}"


def _write_all(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: str) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
