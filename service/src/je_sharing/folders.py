"""Create folders durably, with access for this user only."""

import os
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Create a folder and its parents, if missing, and flush them to the disk.

    Only this user can read it: the database contains the keys that sign tokens.

    Parameters
    ----------
    folder
        Its path.

    Notes
    -----
    A power cut loses even a flushed file if the entry of a folder above it was not flushed.

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
    """Flush a folder's entries to the disk.

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
