"""Make the Stop button raise `KeyboardInterrupt` in the running cell.

A cell is in one of three states. It computes: then Python checks the interrupt buffer now and
then (see ``interrupts.js``). It waits on a stack of its own, in ``time.sleep`` or for the
network, where the browser switches stacks (JSPI): then the wait is cancelled. Or it awaits:
then its task is cancelled, as in Jupyter on a laptop.
"""

from __future__ import annotations

import asyncio
import builtins
import signal
import sys
import threading
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from je_kernel import javascript, runtime
from je_kernel.compatibility import awaited_by, last_traceback
from je_kernel.net.patches import Patches
from je_kernel.stand_ins import threads

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from types import CodeType, FrameType, TracebackType

    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["install", "uninstall"]

_SLICE_SECONDS = 0.1
_MONITORING: Any = getattr(sys, "monitoring", None)  # Python 3.11 has none
_TOOL = 4  # one of the two tool ids of `sys.monitoring` that are free


class _Interrupts:
    """The running cell and its waits, and the functions that interrupt them."""

    def __init__(self, shell: InteractiveShell) -> None:
        import pyodide_js
        from pyodide.ffi import create_proxy, run_sync

        self._shell = shell
        self._kernel = shell.kernel  # type: ignore[attr-defined]
        self._run_stock: Callable[[str], Any] = self._kernel.run
        self._run_code: Callable[..., Any] = shell.run_code
        self._run_sync: Callable[[Any], Any] = run_sync
        self._sleep = time.sleep
        self._heard = create_proxy(self.interrupt_waiting)
        self._page = javascript.interrupts()(pyodide_js, self._heard)
        self._cell: asyncio.Task[Any] | None = None
        self._waits: list[asyncio.Future[Any]] = []
        self._told: asyncio.Future[Any] | None = None
        self._stopped = False
        self.patches = Patches()

    @property
    def is_heard(self) -> bool:
        """Whether a page reports its Stop button."""
        return bool(self._page.isHeard)

    def install(self) -> None:
        import pyodide.ffi
        import pyodide.webloop

        patches = self.patches
        patches.set(self._kernel, "run", self.run)
        patches.set(self._shell, "run_code", self.run_code)
        patches.set(pyodide.ffi, "run_sync", self.run_sync)
        patches.set(pyodide.webloop, "run_sync", self.run_sync)
        patches.set(time, "sleep", self.sleep)
        for name in ("custom_exceptions", "CustomTB"):
            patches.when_undone(partial(setattr, self._shell, name, getattr(self._shell, name)))
        self._shell.set_custom_exc(  # type: ignore[no-untyped-call]
            (asyncio.CancelledError,), self.show_cancelled
        )
        if _MONITORING.get_tool(_TOOL) is None:
            _MONITORING.use_tool_id(_TOOL, __name__)
            _MONITORING.register_callback(_TOOL, _MONITORING.events.LINE, self.begin_line)
            patches.when_undone(partial(_MONITORING.free_tool_id, _TOOL))
        handler = signal.signal(signal.SIGINT, self.raise_interrupt)
        patches.when_undone(partial(signal.signal, signal.SIGINT, handler))

    def uninstall(self) -> None:
        self.patches.undo()
        self._page.close()
        self._heard.destroy()

    async def run(self, code: str) -> Any:
        """Run a cell that can be interrupted."""
        header = (self._kernel.get_parent() or {}).get("header", {})
        self._cell, self._stopped = asyncio.current_task(), False
        if getattr(builtins.input, "__func__", None) is not _Interrupts.input:
            self._input = builtins.input
            builtins.input = self.input
        try:
            self._page.begin(header.get("session"), header.get("msg_id"))
            return await self._run_stock(code)
        except (asyncio.CancelledError, KeyboardInterrupt) as error:
            # Before the first line, while packages are fetched, or after the last.
            if not self._stopped and isinstance(error, asyncio.CancelledError):
                raise
            self.show_cancelled(self._shell, type(error), error, error.__traceback__)
            return {"status": "error", "payload": [], **last_traceback(self._shell)}
        finally:
            self._page.end()
            self._cell = self._told = None

    def run_code(self, code: CodeType, *arguments: Any, **options: Any) -> Any:
        """Run a statement of a cell; Python checks the buffer as each line of it begins."""
        self._page.lookSoon()
        if _MONITORING.get_tool(_TOOL) == __name__:
            _watch(code)
        return self._run_code(code, *arguments, **options)

    def begin_line(self, _code: CodeType, _line: int) -> object:
        """Check the buffer soon: this line may take much longer than those before it."""
        self._page.lookSoon()
        return _MONITORING.DISABLE  # once is enough

    def interrupt_waiting(self) -> bool:
        """Cancel what the cell waits for; return whether it waits."""
        cell = self._cell
        wait = self._waits[-1] if self._waits else awaited_by(cell)
        # A wait that was cancelled before and is still there cannot run: other code blocks it.
        if wait is None or wait is self._told:
            return False
        self._told, self._stopped = wait, True
        return bool((wait if self._waits or cell is None else cell).cancel())

    def run_sync(self, awaitable: Awaitable[Any]) -> Any:
        """Wait as ``pyodide.ffi.run_sync`` does, or until Stop is pressed."""
        if not self._is_main() or not runtime.can_run_sync():
            return self._run_sync(awaitable)
        wait = asyncio.ensure_future(awaitable)
        self._waits.append(wait)
        try:
            return self._run_sync(wait)
        except asyncio.CancelledError:
            if not self._stopped:
                raise
            self._stopped = False
        finally:
            self._waits.remove(wait)
        raise _interrupt()

    def sleep(self, seconds: float) -> None:
        """Sleep, as ``time.sleep`` does, or until Stop is pressed."""
        if self._cell is None or runtime.can_run_sync():
            self._sleep(seconds)
            return
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > _SLICE_SECONDS:
            self._sleep(_SLICE_SECONDS)
            self.check()
        self._sleep(max(left, 0.0) if seconds >= 0 else seconds)

    def input(self, *arguments: Any) -> str:
        """Call ``input``, and raise if Stop was pressed meanwhile."""
        answer: str = self._input(*arguments)
        self.check()
        return answer

    def check(self) -> None:
        """Raise if Stop was pressed."""
        if self._page.isAsked():
            self.raise_interrupt()

    def raise_interrupt(self, _signal: int = 0, _frame: FrameType | None = None) -> None:
        """Handle SIGINT, which Python raises for the interrupt buffer."""
        # A thread or a callback may be running: Stop means the cell.
        threads.interrupt_starter()
        if not self.interrupt_waiting() or not self._is_main():
            raise _interrupt()

    def show_cancelled(
        self,
        shell: InteractiveShell,
        kind: type[BaseException],
        error: BaseException,
        tb: TracebackType | None,
        tb_offset: int | None = None,
    ) -> None:
        """Show the cancellation of an ``await`` by Stop as a `KeyboardInterrupt`."""
        if self._stopped:
            interrupt = _interrupt().with_traceback(tb)
            kind, error, self._stopped = KeyboardInterrupt, interrupt, False
        shell.showtraceback((kind, error, tb), tb_offset=tb_offset)

    def _is_main(self) -> bool:
        return threading.get_ident() == threading.main_thread().ident


def _watch(code: CodeType) -> None:
    """Monitor the lines of some code, and of the functions in it."""
    _MONITORING.set_local_events(_TOOL, code, _MONITORING.events.LINE)
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            _watch(constant)


def _interrupt() -> KeyboardInterrupt:
    """Return a `KeyboardInterrupt` that is shown with the student's own frames only."""
    from je_kernel.tracebacks import render

    error = KeyboardInterrupt()
    error._render_traceback_ = lambda: render(error)  # type: ignore[attr-defined]
    return error


_installed: _Interrupts | None = None


def install(shell: InteractiveShell) -> bool:
    """Make the Stop button work; return whether a page reports it.

    Parameters
    ----------
    shell
        The shell of JupyterLite's Pyodide kernel.
    """
    global _installed
    _installed = _Interrupts(shell)
    if not _installed.is_heard:
        uninstall()
        return False
    _installed.install()
    return True


def uninstall() -> None:
    """Undo `install`."""
    global _installed
    if _installed is not None:
        _installed.uninstall()
    _installed = None
