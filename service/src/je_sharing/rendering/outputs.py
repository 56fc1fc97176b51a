"""Render the outputs of a code cell, each in the richest format that is safe."""

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

from je_sharing.rendering.html_cleaning import TooComplexError, clean_html, has_something_to_see
from je_sharing.rendering.images import IMAGE_TYPES, image_source
from je_sharing.rendering.markdown_text import markdown_html
from je_sharing.rendering.math_markup import math_html, strip_delimiters
from je_sharing.rendering.source_text import joined
from je_sharing.rendering.terminal_text import terminal_html

_LONGEST_TEXT = 100_000
_INTERACTIVE = (
    '<p class="note">This output is interactive. Open the notebook in JupyterLite to use it.</p>'
)


def outputs_html(outputs: Sequence[Any], *, cell_number: int) -> str:
    """Render a cell's outputs.

    Parameters
    ----------
    outputs
        The outputs, as nbformat has them.
    cell_number
        The cell's place in the notebook, to name its images by.

    Returns
    -------
    str
        Harmless HTML.
    """
    parts: list[str] = []
    for output in _merged(outputs):
        kind = output.get("output_type")
        if kind == "stream":
            parts.append(_stream_html(output))
        elif kind == "error":
            parts.append(_error_html(output))
        else:
            parts.append(_bundle_html(output, cell_number))
    return "\n".join(parts)


def _merged(outputs: Sequence[Any]) -> list[dict[str, Any]]:
    """Join what was printed in pieces, so that a line printed in two stays one line."""
    merged: list[dict[str, Any]] = []
    for output in outputs:
        if not isinstance(output, dict):
            continue
        if output.get("output_type") != "stream":
            merged.append(output)
            continue
        last = merged[-1] if merged else {}
        same = last.get("output_type") == "stream" and last["name"] == output.get("name")
        if not same:
            last = {"output_type": "stream", "name": output.get("name"), "text": []}
            merged.append(last)
        last["text"].append(joined(output.get("text")))
    return merged


def _stream_html(output: Mapping[str, Any]) -> str:
    name = "stderr" if output.get("name") == "stderr" else "stdout"
    return _text_html(joined(output.get("text")), f"stream {name}")


def _error_html(output: Mapping[str, Any]) -> str:
    traceback = output.get("traceback")
    lines = [line for line in traceback if isinstance(line, str)] if traceback else []
    text = "\n".join(lines) or f"{output.get('ename', 'Error')}: {output.get('evalue', '')}"
    return f'<div role="group" aria-label="Error">{_text_html(text, "stream error")}</div>'


def _text_html(text: str, classes: str) -> str:
    cut = len(text) - _LONGEST_TEXT
    shown = terminal_html(text[:_LONGEST_TEXT] if cut > 0 else text).rstrip("\n")
    if not shown:
        return ""
    more = f'<p class="note">… and {cut:,} more characters.</p>' if cut > 0 else ""
    return f'<pre class="{classes}" tabindex="0">{shown}</pre>{more}'


def _bundle_html(output: Mapping[str, Any], cell_number: int) -> str:
    data = output.get("data")
    if not isinstance(data, dict):
        return ""
    found = _rich_html(data, output.get("metadata"), cell_number)
    if found:
        return found
    text = _text_html(joined(data.get("text/plain")), "result")
    acts = "text/html" in data or any(mime.startswith("application/") for mime in data)
    return text + _INTERACTIVE if acts or not text else text


def _rich_html(data: Mapping[str, Any], metadata: Any, cell_number: int) -> str:
    if "text/html" in data:
        markup = _markup_html(joined(data["text/html"]))
        if markup:
            return markup
    for mime in IMAGE_TYPES:
        source = image_source(mime, data.get(mime))
        if source:
            return _image_html(source, mime, data, metadata, cell_number)
    if "text/markdown" in data:
        return f'<div class="prose">{markdown_html(joined(data["text/markdown"]))}</div>'
    if "text/latex" in data:
        return math_html(strip_delimiters(joined(data["text/latex"])), block=True)
    if "application/json" in data:
        return _json_html(data["application/json"])
    return ""


def _json_html(value: Any) -> str:
    # In pieces, since the indentation of a deeply nested value is hundreds of times its size.
    pieces: list[str] = []
    length = 0
    for piece in json.JSONEncoder(indent=2, ensure_ascii=False).iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > _LONGEST_TEXT:
            pieces.append("\n…")
            break
    return f'<pre class="result" tabindex="0">{html.escape("".join(pieces), quote=False)}</pre>'


def _markup_html(markup: str) -> str:
    try:
        cleaned = clean_html(markup)
    except TooComplexError:
        return '<p class="note">This output is too large to show. Download the notebook for it.</p>'
    if not has_something_to_see(cleaned):
        return ""
    return f'<div class="rich" role="region" aria-label="Output" tabindex="0">{cleaned}</div>'


def _image_html(
    source: str, mime: str, data: Mapping[str, Any], metadata: Any, cell_number: int
) -> str:
    about: dict[str, Any] = metadata if isinstance(metadata, dict) else {}
    found = about.get(mime)
    own: dict[str, Any] = found if isinstance(found, dict) else {}
    alt = own.get("alt") or about.get("alt") or joined(data.get("text/plain"))
    if not isinstance(alt, str) or not alt.strip():
        alt = "no description"
    words = html.escape(f"Output of cell {cell_number}: {alt.strip()[:300]}")
    size = "".join(
        f' {name}="{own[name]}"'
        for name in ("width", "height")
        if type(own.get(name)) is int and 0 < own[name] < 10_000
    )
    return f'<img class="figure" src="{source}" alt="{words}"{size}>'
