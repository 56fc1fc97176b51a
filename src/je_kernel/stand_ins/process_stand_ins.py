"""Run processes as threads, for `concurrent.futures` and `multiprocessing`.

A browser gives Python one process. Pools of processes are pools of threads here, with the
same results, order and exceptions; the rest of `multiprocessing` is Python's own
`multiprocessing.dummy`. Unlike processes, threads share their variables.
"""

from __future__ import annotations

import itertools
import os
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]


def adapt(module: ModuleType, patches: Patches) -> None:
    """Replace processes by threads in a module that has just been imported.

    Parameters
    ----------
    module
        One of the modules that `je_kernel.stand_ins` names.
    patches
        Where the changes are recorded.
    """
    for name, value in _REPLACEMENTS[module.__name__](module).items():
        patches.set(module, name, value)


def _process_pool(_module: Any) -> dict[str, Any]:
    from concurrent.futures.thread import ThreadPoolExecutor

    class ProcessPoolExecutor(ThreadPoolExecutor):
        """A pool of processes, whose calls run in threads of this one process."""

        def __init__(
            self,
            max_workers: int | None = None,
            mp_context: Any = None,  # noqa: ARG002 - as in Python's own
            initializer: Callable[..., Any] | None = None,
            initargs: tuple[Any, ...] = (),
            *,
            max_tasks_per_child: int | None = None,  # noqa: ARG002
        ) -> None:
            workers = os.cpu_count() or 1 if max_workers is None else max_workers
            super().__init__(workers, "ForkProcess", initializer, initargs)

    return {"ProcessPoolExecutor": ProcessPoolExecutor}


def _pools(module: Any) -> dict[str, Any]:
    from concurrent.futures.thread import ThreadPoolExecutor

    class Pool(module.Pool):  # type: ignore[misc]
        """A `multiprocessing.pool.Pool` that hands its tasks to a thread pool."""

        def __init__(
            self,
            processes: int | None = None,
            initializer: Callable[..., Any] | None = None,
            initargs: Iterable[Any] = (),
            maxtasksperchild: int | None = None,  # noqa: ARG002 - as in Python's own
            context: Any = None,  # noqa: ARG002
        ) -> None:
            processes = os.cpu_count() or 1 if processes is None else processes
            if processes < 1:
                raise ValueError("Number of processes must be at least 1")
            self._state = module.RUN
            self._processes = processes
            self._pool = [None] * processes  # its length decides the size of chunks
            self._cache: dict[int, Any] = {}
            self._taskqueue = self
            self._executor = ThreadPoolExecutor(processes, "Pool", initializer, tuple(initargs))

        def put(self, work: tuple[Iterable[Any], Callable[[int], None] | None]) -> None:
            """Run some tasks: `map` and the other methods call it as their queue's ``put``."""
            tasks, set_length = work
            number = -1
            for job, number, function, args, kwargs in tasks:
                self._start(job, number, function, args, kwargs)
            if set_length is not None:
                set_length(number + 1)

        def _start(self, job: int, number: int, function: Any, args: Any, kwargs: Any) -> None:
            def finish(future: Any) -> None:
                result = self._cache.get(job)
                if result is None or future.cancelled():
                    return
                error = future.exception()
                result._set(number, (error is None, error or future.result()))

            self._executor.submit(function, *args, **kwargs).add_done_callback(finish)

        def close(self) -> None:
            """Take no more tasks."""
            if self._state == module.RUN:
                self._state = module.CLOSE

        def terminate(self) -> None:
            """Take no more tasks, and start none that has not begun."""
            self._state = module.TERMINATE
            self._executor.shutdown(wait=False, cancel_futures=True)

        def join(self) -> None:
            """Wait until all tasks are done."""
            if self._state == module.RUN:
                raise ValueError("Pool is still running")
            self._executor.shutdown(wait=True)

        def __del__(self) -> None:
            """Do nothing: there are no processes to end."""

    class ThreadPool(Pool):
        """The same; Python has it under this name, too."""

        def __init__(
            self,
            processes: int | None = None,
            initializer: Callable[..., Any] | None = None,
            initargs: Iterable[Any] = (),
        ) -> None:
            super().__init__(processes, initializer, initargs)

    return {"Pool": Pool, "ThreadPool": ThreadPool}


def _multiprocessing(module: Any) -> dict[str, Any]:
    from multiprocessing import dummy

    class Process(dummy.DummyProcess):
        """A `multiprocessing.Process` that runs in a thread."""

        _numbers = itertools.count(1)

        def __init__(
            self,
            group: None = None,
            target: Callable[..., Any] | None = None,
            name: str | None = None,
            args: Iterable[Any] = (),
            kwargs: dict[str, Any] | None = None,
            *,
            daemon: bool | None = None,
        ) -> None:
            name = name or f"Process-{next(self._numbers)}"
            super().__init__(group, target, name, tuple(args), dict(kwargs or {}))
            if daemon is not None:
                self.daemon = daemon
            self._outcome = 0
            run = self.run
            self.run = lambda: self._note(run)  # type: ignore[method-assign]

        def _note(self, run: Callable[[], None]) -> None:
            """Run, and set the exit code."""
            try:
                run()
            except SystemExit as end:
                self._outcome = end.code if isinstance(end.code, int) else int(bool(end.code))
            except BaseException:
                self._outcome = 1
                raise

        @property
        def exitcode(self) -> int | None:  # type: ignore[override]
            """The process's exit status, once it has ended."""
            return None if super().exitcode is None else self._outcome

        @property
        def pid(self) -> int | None:
            """The number of the thread that the process is."""
            return self.ident

        def terminate(self) -> None:
            """Raise an error: a thread cannot be terminated."""
            from je_kernel.errors import UnavailableError

            if self.is_alive():
                raise UnavailableError(
                    "A process cannot be stopped from outside here: it runs in the same Python as"
                    " the notebook. Let its function end by itself, say when an Event is set."
                )

        kill = terminate

        def close(self) -> None:
            """Do nothing: a thread has no resources to close."""

    class Queue(dummy.Queue[Any]):
        """A `queue.Queue` with the other methods of `multiprocessing.Queue`."""

        def close(self) -> None:
            """Do nothing: there is one process."""

        join_thread = cancel_join_thread = close

    class Value(dummy.Value):
        """A shared number, with its lock."""

        def __init__(self, typecode: Any, value: Any = 0, *, lock: bool = True) -> None:
            super().__init__(typecode, value, lock)
            self._lock = threading.RLock()

        def get_lock(self) -> Any:
            """Return the lock that protects the value."""
            return self._lock

    class Manager:
        """A manager of shared objects, which are plain objects here."""

        def __getattr__(self, name: str) -> Any:
            return names.get(name) or getattr(dummy, name)

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            """Do nothing: there is no process to end."""

    def array(typecode: Any, size_or_content: Any, *, lock: bool = True) -> Any:
        """Return a shared array."""
        code = getattr(typecode, "_type_", typecode)
        content = [0] * size_or_content if isinstance(size_or_content, int) else size_or_content
        return dummy.Array(code, content, lock)

    def pool(*args: Any, **kwargs: Any) -> Any:
        """Return a pool whose calls run in threads."""
        from multiprocessing.pool import Pool

        return Pool(*args, **kwargs)

    names = {
        name: getattr(dummy, name)
        for name in dummy.__all__
        if name not in ("Pool", "Process", "Queue", "JoinableQueue")
    }
    names |= {
        "Array": array,
        "JoinableQueue": Queue,
        "Manager": Manager,
        "Pool": pool,
        "Process": Process,
        "Queue": Queue,
        "SimpleQueue": Queue,
        "Value": Value,
        "get_context": lambda _method=None: module,
        "parent_process": lambda: None,
        "set_start_method": lambda _method, force=False: None,  # noqa: ARG005
    }
    return names


_REPLACEMENTS = {
    "concurrent.futures.process": _process_pool,
    "multiprocessing": _multiprocessing,
    "multiprocessing.pool": _pools,
}
