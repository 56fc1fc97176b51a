"""Validate notebooks against nbformat's JSON schema, within limits."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import fastjsonschema
import msgspec

from je_sharing.json_depth import nests_within

_MAJOR = 4
_NEWEST_MINOR = 5


class NotANotebookError(ValueError):
    """The content is not a valid notebook; the message says why."""


@dataclass(frozen=True)
class Bounds:
    """Limits of a notebook other than bytes.

    Parameters
    ----------
    max_depth
        Deepest nesting of the JSON.
    max_cells, max_outputs
        Most cells, and most outputs of all cells together.
    """

    max_depth: int = 200
    max_cells: int = 10_000
    max_outputs: int = 20_000


def check_notebook(content: bytes, bounds: Bounds) -> None:
    """Check that a content is a notebook in nbformat 4.0 to 4.5.

    Parameters
    ----------
    content
        The notebook's JSON, in UTF-8.
    bounds
        What it may hold at most.

    Raises
    ------
    NotANotebookError
        With what is wrong, and in which cell.

    Examples
    --------
    >>> check_notebook(b'{"nbformat": 4}', Bounds())  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    je_sharing.validation.NotANotebookError: The notebook does not say its version: ...
    """
    notebook = _parse_notebook(content)
    if not isinstance(notebook, dict):
        raise NotANotebookError("A notebook is a JSON object, and this is something else.")
    if not nests_within(notebook, bounds.max_depth):
        raise NotANotebookError(f"The JSON is nested deeper than {bounds.max_depth} levels.")
    minor = _minor_version(notebook)
    _check_counts(notebook, bounds)
    try:
        _schema(minor)(notebook)
    except fastjsonschema.JsonSchemaValueException as error:
        raise NotANotebookError(_explain(notebook, minor, error)) from error


def _parse_notebook(content: bytes) -> Any:
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        # Either msgspec is too strict (lone surrogates, 1e400), or there is an error to explain.
        return parse_json(content)


def parse_json(content: bytes) -> Any:
    """Read JSON as strictly as the format asks.

    Raises
    ------
    NotANotebookError
        When it is not JSON in UTF-8, or is nested too deeply to be read at all.
    """
    try:
        return json.loads(content.decode("utf-8"), parse_constant=_refuse_constant)
    except RecursionError as error:
        raise NotANotebookError("The JSON is nested too deeply.") from error
    except UnicodeDecodeError as error:
        raise NotANotebookError("The content is not text in UTF-8.") from error
    except ValueError as error:
        raise NotANotebookError(f"The content is not JSON: {error}.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON value")


def _minor_version(notebook: dict[str, Any]) -> int:
    major, minor = notebook.get("nbformat"), notebook.get("nbformat_minor")
    if type(major) is not int or type(minor) is not int:
        raise NotANotebookError("The notebook does not say its version: nbformat, nbformat_minor.")
    if major != _MAJOR or not 0 <= minor <= _NEWEST_MINOR:
        version = f"{major}.{minor}" if major == _MAJOR else str(major)
        raise NotANotebookError(
            f"This is nbformat {version}; nbformat 4.0 to 4.{_NEWEST_MINOR} is needed. "
            "Open it in Jupyter and save it again."
        )
    return minor


def _check_counts(notebook: dict[str, Any], bounds: Bounds) -> None:
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        raise NotANotebookError("The notebook has no list of cells.")
    if len(cells) > bounds.max_cells:
        raise NotANotebookError(
            f"The notebook has {len(cells):,} cells; {bounds.max_cells:,} may be."
        )
    outputs = sum(
        len(cell["outputs"])
        for cell in cells
        if isinstance(cell, dict) and isinstance(cell.get("outputs"), list)
    )
    if outputs > bounds.max_outputs:
        raise NotANotebookError(
            f"The cells have {outputs:,} outputs; {bounds.max_outputs:,} may be."
        )


@functools.cache
def _schema(minor: int) -> Callable[[Any], Any]:
    # Not imported: nbformat builds parsers at import, which takes seconds.
    package = find_spec("nbformat")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("nbformat is not installed")
    folder = Path(package.origin).parent / "v4"
    text = (folder / f"nbformat.v4.{minor}.schema.json").read_text(encoding="utf-8")
    schema = json.loads(text, object_hook=_first_match)
    validate: Callable[[Any], Any] = fastjsonschema.compile(schema, detailed_exceptions=False)
    return validate


def _first_match(schema: dict[str, Any]) -> dict[str, Any]:
    """Replace `oneOf` by `anyOf`, which stops at the first match.

    No value matches two of the schema's alternatives: they differ in their `cell_type`, their
    `output_type`, or their JSON type.
    """
    if "oneOf" in schema:
        schema["anyOf"] = schema.pop("oneOf")
    return schema


def _explain(
    notebook: dict[str, Any], minor: int, error: fastjsonschema.JsonSchemaValueException
) -> str:
    """Name the first invalid cell, which the schema's "must be valid by oneOf" does not."""
    rest = {key: value for key, value in notebook.items() if key != "cells"}
    for number, cell in enumerate(notebook["cells"], start=1):
        try:
            _schema(minor)({**rest, "cells": [cell]})
        except fastjsonschema.JsonSchemaValueException as found:
            if found.message.startswith("data.cells[0]"):
                return f"Cell {number} is not valid in nbformat 4.{minor}{_cell_fault(cell, minor)}"
            break
    return f"The notebook is not valid in nbformat 4.{minor}: {_short(error.message)}"


def _cell_fault(cell: Any, minor: int) -> str:
    if not isinstance(cell, dict):
        return ": it is not an object."
    kind = cell.get("cell_type")
    if kind not in ("code", "markdown", "raw"):
        return ": its cell_type is not code, markdown or raw."
    needed = ["metadata", "source"]
    if kind == "code":
        needed += ["outputs", "execution_count"]
    if minor >= 5:
        needed.append("id")
    missing = [name for name in needed if name not in cell]
    if missing:
        return f": it has no {missing[0]}."
    extra = sorted(set(cell) - {*needed, "cell_type", "attachments"})
    if extra:
        return f": it has the unknown field {_short(extra[0])!r}."
    return f" ({kind})."


def _short(text: str, limit: int = 160) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
