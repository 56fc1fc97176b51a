"""What is known of a file without reading it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

__all__ = ["EPOCH", "Entry", "Usage", "iso", "moment"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The time of a file whose time is not known, as JupyterLite has it."""


@dataclass(frozen=True)
class Entry:
    """One file or folder of a store.

    Parameters
    ----------
    path
        Where it is, from the root of the site's files.
    folder
        Whether it is a folder.
    size
        Size in bytes; 0 for a folder.
    modified
        When it was last changed.
    created
        When it was made.
    mimetype
        What kind of file it is, in the words of the web.
    shipped
        Whether it came with the site and was not changed since.
    version
        Differs whenever the file was changed: compared, never read.
    """

    path: str
    folder: bool
    size: int
    modified: datetime
    created: datetime
    mimetype: str
    shipped: bool = False
    version: str = ""


@dataclass(frozen=True)
class Usage:
    """How full the storage is.

    Parameters
    ----------
    used
        Bytes in use. In a browser this counts everything that the site keeps.
    available
        Bytes that can still be used, or None where nobody knows.
    largest
        The largest files and their sizes in bytes, the largest first.
    """

    used: int
    available: int | None
    largest: tuple[tuple[str, int], ...] = ()


def moment(text: str | None) -> datetime:
    """Read a time as JupyterLite writes it.

    Examples
    --------
    >>> moment("2026-01-31T10:00:00.123Z")
    datetime.datetime(2026, 1, 31, 10, 0, 0, 123000, tzinfo=datetime.timezone.utc)
    >>> moment("rubbish") == moment(None) == EPOCH
    True
    """
    try:
        time = datetime.fromisoformat(text or "")
    except ValueError:
        return EPOCH
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def iso(time: datetime) -> str:
    """Write a time as JupyterLite does: UTC, milliseconds, and a Z.

    Examples
    --------
    >>> iso(EPOCH)
    '1970-01-01T00:00:00.000Z'
    """
    return time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
