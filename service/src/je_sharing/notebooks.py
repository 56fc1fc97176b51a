"""Notebooks: create, find, update, delete."""

import asyncio
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy import Column, ColumnElement, Select, bindparam, delete, exists, or_, select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from je_sharing import readable_ids
from je_sharing.database import Database, is_transient
from je_sharing.errors import (
    NotFoundError,
    TakenDownError,
    UnauthorizedError,
    UnavailableError,
)
from je_sharing.recent_cache import RecentCache
from je_sharing.schema import blocks, gc_queue, notebooks, now, revisions, sessions
from je_sharing.storage import ContentStore, content_hash
from je_sharing.tokens import Claims, mark_of_password
from je_sharing.uploads import SPOOL_BYTES

_ATTEMPTS = 8


@dataclass(frozen=True)
class Notebook:
    """A row of the table of notebooks.

    Parameters
    ----------
    id
        UUID.
    readable_id
        The id in links.
    session_id
        The session it belongs to.
    content_hash
        Key of the content in the store.
    taken_at
        When this content was shared, in microseconds since 1970.
    shared_at
        When the notebook was last shared, also without a change; retention counts from then.
    """

    id: str
    readable_id: str
    session_id: str
    content_hash: bytes
    taken_at: int
    shared_at: int


@dataclass(frozen=True)
class Share:
    """A request to share a notebook.

    Parameters
    ----------
    session_id
        The session.
    content
        The notebook's bytes.
    password_hash
        Hash of the password for later updates, if any.
    """

    session_id: str
    content: bytes
    password_hash: str | None = None


@dataclass(frozen=True)
class ShareResult:
    """The result of a share.

    Parameters
    ----------
    notebook
        The notebook.
    is_new
        False when the session shared the same content before.
    """

    notebook: Notebook
    is_new: bool


COLUMNS = (
    notebooks.c.id,
    notebooks.c.readable_id,
    notebooks.c.session_id,
    notebooks.c.content_hash,
    notebooks.c.taken_at,
    notebooks.c.shared_at,
)

# Whether the row of `notebooks` that a query selects is blocked.
is_blocked: ColumnElement[bool] = or_(
    exists().where(blocks.c.notebook_id == notebooks.c.id),
    exists().where(blocks.c.content_hash == notebooks.c.content_hash),
)


def _find_query(column: Column[str]) -> Select[Any]:
    return select(*COLUMNS, is_blocked.label("is_blocked")).where(column == bindparam("value"))


# Made once: to make one takes as long as to run it.
_FIND_BY_ID = _find_query(notebooks.c.id)
_FIND_BY_READABLE_ID = _find_query(notebooks.c.readable_id)
_IS_CONTENT_BLOCKED = (
    select(blocks.c.notebook_id).where(blocks.c.content_hash == bindparam("digest")).limit(1)
)


def share_key(session_id: str, digest: bytes) -> bytes:
    """Return the idempotency key of a share."""
    return hashlib.sha256(session_id.encode() + digest).digest()


class Notebooks:
    """Operations on notebooks.

    Parameters
    ----------
    database
        Where their rows are.
    store
        Where their contents are.
    cache_bytes
        Memory for recently read contents.

    Notes
    -----
    A content is in the store before the row that names it is committed, so a row always finds its
    content, however the process ends.
    """

    def __init__(self, database: Database, store: ContentStore, *, cache_bytes: int) -> None:
        self._database = database
        self._store = store
        # A content never changes under its hash.
        self.cache = RecentCache[bytes](cache_bytes)
        # One large notebook must not push a whole class's small ones out.
        self._largest_cached = cache_bytes // 8
        self._insert_new = database.insert(notebooks).on_conflict_do_nothing()

    async def create(self, share: Share) -> ShareResult:
        """Share a content.

        Parameters
        ----------
        share
            The request.

        Returns
        -------
        ShareResult
            A new notebook, or the existing one if the session shared the same content before.

        Raises
        ------
        TakenDownError
            When a notebook with this content is blocked.
        """
        digest = await _hashed(share.content)
        await self._require_allowed(digest)
        await self._store.put(digest, share.content)
        notebook_id = str(uuid.uuid4())
        for attempt in range(_ATTEMPTS):
            notebook = Notebook(
                id=notebook_id,
                readable_id=readable_ids.draw(),
                session_id=share.session_id,
                content_hash=digest,
                taken_at=(moment := now()),
                shared_at=moment,
            )
            try:
                async with self._database.write() as connection:
                    if shared := await self._insert(connection, notebook, share.password_hash):
                        return shared
            except DBAPIError as error:
                if attempt == _ATTEMPTS - 1 or not is_transient(error):
                    raise
        raise UnavailableError("No free readable id was found. Try again.")

    async def _insert(
        self, connection: AsyncConnection, notebook: Notebook, password_hash: str | None
    ) -> ShareResult | None:
        """Insert a notebook, or find it if its session shared this content before.

        None when the readable id is taken.
        """
        key = share_key(notebook.session_id, notebook.content_hash)
        row_values = {
            **asdict(notebook),
            "share_key": key,
            "password_hash": password_hash,
            "created_at": notebook.shared_at,
        }
        result = await connection.execute(self._insert_new, row_values)
        if result.rowcount:
            return ShareResult(notebook, is_new=True)
        values: dict[str, Any] = {"shared_at": notebook.shared_at}
        if password_hash:
            values["password_hash"] = password_hash
        again = update(notebooks).where(notebooks.c.share_key == key).values(values)
        row = (await connection.execute(again.returning(*COLUMNS))).one_or_none()
        if row is None:
            return None
        # The same id: an earlier attempt was committed although its connection broke.
        return ShareResult(Notebook(*row), is_new=row.id == notebook.id)

    async def _require_allowed(self, digest: bytes) -> None:
        """Raise if a content is blocked.

        One that is blocked a moment later is stored, but `find` refuses to show it.
        """
        async with self._database.read() as connection:
            if (await connection.execute(_IS_CONTENT_BLOCKED, {"digest": digest})).first():
                raise TakenDownError

    async def find(self, notebook_id: str) -> Notebook:
        """Find a notebook by its UUID.

        Raises
        ------
        NotFoundError
            When there is none.
        TakenDownError
            When it is blocked.
        """
        try:
            canonical = str(uuid.UUID(notebook_id))
        except ValueError:
            raise _unknown() from None
        return await self._find(_FIND_BY_ID, canonical)

    async def find_readable(self, readable_id: str) -> Notebook:
        """Find a notebook by its readable id, which is matched exactly.

        Raises
        ------
        NotFoundError
            When there is none.
        TakenDownError
            When it is blocked.
        """
        if not readable_ids.could_be_readable_id(readable_id):
            raise _unknown()
        return await self._find(_FIND_BY_READABLE_ID, readable_id)

    async def _find(self, query: Select[Any], value: str) -> Notebook:
        async with self._database.read() as connection:
            result = await connection.execute(query, {"value": value})
        row = result.one_or_none()
        if row is None:
            raise _unknown()
        if row.is_blocked:
            raise TakenDownError
        return Notebook(*row[: len(COLUMNS)])

    async def revision_at(self, notebook: Notebook, moment: int) -> Notebook:
        """Find the revision of a notebook at a time.

        Parameters
        ----------
        notebook
            The current revision.
        moment
            Microseconds since 1970.

        Returns
        -------
        Notebook
            With the content and the time of that revision.

        Raises
        ------
        NotFoundError
            When the notebook was first shared later.
        TakenDownError
            When a notebook with that content is blocked.
        """
        if moment >= notebook.taken_at:
            return notebook
        query = (
            select(revisions.c.content_hash, revisions.c.taken_at)
            .where(revisions.c.notebook_id == notebook.id, revisions.c.taken_at <= moment)
            .order_by(revisions.c.taken_at.desc())
            .limit(1)
        )
        async with self._database.read() as connection:
            row = (await connection.execute(query)).one_or_none()
        if row is None:
            raise NotFoundError("This notebook was not shared yet at that time.")
        await self._require_allowed(row.content_hash)
        return replace(notebook, content_hash=row.content_hash, taken_at=row.taken_at)

    async def history(self, notebook: Notebook) -> list[int]:
        """List when a notebook was shared, oldest first, in microseconds since 1970."""
        query = (
            select(revisions.c.taken_at)
            .where(revisions.c.notebook_id == notebook.id)
            .order_by(revisions.c.taken_at)
        )
        async with self._database.read() as connection:
            earlier = list((await connection.execute(query)).scalars())
        return [*earlier, notebook.taken_at]

    async def content(self, notebook: Notebook) -> bytes:
        """Read a notebook's content, exactly as it was sent.

        Raises
        ------
        UnavailableError
            When the store does not have it.
        """
        digest = notebook.content_hash
        if content := self.cache.get(digest):
            return content
        content = await self._store.get(digest)
        if content is None:
            raise UnavailableError("The notebook's content cannot be read just now. Try again.")
        if len(content) <= self._largest_cached:
            self.cache.keep(digest, content, size=len(content))
        return content

    async def password_hash(self, notebook_id: str) -> str | None:
        """Read the hash of a notebook's password, or None when it has none or is unknown."""
        query = select(notebooks.c.password_hash).where(notebooks.c.id == notebook_id)
        async with self._database.read() as connection:
            return (await connection.execute(query)).scalar()

    async def require_owner(self, notebook: Notebook, claims: Claims) -> None:
        """Raise unless the caller owns a notebook.

        `update` and `delete_as_owner` check again, in their transaction.

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
        """Replace a notebook's content; the old content stays in its history.

        Parameters
        ----------
        notebook
            Which one.
        claims
            Of the caller, whose session owns the notebook from now on.
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
        TakenDownError
            When a notebook with the new content is blocked.
        """
        digest = await _hashed(content)
        await self._require_allowed(digest)
        await self._store.put(digest, content)
        async with self._database.write() as connection:
            query = _owner_query(notebook, claims).with_for_update(of=notebooks)
            before = await _owned(connection, query, notebook, claims)
            values: dict[str, Any] = {"session_id": claims.session_id, "shared_at": now()}
            if claims.session_id != before.session_id:
                # A repeat by the old session is a new share, which leaves this password alone.
                values["share_key"] = None
            if digest != before.content_hash:
                # Later than the revision it replaces, even when the clock was set back.
                taken_at = max(now(), before.taken_at + 1)
                values |= {"content_hash": digest, "taken_at": taken_at, "share_key": None}
                await connection.execute(
                    revisions.insert().values(
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

    async def delete_as_owner(self, notebook: Notebook, claims: Claims) -> None:
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

    async def delete(
        self,
        notebook_ids: Sequence[str],
        *,
        shared_before: int | None = None,
        queued_at: int | None = None,
    ) -> int:
        """Delete notebooks with their history.

        Parameters
        ----------
        notebook_ids
            UUIDs; unknown ones are passed over.
        shared_before
            A time in microseconds since 1970: those that were shared since then stay.
        queued_at
            When the contents count as deleted; now, unless it is given. 0 spares no time for
            backups.

        Returns
        -------
        int
            How many there were. Their contents are left to the sweep, for others may share them.
        """
        async with self._database.write() as connection:
            return await self._delete(connection, notebook_ids, shared_before, queued_at)

    async def _delete(
        self,
        connection: AsyncConnection,
        notebook_ids: Sequence[str],
        shared_before: int | None = None,
        queued_at: int | None = None,
    ) -> int:
        chosen = delete(notebooks).where(notebooks.c.id.in_(notebook_ids))
        if shared_before is not None:
            # In the statement itself: a notebook that is being shared again must stay.
            chosen = chosen.where(notebooks.c.shared_at < shared_before)
        gone = [
            *await connection.execute(chosen.returning(notebooks.c.id, notebooks.c.content_hash))
        ]
        earlier = await connection.execute(
            delete(revisions)
            .where(revisions.c.notebook_id.in_([row.id for row in gone]))
            .returning(revisions.c.content_hash)
        )
        digests = sorted({row.content_hash for row in [*gone, *earlier]})
        if digests:
            moment = now() if queued_at is None else queued_at
            statement = self._database.insert(gc_queue).on_conflict_do_update(
                index_elements=["content_hash"], set_={"queued_at": moment, "quarantined_at": None}
            )
            await connection.execute(
                statement, [{"content_hash": item, "queued_at": moment} for item in digests]
            )
        return len(gone)


def _owner_query(notebook: Notebook, claims: Claims) -> Select[Any]:
    revoked = select(sessions.c.revoked_at).where(sessions.c.id == claims.session_id)
    return select(
        *COLUMNS, notebooks.c.password_hash, revoked.scalar_subquery().label("revoked_at")
    ).where(notebooks.c.id == notebook.id)


async def _owned(
    connection: AsyncConnection, query: Select[Any], notebook: Notebook, claims: Claims
) -> Notebook:
    """Return a notebook that the caller may change: by its session or by its password."""
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
    return Notebook(*row[: len(COLUMNS)])


async def _hashed(content: bytes) -> bytes:
    """Hash a content, in a thread if it is large."""
    if len(content) > SPOOL_BYTES:
        return await asyncio.to_thread(content_hash, content)
    return content_hash(content)


def _unknown() -> NotFoundError:
    return NotFoundError("Notebook not found. Check the id, letter by letter.")
