"""Copy a whole deployment: to another database and store, to a backup, or from one.

Every row is read in one state of the database. The contents are copied first and the rows last, in
one transaction: an interrupted copy has no rows, and running it again goes on where it was.
"""

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select, union
from sqlalchemy.ext.asyncio import AsyncConnection

from je_sharing.database import Database, check_schema, migrate
from je_sharing.errors import DamagedContentError
from je_sharing.schema import blocks, notebooks, revisions, sessions, signing_keys
from je_sharing.settings import Settings
from je_sharing.storage import ContentStore, open_store

# Not the queue of deletions: what no notebook names is not copied. Not rate limits and their salts.
_TABLES = (notebooks, revisions, blocks, sessions, signing_keys)
_ROWS_AT_ONCE = 1000
_CONTENTS_AT_ONCE = 8
_log = logging.getLogger(__name__)


class TransferError(Exception):
    """The copy cannot be made as it was asked for."""


@dataclass(frozen=True)
class TransferResult:
    """What a copy did.

    Parameters
    ----------
    notebooks
        How many the target has.
    copied
        Contents that were copied.
    present
        Contents that the target had already.
    unreadable
        Contents that are damaged or missing in the source.
    """

    notebooks: int
    copied: int
    present: int
    unreadable: int

    def __str__(self) -> str:
        text = (
            f"{self.notebooks} notebooks. Contents: {self.copied} copied, {self.present} were "
            "there already; all were read back and have the right hash."
        )
        if self.unreadable:
            text += f" {self.unreadable} are damaged or missing in the source: see the log."
        return text


def deployment(settings: Settings, database: str, storage: str = "") -> Settings:
    """Make the settings of another deployment.

    Parameters
    ----------
    settings
        Everything else is as in these.
    database
        A database's URL, or a folder with SQLite and the notebooks.
    storage
        Where the notebooks are, if not in that folder.

    Returns
    -------
    Settings
        Of the other deployment.

    Raises
    ------
    TransferError
        When the URL is of a database, and the storage is not given.

    Examples
    --------
    >>> deployment(Settings(), "backup").async_database_url
    'sqlite+aiosqlite:///backup/sharing.db'
    """
    if "://" not in database:
        update = {"data_dir": Path(database), "database_url": "", "storage_url": storage}
        return settings.model_copy(update=update)
    if not storage:
        raise TransferError(f"Give the storage that belongs to {database.partition('://')[0]}.")
    return settings.model_copy(update={"database_url": database, "storage_url": storage})


def transfer(source: Settings, target: Settings, *, contents_only: bool = False) -> TransferResult:
    """Copy a deployment, which may be running, to another one, which may not.

    Parameters
    ----------
    source, target
        Their settings. The target gets its tables if it has none.
    contents_only
        Whether to leave the rows for a second run, after the source was stopped.

    Returns
    -------
    TransferResult
        Counts.

    Raises
    ------
    TransferError
        When the source does not exist, or the target has notebooks.
    """
    if not source.database_url and not (source.data_dir / "sharing.db").exists():
        raise TransferError(f"There is no sharing.db in {source.data_dir}.")
    check_schema(source)
    migrate(target)
    return asyncio.run(_transfer(source, target, contents_only=contents_only))


async def _transfer(source: Settings, target: Settings, *, contents_only: bool) -> TransferResult:
    from_database, to_database = Database(source), Database(target)
    contents = _Contents(open_store(source), open_store(target))
    try:
        await _require_empty(to_database)
        async with from_database.snapshot() as snapshot:
            await contents.copy(snapshot)
            rows = 0 if contents_only else await _copy_rows(snapshot, to_database)
    finally:
        await from_database.close()
        await to_database.close()
    return TransferResult(rows, contents.copied, contents.present, contents.unreadable)


async def _require_empty(database: Database) -> None:
    async with database.read() as connection:
        if (await connection.execute(select(notebooks.c.id).limit(1))).first():
            raise TransferError("The target has notebooks already. Choose an empty one.")


class _Contents:
    """Copies the contents that rows name, and counts them."""

    def __init__(self, source: ContentStore, target: ContentStore) -> None:
        self._source = source
        self._target = target
        self.copied = self.present = self.unreadable = 0

    async def copy(self, snapshot: AsyncConnection) -> None:
        query = union(select(notebooks.c.content_hash), select(revisions.c.content_hash))
        async for group in _partitions(snapshot, query, _ROWS_AT_ONCE):
            for digests in _batched((row.content_hash for row in group), _CONTENTS_AT_ONCE):
                await asyncio.gather(*map(self._copy_one, digests))

    async def _copy_one(self, digest: bytes) -> None:
        if await _intact(self._target, digest) is not None:
            self.present += 1
            return
        content = await _intact(self._source, digest)
        if content is None:
            self.unreadable += 1
            _log.error("the content %s cannot be read", digest.hex())
            return
        await self._target.put(digest, content)
        if await _intact(self._target, digest) is None:
            raise TransferError(f"The content {digest.hex()} was not stored as it was sent.")
        self.copied += 1


async def _intact(store: ContentStore, digest: bytes) -> bytes | None:
    """Read a content; None when it is missing or does not have its hash."""
    try:
        return await store.get(digest)
    except DamagedContentError:
        return None


async def _copy_rows(snapshot: AsyncConnection, database: Database) -> int:
    count = 0
    async with database.write() as connection:
        for table in _TABLES:
            await connection.execute(delete(table))
            async for rows in _partitions(snapshot, select(table), _ROWS_AT_ONCE):
                await connection.execute(table.insert(), [row._asdict() for row in rows])
                count += len(rows) if table is notebooks else 0
    return count


async def _partitions(connection: AsyncConnection, query: Any, size: int) -> AsyncIterator[Any]:
    async with connection.stream(query) as result:
        async for rows in result.partitions(size):
            yield rows


def _batched(items: Iterable[bytes], size: int) -> Iterable[tuple[bytes, ...]]:
    """Do as `itertools.batched`, which Python 3.11 lacks."""
    iterator = iter(items)
    while batch := tuple(itertools.islice(iterator, size)):
        yield batch
