"""Render the title and the cells of a notebook, for its view page."""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from je_sharing.rendering.code_highlighting import code_html
from je_sharing.rendering.markdown_text import render_markdown
from je_sharing.rendering.outputs import outputs_html
from je_sharing.rendering.source_text import joined, read_notebook
from je_sharing.rendering.time_limit import OutOfTimeError, TimeBudget

# Processor time; the process that renders has a limit of its own, well above.
_SECONDS = 4.0
_SECONDS_A_CELL = 1.5
# Colours can make thirty characters of one.
_LONGEST_PAGE = 32_000_000
_LONGEST_TITLE = 120
_TOO_SLOW = (
    '<p class="note">This cell takes too long to lay out, so you see its plain text. '
    "Download the notebook for the rest.</p>"
)


@dataclass(frozen=True)
class Document:
    """A rendered notebook.

    Parameters
    ----------
    title
        The notebook's own title, or empty.
    has_heading
        Whether a first-level heading is among its cells.
    cells_html
        The cells.
    cell_count
        How many there are.
    is_plain
        Whether only the cells' text is shown, for rendering them was stopped.
    """

    title: str = ""
    has_heading: bool = False
    cells_html: str = ""
    cell_count: int = 0
    is_plain: bool = False


def render_document(content: bytes) -> Document:
    """Render a notebook.

    Parameters
    ----------
    content
        A valid notebook's JSON.

    Returns
    -------
    Document
        Its parts. A cell that takes too long, or comes when the time of all cells is over or the
        page is very long already, is shown as plain text.
    """
    notebook = read_notebook(content)
    metadata = notebook.get("metadata", {})
    language = _language(metadata)
    cells = notebook.get("cells", [])
    budget = TimeBudget(_SECONDS, _SECONDS_A_CELL)
    parts: list[str] = []
    heading = ""
    length = 0
    for number, cell in enumerate(cells, start=1):
        try:
            if length > _LONGEST_PAGE:
                raise OutOfTimeError
            with budget.part():
                part, found = _cell_html(cell, number, language)
            heading = heading or found
        except OutOfTimeError:
            part = _plain_cell_html(cell) + _TOO_SLOW
        parts.append(part)
        length += len(part)
    return Document(
        title=(_own_title(metadata) or heading)[:_LONGEST_TITLE],
        has_heading=any("<h1>" in part for part in parts),
        cells_html="\n".join(parts),
        cell_count=len(cells),
    )


def plain_document(content: bytes) -> Document:
    """Show the text of a notebook's cells, without outputs: what can be shown of any notebook.

    Parameters
    ----------
    content
        A valid notebook's JSON.

    Returns
    -------
    Document
        Its parts.
    """
    notebook = read_notebook(content)
    cells = notebook.get("cells", [])
    return Document(
        title=_own_title(notebook.get("metadata", {}))[:_LONGEST_TITLE],
        cells_html="\n".join(_plain_cell_html(cell) for cell in cells),
        cell_count=len(cells),
        is_plain=True,
    )


def _cell_html(cell: Mapping[str, Any], number: int, language: str) -> tuple[str, str]:
    """Render a cell, and find the heading in it that could be the notebook's title."""
    source = joined(cell.get("source"))
    kind = cell.get("cell_type")
    if kind == "markdown":
        if not source.strip():
            return "", ""
        attachments = cell.get("attachments")
        shown = render_markdown(source, attachments if isinstance(attachments, dict) else None)
        return f'<section class="cell prose">{shown.html}</section>', shown.heading
    if kind == "code":
        return _code_cell_html(cell, source, number, language), ""
    return _plain_cell_html(cell), ""


def _plain_cell_html(cell: Mapping[str, Any]) -> str:
    source = joined(cell.get("source"))
    if not source.strip():
        return ""
    return f'<section class="cell raw"><pre tabindex="0">{html.escape(source)}</pre></section>'


def _code_cell_html(cell: Mapping[str, Any], source: str, number: int, language: str) -> str:
    outputs = cell.get("outputs") or []
    if not source.strip() and not outputs:
        return ""
    hidden = _hidden(cell)
    count = cell.get("execution_count")
    label = f"{count}" if isinstance(count, int) and count < 10**12 else " "
    code = (
        f'<div class="source"><span class="count" aria-hidden="true">{label}</span>'
        f'<pre tabindex="0" role="group" aria-label="Code of cell {number}"><code>'
        f"{code_html(source, _cell_language(source, language))}</code></pre></div>"
        if source.strip()
        else ""
    )
    shown = outputs_html(outputs, cell_number=number)
    result = f'<div class="outputs">{shown}</div>' if shown else ""
    if hidden.get("source_hidden"):
        code = f"<details><summary>Code</summary>{code}</details>" if code else ""
    if hidden.get("outputs_hidden"):
        result = f"<details><summary>Output</summary>{result}</details>" if result else ""
    return f'<section class="cell code">{code}{result}</section>'


def _hidden(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = cell.get("metadata")
    found = metadata.get("jupyter") if isinstance(metadata, dict) else None
    return found if isinstance(found, dict) else {}


def _language(metadata: Mapping[str, Any]) -> str:
    info = metadata.get("language_info")
    info = info if isinstance(info, dict) else {}
    lexer = info.get("pygments_lexer")
    name = info.get("name")
    found = lexer if isinstance(lexer, str) and lexer else name
    if isinstance(found, str) and found:
        return found
    spec = metadata.get("kernelspec")
    spec = spec if isinstance(spec, dict) else {}
    language = spec.get("language") or ("r" if spec.get("name") in ("ir", "xr") else "python")
    return language if isinstance(language, str) else "python"


def _cell_language(source: str, language: str) -> str:
    """Obey a cell magic such as `%%html` in the choice of colours."""
    magic = re.match(r"%%(html|javascript|js|bash|sh|latex|markdown|svg|sql|r|R)\b", source)
    return {"svg": "xml", "latex": "tex", "R": "r"}.get(magic[1], magic[1]) if magic else language


def _own_title(metadata: Mapping[str, Any]) -> str:
    title = metadata.get("title")
    return title.strip() if isinstance(title, str) else ""
