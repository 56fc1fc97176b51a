"""The content store: put, get, quarantine and delete contents, in a folder or a bucket."""

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from je_sharing.errors import DamagedContentError
from je_sharing.metrics import DAMAGED
from je_sharing.settings import Settings
from je_sharing.storage.folder import Folder

_log = logging.getLogger(__name__)
# Larger contents are hashed in a thread.
_INLINE_HASH_BYTES = 256 * 1024
_CONTENTS = "contents"
# The prefix in stored data: another name would orphan what is there.
_QUARANTINE = "aside"


def content_hash(content: bytes) -> bytes:
    """Hash a content with SHA-256."""
    return hashlib.sha256(content).digest()


class Backend(Protocol):
    """Objects by key."""

    async def put(self, key: str, content: bytes) -> None:
        """Store an object durably; replaces one with the same key."""

    async def get(self, key: str) -> bytes | None:
        """Read an object; None if there is none."""

    async def size(self, key: str) -> int | None:
        """Return an object's bytes; None if there is none."""

    async def move(self, source: str, target: str) -> None:
        """Move an object; does nothing if there is none."""

    async def delete(self, key: str) -> None:
        """Delete an object, if there is one."""

    async def delete_leftovers(self) -> None:
        """Delete what interrupted writes and earlier versions left behind."""

    async def ping(self) -> None:
        """Raise when the backend cannot be reached; takes as long however much is in it."""


class ContentStore:
    """Stores contents, each under its hash.

    Deleting takes two steps, so that a share of the same content at the same time loses nothing:
    a content is first quarantined, where it can still be read and restored, and deleted later.

    Parameters
    ----------
    backend
        Where the objects are.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def put(self, digest: bytes, content: bytes) -> None:
        """Store a content.

        Parameters
        ----------
        digest
            Its hash.
        content
            Its bytes. They replace a damaged copy.
        """
        await self._backend.put(_key(_CONTENTS, digest), content)

    async def get(self, digest: bytes) -> bytes | None:
        """Read a content, checked against its hash; None if there is none.

        Raises
        ------
        DamagedContentError
            When every copy is damaged.
        """
        damaged = set()
        # A content that moves between the first two looks is found by the third.
        for place in (_CONTENTS, _QUARANTINE, _CONTENTS):
            content = None
            if place not in damaged:
                content = await self._backend.get(_key(place, digest))
            if content is None:
                continue
            if await _is_intact(digest, content, place):
                return content
            damaged.add(place)
        if damaged:
            raise DamagedContentError
        return None

    async def size(self, digest: bytes) -> int | None:
        """Return a content's bytes, without reading it; None if there is none."""
        for place in (_CONTENTS, _QUARANTINE):
            size = await self._backend.size(_key(place, digest))
            if size is not None:
                return size
        return None

    async def quarantine(self, digests: Sequence[bytes]) -> None:
        """Quarantine contents; missing ones are passed over."""
        for digest in digests:
            await self._backend.move(_key(_CONTENTS, digest), _key(_QUARANTINE, digest))

    async def restore(self, digests: Sequence[bytes]) -> None:
        """Undo `quarantine`."""
        for digest in digests:
            await self._backend.move(_key(_QUARANTINE, digest), _key(_CONTENTS, digest))

    async def delete(self, digests: Sequence[bytes]) -> None:
        """Delete quarantined contents for good."""
        for digest in digests:
            await self._backend.delete(_key(_QUARANTINE, digest))

    async def delete_leftovers(self) -> None:
        """Delete what interrupted writes and earlier versions left behind."""
        await self._backend.delete_leftovers()

    async def ping(self) -> None:
        """Raise when the store cannot be reached."""
        await self._backend.ping()


async def _is_intact(digest: bytes, content: bytes, place: str) -> bool:
    """Check a content against its hash; log and count a damaged one."""
    if len(content) > _INLINE_HASH_BYTES:
        actual = await asyncio.to_thread(content_hash, content)
    else:
        actual = content_hash(content)
    if actual == digest:
        return True
    DAMAGED.labels(place).inc()
    _log.error("the content %s is damaged in %s", digest.hex(), place)
    return False


def _key(place: str, digest: bytes) -> str:
    name = digest.hex()
    return f"{place}/{name[:2]}/{name}"


def open_store(settings: Settings) -> ContentStore:
    """Open the store of the settings.

    Parameters
    ----------
    settings
        `storage_url`: `s3://bucket/prefix`, or a folder.

    Returns
    -------
    ContentStore
        Ready for use.
    """
    location = settings.storage_location
    if location.startswith("s3://"):
        from je_sharing.storage.s3 import open_bucket

        return ContentStore(open_bucket(location, endpoint=settings.storage_endpoint))
    folder = Folder(
        Path(location.removeprefix("file://")),
        fsync=settings.fsync,
        backup_seconds=settings.backup_hours * 3600,
    )
    folder.create()
    return ContentStore(folder)
