"""A stand-in for the Python module wget, which downloads through the browser."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from je_kernel.stand_ins.downloads import save

__version__ = "3.2"


def download(url: str, out: str | None = None, bar: Any = None) -> str:  # noqa: ARG001
    """Download a file.

    Parameters
    ----------
    url
        Its address.
    out
        Its name, or the folder to put it in.
    bar
        Without meaning: je-kernel shows the progress of slow downloads.

    Returns
    -------
    str
        The file's name.
    """
    return save(url, out)


def filename_from_url(url: str) -> str | None:
    """Return the last part of an address."""
    return PurePosixPath(unquote(urlsplit(url).path)).name or None


bar_adaptive = bar_thermometer = None
