"""Plain `open` on the drive that JupyterLite mounts: fast, and without lost bytes.

What reads and writes there (``open``, pandas, matplotlib …) is not touched: the
mounted filesystem's own operations are, in ``files/handles.js``, which says what
they do otherwise.
"""

from __future__ import annotations

from typing import Any

from je_kernel import javascript

__all__ = ["install", "installed", "keep_new", "mounted_drive", "settle", "uninstall"]

_handles: Any = None


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
    global _handles
    if _handles is None:
        drive = mounted_drive()
        if drive is None:
            return False
        _handles = javascript.handles().install(drive)
    return True


def uninstall() -> None:
    """Save what is open, and give the drive its own operations back."""
    global _handles
    if _handles is not None:
        handles, _handles = _handles, None
        handles.uninstall()


def installed() -> bool:
    """Return whether our operations are on the drive."""
    return _handles is not None


def keep_new() -> None:
    """Let the page have the files that were just made, so that it lists them."""
    if _handles is not None:
        _handles.keepNew()


def settle() -> None:
    """Let the page have what was written to files that are still open."""
    if _handles is not None:
        _handles.keepQuietly()
