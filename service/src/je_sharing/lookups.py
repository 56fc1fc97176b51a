"""Rows by a unique key, straight from the driver: what every retrieval asks for.

SQLAlchemy's way there and back takes longer than the databases do to find such a row.
"""

import functools
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import asyncpg
from sqlalchemy import Column, Engine, Uuid
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

if TYPE_CHECKING:
    from sqlalchemy.pool import PoolProxiedConnection

# As the pool does: what lies between may forget a connection in silence.
_KEPT_SECONDS = 1800.0


class Lookups(Protocol):
    """Finds rows in one database."""

    async def find(
        self, columns: Sequence[Column[Any]], key: Column[Any], values: Sequence[Any]
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

    async def close(self) -> None:
        """Close every connection."""


class SqliteLookups:
    """Looks up in place, on a connection that stays.

    Parameters
    ----------
    engine
        For reading.

    Notes
    -----
    What a few lookups by a unique key take, a thread takes longer to be woken; and where there is
    a write-ahead log, they wait for no writer.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._held: PoolProxiedConnection | None = None

    async def find(
        self, columns: Sequence[Column[Any]], key: Column[Any], values: Sequence[Any]
    ) -> list[tuple[Any, ...]]:
        """Look rows up by a unique column."""
        if _is_uuid(key):
            values = [compact(value) for value in values]
        if self._held is None:
            self._held = self._engine.raw_connection()
        connection: sqlite3.Connection | None = self._held.driver_connection
        assert connection is not None
        statement = _sqlite_statement(tuple(columns), key, len(values))
        try:
            rows = connection.execute(statement, values).fetchall()
        except sqlite3.Error:
            # Whatever happened to it, the next lookup gets a new one.
            self._held.invalidate()
            self._held = None
            raise
        return _with_uuids(columns, rows)

    async def close(self) -> None:
        """Close the connection."""
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


class PostgresLookups:
    """Looks up on a few connections that stay.

    Parameters
    ----------
    engine
        For reading, in autocommit.
    kept
        How many connections stay; fewer than the pool has, or whoever waits for it waits in vain.
    """

    def __init__(self, engine: AsyncEngine, *, kept: int) -> None:
        self._engine = engine
        self._kept = kept
        self._idle: list[_Held] = []

    async def find(
        self, columns: Sequence[Column[Any]], key: Column[Any], values: Sequence[Any]
    ) -> list[tuple[Any, ...]]:
        """Look rows up by a unique column."""
        statement = _postgres_statement(self._engine.dialect, tuple(columns), key)
        was_idle = bool(self._idle)
        try:
            rows = await self._fetch(statement, values)
        except Exception:
            if not was_idle:
                raise
            # The server may have been started anew since the connections were made, which the
            # driver says in many ways; asking once more does no harm.
            await self._forget()
            rows = await self._fetch(statement, values)
        return _with_uuids(columns, rows)

    async def _fetch(self, statement: str, values: Sequence[Any]) -> list[Any]:
        held = self._idle.pop() if self._idle else await self._connect()
        if time.monotonic() >= held.until:
            await held.pooled.close()  # the pool makes it anew
            held = await self._connect()
        try:
            rows: list[Any] = await held.driver.fetch(statement, values)
        except BaseException:
            await held.pooled.invalidate()
            await held.pooled.close()
            raise
        if len(self._idle) < self._kept:
            self._idle.append(held)
        else:
            await held.pooled.close()
        return rows

    async def _connect(self) -> "_Held":
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


def _with_uuids(
    columns: Sequence[Column[Any]], rows: Sequence[Sequence[Any]]
) -> list[tuple[Any, ...]]:
    are_uuids = [_is_uuid(column) for column in columns]
    return [
        tuple(
            _hyphenated(value) if is_uuid else value
            for value, is_uuid in zip(row, are_uuids, strict=True)
        )
        for row in rows
    ]


def _select(columns: tuple[Column[Any], ...], key: Column[Any]) -> str:
    # The table and its columns are ours; only the values come from outside.
    names = ", ".join(column.name for column in columns)
    return f"SELECT {names} FROM {key.table.name} WHERE {key.name}"  # noqa: S608


@functools.cache
def _sqlite_statement(columns: tuple[Column[Any], ...], key: Column[Any], count: int) -> str:
    return f"{_select(columns, key)} IN ({', '.join('?' * count)})"


@functools.cache
def _postgres_statement(
    dialect: Dialect, columns: tuple[Column[Any], ...], key: Column[Any]
) -> str:
    return f"{_select(columns, key)} = ANY($1::{key.type.compile(dialect)}[])"
