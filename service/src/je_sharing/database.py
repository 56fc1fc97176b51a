"""Connect to the database, run transactions, and check and migrate its schema."""

import asyncio
import functools
import sqlite3
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.sql.schema import Table

from je_sharing.folders import make_folder
from je_sharing.settings import Settings
from je_sharing.sqlite_connection import BEGIN, open_sqlite

_AUTOCOMMIT = "AUTOCOMMIT"
_RECYCLE_SECONDS = 1800
# For a pooler in transaction mode: a statement is prepared without a name, and used once.
_WITHOUT_PREPARED_STATEMENTS: dict[str, Any] = {
    "statement_cache_size": 0,
    "prepared_statement_cache_size": 0,
    "prepared_statement_name_func": lambda: "",
}


class Database:
    """One process's connections to the database.

    Parameters
    ----------
    settings
        Which database, and how many connections.

    Notes
    -----
    Reads run in autocommit, which spares PostgreSQL two round trips. Writes run in a transaction
    that on SQLite takes its lock at the start, so that two processes wait for each other rather
    than fail half-way.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._writing = create_engine(settings)
        # A separate engine: changing a connection's mode at every use costs as much as a query.
        self._reading = create_engine(settings, reading=True)
        # SQLite allows one writer at a time, and waits for the other by polling.
        self._turn: AbstractAsyncContextManager[object] = (
            asyncio.Lock() if settings.is_sqlite else nullcontext()
        )

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection for reading."""
        async with self._reading.connect() as connection:
            yield connection

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction, committed when the block ends well."""
        async with self._turn, self._writing.begin() as connection:
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """Open a connection whose reads all see the same state of the database."""
        if self._settings.is_sqlite:
            async with self.read() as connection:
                await connection.exec_driver_sql("BEGIN")
                try:
                    yield connection
                finally:
                    await connection.exec_driver_sql("ROLLBACK")
        else:
            async with self._writing.connect() as connection:
                await connection.execution_options(isolation_level="REPEATABLE READ")
                yield connection

    def insert(self, table: Table) -> Any:
        """Make an INSERT that supports ON CONFLICT in this database's dialect.

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

    async def ping(self) -> None:
        """Raise when the database cannot be reached."""
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close every connection."""
        await self._writing.dispose()
        await self._reading.dispose()


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
    # A pooler may send the two messages of a statement to two servers, unless in a transaction.
    autocommit = reading and not settings.database_pooler
    mode: dict[str, Any] = (
        {"isolation_level": _AUTOCOMMIT, "pool_reset_on_return": None} if autocommit else {}
    )
    if not settings.is_sqlite:
        url, connect_args = _split_tls(make_url(settings.async_database_url))
        if settings.database_pooler:
            connect_args |= _WITHOUT_PREPARED_STATEMENTS
        return create_async_engine(
            url,
            pool_size=settings.database_pool,
            max_overflow=settings.database_pool,
            pool_recycle=_RECYCLE_SECONDS,
            pool_pre_ping=True,
            connect_args=connect_args,
            **mode,
        )
    if not settings.database_url:
        make_folder(settings.data_dir)
    path = make_url(settings.async_database_url).database or ""
    engine = create_async_engine(
        settings.async_database_url,
        pool_size=settings.database_pool,
        async_creator=functools.partial(open_sqlite, path),
        **mode,
    )
    synchronous = "FULL" if settings.fsync else "NORMAL"
    _prepare_sqlite(engine.sync_engine, reading=reading, synchronous=synchronous)
    return engine


def _split_tls(url: URL) -> tuple[URL, dict[str, Any]]:
    """Move libpq's options for TLS out of a URL: asyncpg takes them only in a DSN.

    Examples
    --------
    >>> url, arguments = _split_tls(make_url("postgresql+asyncpg://db/sharing?sslmode=require"))
    >>> str(url), arguments
    ('postgresql+asyncpg://db/sharing', {'dsn': 'postgresql://?sslmode=require'})
    """
    names = [name for name in url.query if name.startswith("ssl") and name != "ssl"]
    if not names:
        return url, {}
    query = urlencode({name: url.query[name] for name in names})
    return url.difference_update_query(names), {"dsn": f"postgresql://?{query}"}


def _prepare_sqlite(engine: Engine, *, reading: bool, synchronous: str) -> None:
    """Configure SQLite for several processes: write-ahead log, early locks."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _entry: ConnectionPoolEntry) -> None:
        # The driver's own BEGIN takes the write lock too late; `on_begin` executes BEGIN itself.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        cursor.execute(f"PRAGMA synchronous={synchronous}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        if not reading:
            connection.exec_driver_sql(BEGIN)


def is_transient(error: DBAPIError) -> bool:
    """Tell whether a retry of the transaction may succeed.

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
    """Bring the schema up to date; of an SQLite database with an older one, keep a copy.

    Parameters
    ----------
    settings
        Which database.
    """
    if settings.is_sqlite:
        _back_up_before_migration(settings)
    command.upgrade(migration_config(settings), "head")


def _back_up_before_migration(settings: Settings) -> None:
    """Copy an SQLite database beside itself, by SQLite's online backup."""
    path = Path(make_url(settings.async_database_url).database or "")
    if not path.is_file() or not asyncio.run(pending_migrations(settings)):
        return
    with (
        closing(sqlite3.connect(path)) as database,
        closing(sqlite3.connect(f"{path}.before-migration")) as backup,
    ):
        database.backup(backup)


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
