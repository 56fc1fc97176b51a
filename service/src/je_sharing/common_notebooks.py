"""The usual shapes of a notebook, recognised while its JSON is being read.

Checking a notebook against nbformat's JSON schema takes longer than everything else a share
does. Nearly all notebooks are plain, though: `is_common_and_valid` reads the JSON once with msgspec
into the shapes below and says yes when the schema certainly would. When it says no, nothing is
decided: `je_sharing.validation` asks the schema itself.
"""

import re
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from je_sharing.json_depth import nests_within

_JSON_MIME = re.compile(r"application/(?:.*\+)?json")
_NEWEST_MINOR = 5
_FIRST_MINOR_WITH_IDS = 5

# Which characters it may have is checked for all cells at once, in a quarter of the time.
CellId = Annotated[str, Meta(min_length=1, max_length=64)]
_OF_IDS = re.compile(r"[a-zA-Z0-9_-]*")
Text = str | list[str]
Count = Annotated[int, Meta(ge=0)] | None
Bundle = dict[str, Any]


# None of these can be part of a cycle, and there are many: the collector need not know of them.
class _Shape(Struct, forbid_unknown_fields=True, gc=False):
    """Nothing but the fields that are named."""


class Stream(_Shape, tag_field="output_type", tag="stream"):
    """What a cell printed."""

    name: str
    text: Text


class DisplayData(_Shape, tag_field="output_type", tag="display_data"):
    """What a cell displayed."""

    data: Bundle
    metadata: Bundle


class ExecuteResult(_Shape, tag_field="output_type", tag="execute_result"):
    """What a cell's last line gave."""

    data: Bundle
    metadata: Bundle
    execution_count: Count


class Error(_Shape, tag_field="output_type", tag="error"):
    """What a cell raised."""

    ename: str
    evalue: str
    traceback: list[str]


class CodeCell(_Shape, tag_field="cell_type", tag="code"):
    """A cell of code."""

    metadata: Bundle
    source: Text
    outputs: list[Stream | DisplayData | ExecuteResult | Error]
    execution_count: Count
    id: CellId | UnsetType = UNSET


class MarkdownCell(_Shape, tag_field="cell_type", tag="markdown"):
    """A cell of text."""

    metadata: Bundle
    source: Text
    id: CellId | UnsetType = UNSET
    attachments: dict[str, Bundle] | UnsetType = UNSET


class RawCell(_Shape, tag_field="cell_type", tag="raw"):
    """A cell that is neither."""

    metadata: Bundle
    source: Text
    id: CellId | UnsetType = UNSET
    attachments: dict[str, Bundle] | UnsetType = UNSET


Cell = CodeCell | MarkdownCell | RawCell


class Notebook(_Shape):
    """A notebook in nbformat 4."""

    metadata: Bundle
    nbformat: int
    nbformat_minor: int
    cells: list[Cell]


_decoder = msgspec.json.Decoder(Notebook)


def is_common_and_valid(
    content: bytes | msgspec.Raw, *, max_depth: int, max_cells: int, max_outputs: int
) -> bool:
    """Recognise a notebook that nbformat's schema accepts and that is within bounds.

    Parameters
    ----------
    content
        The notebook's JSON.
    max_depth
        Deepest nesting.
    max_cells, max_outputs
        Most cells, and most outputs of all cells together.

    Returns
    -------
    bool
        True only for a valid notebook. False says nothing.
    """
    try:
        notebook = _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError):
        return False
    if notebook.nbformat != 4 or not 0 <= notebook.nbformat_minor <= _NEWEST_MINOR:
        return False
    if len(notebook.cells) > max_cells:
        return False
    with_ids = notebook.nbformat_minor >= _FIRST_MINOR_WITH_IDS
    outputs = 0
    # Three containers are around a cell's metadata, and five around an output's.
    for cell in notebook.cells:
        if (cell.id is UNSET) is with_ids:
            return False
        if cell.metadata and not _is_plain_cell_metadata(cell.metadata, max_depth - 3):
            return False
        if type(cell) is CodeCell:
            outputs += len(cell.outputs)
            for output in cell.outputs:
                kind = type(output)
                if (kind is DisplayData or kind is ExecuteResult) and not (
                    _is_plain_display(output, max_depth - 5)  # type: ignore[arg-type]
                ):
                    return False
        elif cell.attachments is not UNSET and not all(  # type: ignore[union-attr]
            _is_plain_bundle(bundle, max_depth - 4)
            for bundle in cell.attachments.values()  # type: ignore[union-attr]
        ):
            return False
    ids = "".join([cell.id for cell in notebook.cells if cell.id is not UNSET])
    return (
        outputs <= max_outputs
        and _OF_IDS.fullmatch(ids) is not None
        and _is_plain_notebook_metadata(notebook.metadata, max_depth - 1)
    )


def _is_plain_notebook_metadata(metadata: Bundle, depth: int) -> bool:
    for key in ("orig_nbformat", "authors", "title"):
        if key in metadata:
            return False
    kernelspec = metadata.get("kernelspec", {"name": "", "display_name": ""})
    language = metadata.get("language_info", {"name": ""})
    return (
        isinstance(kernelspec, dict)
        and isinstance(kernelspec.get("name"), str)
        and isinstance(kernelspec.get("display_name"), str)
        and isinstance(language, dict)
        and isinstance(language.get("name"), str)
        and isinstance(language.get("codemirror_mode", ""), str | dict)
        and all(
            isinstance(language.get(key, ""), str)
            for key in ("file_extension", "mimetype", "pygments_lexer")
        )
        and nests_within(metadata, depth)
    )


def _is_plain_cell_metadata(metadata: Bundle, depth: int) -> bool:
    for key, value in metadata.items():
        if key in {"name", "format", "execution", "tags"}:
            return False
        if key in {"collapsed", "scrolled"} and not isinstance(value, bool):
            return False
        if key == "jupyter" and not isinstance(value, dict):
            return False
    return nests_within(metadata, depth)


def _is_plain_display(output: DisplayData | ExecuteResult, depth: int) -> bool:
    # Most have no metadata.
    is_shallow = not output.metadata or nests_within(output.metadata, depth)
    return is_shallow and _is_plain_bundle(output.data, depth)


def _is_plain_bundle(bundle: Bundle, depth: int) -> bool:
    for mime, value in bundle.items():
        if type(value) is str:
            continue
        if _JSON_MIME.fullmatch(mime):
            if not nests_within(value, depth - 1):
                return False
        elif not (type(value) is list and all(type(line) is str for line in value)):
            return False
    return True
