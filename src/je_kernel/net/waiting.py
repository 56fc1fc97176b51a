"""Asynchronous code, written once, for callers that can await and for callers that cannot.

A coroutine of this package awaits what a browser promises through a `Wait`: with
`suspend` other tasks run meanwhile; with `block` the stack of the caller is switched
(JSPI) and the coroutine never suspends, so that `je_kernel.coroutines.run` gets its
result without an event loop. Where the browser can do neither, there is no `Wait` (None).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

__all__ = ["Wait", "block", "suspend"]

Wait = Callable[[Any], Awaitable[Any]]


async def suspend(awaitable: Any) -> Any:
    """Wait in a coroutine of the event loop."""
    return await awaitable


async def block(awaitable: Any) -> Any:
    """Wait by stack switching. Needs `je_kernel.runtime.can_run_sync`."""
    from pyodide.ffi import run_sync

    return run_sync(awaitable)
