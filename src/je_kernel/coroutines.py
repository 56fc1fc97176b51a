"""Run a coroutine from synchronous code."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

__all__ = ["run"]

Result = TypeVar("Result")


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end and return its result.

    The coroutine runs on the caller's stack, so warnings and tracebacks of it name the
    caller's line. Where nothing in it suspends, this is a plain call. Where it awaits a
    future, the browser switches stacks until the future is done: `runtime.can_run_sync`
    tells whether it can.

    Parameters
    ----------
    coroutine
        The coroutine.

    Examples
    --------
    >>> async def double(number):
    ...     return 2 * number
    >>> run(double(21))
    42
    """
    try:
        while True:
            future = coroutine.send(None)
            _wait(future)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    finally:
        coroutine.close()


def _wait(future: asyncio.Future[Any]) -> None:
    from pyodide.ffi import run_sync

    run_sync(_done(future))


async def _done(future: asyncio.Future[Any]) -> None:
    """Wait for a future, and leave its exception to the coroutine that awaits it."""
    await asyncio.wait([future])
