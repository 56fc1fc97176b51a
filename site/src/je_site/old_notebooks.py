"""Upgrades the notebooks of a site to the format that JupyterLab reads.

A Jupyter server upgrades a notebook when it opens it. JupyterLite has no server, and shows a
notebook of format 3 or older as an empty one.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import nbformat

from je_site.cache import atomic_write

if TYPE_CHECKING:
    from pathlib import Path

    from je_site.progress import Reporter

__all__ = ["upgrade_notebooks"]

_FORMAT = 4

# What nbformat raises, besides its own errors, for documents that are not notebooks.
_UNREADABLE = (ValueError, AttributeError, KeyError, TypeError, RecursionError)


def upgrade_notebooks(output: Path, reporter: Reporter) -> None:
    """Rewrite the notebooks of a site whose format is older than 4.

    Parameters
    ----------
    output
        Root of a site that JupyterLite has built; the files it was built of are not touched.
    reporter
        Where to warn of notebooks that cannot be read.
    """
    for path in sorted((output / "files").rglob("*.ipynb")):
        name = path.relative_to(output / "files").as_posix()
        try:
            text = path.read_text(encoding="utf-8")
            if not _is_old(text):
                continue
            upgraded = nbformat.reads(text, as_version=_FORMAT)  # type: ignore[no-untyped-call]
        except (*_UNREADABLE, nbformat.ValidationError) as error:
            reporter.warn(f"{name} is not a notebook that can be read ({type(error).__name__}).")
            continue
        with atomic_write(path) as file:
            file.write(nbformat.writes(upgraded).encode())  # type: ignore[no-untyped-call]


def _is_old(text: str) -> bool:
    document = json.loads(text)
    version = document.get("nbformat", 1)
    return isinstance(version, int) and version < _FORMAT
