"""Load the JavaScript and CSS of this package; each file is beside the Python that uses it.

A file that runs in the kernel's worker is a module whose only statement is its default export,
and which imports nothing; `evaluate` returns that export. A file for a page is a classic script
or a style sheet; its Python puts the `source` into the markup that it writes.
"""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

__all__ = [
    "bytes_of",
    "codec",
    "contents",
    "drive",
    "drivefs",
    "evaluate",
    "interrupts",
    "remember_sources",
    "source",
]

# Not by importlib.resources, which would import the package: a start-up step needs these.
_FOLDER = Path(__file__).parent
_EXPORT = "export default "


@cache
def codec() -> Any:
    """Return the functions of ``codec.js``."""
    return evaluate("files/codec.js")


@cache
def contents() -> Any:
    """Return the functions of ``contents.js``."""
    return evaluate("files/contents.js")(codec(), evaluate("files/retry_when_full.js"))


@cache
def drive() -> Any:
    """Return the functions of ``drive.js``."""
    return evaluate("files/drive.js")(codec())


@cache
def drivefs() -> Any:
    """Return the functions of ``drivefs.js``."""
    return evaluate("files/drivefs.js")(codec())


@cache
def interrupts() -> Any:
    """Return the function of ``interrupts.js``."""
    return evaluate("interrupts.js")


def evaluate(file: str) -> Any:
    """Return the default export of a module.

    Parameters
    ----------
    file
        Its path in this package, with slashes.
    """
    from pyodide.code import run_js

    return run_js(source(file).replace(_EXPORT, "", 1))


@cache
def source(file: str) -> str:
    """Return the text of a script or style sheet.

    Parameters
    ----------
    file
        Its path in this package, with slashes.
    """
    return (_FOLDER / file).read_text("utf-8")


def remember_sources() -> None:
    """Read the modules that the start of every kernel runs."""
    for file in ("files/codec.js", "files/drive.js", "files/drivefs.js", "interrupts.js"):
        source(file)


def bytes_of(content: Any) -> bytes:
    """Copy a ``Content`` of ``codec.js`` into Python, once.

    JavaScript decodes straight into the memory of a `BytesIO`, which then
    hands that memory out as its value: no second copy is made.
    """
    size = int(content.length)
    if size <= 0:
        return b""
    target = io.BytesIO()
    target.seek(size - 1)
    target.write(b"\0")
    with target.getbuffer() as view:
        content.fill(view)
    return target.getvalue()
