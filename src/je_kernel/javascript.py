"""Our JavaScript, loaded into the kernel's worker when first used."""

from __future__ import annotations

import io
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["bytes_of", "codec", "contents", "drive", "drivefs", "interrupts", "remember_sources"]

# Not by importlib.resources, which would import the package: a start-up step needs these.
_FOLDER = Path(__file__).parent


@cache
def codec() -> Any:
    """Return the functions of ``codec.js``."""
    return _expression("files/codec.js")


@cache
def contents() -> Any:
    """Return the functions of ``contents.js``."""
    return _expression("files/contents.js")(codec())


@cache
def drive() -> Any:
    """Return the functions of ``drive.js``."""
    return _expression("files/drive.js")(codec())


@cache
def drivefs() -> Any:
    """Return the functions of ``drivefs.js``."""
    return _expression("files/drivefs.js")(codec())


@cache
def interrupts() -> Any:
    """Return the function of ``interrupts.js``."""
    return _expression("interrupts.js")


def _expression(file: str) -> Any:
    from pyodide.code import run_js

    return run_js(_source(file))


@cache
def _source(file: str) -> str:
    return (_FOLDER / file).read_text("utf-8")


def remember_sources() -> None:
    """Read now what each kernel's start runs."""
    for file in ("files/codec.js", "files/drive.js", "files/drivefs.js", "interrupts.js"):
        _source(file)


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
