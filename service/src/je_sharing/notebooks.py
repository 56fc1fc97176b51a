"""Notebooks: created, found, updated and deleted, in few trips to the database."""

import asyncio
import functools
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, Row, delete, select, update
from sqlalchemy.exc import DBAPIError

from je_sharing import readable_ids
from je_sharing.batching import Batcher
from je_sharing.database import Database, is_transient
from je_sharing.errors import NotFoundError, UnavailableError
from je_sharing.schema import leaving, notebooks, now, superseded
from je_sharing.storage import ContentStore, content_hash
from je_sharing.storage.cached import ContentCache
from je_sharing.storage.interface import Record

_ATTEMPTS = 8
# Batches are hashed, appended and committed, each in a thread of its own.
_BATCHES_AT_ONCE = 3


@dataclass(frozen=True)
class Notebook:
    """What the database knows of a notebook.

    Parameters
    ----------
    id
        UUID.
    readable_id
        The id people say.
    session_id
        The session it belongs to.
    content_hash
        Names the content in the store.
    taken_at
        When this content was shared, in microseconds since 1970.
    """

    id: str
    readable_id: str
    session_id: str
    content_hash: bytes
    taken_at: int


@dataclass(frozen=True)
class Share:
    """A content on its way in.

    Parameters
    ----------
    session_id
        Who shares.
    content
        The notebook's bytes.
    password_hash
        Hash of the password that later allows updates, if one was given.
    """

    session_id: str
    content: bytes
    password_hash: str | None = None


@dataclass(frozen=True)
class Shared:
    """The outcome of a share.

    Parameters
    ----------
    notebook
        The notebook it became.
    is_new
        False when this session had shared this very content before.
    """

    notebook: Notebook
    is_new: bool


_COLUMNS = (
    notebooks.c.id,
    notebooks.c.readable_id,
    notebooks.c.session_id,
    notebooks.c.content_hash,
    notebooks.c.taken_at,
)


def share_key(session_id: str, digest: bytes) -> bytes:
    """Name a session's share of a content; the same share twice has the same key."""
    return hashlib.sha256(session_id.encode() + digest).digest()


class Notebooks:
    """Every operation on notebooks.

    Parameters
    ----------
    database
        Where their rows are.
    store
        Where their contents are.
    cache_bytes
        Memory for contents read lately.

    Notes
    -----
    A content is in the store before the row that names it is committed, so a row always finds its
    content, however the process ends.
    """

    def __init__(self, database: Database, store: ContentStore, *, cache_bytes: int) -> None:
        self._database = database
        self._store = store
        self._contents = ContentCache(store, cache_bytes)
        self._creating: Batcher[Share, Shared] = Batcher(
            self._create_all, at_once=_BATCHES_AT_ONCE, largest=64
        )
        self._finding_ids: Batcher[str, Notebook | None] = Batcher(
            self._find_all_by_id, at_once=_BATCHES_AT_ONCE
        )
        self._finding_readable: Batcher[str, Notebook | None] = Batcher(
            self._find_all_by_readable_id, at_once=_BATCHES_AT_ONCE
        )

    async def create(self, share: Share) -> Shared:
        """Share a content.

        Parameters
        ----------
        share
            What, and by whom.

        Returns
        -------
        Shared
            The notebook; not a new one when the session shared this content before.
        """
        return await self._creating.submit(share)

    async def _create_all(self, shares: list[Share]) -> list[Shared]:
        contents = [share.content for share in shares]
        digests = await asyncio.to_thread(_hash_all, contents)
        record = await self._store.put(dict(zip(digests, contents, strict=True)))
        keys = [
            share_key(share.session_id, digest)
            for digest, share in zip(digests, shares, strict=True)
        ]
        for attempt in range(_ATTEMPTS):
            try:
                found = await self._database.transact(
                    functools.partial(self._insert_all, record, shares, digests, keys)
                )
                return [found[key] for key in keys]
            except DBAPIError as error:
                if attempt == _ATTEMPTS - 1 or not is_transient(error):
                    raise
        raise AssertionError("the loop returns or raises")

    def _insert_all(
        self,
        record: Record,
        shares: list[Share],
        digests: list[bytes],
        keys: list[bytes],
        connection: Connection,
    ) -> dict[bytes, Shared]:
        record(connection)
        moment = now()
        waiting = {
            key: {
                "id": str(uuid.uuid4()),
                "session_id": share.session_id,
                "content_hash": digest,
                "share_key": key,
                "password_hash": share.password_hash,
                "created_at": moment,
                "taken_at": moment,
                "shared_at": moment,
            }
            # In the order of their keys two processes cannot wait for each other in a circle.
            for key, digest, share in sorted(
                zip(keys, digests, shares, strict=True), key=lambda item: item[0]
            )
        }
        found: dict[bytes, Shared] = {}
        for _ in range(_ATTEMPTS):
            found |= self._insert_free(connection, list(waiting.values()))
            waiting = {key: row for key, row in waiting.items() if key not in found}
            if waiting:
                found |= self._repeat(connection, waiting)
                waiting = {key: row for key, row in waiting.items() if key not in found}
            if not waiting:
                return found
        raise UnavailableError("No free readable id was found. Try again.")

    def _insert_free(
        self, connection: Connection, rows: list[dict[str, Any]]
    ) -> dict[bytes, Shared]:
        """Insert what neither repeats a share nor drew a readable id that is taken."""
        for row in rows:
            row["readable_id"] = readable_ids.draw()
        inserted = rows
        if self._database.add_rows(connection, notebooks, rows) < len(rows):
            query = select(notebooks.c.id).where(notebooks.c.id.in_([row["id"] for row in rows]))
            ours = set(connection.execute(query).scalars())
            inserted = [row for row in rows if row["id"] in ours]
        return {
            row["share_key"]: Shared(
                Notebook(**{column.name: row[column.name] for column in _COLUMNS}), is_new=True
            )
            for row in inserted
        }

    def _repeat(
        self, connection: Connection, waiting: dict[bytes, dict[str, Any]]
    ) -> dict[bytes, Shared]:
        """Find the shares that were made before, and note that they were made again."""
        query = select(notebooks.c.share_key, *_COLUMNS).where(
            notebooks.c.share_key.in_(list(waiting))
        )
        rows = connection.execute(query).all()
        for row in rows:
            values: dict[str, Any] = {"shared_at": now()}
            if password_hash := waiting[row.share_key]["password_hash"]:
                values["password_hash"] = password_hash
            connection.execute(update(notebooks).where(notebooks.c.id == row.id).values(values))
        return {row.share_key: Shared(_notebook(row[1:]), is_new=False) for row in rows}

    async def find(self, notebook_id: str) -> Notebook:
        """Find a notebook by its UUID.

        Raises
        ------
        NotFoundError
            When there is none.
        """
        try:
            canonical = str(uuid.UUID(notebook_id))
        except ValueError:
            raise _unknown() from None
        return _or_unknown(await self._finding_ids.submit(canonical))

    async def find_readable(self, readable_id: str) -> Notebook:
        """Find a notebook by its readable id, which is matched exactly.

        Raises
        ------
        NotFoundError
            When there is none.
        """
        if not readable_ids.could_be_readable_id(readable_id):
            raise _unknown()
        return _or_unknown(await self._finding_readable.submit(readable_id))

    async def _find_all_by_id(self, wanted: list[str]) -> list[Notebook | None]:
        by_id = {found.id: found for found in await self._find_all(notebooks.c.id, wanted)}
        return [by_id.get(item) for item in wanted]

    async def _find_all_by_readable_id(self, wanted: list[str]) -> list[Notebook | None]:
        found = await self._find_all(notebooks.c.readable_id, wanted)
        by_id = {notebook.readable_id: notebook for notebook in found}
        return [by_id.get(item) for item in wanted]

    async def _find_all(self, key: Column[str], wanted: list[str]) -> list[Notebook]:
        return [_notebook(row) for row in await self._database.lookups.find(_COLUMNS, key, wanted)]

    async def as_it_was(self, notebook: Notebook, moment: int) -> Notebook:
        """Find what a notebook held at an earlier time.

        Parameters
        ----------
        notebook
            The notebook as it is now.
        moment
            Microseconds since 1970.

        Returns
        -------
        Notebook
            With the content and the time of that share.

        Raises
        ------
        NotFoundError
            When it was not shared yet.
        """
        if moment >= notebook.taken_at:
            return notebook
        query = (
            select(superseded.c.content_hash, superseded.c.taken_at)
            .where(superseded.c.notebook_id == notebook.id, superseded.c.taken_at <= moment)
            .order_by(superseded.c.taken_at.desc())
            .limit(1)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFoundError("This notebook was not shared yet at that time.")
        return Notebook(
            notebook.id, notebook.readable_id, notebook.session_id, row.content_hash, row.taken_at
        )

    async def history(self, notebook: Notebook) -> list[int]:
        """List when a notebook was shared, oldest first, in microseconds since 1970."""
        query = (
            select(superseded.c.taken_at)
            .where(superseded.c.notebook_id == notebook.id)
            .order_by(superseded.c.taken_at)
        )
        async with self._database.read() as connection:
            earlier = list((await connection.execute(query)).scalars())
        return [*earlier, notebook.taken_at]

    async def content(self, notebook: Notebook) -> bytes:
        """Read a notebook's content, exactly as it was sent.

        Raises
        ------
        UnavailableError
            When the store does not have it (just now).
        """
        content = await self._contents.get(notebook.content_hash)
        if content is None:
            raise UnavailableError("The notebook's content cannot be read just now. Try again.")
        return content

    async def password_hash(self, notebook_id: str) -> str | None:
        """Read the hash of a notebook's password, or None when it has none or is unknown."""
        query = select(notebooks.c.password_hash).where(notebooks.c.id == notebook_id)
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar()

    async def update(self, notebook: Notebook, session_id: str, content: bytes) -> Notebook:
        """Replace a notebook's content; what it held before stays in its history.

        Parameters
        ----------
        notebook
            Which one.
        session_id
            Who updates, and owns it from now on.
        content
            The new bytes.

        Returns
        -------
        Notebook
            As it is now.

        Raises
        ------
        NotFoundError
            When it was deleted meanwhile.
        """
        (digest,) = await asyncio.to_thread(_hash_all, [content])
        record = await self._store.put({digest: content})
        async with self._database.write() as connection:
            await connection.run_sync(record)
            current = select(*_COLUMNS).where(notebooks.c.id == notebook.id).with_for_update()
            row = (await connection.execute(current)).one_or_none()
            if row is None:
                raise _unknown()
            before = _notebook(row)
            values: dict[str, Any] = {"session_id": session_id, "shared_at": now()}
            if digest != before.content_hash:
                # Strictly later than what it replaces, even where a clock was set back.
                taken_at = max(now(), before.taken_at + 1)
                values |= {"content_hash": digest, "taken_at": taken_at, "share_key": None}
                await connection.execute(
                    superseded.insert().values(
                        notebook_id=before.id,
                        taken_at=before.taken_at,
                        content_hash=before.content_hash,
                    )
                )
            await connection.execute(
                update(notebooks).where(notebooks.c.id == before.id).values(values)
            )
        return Notebook(
            before.id,
            before.readable_id,
            session_id,
            digest,
            values.get("taken_at", before.taken_at),
        )

    async def delete(self, notebook_ids: Sequence[str]) -> int:
        """Delete notebooks with their history.

        Parameters
        ----------
        notebook_ids
            UUIDs; unknown ones are passed over.

        Returns
        -------
        int
            How many there were. Their contents are left to the sweep, for others may share them.
        """
        async with self._database.write() as connection:
            gone = [
                *await connection.execute(
                    delete(notebooks)
                    .where(notebooks.c.id.in_(notebook_ids))
                    .returning(notebooks.c.content_hash)
                )
            ]
            earlier = await connection.execute(
                delete(superseded)
                .where(superseded.c.notebook_id.in_(notebook_ids))
                .returning(superseded.c.content_hash)
            )
            digests = sorted({row.content_hash for row in [*gone, *earlier]})
            if digests:
                moment = now()
                statement = self._database.insert(leaving).on_conflict_do_update(
                    index_elements=["content_hash"], set_={"since": moment, "set_aside_at": None}
                )
                await connection.execute(
                    statement, [{"content_hash": item, "since": moment} for item in digests]
                )
        return len(gone)


def _hash_all(contents: Sequence[bytes]) -> list[bytes]:
    """Hash contents, which other threads need not wait for."""
    return [content_hash(content) for content in contents]


def _notebook(row: Row[Any] | Sequence[Any]) -> Notebook:
    return Notebook(*row)


def _or_unknown(notebook: Notebook | None) -> Notebook:
    if notebook is None:
        raise _unknown()
    return notebook


def _unknown() -> NotFoundError:
    return NotFoundError("Notebook not found. Check the id, letter by letter.")
