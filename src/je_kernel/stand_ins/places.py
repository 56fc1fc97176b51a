"""The folders of Colab and Kaggle: other names for the notebook's own folder."""

from __future__ import annotations

import os
from contextlib import suppress

__all__ = ["leave", "open_up"]

_NAMES = ("/content", "/kaggle/input", "/kaggle/working")


def open_up() -> None:
    """Let ``/content/data.csv`` and ``/kaggle/input/data.csv`` be files beside the notebook."""
    here = os.getcwd()  # noqa: PTH109 - at kernel start: pathlib is not needed otherwise
    for name in _NAMES:
        with suppress(OSError):  # it is there
            os.makedirs(os.path.dirname(name), exist_ok=True)  # noqa: PTH103, PTH120
            os.symlink(here, name)  # noqa: PTH211


def leave() -> None:
    """Take the names away again."""
    for name in _NAMES:
        if os.path.islink(name):  # noqa: PTH114
            os.unlink(name)  # noqa: PTH108
