"""The browser that this Python runs in, and its capabilities.

Everything here also works on CPython. ``js`` and ``pyodide`` are imported
inside the functions that need them, so that importing this module costs nothing.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any, NamedTuple

__all__ = [
    "ConsoleHandler",
    "Runtime",
    "began_early",
    "can_run_sync",
    "contents_databases",
    "drive_mount",
    "in_browser",
    "memory_snapshot",
    "pause",
    "probe",
]

_DATABASE_PREFIX = "JupyterLite Storage"


def in_browser() -> bool:
    """Return whether this Python is Pyodide.

    Examples
    --------
    >>> in_browser()
    False
    """
    return sys.platform == "emscripten"


def can_run_sync() -> bool:
    """Return whether ordinary calls can wait for the browser's asynchronous ones.

    True where the browser switches WebAssembly stacks (JSPI: Chromium, Firefox)
    and this code was called in a way that lets it: from a notebook cell, it was.
    """
    if not in_browser():
        return False
    try:
        from pyodide.ffi import can_run_sync as pyodide_can
    except ImportError:  # Pyodide before 0.27
        return False
    return bool(pyodide_can())


def pause(seconds: float) -> None:
    """Wait without keeping the browser busy, where it can wait (see `can_run_sync`)."""
    if can_run_sync():
        import asyncio

        from pyodide.ffi import run_sync

        run_sync(asyncio.sleep(seconds))
    else:
        time.sleep(max(seconds, 0))


def drive_mount() -> str | None:
    """Return where JupyterLite has mounted the site's contents, if it has.

    Returns
    -------
    str or None
        ``"/drive"`` in a kernel that sees the contents; None where the kernel
        was started without them (a private window, no service worker) and on CPython.
    """
    if not in_browser():
        return None
    import pyodide_js

    # The type says it is a mount of JupyterLite's and not a folder of that name.
    try:
        node = pyodide_js.FS.lookupPath("/drive").node
    except Exception:  # a JavaScript FS.ErrnoError: no such folder
        return None
    return "/drive" if node.mount.mountpoint == "/drive" else None


def memory_snapshot() -> str:
    """Return whether this kernel was started from the site's memory snapshot, or why not.

    Examples
    --------
    >>> memory_snapshot()
    'does not apply'
    """
    if not in_browser():
        return "does not apply"
    import js

    # As the site's entry module for Pyodide says.
    return str(getattr(js, "jeKernelSnapshot", "none: another Pyodide than the site's"))


def began_early() -> bool:
    """Return whether this kernel started with its page, before JupyterLab asked for it."""
    if not in_browser():
        return False
    import js

    # As the site's entry module for Pyodide says.
    return bool(getattr(js, "jeKernelIsEarly", False))


def contents_databases() -> tuple[str, ...] | None:
    """Return the names of this origin's JupyterLite contents databases.

    Returns
    -------
    tuple of str or None
        None where they cannot be listed: on CPython, and in browsers that
        cannot wait for the answer (see `can_run_sync`).
    """
    if not can_run_sync():
        return None
    import js
    from pyodide.ffi import run_sync, to_js

    if not hasattr(js, "indexedDB") or not hasattr(js.indexedDB, "databases"):
        return None
    # A promise that is rejected while Python waits fails the cell, even if the error is
    # caught. This one is not rejected, also where storage is forbidden.
    (answer,) = run_sync(js.Promise.allSettled(to_js([js.indexedDB.databases()])))
    if str(answer.status) != "fulfilled":
        return None
    names = (str(database.name) for database in answer.value)
    return tuple(sorted(name for name in names if name.startswith(_DATABASE_PREFIX)))


class Runtime(NamedTuple):
    """What this Python runs on. None means that it does not apply or is unknown."""

    python: str
    pyodide: str | None
    browser: str | None
    worker: bool | None
    jspi: bool | None
    cross_origin_isolated: bool | None
    drive: str | None
    contents_databases: tuple[str, ...] | None


def probe() -> Runtime:
    """Return what this Python runs on.

    Returns
    -------
    Runtime
        Facts about the software, and none about the user.
    """
    python = ".".join(str(part) for part in sys.version_info[:3])
    if not in_browser():
        return Runtime(python, None, None, None, None, None, None, None)
    import js
    import pyodide

    from je_kernel.user_agent import browser_name

    return Runtime(
        python=python,
        pyodide=pyodide.__version__,
        browser=browser_name(str(js.navigator.userAgent)) if hasattr(js, "navigator") else None,
        worker=hasattr(js, "WorkerGlobalScope"),
        jspi=can_run_sync(),
        cross_origin_isolated=bool(getattr(js, "crossOriginIsolated", False)),
        drive=drive_mount(),
        contents_databases=contents_databases(),
    )


class ConsoleHandler(logging.Handler):
    """A handler that writes log records to the browser's console, never to the notebook."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record with the console function of its level."""
        try:
            self._function(record.levelno)(self.format(record))
        except Exception:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Do nothing: the default prints to stderr, which is the student's notebook."""

    @staticmethod
    def _function(level: int) -> Any:
        from js import console

        if level >= logging.ERROR:
            return console.error
        if level >= logging.WARNING:
            return console.warn
        return console.info if level >= logging.INFO else console.debug
