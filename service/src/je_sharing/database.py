"""The database: engines, transactions, and the state of the schema."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Connection,
    Engine,
    event,
    text,
)
from sqlalchemy import create_engine as create_sync_engine
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.schema import Table

from je_sharing.driver import Addition, Driver, PostgresDriver, SqliteDriver
from je_sharing.folders import make_folder
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
    driver
        Finds and adds rows more quickly than `read` and `write`.

    Notes
    -----
    Reads run in autocommit, which spares PostgreSQL two round trips; writes run in a transaction
    that on SQLite takes its lock at the start, so two processes wait for each other rather than
    fail half-way.

    One thread does what waits for the disk: several keep each other and the event loop from
    running, and a disk does one thing at a time anyway, as SQLite lets one write at a time.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.engine = create_engine(settings)
        # An engine of its own, for changing a connection's mode on every use costs as much as
        # the query does.
        self._reading = create_engine(settings, reading=True)
        self.driver: Driver
        self._disk_thread = ThreadPoolExecutor(1, thread_name_prefix="disk")
        if settings.is_sqlite:
            self.driver = SqliteDriver(
                _sqlite_engine(settings, reading=True),
                _sqlite_engine(settings, reading=False),
                self._disk_thread,
            )
        else:
            self.driver = PostgresDriver(
                self._reading, self._disk_thread, kept=max(1, settings.database_pool // 2)
            )

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

    async def at_the_disk(self, work: Callable[[], Outcome]) -> Outcome:
        """Do in the disk's thread what waits for the disk.

        Parameters
        ----------
        work
            Takes nothing and returns the outcome.

        Returns
        -------
        Outcome
            What the work returned.
        """
        return await asyncio.get_running_loop().run_in_executor(self._disk_thread, work)

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

    def add_rows(self, connection: Connection, addition: Addition) -> None:
        """Add rows in one statement, which is what a database does most quickly.

        Parameters
        ----------
        connection
            In a transaction.
        addition
            The rows.
        """
        connection.exec_driver_sql(*self.driver.written_out(addition))

    async def ping(self) -> None:
        """Ask the database for a sign of life."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self.driver.close()
        await self.engine.dispose()
        await self._reading.dispose()
        self._disk_thread.shutdown()


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
        make_folder(settings.data_dir)
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
        # What a statement of many rows might have to undo is small, and is kept in a file else.
        cursor.execute("PRAGMA temp_store=MEMORY")
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
