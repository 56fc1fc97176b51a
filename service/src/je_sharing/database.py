"""The database: engines, transactions, and the state of the schema."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Uuid,
    event,
    text,
)
from sqlalchemy import create_engine as create_sync_engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.schema import Table

from je_sharing.lookups import Lookups, PostgresLookups, SqliteLookups, compact
from je_sharing.settings import Settings

Outcome = TypeVar("Outcome")

_AUTOCOMMIT = "AUTOCOMMIT"
_RECYCLE_SECONDS = 1800
# 16 MB: the busiest pages of the indexes change many times before they are copied once.
_PAGES_BEFORE_A_CHECKPOINT = 4000


class Database:
    """One process's door to the database.

    Parameters
    ----------
    settings
        Which database, and how many connections.

    Attributes
    ----------
    engine
        For writing.
    lookups
        Finds rows by a unique column, more quickly than `read`.

    Notes
    -----
    Reads run in autocommit, which spares PostgreSQL two round trips; writes run in a transaction
    that on SQLite takes its lock at the start, so two processes wait for each other rather than
    fail half-way.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.engine = create_engine(settings)
        # An engine of its own, for changing a connection's mode on every use costs as much as
        # the query does.
        self._reading = create_engine(settings, reading=True)
        self.lookups: Lookups
        self._writer: _SqliteWriter | None = None
        if settings.is_sqlite:
            self.lookups = SqliteLookups(_sqlite_engine(settings, reading=True))
            self._writer = _SqliteWriter(_sqlite_engine(settings, reading=False))
        else:
            self.lookups = PostgresLookups(self._reading, kept=max(1, settings.database_pool // 2))

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection for reading."""
        async with self._reading.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction, committed when the block ends well."""
        async with self.engine.begin() as connection:
            yield connection

    async def transact(self, work: Callable[[Connection], Outcome]) -> Outcome:
        """Run a whole piece of work in a transaction, committed when it ends well.

        Parameters
        ----------
        work
            Takes a connection and returns the outcome.

        Returns
        -------
        Outcome
            What the work returned.

        Notes
        -----
        On SQLite it goes to a thread once, where `write` goes there and back for every step of
        every statement. What each share does goes this way.
        """
        if self._writer is not None:
            return await self._writer.run(work)
        async with self.write() as connection:
            return await connection.run_sync(work)

    def insert(self, table: Table) -> Any:
        """Make an INSERT that knows ON CONFLICT in this database's dialect.

        Parameters
        ----------
        table
            The table inserted into.

        Returns
        -------
        sqlalchemy.Insert
            The dialect's own insert construct.
        """
        return sqlite.insert(table) if self._settings.is_sqlite else postgresql.insert(table)

    def add_rows(
        self,
        connection: Connection,
        table: Table,
        rows: Sequence[Mapping[str, Any]],
        *,
        replacing: Column[Any] | None = None,
    ) -> int:
        """Insert rows in one statement, which is what a database does most quickly.

        Parameters
        ----------
        connection
            In a transaction.
        table
            The table inserted into.
        rows
            Each with the same columns in the same order.
        replacing
            The unique column by which a row replaces the one that is there. None leaves what is
            there, and passes over the rows that conflict with it.

        Returns
        -------
        int
            How many rows were inserted or replaced.
        """
        columns = [table.c[name] for name in rows[0]]
        names = ", ".join(column.name for column in columns)
        conflict = "ON CONFLICT DO NOTHING"
        if replacing is not None:
            others = ", ".join(
                f"{column.name} = excluded.{column.name}"
                for column in columns
                if column is not replacing
            )
            conflict = f"ON CONFLICT ({replacing.name}) DO UPDATE SET {others}"
        values: tuple[Any, ...]
        if self._settings.is_sqlite:
            marks = ", ".join(["?"] * len(columns))
            source = f"VALUES {', '.join([f'({marks})'] * len(rows))}"
            are_uuids = [isinstance(column.type, Uuid) for column in columns]
            values = tuple(
                compact(value) if is_uuid else value
                for row in rows
                for value, is_uuid in zip(row.values(), are_uuids, strict=True)
            )
        else:
            arrays = ", ".join(
                f"${number}::{column.type.compile(connection.dialect)}[]"
                for number, column in enumerate(columns, start=1)
            )
            source = f"SELECT * FROM unnest({arrays})"  # noqa: S608
            values = tuple([row[column.name] for row in rows] for column in columns)
        # The table and its columns are ours; only the values come from outside.
        statement = f"INSERT INTO {table.name} ({names}) {source} {conflict}"
        return connection.exec_driver_sql(statement, values).rowcount

    async def ping(self) -> None:
        """Ask the database for a sign of life."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self.lookups.close()
        await self.engine.dispose()
        await self._reading.dispose()
        if self._writer is not None:
            self._writer.close()


class _SqliteWriter:
    """SQLite's own blocking driver, in a thread: one, since it lets one write at a time anyway."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite-write")

    async def run(self, work: Callable[[Connection], Outcome]) -> Outcome:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._write, work)

    def _write(self, work: Callable[[Connection], Outcome]) -> Outcome:
        with self._engine.begin() as connection:
            return work(connection)

    def close(self) -> None:
        self._thread.shutdown(wait=True)
        self._engine.dispose()


def _sqlite_engine(settings: Settings, *, reading: bool) -> Engine:
    url = settings.async_database_url.replace("+aiosqlite", "", 1)
    mode: dict[str, Any] = (
        {"isolation_level": _AUTOCOMMIT, "pool_reset_on_return": None} if reading else {}
    )
    engine = create_sync_engine(url, pool_size=2, connect_args={"timeout": 30}, **mode)
    _prepare_sqlite(engine, reading=reading, synchronous="FULL" if settings.fsync else "NORMAL")
    return engine


def create_engine(settings: Settings, *, reading: bool = False) -> AsyncEngine:
    """Make the engine for the settings' database.

    Parameters
    ----------
    settings
        The service's settings.
    reading
        Whether it is for reading, one statement at a time.

    Returns
    -------
    sqlalchemy.ext.asyncio.AsyncEngine
        Not yet connected.
    """
    mode: dict[str, Any] = (
        {"isolation_level": _AUTOCOMMIT, "pool_reset_on_return": None} if reading else {}
    )
    if not settings.is_sqlite:
        return create_async_engine(
            settings.async_database_url,
            pool_size=settings.database_pool,
            max_overflow=settings.database_pool,
            pool_recycle=_RECYCLE_SECONDS,
            **mode,
        )
    if not settings.database_url:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(
        settings.async_database_url,
        pool_size=settings.database_pool,
        connect_args={"timeout": 30},
        **mode,
    )
    synchronous = "FULL" if settings.fsync else "NORMAL"
    _prepare_sqlite(engine.sync_engine, reading=reading, synchronous=synchronous)
    return engine


def _prepare_sqlite(engine: Engine, *, reading: bool, synchronous: str) -> None:
    """Set SQLite up for several processes: write-ahead log, locks taken early."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _entry: ConnectionPoolEntry) -> None:
        # The driver's own BEGIN would take the write lock too late; `on_begin` says BEGIN itself.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA busy_timeout=30000")
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.execute(f"PRAGMA wal_autocheckpoint={_PAGES_BEFORE_A_CHECKPOINT}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if not reading:
            connection.exec_driver_sql("BEGIN IMMEDIATE")


def is_transient(error: DBAPIError) -> bool:
    """Tell whether the same transaction may well succeed when tried again.

    Parameters
    ----------
    error
        What the database driver raised.

    Returns
    -------
    bool
        True for a deadlock, a serialisation failure or a lost connection.
    """
    state = getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None)
    return error.connection_invalidated or state in {"40001", "40P01"}


def migration_config(settings: Settings) -> Config:
    """Make Alembic's configuration; the migrations ship inside this package."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["settings"] = settings
    return config


def migrate(settings: Settings) -> None:
    """Bring the schema up to date.

    Parameters
    ----------
    settings
        Which database.
    """
    command.upgrade(migration_config(settings), "head")


async def pending_migrations(settings: Settings) -> bool:
    """Tell whether the schema is older than this package."""
    head = ScriptDirectory.from_config(migration_config(settings)).get_current_head()
    engine = create_engine(settings)
    try:
        async with engine.connect() as connection:
            current = await connection.run_sync(_current_revision)
    finally:
        await engine.dispose()
    return current != head


def _current_revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def check_schema(settings: Settings) -> None:
    """Refuse to start on a schema that is not this package's.

    Raises
    ------
    SystemExit
        With the command to run, when migrations are pending.
    """
    if asyncio.run(pending_migrations(settings)):
        raise SystemExit(
            "The database's schema is not the one this version needs. Run `je-sharing migrate` "
            "with the same settings, then start again."
        )
