"""What a store of contents can do."""

import asyncio
import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol

from je_sharing.database import Database
from je_sharing.driver import Before
from je_sharing.metrics import DAMAGED
from je_sharing.settings import Settings

_log = logging.getLogger(__name__)
# More is hashed away from the event loop.
_HASHED_AT_ONCE = 256 * 1024


def content_hash(content: bytes) -> bytes:
    """Name a content by its SHA-256."""
    return hashlib.sha256(content).digest()


async def is_whole(digest: bytes, content: bytes, *, place: str) -> bool:
    """Check a content that was read against its hash; log and count one that is damaged.

    Parameters
    ----------
    digest
        Its hash.
    content
        What was read.
    place
        Where: a kind of place, for the count.

    Returns
    -------
    bool
        Whether it is what was stored.
    """
    if len(content) > _HASHED_AT_ONCE:
        found = await asyncio.to_thread(content_hash, content)
    else:
        found = content_hash(content)
    if found == digest:
        return True
    DAMAGED.labels(place).inc()
    _log.error("the content %s is damaged in %s", digest.hex(), place)
    return False


class ContentStore(Protocol):
    """A store of contents, each under its hash.

    Removing is done in two steps, so that a share arriving in between loses nothing: a content is
    first set aside, where it can still be read and brought back, and dropped some time later.
    """

    async def put(self, contents: Mapping[bytes, bytes]) -> Before:
        """Store contents; what is there already stays as it is.

        Parameters
        ----------
        contents
            By their hashes.

        Returns
        -------
        Before
            The rest of it, to be done before the transaction that commits a notebook; what it
            returns is to be added in that transaction. Then the contents can be read.
        """

    async def get(self, digest: bytes) -> bytes | None:
        """Read a content, checked against its hash, or None when there is none.

        Raises
        ------
        DamagedContentError
            When every copy of it is damaged.
        """

    async def set_aside(self, digests: Sequence[bytes]) -> None:
        """Take contents out of the way; missing ones are passed over."""

    async def bring_back(self, digests: Sequence[bytes]) -> None:
        """Undo `set_aside`."""

    async def drop(self, digests: Sequence[bytes]) -> None:
        """Delete contents that were set aside, for good."""

    async def reclaim(self) -> None:
        """Give back the space of what was dropped."""

    async def ping(self) -> None:
        """Raise when the store cannot be reached; takes as long however much is in it."""

    async def close(self) -> None:
        """Finish what is under way."""


def open_store(settings: Settings, database: Database) -> ContentStore:
    """Open the store the settings name.

    Parameters
    ----------
    settings
        `storage_url`: `s3://bucket/prefix`, or a folder.
    database
        Keeps what a folder needs to know of its contents.

    Returns
    -------
    ContentStore
        Ready for use.
    """
    location = settings.storage_location
    if location.startswith("s3://"):
        from je_sharing.storage.s3 import S3Store

        return S3Store.open(location, endpoint=settings.storage_endpoint)
    from je_sharing.storage.packs import PackStore

    return PackStore.open(
        location, database, fsync=settings.fsync, backup_seconds=settings.backup_hours * 3600
    )
