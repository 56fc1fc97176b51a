"""Notebooks: created, found, updated and deleted, in few trips to the database."""

import asyncio
import hashlib
import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from sqlalchemy import Column, Connection, Row, Select, delete, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from je_sharing import readable_ids
from je_sharing.batching import Batcher
from je_sharing.database import Database, is_transient
from je_sharing.driver import Addition, Before, nothing_before
from je_sharing.errors import NotFoundError, UnauthorizedError, UnavailableError
from je_sharing.schema import leaving, notebooks, now, sessions, superseded
from je_sharing.storage import ContentStore, content_hash
from je_sharing.storage.cached import ContentCache
from je_sharing.tokens import Claims, mark_of_password
from je_sharing.uploads import SPOOL_BYTES

_log = logging.getLogger(__name__)
_ATTEMPTS = 8
# While one waits for the disk, the next collects, and is ready when the disk is.
_BATCHES_AT_ONCE = 2


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
    shared_at
        When the notebook was last shared, with whatever content; the time it is kept begins then.
    """

    id: str
    readable_id: str
    session_id: str
    content_hash: bytes
    taken_at: int
    shared_at: int


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


class _Draft(NamedTuple):
    """The row a share is to become, and its content."""

    id: str
    readable_id: str
    session_id: str
    content_hash: bytes
    share_key: bytes
    password_hash: str | None
    created_at: int
    taken_at: int
    shared_at: int
    content: bytes

    def row(self) -> tuple[Any, ...]:
        return self[:-1]

    def notebook(self) -> Notebook:
        return Notebook(
            self.id,
            self.readable_id,
            self.session_id,
            self.content_hash,
            self.taken_at,
            self.shared_at,
        )


_DRAFTED = tuple(notebooks.c[name] for name in _Draft._fields[:-1])
_COLUMNS = (
    notebooks.c.id,
    notebooks.c.readable_id,
    notebooks.c.session_id,
    notebooks.c.content_hash,
    notebooks.c.taken_at,
    notebooks.c.shared_at,
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
        self._creating: Batcher[_Draft, Shared] = Batcher(
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
        digest = await _hashed(share.content)
        moment = now()
        draft = _Draft(
            id=str(uuid.uuid4()),
            readable_id=readable_ids.draw(),
            session_id=share.session_id,
            content_hash=digest,
            share_key=share_key(share.session_id, digest),
            password_hash=share.password_hash,
            created_at=moment,
            taken_at=moment,
            shared_at=moment,
            content=share.content,
        )
        return await self._creating.submit(draft)

    async def _create_all(self, drafts: list[_Draft]) -> list[Shared]:
        waiting = {draft.share_key: draft for draft in drafts}
        before = await self._store.put({draft.content_hash: draft.content for draft in drafts})
        try:
            # What is shared is nearly always new.
            added = await self._database.driver.add(before, _addition(waiting))
            before = nothing_before
        except Exception:
            _log.exception("could not add notebooks at once; trying again with care")
            added = 0
        if added == len(waiting):
            found = {key: Shared(draft.notebook(), is_new=True) for key, draft in waiting.items()}
        else:
            found = await self._settle_carefully(before, waiting)
        return [
            # Of the same share sent twice at once, one is the first.
            found[draft.share_key]
            if waiting[draft.share_key] is draft
            else replace(found[draft.share_key], is_new=False)
            for draft in drafts
        ]

    async def _settle_carefully(
        self, before: Before, waiting: Mapping[bytes, _Draft]
    ) -> dict[bytes, Shared]:
        """Add what can be, unless it was already, and find out why the rest cannot."""
        places = await self._database.at_the_disk(before)
        for attempt in range(_ATTEMPTS):
            try:
                async with self._database.write() as connection:
                    return await connection.run_sync(self._settle, places, waiting)
            except DBAPIError as error:
                if attempt == _ATTEMPTS - 1 or not is_transient(error):
                    raise
        raise AssertionError("the loop returns or raises")

    def _settle(
        self, connection: Connection, places: Sequence[Addition], drafts: Mapping[bytes, _Draft]
    ) -> dict[bytes, Shared]:
        for addition in places:
            self._database.add_rows(connection, addition)
        waiting = dict(drafts)
        found: dict[bytes, Shared] = {}
        for _ in range(_ATTEMPTS):
            self._database.add_rows(connection, _addition(waiting))
            found |= self._added(connection, waiting)
            waiting = {key: draft for key, draft in waiting.items() if key not in found}
            if waiting:
                found |= self._repeat(connection, waiting)
            # What is left drew a readable id that is taken.
            waiting = {
                key: draft._replace(readable_id=readable_ids.draw())
                for key, draft in waiting.items()
                if key not in found
            }
            if not waiting:
                return found
        raise UnavailableError("No free readable id was found. Try again.")

    def _added(
        self, connection: Connection, waiting: Mapping[bytes, _Draft]
    ) -> dict[bytes, Shared]:
        """Find what was added, by the ids that nobody else has drawn."""
        ids = [draft.id for draft in waiting.values()]
        ours = set(
            connection.execute(select(notebooks.c.id).where(notebooks.c.id.in_(ids))).scalars()
        )
        return {
            key: Shared(draft.notebook(), is_new=True)
            for key, draft in waiting.items()
            if draft.id in ours
        }

    def _repeat(
        self, connection: Connection, waiting: Mapping[bytes, _Draft]
    ) -> dict[bytes, Shared]:
        """Find the shares that were made before, and note that they were made again."""
        query = select(notebooks.c.share_key, *_COLUMNS).where(
            notebooks.c.share_key.in_(list(waiting))
        )
        rows = connection.execute(query).all()
        moment = now()
        for row in rows:
            values: dict[str, Any] = {"shared_at": moment}
            if password_hash := waiting[row.share_key].password_hash:
                values["password_hash"] = password_hash
            connection.execute(update(notebooks).where(notebooks.c.id == row.id).values(values))
        return {
            row.share_key: Shared(replace(_notebook(row[1:]), shared_at=moment), is_new=False)
            for row in rows
        }

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
        return [_notebook(row) for row in await self._database.driver.find(_COLUMNS, key, wanted)]

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
        return replace(notebook, content_hash=row.content_hash, taken_at=row.taken_at)

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

    async def require_owner(self, notebook: Notebook, claims: Claims) -> None:
        """Refuse who may not change a notebook, before more is done for them.

        `update` and `take_back` look again, where nobody can come between.

        Raises
        ------
        UnauthorizedError
            When it belongs to another session.
        NotFoundError
            When it was deleted meanwhile.
        """
        async with self._database.read() as connection:
            await _owned(connection, _owner_query(notebook, claims), notebook, claims)

    async def update(self, notebook: Notebook, claims: Claims, content: bytes) -> Notebook:
        """Replace a notebook's content; what it held before stays in its history.

        Parameters
        ----------
        notebook
            Which one.
        claims
            Who updates, and owns it from now on.
        content
            The new bytes.

        Returns
        -------
        Notebook
            As it is now.

        Raises
        ------
        UnauthorizedError
            When it belongs to another session, perhaps only just now.
        NotFoundError
            When it was deleted meanwhile.
        """
        digest = await _hashed(content)
        places = await self._database.at_the_disk(await self._store.put({digest: content}))
        async with self._database.write() as connection:
            for addition in places:
                await connection.run_sync(self._database.add_rows, addition)
            query = _owner_query(notebook, claims).with_for_update(of=notebooks)
            before = await _owned(connection, query, notebook, claims)
            values: dict[str, Any] = {"session_id": claims.session_id, "shared_at": now()}
            if claims.session_id != before.session_id:
                # Sharing it again is no longer the same share, and must not set its password.
                values["share_key"] = None
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
        return replace(
            before,
            session_id=claims.session_id,
            content_hash=digest,
            taken_at=values.get("taken_at", before.taken_at),
            shared_at=values["shared_at"],
        )

    async def take_back(self, notebook: Notebook, claims: Claims) -> None:
        """Delete a notebook with its history, for its owner.

        Raises
        ------
        UnauthorizedError
            When it belongs to another session, perhaps only just now.
        NotFoundError
            When it was deleted meanwhile.
        """
        async with self._database.write() as connection:
            query = _owner_query(notebook, claims).with_for_update(of=notebooks)
            await _owned(connection, query, notebook, claims)
            await self._delete(connection, [notebook.id])

    async def delete(self, notebook_ids: Sequence[str], *, shared_before: int | None = None) -> int:
        """Delete notebooks with their history.

        Parameters
        ----------
        notebook_ids
            UUIDs; unknown ones are passed over.
        shared_before
            A time in microseconds since 1970: those that were shared since then stay.

        Returns
        -------
        int
            How many there were. Their contents are left to the sweep, for others may share them.
        """
        async with self._database.write() as connection:
            return await self._delete(connection, notebook_ids, shared_before)

    async def _delete(
        self,
        connection: AsyncConnection,
        notebook_ids: Sequence[str],
        shared_before: int | None = None,
    ) -> int:
        chosen = delete(notebooks).where(notebooks.c.id.in_(notebook_ids))
        if shared_before is not None:
            # In the statement itself: one that is shared just now must not go.
            chosen = chosen.where(notebooks.c.shared_at < shared_before)
        gone = [
            *await connection.execute(chosen.returning(notebooks.c.id, notebooks.c.content_hash))
        ]
        earlier = await connection.execute(
            delete(superseded)
            .where(superseded.c.notebook_id.in_([row.id for row in gone]))
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


def _owner_query(notebook: Notebook, claims: Claims) -> Select[Any]:
    revoked = select(sessions.c.revoked_at).where(sessions.c.id == claims.session_id)
    return select(
        *_COLUMNS, notebooks.c.password_hash, revoked.scalar_subquery().label("revoked_at")
    ).where(notebooks.c.id == notebook.id)


async def _owned(
    connection: AsyncConnection, query: Select[Any], notebook: Notebook, claims: Claims
) -> Notebook:
    """Get a notebook that the caller may change: its session, or who gave the password it has."""
    row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise _unknown()
    has_password = (
        claims.notebook_id == notebook.id
        and row.password_hash is not None
        and claims.password_mark == mark_of_password(row.password_hash)
    )
    if not (claims.session_id == row.session_id or has_password) or row.revoked_at is not None:
        raise UnauthorizedError(
            "This notebook belongs to another session. Share a copy, or give its password."
        )
    return _notebook(row[: len(_COLUMNS)])


async def _hashed(content: bytes) -> bytes:
    """Hash a content, away from the event loop when it is large."""
    if len(content) > SPOOL_BYTES:
        return await asyncio.to_thread(content_hash, content)
    return content_hash(content)


def _addition(waiting: Mapping[bytes, _Draft]) -> Addition:
    return Addition(_DRAFTED, [waiting[key].row() for key in sorted(waiting)])


def _notebook(row: Row[Any] | Sequence[Any]) -> Notebook:
    return Notebook(*row)


def _or_unknown(notebook: Notebook | None) -> Notebook:
    if notebook is None:
        raise _unknown()
    return notebook


def _unknown() -> NotFoundError:
    return NotFoundError("Notebook not found. Check the id, letter by letter.")
