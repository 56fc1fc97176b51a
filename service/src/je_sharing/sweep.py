"""The sweep deletes expired notebooks, then contents without a notebook.

A content without a notebook is queued for `backup_hours`: a backup of the database may name it,
and the contents are copied after the database. Then it is quarantined, still readable, and deleted
only when no notebook names it long after every request of that time has ended: a concurrent share
of the same content loses nothing. Otherwise it is restored.
"""

import asyncio
import logging
from dataclasses import dataclass

from sqlalchemy import delete, select, union, update

from je_sharing.database import Database
from je_sharing.metrics import SWEPT
from je_sharing.notebooks import Notebooks
from je_sharing.schema import gc_queue, notebooks, now, revisions
from je_sharing.sessions import Sessions
from je_sharing.settings import Settings
from je_sharing.signing_keys import drop_retired_keys
from je_sharing.storage import ContentStore

_SECOND = 1_000_000
_HOUR = 60 * 60 * _SECOND
_DAY = 24 * _HOUR
_AT_ONCE = 200
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SweepResult:
    """Counts of what a sweep deleted.

    Parameters
    ----------
    notebooks, contents, sessions, keys
        How many of each.
    """

    notebooks: int
    contents: int
    sessions: int
    keys: int


class Sweep:
    """Deletes what has expired; several processes may do so at the same time.

    Parameters
    ----------
    database, store, books, sessions
        Where to delete.
    settings
        Retention.
    """

    def __init__(
        self,
        database: Database,
        store: ContentStore,
        books: Notebooks,
        sessions: Sessions,
        settings: Settings,
    ) -> None:
        self._database = database
        self._store = store
        self._books = books
        self._sessions = sessions
        self._settings = settings

    @property
    def patience_seconds(self) -> float:
        """How long a content is quarantined: longer than any request that still reads it."""
        return max(600.0, 3 * self._settings.request_timeout_seconds)

    async def run(self) -> None:
        """Sweep periodically, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.sweep_minutes * 60)
            try:
                await self.sweep()
            except Exception:
                _log.exception("the sweep failed; the next one tries again")

    async def sweep(self) -> SweepResult:
        """Sweep once.

        Returns
        -------
        SweepResult
            What was removed.
        """
        expired = await self._remove_expired()
        await self.quarantine_unused()
        dropped = await self._delete_unused()
        await self._store.delete_leftovers()
        swept = SweepResult(
            notebooks=expired,
            contents=dropped,
            sessions=await self._sessions.delete_expired(),
            keys=await drop_retired_keys(self._database, self._settings),
        )
        for kind in ("notebooks", "contents", "sessions", "keys"):
            SWEPT.labels(kind).inc(getattr(swept, kind))
        return swept

    async def _remove_expired(self) -> int:
        if not self._settings.retention_days:
            return 0
        horizon = now() - self._settings.retention_days * _DAY
        query = select(notebooks.c.id).where(notebooks.c.shared_at < horizon).limit(_AT_ONCE)
        removed = 0
        while True:
            async with self._database.read() as connection:
                ids = list((await connection.execute(query)).scalars())
            if not ids:
                return removed
            removed += await self._books.delete(ids, shared_before=horizon)

    async def quarantine_unused(self) -> None:
        """Quarantine the queued contents that no notebook names and no backup needs."""
        horizon = now() - int(self._settings.backup_hours * _HOUR)
        query = select(gc_queue.c.content_hash).where(
            gc_queue.c.quarantined_at.is_(None), gc_queue.c.queued_at <= horizon
        )
        async with self._database.read() as connection:
            candidates = list((await connection.execute(query)).scalars())
        for group in _groups(candidates):
            used = await self.used(group)
            unused = [digest for digest in group if digest not in used]
            await self._dequeue(used)
            await self._store.quarantine(unused)
            mark = (
                update(gc_queue)
                .where(gc_queue.c.content_hash.in_(unused))
                .values(quarantined_at=now())
            )
            async with self._database.write() as connection:
                await connection.execute(mark)

    async def _delete_unused(self) -> int:
        horizon = now() - int(self.patience_seconds * _SECOND)
        query = select(gc_queue.c.content_hash).where(gc_queue.c.quarantined_at < horizon)
        async with self._database.read() as connection:
            candidates = list((await connection.execute(query)).scalars())
        dropped = 0
        for group in _groups(candidates):
            used = await self.used(group)
            unused = [digest for digest in group if digest not in used]
            await self._store.restore(sorted(used))
            await self._store.delete(unused)
            await self._dequeue({*group})
            dropped += len(unused)
        return dropped

    async def used(self, digests: list[bytes]) -> set[bytes]:
        """Return those contents that a notebook names, now or in its history."""
        query = union(
            select(notebooks.c.content_hash).where(notebooks.c.content_hash.in_(digests)),
            select(revisions.c.content_hash).where(revisions.c.content_hash.in_(digests)),
        )
        async with self._database.read() as connection:
            return set((await connection.execute(query)).scalars())

    async def _dequeue(self, digests: set[bytes]) -> None:
        if digests:
            async with self._database.write() as connection:
                await connection.execute(
                    delete(gc_queue).where(gc_queue.c.content_hash.in_(sorted(digests)))
                )


def _groups(items: list[bytes]) -> list[list[bytes]]:
    return [items[start : start + _AT_ONCE] for start in range(0, len(items), _AT_ONCE)]
