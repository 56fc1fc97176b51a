"""SQLite runs statements on the event loop, and what waits in a thread."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from je_sharing.database import Database
from je_sharing.settings import Settings
from je_sharing.sqlite_connection import BEGIN, LoopConnection, open_sqlite


def other_process(path: Path) -> sqlite3.Connection:
    """A connection that has the lock for writing, as another process may."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE IF NOT EXISTS words (word TEXT)")
    connection.execute(BEGIN)
    return connection


def test_a_statement_runs_on_the_thread_of_the_event_loop(tmp_path: Path) -> None:
    async def scenario() -> None:
        connection = await open_sqlite(str(tmp_path / "a.db"))
        await connection.create_function("thread", 0, threading.get_ident)
        cursor = await connection.execute("SELECT thread()")
        assert await cursor.fetchone() == (threading.get_ident(),)
        await connection.close()

    asyncio.run(scenario())


def test_the_event_loop_runs_while_another_process_has_the_lock(tmp_path: Path) -> None:
    async def scenario() -> None:
        other = other_process(tmp_path / "a.db")
        connection = await open_sqlite(str(tmp_path / "a.db"))
        beginning = asyncio.create_task(begin(connection))
        for _ in range(3):
            await asyncio.sleep(0.01)
        assert not beginning.done()
        other.execute("INSERT INTO words VALUES ('first')")
        other.execute("COMMIT")
        await beginning
        await connection.execute("INSERT INTO words VALUES ('second')")
        await connection.commit()
        assert other.execute("SELECT word FROM words").fetchall() == [("first",), ("second",)]
        other.close()
        await connection.close()

    asyncio.run(scenario())


def test_a_cancelled_wait_for_the_lock_leaves_no_transaction(tmp_path: Path) -> None:
    async def scenario() -> None:
        other = other_process(tmp_path / "a.db")
        connection = await open_sqlite(str(tmp_path / "a.db"))
        beginning = asyncio.create_task(begin(connection))
        await asyncio.sleep(0.01)
        beginning.cancel()
        await asyncio.sleep(0.01)
        beginning.cancel()
        await asyncio.sleep(0.01)
        assert not beginning.done()
        other.execute("COMMIT")
        with pytest.raises(asyncio.CancelledError):
            await beginning
        await connection.rollback()
        other.execute(BEGIN)
        other.close()
        await connection.close()

    asyncio.run(scenario())


def test_a_cancelled_write_blocks_no_other(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = Settings(data_dir=tmp_path)
        other = other_process(tmp_path / "sharing.db")
        database = Database(settings)
        write = asyncio.create_task(insert(database, "cancelled"))
        await asyncio.sleep(0.05)
        write.cancel()
        await asyncio.sleep(0.05)
        other.execute("COMMIT")
        with pytest.raises(asyncio.CancelledError):
            await write
        await insert(database, "next")
        assert other.execute("SELECT word FROM words").fetchall() == [("next",)]
        other.close()
        await database.close()

    asyncio.run(scenario())


async def begin(connection: LoopConnection) -> None:
    connection.isolation_level = None
    await connection.execute(BEGIN)


async def insert(database: Database, word: str) -> None:
    async with database.write() as connection:
        await connection.execute(text("INSERT INTO words VALUES (:word)"), {"word": word})
