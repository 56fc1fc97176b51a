"""List, delete, block and unblock single notebooks, for operators.

A block holds for the notebook with its history, and for its content: links with the same content
are blocked as well, and nobody can share it again. Processes ask the database at every request, so
a block takes effect at once.
"""

import uuid
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from sqlalchemy import delete, func, or_, select

from je_sharing.database import Database
from je_sharing.notebooks import COLUMNS, Notebook, Notebooks, is_blocked
from je_sharing.schema import blocks, notebooks, now, revisions
from je_sharing.storage import ContentStore
from je_sharing.sweep import Sweep
from je_sharing.times import time_text


class UnknownNotebookError(Exception):
    """No notebook has this id."""


@dataclass(frozen=True)
class ListedNotebook:
    """A line of the list of notebooks.

    Parameters
    ----------
    readable_id
        The id in links.
    id
        UUID.
    shared_at
        When the notebook was last shared, in ISO 8601.
    size
        Bytes of its content; None when the store does not have it.
    blocked
        Whether it, or another notebook with its content, is blocked.
    """

    readable_id: str
    id: str
    shared_at: str
    size: int | None
    blocked: bool

    def __str__(self) -> str:
        size = "missing" if self.size is None else f"{self.size} bytes"
        mark = "  blocked" if self.blocked else ""
        return f"{self.readable_id}  {self.shared_at}  {size}{mark}"


class Moderation:
    """Operations of the operator.

    Parameters
    ----------
    database, store, books, sweep
        Where the notebooks are.
    """

    def __init__(
        self, database: Database, store: ContentStore, books: Notebooks, sweep: Sweep
    ) -> None:
        self._database = database
        self._store = store
        self._books = books
        self._sweep = sweep

    async def list_notebooks(self, *, since: int = 0, limit: int = 100) -> list[ListedNotebook]:
        """List notebooks, those shared last first.

        Parameters
        ----------
        since
            Microseconds since 1970: leave out those not shared since.
        limit
            How many at most.
        """
        query = (
            select(*COLUMNS, is_blocked.label("is_blocked"))
            .where(notebooks.c.shared_at >= since)
            .order_by(notebooks.c.shared_at.desc())
            .limit(limit)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).all()
        return [
            ListedNotebook(
                readable_id=row.readable_id,
                id=row.id,
                shared_at=time_text(row.shared_at),
                size=await self._store.size(row.content_hash),
                blocked=bool(row.is_blocked),
            )
            for row in rows
        ]

    async def delete(self, reference: str) -> bool:
        """Delete a notebook with its history, blocked or not.

        Its contents are quarantined at once, without the time that backups may take otherwise, and
        leave the disk with the first sweep that finds them there for longer than any request lasts.

        Parameters
        ----------
        reference
            Its UUID, readable id or link.

        Returns
        -------
        bool
            Whether a content stays, because another notebook has it too.

        Raises
        ------
        UnknownNotebookError
            When there is none.
        """
        notebook = await self._find(reference)
        query = select(revisions.c.content_hash).where(revisions.c.notebook_id == notebook.id)
        async with self._database.read() as connection:
            earlier = list((await connection.execute(query)).scalars())
        await self._books.delete([notebook.id], queued_at=0)
        still_used = await self._sweep.used([notebook.content_hash, *earlier])
        await self._sweep.quarantine_unused()
        return bool(still_used)

    async def block(self, reference: str) -> int:
        """Block a notebook and its content.

        Parameters
        ----------
        reference
            Its UUID, readable id or link.

        Returns
        -------
        int
            How many other notebooks have the same content, and so are blocked as well.

        Raises
        ------
        UnknownNotebookError
            When there is none.
        """
        notebook = await self._find(reference)
        others = (
            select(func.count())
            .select_from(notebooks)
            .where(notebooks.c.content_hash == notebook.content_hash, notebooks.c.id != notebook.id)
        )
        values = {
            "readable_id": notebook.readable_id,
            "content_hash": notebook.content_hash,
            "blocked_at": now(),
        }
        insert = self._database.insert(blocks).values(notebook_id=notebook.id, **values)
        async with self._database.write() as connection:
            await connection.execute(
                insert.on_conflict_do_update(index_elements=["notebook_id"], set_=values)
            )
            return int((await connection.execute(others)).scalar_one())

    async def unblock(self, reference: str) -> None:
        """Undo `block`, also of a notebook that was deleted since.

        Raises
        ------
        UnknownNotebookError
            When no notebook was blocked by this id.
        """
        name = name_in(reference)
        chosen = or_(blocks.c.readable_id == name, blocks.c.notebook_id == _as_uuid(name))
        async with self._database.write() as connection:
            result = await connection.execute(delete(blocks).where(chosen))
        if not result.rowcount:
            raise UnknownNotebookError(
                f"{name!r} is not blocked. A notebook that is blocked for its content is unblocked "
                "by the id that was given to `block`."
            )

    async def _find(self, reference: str) -> Notebook:
        name = name_in(reference)
        chosen = or_(notebooks.c.readable_id == name, notebooks.c.id == _as_uuid(name))
        async with self._database.read() as connection:
            row = (await connection.execute(select(*COLUMNS).where(chosen))).one_or_none()
        if row is None:
            raise UnknownNotebookError(f"There is no notebook {name!r}.")
        return Notebook(*row)


def name_in(reference: str) -> str:
    """Return the id in a link, or the id itself.

    Examples
    --------
    >>> name_in("calm-silver-otter")
    'calm-silver-otter'
    >>> name_in("https://share.school.example/s/calm-silver-otter/download?at=2026-01-31")
    'calm-silver-otter'
    >>> name_in("https://lab.school.example/lab/index.html?notebook=calm-silver-otter")
    'calm-silver-otter'
    """
    parts = urlsplit(reference)
    if names := parse_qs(parts.query).get("notebook"):
        return names[0]
    segments = [unquote(segment) for segment in parts.path.split("/") if segment]
    if "s" in segments[:-1]:
        return segments[segments.index("s") + 1]
    return segments[-1] if segments else reference


def _as_uuid(name: str) -> str | None:
    try:
        return str(uuid.UUID(name))
    except ValueError:
        return None
