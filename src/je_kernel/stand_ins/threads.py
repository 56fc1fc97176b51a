"""Cooperative threads on the browser's one thread.

Pyodide cannot start a thread of the operating system. Where the browser switches
stacks (JSPI), each `threading.Thread` runs on a stack of its own until it waits: for
a lock, a queue, an event, another thread, ``time.sleep`` or the network. Then the
next one runs. Everything that Python builds on locks (queues, events, timers,
`concurrent.futures`) is Python's own.

Without JSPI (WebKit, Pyodide before 314, the callback of a widget), a thread runs
to its end when it is started.

A wait that nothing can end raises `DeadlockError`.
"""

from __future__ import annotations

import _thread
import gc
import sys
import threading
import time
from collections import deque
from contextlib import suppress
from contextvars import ContextVar
from functools import cache
from typing import TYPE_CHECKING, Any, NoReturn

from je_kernel import javascript, runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.net.patches import Patches

__all__ = ["Lock", "adapt", "can_switch", "install", "interrupt_starter"]

_MAIN = _thread.get_ident()
_LONGEST = 2**31 - 1  # milliseconds; the longest time of a browser's timer

# Each stack has a context of its own; thread-local values are the same on all of them.
_ident: ContextVar[int] = ContextVar("je_kernel_thread", default=_MAIN)

# Threads that have not ended, and those of them that wait without a timeout.
_alive: set[int] = set()
_waiting: set[int] = set()
_cell: Any = None  # the waiter of the main thread
_interrupted = False  # a thread was interrupted; the code that started it must be, too
_last = _MAIN

# Python's garbage collector would visit the frames of waiting stacks, whose memory Pyodide has
# given to the running stack: the kernel would crash. While there are threads it is disabled, and
# a full collection, which visits no frames, runs now and then.
_collects = False
_GARBAGE = 50_000  # objects


def can_switch() -> bool:
    """Return whether a wait in this place lets other threads run."""
    return sys.version_info >= (3, 14) and runtime.can_run_sync()


def get_ident() -> int:
    """Return the identifier of the thread that this code runs in."""
    return _ident.get()


def interrupt_starter() -> None:
    """Interrupt the cell as well, if it waits for this thread to end."""
    global _interrupted
    _interrupted = get_ident() != _MAIN and not can_switch()


class Lock:
    """A `threading.Lock` whose ``acquire`` lets other threads run while it waits."""

    __slots__ = ("__weakref__", "_held", "_queue")

    def __init__(self) -> None:
        self._held = False
        self._queue: deque[tuple[int, Any]] | None = None

    def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
        """Acquire the lock, waiting if necessary; return whether it was acquired."""
        if timeout != -1:
            if not blocking:
                raise ValueError("can't specify a timeout for a non-blocking call")
            if timeout < 0:
                raise ValueError("timeout value must be a non-negative number")
            if timeout > threading.TIMEOUT_MAX:
                raise OverflowError("timeout value is too large")
        if not self._held:
            self._held = True
            return True
        if not blocking or timeout == 0:
            return False
        if self._queue is None:
            self._queue = deque()
        # `release` hands the lock over without freeing it.
        return _wait(self._queue, timeout)

    def release(self) -> None:
        """Hand the lock to the thread that has waited longest, or free it."""
        if not self._held:
            raise RuntimeError("release unlocked lock")
        while self._queue:
            ident, waiter = self._queue.popleft()
            if waiter.end("woken"):
                _waiting.discard(ident)
                return
        self._held = False

    def locked(self) -> bool:
        """Return whether the lock is held."""
        return self._held

    def __enter__(self) -> bool:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def __repr__(self) -> str:
        return f"<{'locked' if self._held else 'unlocked'} threading.Lock at {id(self):#x}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot pickle '_thread.lock' object")

    # The names of Python 2, and what `threading` calls after a fork.
    acquire_lock = acquire
    release_lock = release
    locked_lock = locked
    _at_fork_reinit = __init__


def _wait(line: deque[tuple[int, Any]], timeout: float) -> bool:
    """Wait in the queue of a lock; return whether the lock was handed over in time."""
    if not can_switch():
        if timeout < 0:
            raise _deadlock()
        time.sleep(timeout)  # no other thread can run
        return False
    from pyodide.ffi import run_sync

    global _cell
    me = get_ident()
    waiter = _browser().waiter(-1 if timeout < 0 else min(timeout * 1000, _LONGEST))
    line.append((me, waiter))
    if timeout < 0:
        _waiting.add(me)
        _cell = waiter if me == _MAIN else _cell
        _free_cell()
    try:
        outcome = run_sync(waiter.promise)
    finally:
        waiter.end("late")  # after an exception
        _waiting.discard(me)
    if outcome == "woken":
        return True
    with suppress(ValueError):  # `release` may have removed it
        line.remove((me, waiter))
    if outcome == "stuck":
        raise _deadlock()
    return False


def _free_cell() -> None:
    """End the wait of the running cell if all threads wait."""
    if _MAIN in _waiting and _alive <= _waiting:
        _cell.end("stuck")


def _collect() -> bool:
    """Collect garbage if there is much of it; return whether there are threads."""
    global _collects
    if _alive:
        if gc.get_count()[0] > _GARBAGE:
            gc.collect()
    elif _collects:
        _collects = False
        gc.enable()
    return bool(_alive)


def _deadlock() -> Exception:
    from je_kernel.errors import DeadlockError

    if not can_switch():
        return DeadlockError(
            "This waits for another thread, and here only one can run: each thread runs from its"
            " start to its end before the next line. Fill queues and set events before the thread"
            " that waits for them starts, or give the wait a timeout."
        )
    others = (
        f"all {len(_alive)} other threads wait, too" if _alive else "no other thread is running"
    )
    return DeadlockError(
        f"This would wait for ever: {others} (a deadlock). Look for a lock that is never released,"
        " an event that is never set, or a queue that is never filled."
    )


class Handle:
    """The handle of a thread: `threading` uses it to wait for its end."""

    def __init__(self) -> None:
        self.ident = 0
        self._running = Lock()

    def begin(self) -> int:
        """Return the identifier of a thread that is about to run."""
        global _last
        _last += 1
        self.ident = _last
        self._running.acquire()
        return _last

    def is_done(self) -> bool:
        """Return whether the thread has ended."""
        return self.ident != 0 and not self._running.locked()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the thread ends, or for some seconds."""
        if self._running.acquire(timeout=-1 if timeout is None or timeout < 0 else timeout):
            self._running.release()

    def _set_done(self) -> None:
        if self._running.locked():
            self._running.release()


def start_joinable_thread(
    function: Callable[[], object],
    handle: Handle | None = None,
    daemon: bool = True,  # noqa: ARG001 - as in `_thread`
) -> Handle:
    """Run a function in a thread of its own."""
    handle = handle or Handle()
    ident = handle.begin()
    global _collects, _interrupted
    if not can_switch():
        _run(function, handle)
        if _interrupted:
            _interrupted = get_ident() != _MAIN
            raise KeyboardInterrupt
        return handle
    from pyodide.ffi import create_proxy

    _collects = _collects or gc.isenabled()
    gc.disable()
    _alive.add(ident)
    _browser().begin(create_proxy(lambda: _run(function, handle)))
    return handle


def start_new_thread(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
) -> int:
    """Run a function in a thread, as the low-level module `_thread` does."""

    def run() -> None:
        try:
            function(*args, **(kwargs or {}))
        except SystemExit:
            pass
        except BaseException:
            threading.excepthook(threading.ExceptHookArgs((*sys.exc_info(), None)))

    return start_joinable_thread(run).ident


def _run(function: Callable[[], object], handle: Handle) -> None:
    token = _ident.set(handle.ident)
    # Python 3.14 runs the thread's own function in a context that the thread owns.
    context = getattr(getattr(function, "__self__", None), "_context", None)
    if context is not None:
        context.run(_ident.set, handle.ident)
    try:
        function()
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        _ident.reset(token)
        _alive.discard(handle.ident)
        handle._set_done()
        _free_cell()


@cache
def _browser() -> Any:
    from pyodide.ffi import create_proxy

    return javascript.evaluate("stand_ins/threads.js")(create_proxy(_collect))


def install(patches: Patches) -> None:
    """Replace the threads of `threading` and `_thread`."""
    if sys.version_info < (3, 13):  # its `threading` is different
        return
    for name, value in {
        "_CRLock": None,  # then `threading` uses its own, on `_allocate_lock`
        "_ThreadHandle": Handle,
        "_allocate_lock": Lock,
        "_start_joinable_thread": start_joinable_thread,
        "Lock": Lock,
        "__getattr__": _attribute,
        "get_ident": get_ident,
    }.items():
        patches.set(threading, name, value)
    patches.delete(threading, "local")
    patches.set(_thread, "allocate_lock", Lock)
    patches.set(_thread, "start_new_thread", start_new_thread)


def _attribute(name: str) -> Any:
    """Load `threading.local` when it is first used."""
    if name != "local":
        raise AttributeError(f"module 'threading' has no attribute {name!r}")
    # The values of `_thread._local` are the same on all stacks.
    from _threading_local import local

    return local


def adapt(module: Any, patches: Patches) -> None:
    """Adapt `queue` and `concurrent.futures` to these threads.

    Parameters
    ----------
    module
        One of the modules that `je_kernel.stand_ins` names.
    patches
        Where the changes are recorded.
    """
    if module.__name__ == "queue":
        # The C version has a lock of its own.
        patches.set(module, "SimpleQueue", module._PySimpleQueue)
    else:
        patches.set(module.ThreadPoolExecutor, "submit", _submitting(module))


def _submitting(module: Any) -> Callable[..., Any]:
    """Return a ``submit`` that calls the function at once if threads cannot wait."""
    submit_to_thread = module.ThreadPoolExecutor.submit

    def submit(self: Any, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        if can_switch():
            return submit_to_thread(self, fn, *args, **kwargs)
        if self._shutdown:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if "je_kernel_context" not in vars(self):
            self.je_kernel_context = _initialize(self)
        future = module._base.Future()
        future.set_running_or_notify_cancel()
        try:
            result = fn(*args, **kwargs)
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)
        return future

    return submit


def _initialize(pool: Any) -> Any:
    """Run the initializer of a pool, and return its context, which must be kept."""
    if not hasattr(pool, "_create_worker_context"):  # before Python 3.14
        return pool._initializer(*pool._initargs) if pool._initializer is not None else None
    context = pool._create_worker_context()
    context.initialize()
    return context
