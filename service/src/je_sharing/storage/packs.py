"""Contents in a folder: each process appends to a file of its own, and the database says where.

A file for each content would cost the disk a flush of the file and one of its folder for every
share. What is appended together is flushed together, so a busy minute costs little more of the
disk than one share does.
"""

import asyncio
import os
import secrets
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import delete, func, select, update

from je_sharing.database import Database
from je_sharing.driver import Addition, Before, nothing_before
from je_sharing.errors import DamagedContentError
from je_sharing.folders import flush_folder, make_folder
from je_sharing.schema import packed
from je_sharing.storage.interface import is_whole

_SUFFIX = ".pack"
_FULL_BYTES = 64 * 1024 * 1024
# A process appends to a pack for an hour at most, so one that did not change for three has no
# writer, nor a share under way that the database has not heard of.
_WRITTEN_SECONDS = 3600.0
_SEALED_SECONDS = 3 * _WRITTEN_SECONDS
_ZEROS = bytes(1024 * 1024)
_flush = getattr(os, "fdatasync", os.fsync)


@dataclass(frozen=True)
class Place:
    """Where a content is.

    Parameters
    ----------
    pack
        Name of the file.
    start, size
        Which bytes of it.
    aside
        Whether it was set aside.
    """

    pack: str
    start: int
    size: int
    aside: bool = False


_COLUMNS = (packed.c.content_hash, *(packed.c[field.name] for field in fields(Place)))


class PackStore:
    """Keeps contents in packs: files that only grow.

    Parameters
    ----------
    root
        The folder.
    database
        Keeps the places.
    fsync
        Whether to wait until the disk has a content before it counts as stored.
    backup_seconds
        How long a pack stays after what it held was moved.

    Notes
    -----
    A content's place is committed after the content is on the disk, so a place always leads to a
    whole content, however the process ends; what a lost process appended last is named by nobody.
    """

    def __init__(
        self, root: Path, database: Database, *, fsync: bool, backup_seconds: float
    ) -> None:
        self._backup_seconds = backup_seconds
        self._root = root
        self._database = database
        self._fsync = fsync
        self._damaged: set[bytes] = set()
        self._file: BinaryIO | None = None
        self._began = 0.0

    @classmethod
    def open(
        cls, location: str, database: Database, *, fsync: bool, backup_seconds: float
    ) -> "PackStore":
        """Open a folder, made if it is missing.

        Parameters
        ----------
        location
            Path, or `file://` URL.
        database
            Keeps the places.
        fsync
            Whether to wait for the disk.
        backup_seconds
            How long a pack stays after what it held was moved.

        Returns
        -------
        PackStore
            Ready for use.
        """
        root = Path(location.removeprefix("file://"))
        make_folder(root)
        return cls(root, database, fsync=fsync, backup_seconds=backup_seconds)

    async def put(self, contents: Mapping[bytes, bytes]) -> Before:
        """Store contents; what is there already and whole stays as it is."""
        known = await self._places([*contents])
        missing = {
            digest: content
            for digest, content in contents.items()
            if digest not in known or known[digest].aside or digest in self._damaged
        }
        return partial(self._put, missing) if missing else nothing_before

    def _put(self, contents: Mapping[bytes, bytes]) -> Sequence[Addition]:
        places = self._append([*contents.values()])
        rows = sorted(
            (digest, place.pack, place.start, place.size, place.aside)
            for digest, place in zip(contents, places, strict=True)
        )
        return (Addition(_COLUMNS, rows, replacing=packed.c.content_hash),)

    def _append(self, contents: Sequence[bytes]) -> list[Place]:
        """Append to this process's pack, in the one thread that does."""
        file = self._writable_pack()
        name, start = Path(file.name).name, file.tell()
        places = []
        for content in contents:
            places.append(Place(name, start, len(content)))
            start += len(content)
        try:
            _write_all(file.fileno(), contents)
            if self._fsync:
                _flush(file.fileno())
        except BaseException:
            # Nobody knows what of it is there, so nothing may be appended behind it.
            self._leave_pack()
            raise
        return places

    def _writable_pack(self) -> BinaryIO:
        """Take this process's pack, or begin the next."""
        file = self._file
        if file is not None:
            is_young = time.monotonic() - self._began < _WRITTEN_SECONDS
            if is_young and file.tell() < _FULL_BYTES:
                return file
            self._leave_pack()
        path = self._root / f"{secrets.token_hex(16)}{_SUFFIX}"
        file = path.open("xb", buffering=0)
        if self._fsync:
            # Before anything is appended: a pack whose flush failed is not to be used.
            flush_folder(self._root)
        self._file = file
        self._began = time.monotonic()
        return file

    def _leave_pack(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    async def get(self, digest: bytes) -> bytes | None:
        """Read a content, or None when there is none."""
        # A pack that goes between the two steps has told the database where its contents went.
        for _ in range(3):
            place = (await self._places([digest])).get(digest)
            if place is None:
                return None
            with suppress(FileNotFoundError):
                content = await asyncio.to_thread(self._read, place)
                if await is_whole(digest, content, place="packs"):
                    self._damaged.discard(digest)
                    return content
                # Whoever shares it again mends it.
                self._damaged.add(digest)
                raise DamagedContentError
        return None

    def _read(self, place: Place) -> bytes:
        with (self._root / place.pack).open("rb") as file:
            file.seek(place.start)
            return file.read(place.size)

    async def _places(self, digests: Sequence[bytes]) -> dict[bytes, Place]:
        rows = await self._database.driver.find(_COLUMNS, packed.c.content_hash, digests)
        return {row[0]: Place(*row[1:]) for row in rows}

    async def set_aside(self, digests: Sequence[bytes]) -> None:
        """Take contents out of the way; missing ones are passed over."""
        await self._mark(digests, aside=True)

    async def bring_back(self, digests: Sequence[bytes]) -> None:
        """Undo `set_aside`."""
        await self._mark(digests, aside=False)

    async def _mark(self, digests: Sequence[bytes], *, aside: bool) -> None:
        mark = update(packed).where(packed.c.content_hash.in_(digests)).values(aside=aside)
        async with self._database.write() as connection:
            await connection.execute(mark)

    async def drop(self, digests: Sequence[bytes]) -> None:
        """Delete contents that were set aside, for good: their bytes are overwritten."""
        statement = (
            delete(packed)
            .where(packed.c.content_hash.in_(digests), packed.c.aside)
            .returning(packed.c.pack, packed.c.start, packed.c.size)
        )
        async with self._database.write() as connection:
            places = [Place(*row) for row in await connection.execute(statement)]
        await asyncio.to_thread(self._erase, places)

    def _erase(self, places: Sequence[Place]) -> None:
        for place in places:
            with suppress(FileNotFoundError), (self._root / place.pack).open("r+b") as file:
                file.seek(place.start)
                for begun in range(0, place.size, len(_ZEROS)):
                    file.write(_ZEROS[: place.size - begun])

    async def reclaim(self) -> None:
        """Give back the space of packs of which less than half is in use."""
        for name, size, age in await asyncio.to_thread(self._sealed):
            query = select(func.coalesce(func.sum(packed.c.size), 0)).where(packed.c.pack == name)
            async with self._database.read() as connection:
                used = (await connection.execute(query)).scalar_one()
            if used:
                if used < size / 2:
                    await self._empty(name)
            elif age > self._backup_seconds:
                (self._root / name).unlink(missing_ok=True)

    def _sealed(self) -> list[tuple[str, int, float]]:
        """List the packs that no process appends to, their sizes in bytes and ages in seconds."""
        found = []
        for path in sorted(self._root.glob(f"*{_SUFFIX}")):
            with suppress(FileNotFoundError):
                status = path.stat()
                age = time.time() - status.st_mtime
                if age > _SEALED_SECONDS:
                    found.append((path.name, status.st_size, age))
        return found

    async def _empty(self, name: str) -> None:
        """Move what a pack still holds; a sweep removes it when no backup leads to it any more."""
        query = select(packed.c.content_hash, packed.c.start, packed.c.size).where(
            packed.c.pack == name
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        # Its age counts from now, and, should this not come to its end, from here.
        os.utime(self._root / name)
        for digest, start, size in rows:
            content = await asyncio.to_thread(self._read, Place(name, start, size))
            if not await is_whole(digest, content, place="packs"):
                continue
            (place,) = await self._database.at_the_disk(partial(self._append, [content]))
            move = (
                update(packed)
                .where(packed.c.content_hash == digest, packed.c.pack == name)
                .values(pack=place.pack, start=place.start)
            )
            async with self._database.write() as connection:
                await connection.execute(move)
        os.utime(self._root / name)

    async def ping(self) -> None:
        """Raise when the folder cannot be written to."""
        if not await self._database.at_the_disk(partial(os.access, self._root, os.W_OK)):
            raise OSError(f"cannot write to {self._root}")

    async def close(self) -> None:
        """Finish what is being appended."""
        await self._database.at_the_disk(self._leave_pack)


def _write_all(descriptor: int, contents: Sequence[bytes]) -> None:
    left = [memoryview(content) for content in contents if content]
    while left:
        written = os.writev(descriptor, left)
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]
