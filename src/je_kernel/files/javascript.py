"""The store's JavaScript, loaded into the kernel's worker when first used."""

from __future__ import annotations

import io
from functools import cache
from importlib import resources
from typing import Any

__all__ = ["bytes_of", "codec", "contents", "drive"]


@cache
def codec() -> Any:
    """Return the functions of ``codec.js``."""
    return _expression("codec.js")


@cache
def contents() -> Any:
    """Return the functions of ``contents.js``."""
    return _expression("contents.js")(codec())


@cache
def drive() -> Any:
    """Return the functions of ``drive.js``."""
    return _expression("drive.js")(codec())


def _expression(file: str) -> Any:
    from pyodide.code import run_js

    return run_js(resources.files(__package__).joinpath(file).read_text("utf-8"))


def bytes_of(content: Any) -> bytes:
    """Copy a ``Content`` of ``codec.js`` into Python, once.

    JavaScript decodes straight into the memory of a `BytesIO`, which then
    hands that memory out as its value: no second copy is made.
    """
    size = int(content.length)
    if size <= 0:
        return b""
    target = io.BytesIO(bytes(size))
    with target.getbuffer() as view:
        content.fill(view)
    return target.getvalue()
