"""What every share and every retrieval asks of the database, straight from its driver.

SQLAlchemy's way there and back takes longer than the databases do for such rows. Everything that
is rarer, or takes more than one step, goes through `je_sharing.database`.
"""

import asyncio
import functools
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import asyncpg
from sqlalchemy import Column, Engine, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

Answer = TypeVar("Answer")

# As the pool does: what lies between may forget a connection in silence.
_KEPT_SECONDS = 1800.0


@dataclass(frozen=True)
class Addition:
    """Rows to add to a table.

    Parameters
    ----------
    columns
        Of one table.
    rows
        What they are to hold, in the same order.
    replacing
        The unique column by which a row replaces the one that is there. None leaves what is
        there, and passes over the rows that conflict with it.
    """

    columns: tuple[Column[Any], ...]
    rows: Sequence[tuple[Any, ...]]
    replacing: Column[Any] | None = None


# Work that waits for the disk, and then says what else to add.
Before = Callable[[], Sequence[Addition]]


def nothing_before() -> Sequence[Addition]:
    """Wait for nothing, add nothing."""
    return ()


class Driver(Protocol):
    """Finds and adds rows in one database."""

    async def find(
        self, columns: tuple[Column[Any], ...], key: Column[Any], values: Sequence[Any]
    ) -> list[tuple[Any, ...]]:
        """Look rows up by a unique column, in one statement that says what to fetch and no more.

        Parameters
        ----------
        columns
            What to fetch, of one table.
        key
            The column to look at.
        values
            What it may have.

        Returns
        -------
        list of tuple
            The rows there are, in no order.
        """

    async def add(self, before: Before, addition: Addition) -> int:
        """Add rows to tables: all of them are committed, or none.

        Parameters
        ----------
        before
            Done first, in the thread that waits for the disk. What it returns is added as well;
            to other tables.
        addition
            Rows to add. In the order of their keys two processes cannot wait for each other in a
            circle.

        Returns
        -------
        int
            How many rows of `addition` were added.
        """

    def written_out(self, addition: Addition) -> tuple[str, tuple[Any, ...]]:
        """Write an addition out, for `sqlalchemy.Connection.exec_driver_sql`.

        Returns
        -------
        tuple of str and tuple
            The statement and its values.
        """

    async def close(self) -> None:
        """Close every connection."""


class SqliteDriver:
    """Looks up in place and adds in a thread, each on a connection that stays.

    Parameters
    ----------
    reading, writing
        Engines, each of which this keeps one connection of.
    thread
        The one that waits for the disk.

    Notes
    -----
    What a few lookups by a unique key take, a thread takes longer to be woken; and where there is
    a write-ahead log, they wait for no writer.
    """

    def __init__(self, reading: Engine, writing: Engine, thread: Executor) -> None:
        self._reading = _KeptConnection(reading)
        self._writing = _KeptConnection(writing)
        self._thread = thread

    async def find(
        self, columns: tuple[Column[Any], ...], key: Column[Any], values: Sequence[Any]
    ) -> list[tuple[Any, ...]]:
        """Look rows up by a unique column."""
        if _is_uuid(key):
            values = [compact(value) for value in values]
        statement = _sqlite_find(columns, key, len(values))
        with self._reading as connection:
            rows = connection.execute(statement, values).fetchall()
        return _with_uuids(columns, rows)

    async def add(self, before: Before, addition: Addition) -> int:
        """Add rows to tables."""
        # What can be prepared is: the thread and the event loop keep each other from running.
        statement = self.written_out(addition)
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._add, before, statement)

    def _add(self, before: Before, statement: tuple[str, tuple[Any, ...]]) -> int:
        first = [self.written_out(addition) for addition in before()]
        with self._writing as connection:
            connection.execute("BEGIN IMMEDIATE")
            for other in first:
                connection.execute(*other)
            added = connection.execute(*statement).rowcount
            connection.execute("COMMIT")
        return added

    def written_out(self, addition: Addition) -> tuple[str, tuple[Any, ...]]:
        """Write an addition out."""
        values = [value for row in addition.rows for value in row]
        width = len(addition.columns)
        for number in _uuids_among(addition.columns):
            values[number::width] = [compact(value) for value in values[number::width]]
        statement = _sqlite_add(addition.columns, addition.replacing, len(addition.rows))
        return statement, tuple(values)

    async def close(self) -> None:
        """Close the connections."""
        self._reading.close()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writing.close)


class _KeptConnection:
    """A connection to SQLite that stays until something happens to it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: PoolProxiedConnection | None = None

    def __enter__(self) -> sqlite3.Connection:
        if self._held is None:
            self._held = self._engine.raw_connection()
        connection: sqlite3.Connection | None = self._held.driver_connection
        assert connection is not None
        return connection

    def __exit__(self, kind: type[BaseException] | None, *_rest: object) -> None:
        if kind is not None and self._held is not None:
            # With it goes the transaction it may be in; who comes next gets a new one.
            self._held.invalidate()
            self._held = None

    def close(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None
        self._engine.dispose()


@dataclass(frozen=True)
class _Held:
    """A connection that stays, the driver's own, and until when it is used."""

    pooled: AsyncConnection
    driver: asyncpg.Connection
    until: float


class PostgresDriver:
    """Looks up and adds on a few connections that stay, in one trip each.

    Parameters
    ----------
    engine
        In autocommit: each statement is a transaction of its own.
    thread
        The one that waits for the disk.
    kept
        How many connections stay; fewer than the pool has, or whoever waits for it waits in vain.
    """

    def __init__(self, engine: AsyncEngine, thread: Executor, *, kept: int) -> None:
        self._engine = engine
        self._thread = thread
        self._kept = kept
        self._idle: list[_Held] = []

    async def find(
        self, columns: tuple[Column[Any], ...], key: Column[Any], values: Sequence[Any]
    ) -> list[tuple[Any, ...]]:
        """Look rows up by a unique column."""
        statement = _postgres_find(self._engine.dialect, columns, key)
        rows: list[Any] = await self._ask(lambda driver: driver.fetch(statement, values))
        return _with_uuids(columns, rows)

    async def add(self, before: Before, addition: Addition) -> int:
        """Add rows to tables."""
        first = await asyncio.get_running_loop().run_in_executor(self._thread, before)
        statement, arrays = self._together([*first, addition])
        said: str = await self._ask(lambda driver: driver.execute(statement, *arrays))
        return int(said.rpartition(" ")[2])

    def written_out(self, addition: Addition) -> tuple[str, tuple[Any, ...]]:
        """Write an addition out."""
        return self._together([addition])

    def _together(self, additions: Sequence[Addition]) -> tuple[str, tuple[Any, ...]]:
        shapes = tuple((addition.columns, addition.replacing) for addition in additions)
        arrays = [
            [*values] for addition in additions for values in zip(*addition.rows, strict=True)
        ]
        return _postgres_add(self._engine.dialect, shapes), tuple(arrays)

    async def _ask(self, question: Callable[[asyncpg.Connection], Awaitable[Answer]]) -> Answer:
        was_idle = bool(self._idle)
        try:
            return await self._ask_once(question)
        except Exception:
            if not was_idle:
                raise
            # The server may have been started anew since the connections were made, which the
            # driver says in many ways. Asking once more does no harm: what was added after all
            # is passed over.
            await self._forget()
            return await self._ask_once(question)

    async def _ask_once(
        self, question: Callable[[asyncpg.Connection], Awaitable[Answer]]
    ) -> Answer:
        held = self._idle.pop() if self._idle else await self._connect()
        if time.monotonic() >= held.until:
            await held.pooled.close()  # the pool makes it anew
            held = await self._connect()
        try:
            answer = await question(held.driver)
        except BaseException:
            await held.pooled.invalidate()
            await held.pooled.close()
            raise
        if len(self._idle) < self._kept:
            self._idle.append(held)
        else:
            await held.pooled.close()
        return answer

    async def _connect(self) -> _Held:
        pooled = await self._engine.connect()
        driver = (await pooled.get_raw_connection()).driver_connection
        assert driver is not None
        return _Held(pooled, driver, time.monotonic() + _KEPT_SECONDS)

    async def _forget(self) -> None:
        while self._idle:
            held = self._idle.pop()
            await held.pooled.invalidate()
            await held.pooled.close()
        await self._engine.dispose()

    async def close(self) -> None:
        """Close the connections."""
        while self._idle:
            await self._idle.pop().pooled.close()


def compact(uuid_text: str) -> str:
    """Write a UUID as SQLite keeps it.

    Examples
    --------
    >>> compact("87b93041-1592-49f4-be1a-ad7156286d01")
    '87b93041159249f4be1aad7156286d01'
    """
    return uuid_text.replace("-", "")


def _hyphenated(found: Any) -> str:
    """Write a UUID as people do, whichever way a driver gives it."""
    text = str(found)
    if "-" in text:
        return text
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _is_uuid(column: Column[Any]) -> bool:
    return isinstance(column.type, Uuid)


@functools.cache
def _uuids_among(columns: tuple[Column[Any], ...]) -> tuple[int, ...]:
    return tuple(number for number, column in enumerate(columns) if _is_uuid(column))


def _with_uuids(
    columns: tuple[Column[Any], ...], rows: Sequence[Sequence[Any]]
) -> list[tuple[Any, ...]]:
    uuids = _uuids_among(columns)
    found = []
    for row in rows:
        values = [*row]
        for number in uuids:
            values[number] = _hyphenated(values[number])
        found.append(tuple(values))
    return found


# In all that follows the tables and their columns are ours; only the values come from outside.


def _select(columns: tuple[Column[Any], ...], key: Column[Any]) -> str:
    return f"SELECT {_names(columns)} FROM {key.table.name} WHERE {key.name}"  # noqa: S608


def _insert(columns: tuple[Column[Any], ...], source: str, replacing: Column[Any] | None) -> str:
    conflict = "ON CONFLICT DO NOTHING"
    if replacing is not None:
        others = ", ".join(
            f"{column.name} = excluded.{column.name}"
            for column in columns
            if column is not replacing
        )
        conflict = f"ON CONFLICT ({replacing.name}) DO UPDATE SET {others}"
    table = columns[0].table.name
    return f"INSERT INTO {table} ({_names(columns)}) {source} {conflict}"


def _names(columns: tuple[Column[Any], ...]) -> str:
    return ", ".join(column.name for column in columns)


@functools.cache
def _sqlite_find(columns: tuple[Column[Any], ...], key: Column[Any], count: int) -> str:
    return f"{_select(columns, key)} IN ({', '.join('?' * count)})"


@functools.cache
def _sqlite_add(columns: tuple[Column[Any], ...], replacing: Column[Any] | None, count: int) -> str:
    marks = f"({', '.join('?' * len(columns))})"
    return _insert(columns, f"VALUES {', '.join([marks] * count)}", replacing)


@functools.cache
def _postgres_find(dialect: Dialect, columns: tuple[Column[Any], ...], key: Column[Any]) -> str:
    return f"{_select(columns, key)} = ANY($1::{key.type.compile(dialect)}[])"


@functools.cache
def _postgres_add(
    dialect: Dialect, shapes: tuple[tuple[tuple[Column[Any], ...], Column[Any] | None], ...]
) -> str:
    inserts, number = [], 0
    for columns, replacing in shapes:
        arrays = []
        for column in columns:
            number += 1
            arrays.append(f"${number}::{column.type.compile(dialect)}[]")
        source = f"SELECT * FROM unnest({', '.join(arrays)})"  # noqa: S608
        inserts.append(_insert(columns, source, replacing))
    # What stands in WITH is done too, and to its end.
    *first, last = inserts
    named = ", ".join(f"step{count} AS ({insert})" for count, insert in enumerate(first))
    return f"WITH {named} {last}" if named else last
