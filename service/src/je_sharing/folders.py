"""Folders that are still there after a power cut, and nobody else's business."""

import os
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Make a folder and those it is in, if missing, and wait until the disk has them.

    Only this user can look into it: the database holds the keys that sign tokens.

    Parameters
    ----------
    folder
        Its path.

    Notes
    -----
    A file may be flushed as often as it likes: when the entry of a folder above it was not, a
    power cut takes the file with it.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     make_folder(Path(name) / "school" / "notebooks")
    ...     [path.name for path in Path(name).rglob("*")]
    ['school', 'notebooks']
    """
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path in missing:
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Wait until the disk has a folder's entries.

    Parameters
    ----------
    folder
        Its path.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
