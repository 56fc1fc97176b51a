"""Replace the file operations of the mounted drive, which are slow and lose bytes.

`open`, pandas and matplotlib then read and write faster, without changes to them. The
operations are in ``files/drivefs.js``.
"""

from __future__ import annotations

from typing import Any

from je_kernel import javascript

__all__ = ["install", "installed", "mounted_drive", "save_new", "save_open", "uninstall"]

_operations: Any = None


def mounted_drive() -> Any:
    """Return the mounted drive as a ``Drive`` of ``drive.js``, or None if there is no known one."""
    import pyodide_js

    drive = javascript.drive().drive(pyodide_js.FS)
    return drive if drive.known else None


def install() -> bool:
    """Install our operations on the mounted drive, if they are not installed.

    Returns
    -------
    bool
        Whether there is a known drive.
    """
    global _operations
    if _operations is None:
        drive = mounted_drive()
        if drive is None:
            return False
        _operations = javascript.drivefs().install(drive)
    return True


def uninstall() -> None:
    """Save the open files, and restore the drive's own operations."""
    global _operations
    if _operations is not None:
        operations, _operations = _operations, None
        operations.uninstall()


def installed() -> bool:
    """Return whether our operations are installed."""
    return _operations is not None


def save_new() -> None:
    """Save new files that are still open, so that the page lists them."""
    if _operations is not None:
        _operations.saveNew()


def save_open() -> None:
    """Save changed files that are still open."""
    if _operations is not None:
        _operations.saveQuietly()
