"""Prepare the notebook for a share: remove private metadata, validate it, check its size."""

from __future__ import annotations

import copy
import hashlib
import importlib.util
import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from je_kernel.sharing.errors import InvalidNotebookError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LIMIT_BYTES", "Snapshot", "check", "cleaned", "encoded", "take", "too_large"]

LIMIT_BYTES = 10 * 1024 * 1024
"""The size limit of a service, in bytes of UTF-8 JSON."""

# The fields of the format; a notebook with others is not valid.
_NOTEBOOK_PARTS = frozenset({"cells", "metadata", "nbformat", "nbformat_minor"})
_CELL_PARTS = frozenset({"cell_type", "id", "metadata", "source"})
_CODE_PARTS = _CELL_PARTS | {"execution_count", "outputs"}
_TEXT_PARTS = _CELL_PARTS | {"attachments"}
_MINOR_WITH_IDS = 5

_NOTEBOOK_KEYS = frozenset({"kernelspec", "language_info", "title"})
_KERNELSPEC_KEYS = frozenset({"name", "display_name", "language"})
_CELL_KEYS = frozenset(
    {"collapsed", "deletable", "editable", "format", "jupyter", "name", "scrolled", "slideshow"}
    | {"tags"}
)
_OUTPUT_KEYS = frozenset({"height", "isolated", "needs_background", "width"})
_WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
_OWN_OUTPUT = re.compile(r'\s*<(?:section class="je-share|script data-je-save)')
_WIDGET_WORDS = "(A widget. Run the notebook to use it.)"

_CELL_TYPES = frozenset({"code", "markdown", "raw"})
_OUTPUT_TYPES = frozenset({"display_data", "error", "execute_result", "stream"})
_NEWEST_MINOR = 5
_WORTH_NAMING = 0.1  # a share of the limit; larger cells are named
_MOST_NAMED = 5
_MEGABYTE_ABOUT = 100_000  # bytes; smaller sizes are in KB


@dataclass(frozen=True)
class Snapshot:
    """A notebook ready to be sent.

    Parameters
    ----------
    path
        The notebook's path, from the top folder of the site's files.
    content
        The content, as JSON objects.
    data
        The content, as bytes.
    title
        The title.
    """

    path: str
    content: dict[str, Any] = field(repr=False)
    data: bytes = field(repr=False)
    title: str = ""

    @property
    def fingerprint(self) -> str:
        """The hash of the content."""
        return hashlib.sha256(self.data).hexdigest()

    @property
    def cell_ids(self) -> tuple[str, ...]:
        """The ids of the cells that have one."""
        return tuple(c["id"] for c in self.content["cells"] if isinstance(c.get("id"), str))


def take(
    path: str,
    notebook: Mapping[str, Any],
    *,
    running: str | None = None,
    title: str | None = None,
    clear_outputs: bool = False,
    keep_metadata: bool = False,
) -> Snapshot:
    """Make a snapshot of a notebook, which stays unchanged.

    Parameters
    ----------
    path
        The notebook's path.
    notebook
        The notebook.
    running
        The id of the running cell. Its output is left out: it is the card of an
        earlier share, or incomplete.
    title
        The title; by default the notebook's own, if it has one.
    clear_outputs
        Whether to leave out the outputs.
    keep_metadata
        Whether to keep all metadata.
    """
    content = copy.deepcopy(dict(notebook)) if keep_metadata else cleaned(notebook)
    metadata = content.setdefault("metadata", {})
    if title is not None and isinstance(metadata, dict):
        metadata["title"] = title
    for own, cell in zip(notebook["cells"], content["cells"], strict=True):
        if "outputs" in cell and (clear_outputs or _is_running(own, running)):
            cell["outputs"] = []
            cell["execution_count"] = None
    return Snapshot(path, content, encoded(content), title or _own_title(metadata))


def _is_running(cell: Mapping[str, Any], running: str | None) -> bool:
    """Return whether a cell is running: by its id or, without ids, by the script of autosave."""
    if running and cell.get("id") == running:
        return True
    outputs = cell.get("outputs")
    bundles = (out.get("data") for out in outputs or () if isinstance(out, dict))
    return any(
        _markup_of(data).lstrip().startswith("<script data-je-save")
        for data in bundles
        if isinstance(data, dict)
    )


def encoded(content: Any) -> bytes:
    """Return compact JSON in UTF-8.

    Raises
    ------
    InvalidNotebookError
        If the content has a value that JSON does not have, such as NaN.
    """
    try:
        text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (ValueError, TypeError, RecursionError) as error:
        raise InvalidNotebookError(
            f"This notebook cannot be shared: it holds what no notebook may hold ({error}). "
            "Save it in JupyterLab once more."
        ) from None
    # UTF-8 has no lone surrogates, such as half an emoji.
    return text.encode("utf-8", "replace")


def _own_title(metadata: Any) -> str:
    title = metadata.get("title") if isinstance(metadata, dict) else None
    return title if isinstance(title, str) else ""


# Cleaning ------------------------------------------------------------------


def cleaned(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Return a copy of a notebook without metadata that identifies its author.

    An allow-list keeps what a reader needs to see and run it. Widget state,
    authors, times of execution, paths of kernels, metadata of programs and fields
    that are not part of the format are left out.

    Parameters
    ----------
    notebook
        The notebook.

    Examples
    --------
    >>> cleaned({"cells": [], "metadata": {"authors": [{"name": "Mia"}], "title": "Rain"}})
    {'cells': [], 'metadata': {'title': 'Rain'}}
    """
    content = _only(copy.deepcopy(dict(notebook)), _NOTEBOOK_PARTS)
    metadata = content.get("metadata")
    if isinstance(metadata, dict):
        content["metadata"] = _only(metadata, _NOTEBOOK_KEYS)
        _clean_kernelspec(content["metadata"])
    minor = content.get("nbformat_minor")
    has_ids = not isinstance(minor, int) or minor >= _MINOR_WITH_IDS
    content["cells"] = [_clean_cell(cell, has_ids=has_ids) for cell in content["cells"]]
    return content


def _clean_cell(cell: dict[str, Any], *, has_ids: bool) -> dict[str, Any]:
    parts = _CODE_PARTS if cell.get("cell_type") == "code" else _TEXT_PARTS
    cell = _only(cell, parts if has_ids else parts - {"id"})
    if isinstance(cell.get("metadata"), dict):
        cell["metadata"] = _only(cell["metadata"], _CELL_KEYS)
    if isinstance(cell.get("outputs"), list):
        cell["outputs"] = [one for out in cell["outputs"] if (one := _clean_output(out))]
    return cell


def _only(parts: dict[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {key: value for key, value in parts.items() if key in keys}


def _clean_kernelspec(metadata: dict[str, Any]) -> None:
    spec = metadata.get("kernelspec")
    if not isinstance(spec, dict):
        return
    spec = metadata["kernelspec"] = _only(spec, _KERNELSPEC_KEYS)
    # The name of an environment may be a path in the author's home folder.
    for key in ("name", "display_name"):
        value = spec.get(key)
        if isinstance(value, str) and ("/" in value or "\\" in value):
            spec[key] = "python3" if key == "name" else "Python 3"


def _clean_output(output: Any) -> Any:
    if not isinstance(output, dict):
        return output
    metadata, data = output.get("metadata"), output.get("data")
    if isinstance(metadata, dict):
        output["metadata"] = {
            key: value for key, value in metadata.items() if key in _OUTPUT_KEYS or "/" in key
        }
    if not isinstance(data, dict):
        return output
    if "text/html" in data and _is_own(data):
        return None
    if data.pop(_WIDGET_VIEW, None) is not None and not data:
        data["text/plain"] = _WIDGET_WORDS
    return output


def _is_own(data: Mapping[str, Any]) -> bool:
    """Return whether an output is the card of an earlier share, or was the script of autosave."""
    return not any(data.values()) or _OWN_OUTPUT.match(_markup_of(data)) is not None


def _markup_of(data: Mapping[str, Any]) -> str:
    markup = data.get("text/html")
    if isinstance(markup, list):
        return "".join(line for line in markup if isinstance(line, str))
    return markup if isinstance(markup, str) else ""


# Checking ------------------------------------------------------------------


def check(snapshot: Snapshot, limit: int = LIMIT_BYTES) -> None:
    """Raise an error for a snapshot that the service would refuse.

    Parameters
    ----------
    snapshot
        The snapshot.
    limit
        The service's size limit, in bytes.

    Raises
    ------
    TooLargeError
        If it is too large. The message names its largest cells.
    InvalidNotebookError
        If it is not a valid notebook.
    """
    _check_structure(snapshot.content)
    _check_schema(snapshot.content)
    if len(snapshot.data) > limit:
        raise too_large(snapshot, limit)


def too_large(snapshot: Snapshot, limit: int | None) -> TooLargeError:
    """Return the error for a snapshot that is too large, which names its largest cells.

    Parameters
    ----------
    snapshot
        The snapshot.
    limit
        The size limit in bytes, or None if it is unknown.
    """
    sizes = [(len(encoded(cell)), number, cell) for number, cell in _numbered(snapshot.content)]
    sizes.sort(key=lambda item: (-item[0], item[1]))
    worth = _WORTH_NAMING * (len(snapshot.data) if limit is None else limit)
    worst = [item for item in sizes if item[0] >= worth] or sizes[:1]
    named = [_size_line(*item) for item in worst[:_MOST_NAMED]]
    allowed = "that is more than the service takes"
    if limit is not None:
        allowed = f"{_megabytes(limit)} are allowed"
    return TooLargeError(
        f"This notebook is too large to be shared: it has {_megabytes(len(snapshot.data))}, and "
        f"{allowed}. Most of it is in\n\n" + "\n".join(named) + "\n\n"
        "Clear the outputs of these cells (right-click, Clear Cell Output), show less or smaller "
        "plots, and save; or share without any outputs: je_kernel.share(clear_outputs=True).",
        limit,
    )


def _numbered(content: Mapping[str, Any]) -> list[tuple[int, Any]]:
    return list(enumerate(content["cells"], start=1))


def _size_line(size: int, number: int, cell: Mapping[str, Any]) -> str:
    output_size = len(encoded(cell.get("outputs") or []))
    attached = len(encoded(cell.get("attachments") or {}))
    in_output, in_pictures = output_size > size / 2, attached > size / 2
    what = "its output" if in_output else "its pictures" if in_pictures else "itself"
    return f"  - cell {number}: {_megabytes(size)} ({what})"


def _megabytes(size: int) -> str:
    return f"{size / 1_000_000:.1f} MB" if size >= _MEGABYTE_ABOUT else f"{-(-size // 1000)} KB"


def _check_structure(content: Mapping[str, Any]) -> None:
    """Check the parts that every notebook has, without nbformat."""
    major, minor = content.get("nbformat"), content.get("nbformat_minor")
    if major != 4 or not isinstance(minor, int):
        raise InvalidNotebookError(
            f"This notebook has the format {major!r}, and only format 4 can be shared. Open it in "
            "JupyterLab and save it: that brings it up to date."
        )
    if not 0 <= minor <= _NEWEST_MINOR:
        raise InvalidNotebookError(
            f"This notebook has the format 4.{minor}, which is newer than sharing knows."
        )
    if not isinstance(content.get("metadata"), dict):
        raise _invalid("it has no metadata")
    for number, cell in _numbered(content):
        problem = _problem_of(cell)
        if problem:
            raise _invalid(f"cell {number} {problem}")


def _problem_of(cell: Mapping[str, Any]) -> str | None:
    if cell.get("cell_type") not in _CELL_TYPES:
        return f"is of the unknown type {cell.get('cell_type')!r}"
    if not _is_text(cell.get("source")):
        return "has no text"
    if not isinstance(cell.get("metadata"), dict):
        return "has no metadata"
    if cell["cell_type"] != "code":
        return None
    outputs = cell.get("outputs")
    if not isinstance(outputs, list) or "execution_count" not in cell:
        return "has no outputs"
    for output in outputs:
        kind = output.get("output_type") if isinstance(output, dict) else None
        if kind not in _OUTPUT_TYPES:
            return f"has an output of the unknown type {kind!r}"
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(line, str) for line in value)
    )


def _check_schema(content: Mapping[str, Any]) -> None:
    """Validate against nbformat's schema, if nbformat is installed."""
    if importlib.util.find_spec("nbformat") is None:
        return
    from nbformat.validator import get_validator

    validator = get_validator(4, content["nbformat_minor"])  # type: ignore[no-untyped-call]
    if validator is None:
        return
    error = next(iter(validator.iter_errors(content)), None)
    if error is not None:
        where = "/".join(str(part) for part in getattr(error, "path", ()))
        raise _invalid(f"{str(error.message)[:200]}{f' (at {where})' if where else ''}")


def _invalid(why: str) -> InvalidNotebookError:
    return InvalidNotebookError(
        f"This notebook is not valid and so cannot be shared: {why}. Save it in JupyterLab once "
        "more; if that does not help, copy its cells into a new notebook."
    )
