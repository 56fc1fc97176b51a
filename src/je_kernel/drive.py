"""Plain `open` on the drive that JupyterLite mounts: fast, and without lost bytes.

What reads and writes there (``open``, pandas, matplotlib …) is not touched: the
mounted filesystem's own operations are, in ``files/drivefs.js``, which says what
they do otherwise.
"""

from __future__ import annotations

from typing import Any

from je_kernel import javascript

__all__ = ["install", "installed", "keep_new", "mounted_drive", "settle", "uninstall"]

_operations: Any = None


def mounted_drive() -> Any:
    """Return the mounted drive's ``Drive`` of ``drive.js``, or None if there is none we know."""
    import pyodide_js

    drive = javascript.drive().drive(pyodide_js.FS)
    return drive if drive.known else None


def install() -> bool:
    """Put our operations on the mounted drive. Doing it twice does no harm.

    Returns
    -------
    bool
        Whether there is a drive that we know.
    """
    global _operations
    if _operations is None:
        drive = mounted_drive()
        if drive is None:
            return False
        _operations = javascript.drivefs().install(drive)
    return True


def uninstall() -> None:
    """Save what is open, and give the drive its own operations back."""
    global _operations
    if _operations is not None:
        operations, _operations = _operations, None
        operations.uninstall()


def installed() -> bool:
    """Return whether our operations are on the drive."""
    return _operations is not None


def keep_new() -> None:
    """Let the page have the files that were just made, so that it lists them."""
    if _operations is not None:
        _operations.keepNew()


def settle() -> None:
    """Let the page have what was written to files that are still open."""
    if _operations is not None:
        _operations.keepQuietly()
