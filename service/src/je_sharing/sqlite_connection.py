"""A connection to SQLite that runs statements on the event loop.

aiosqlite passes each call of a statement (cursor, execute, fetch, close) to a thread and waits for
it, which takes many times as long as the lookup of a row. With the write-ahead log only two
statements wait for anything: the one that takes the lock for writing, while another process has it,
and the commit, which waits for the disk. These two run in the thread.
"""

import asyncio
import sqlite3
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from typing import Any

import aiosqlite

BEGIN = "BEGIN IMMEDIATE"
_LOCK_SECONDS = 30.0
_ROWS_AT_ONCE = 64


class LoopConnection(aiosqlite.Connection):
    """A connection whose statements are for few rows each.

    Parameters
    ----------
    path
        The database's file.
    """

    def __init__(self, path: str) -> None:
        connect = partial(sqlite3.connect, path, timeout=_LOCK_SECONDS, check_same_thread=False)
        super().__init__(connect, _ROWS_AT_ONCE)

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if BEGIN in args:
            with suppress(sqlite3.OperationalError):
                return self._run_without_waiting(fn, *args)
        elif fn.__name__ != "commit":
            return fn(*args, **kwargs)
        in_thread: Coroutine[Any, Any, Any] = super()._execute(fn, *args, **kwargs)  # type: ignore[no-untyped-call]
        call = asyncio.ensure_future(in_thread)
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            # The connection is free for a rollback only when the thread has finished.
            while not call.done():
                try:
                    await asyncio.wait([call])
                except asyncio.CancelledError:
                    continue
            raise

    def _run_without_waiting(self, fn: Callable[..., Any], *args: Any) -> Any:
        """Run a statement; it fails if another process has the lock."""
        self._conn.execute("PRAGMA busy_timeout=0")
        try:
            return fn(*args)
        finally:
            self._conn.execute(f"PRAGMA busy_timeout={_LOCK_SECONDS * 1000:.0f}")


async def open_sqlite(path: str) -> LoopConnection:
    """Open a connection for SQLAlchemy.

    Parameters
    ----------
    path
        The database's file.

    Returns
    -------
    LoopConnection
        Connected.
    """
    connection = LoopConnection(path)
    # As SQLAlchemy has it: a connection that nobody closed does not keep the process alive.
    connection._thread.daemon = True
    await connection
    return connection
