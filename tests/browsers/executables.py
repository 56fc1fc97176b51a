"""Where the browsers and their drivers are on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.browsers.page import BrowserMissingError

__all__ = ["find", "find_file"]


def find(*names: str) -> str:
    """Return the path of the first of these programs that is installed.

    Raises
    ------
    BrowserMissingError
        If none is.
    """
    for name in names:
        if path := shutil.which(name):
            return path
    raise _missing(" or ".join(names))


def find_file(*patterns: str) -> str:
    """Return the first file below ``/usr`` that matches one of these patterns.

    Raises
    ------
    BrowserMissingError
        If none does.
    """
    for pattern in patterns:
        if found := sorted(Path("/usr").glob(pattern)):
            return str(found[-1])
    raise _missing(" or ".join(patterns))


def _missing(what: str) -> BrowserMissingError:
    return BrowserMissingError(
        f"{what} is not installed. `bash tools/provision` installs every browser the tests need."
    )
