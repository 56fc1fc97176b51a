"""A notebook's content as the parts of a page."""

import html
import json
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from je_sharing.rendering.code_highlighting import code_html
from je_sharing.rendering.markdown_text import markdown_html
from je_sharing.rendering.outputs import outputs_html
from je_sharing.rendering.source_text import joined

_SECONDS = 10.0
_LONGEST_TITLE = 120
_HEADING = re.compile(r"^#{1,3}\s+(.+?)\s*#*\s*$", re.MULTILINE)
_MARKS = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|[*_`~$]|<[^>]*>")
_FENCED = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)


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
    """

    title: str
    has_heading: bool
    cells_html: str
    cell_count: int


def render_document(content: bytes) -> Document:
    """Render a notebook.

    Parameters
    ----------
    content
        A valid notebook's JSON.

    Returns
    -------
    Document
        Its parts. What takes longer than a few seconds altogether is shown as plain text.
    """
    notebook = json.loads(content)
    metadata = notebook.get("metadata", {})
    language = _language(metadata)
    deadline = time.monotonic() + _SECONDS
    cells = notebook.get("cells", [])
    parts = []
    for number, cell in enumerate(cells, start=1):
        if time.monotonic() < deadline:
            parts.append(_cell_html(cell, number, language))
        else:
            parts.append(_plain_cell_html(cell))
    return Document(
        title=_title(metadata, cells),
        has_heading=any("<h1>" in part for part in parts),
        cells_html="\n".join(parts),
        cell_count=len(cells),
    )


def _cell_html(cell: Mapping[str, Any], number: int, language: str) -> str:
    source = joined(cell.get("source"))
    kind = cell.get("cell_type")
    if kind == "markdown":
        if not source.strip():
            return ""
        attachments = cell.get("attachments")
        body = markdown_html(source, attachments if isinstance(attachments, dict) else None)
        return f'<section class="cell prose">{body}</section>'
    if kind == "code":
        return _code_cell_html(cell, source, number, language)
    return _plain_cell_html(cell)


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
    label = f"{count}" if isinstance(count, int) else " "
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


def _title(metadata: Mapping[str, Any], cells: list[Any]) -> str:
    title = metadata.get("title")
    if isinstance(title, str) and title.strip():
        return title.strip()[:_LONGEST_TITLE]
    for cell in cells:
        if cell.get("cell_type") == "markdown":
            heading = _HEADING.search(_FENCED.sub("", joined(cell.get("source"))[:20_000]))
            if heading:
                words = _MARKS.sub(lambda match: match[1] or "", heading[1]).strip()
                return html.unescape(words)[:_LONGEST_TITLE]
    return ""
