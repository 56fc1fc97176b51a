"""Display a shared notebook without running any Python or JavaScript of it.

Two barriers protect the page. The sanitiser (`safe_html`) rebuilds all HTML, and the
result is displayed in a sandboxed frame without scripts and without an origin, whose
policy forbids requests.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import time
import unicodedata
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from je_kernel import files, javascript
from je_kernel.arguments import check_text
from je_kernel.errors import ExistingFileError
from je_kernel.files.models import Info
from je_kernel.sharing import markdown_text
from je_kernel.sharing.addresses import spoken
from je_kernel.sharing.safe_html import LONGEST_HTML, escaped, image, safe_html

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.sharing.protocol import Ids

__all__ = ["SavedCopy", "SharedNotebook"]

_EXTENSION = ".ipynb"
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
# Limits of the display, in characters and cells; the copy is complete.
_LONGEST_TEXT = 100_000
_MOST_CELLS = 1000
_MOST_SHOWN = 12_000_000
_SECONDS = 10.0  # of formatting; the rest stays plain text
_MOST_SEARCHED = 100_000  # characters, for a heading
_MOST_COPIES = 1000
_LONGEST_TITLE = 120
_LONGEST_NAME = 160  # bytes: file systems allow 255, and a number may follow
# CSI and OSC sequences of a terminal, such as colours of tracebacks.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*+[ -/]*+[@-~]|\][^\x07\x1b]*+(?:\x07|\x1b\\)|[@-Z\\^_])")
_UNFIT = frozenset('<>:"/\\|?*%')
# Names of devices on Windows.
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{name}{n}" for name in ("com", "lpt") for n in range(1, 10)}
)


@dataclass(frozen=True, repr=False)
class SavedCopy(Info):
    """The file of a saved copy. It displays a link to it."""

    def __repr__(self) -> str:
        return f"Saved as {self.name}. Open it from the list of files."

    def _repr_html_(self) -> str:
        # JupyterLab opens a relative link to a file in a new tab.
        address, name = quote(self.name), html.escape(self.name)
        return f'Saved as <a href="{address}">{name}</a>. Open it here, or from the list of files.'


@dataclass(frozen=True)
class SharedNotebook:
    """A notebook that somebody shared.

    Parameters
    ----------
    ids
        Its ids at the service.
    link
        Its link.
    content
        The notebook's JSON.
    """

    ids: Ids
    link: str
    content: dict[str, Any] = field(repr=False)

    @property
    def readable_id(self) -> str:
        """Its id in words, as in the link."""
        return self.ids.readable_id

    @cached_property
    def title(self) -> str:
        """Its title, or its first heading, or the words of its link."""
        metadata = self.content.get("metadata")
        own = metadata.get("title") if isinstance(metadata, dict) else None
        titles = (_line(title) for title in (own, *self._headings()) if isinstance(title, str))
        return next(filter(None, titles), _line(spoken(self.readable_id)).capitalize())

    def _headings(self) -> Iterator[str]:
        searched = 0
        for cell in self._cells():
            source = _text(cell.get("source"))
            searched += len(source)
            if searched > _MOST_SEARCHED:
                return
            heading = (
                markdown_text.first_heading(source) if cell.get("cell_type") == "markdown" else None
            )
            if heading:
                yield heading
                return

    def _cells(self) -> list[dict[str, Any]]:
        cells = self.content.get("cells")
        return [c for c in cells if isinstance(c, dict)] if isinstance(cells, list) else []

    def save_copy(self, name: str | None = None) -> SavedCopy:
        """Save a copy to work on.

        The copy is the notebook as it was shared, without marks of trust and saved
        widgets: JupyterLab would run their scripts as if they were your own.

        Parameters
        ----------
        name
            The copy's file name; by default the notebook's title. If the file exists,
            the copy gets another name:
            ``"rain (copy).ipynb"``, ``"rain (copy 2).ipynb"`` …

        Returns
        -------
        SavedCopy
            The new file. A notebook displays a link to it.
        """
        if name is not None:
            check_text(name, "The copy's name", "rain.ipynb")
        stem = _stem(name if name is not None else _file_name(self.title))
        content = dict(self.content)
        if isinstance(content.get("cells"), list):
            content["cells"] = [_distrusted(cell) for cell in content["cells"]]
        if isinstance(content.get("metadata"), dict):
            # JupyterLab restores saved widgets with their scripts as it opens a notebook.
            content["metadata"] = {k: v for k, v in content["metadata"].items() if k != "widgets"}
        data = json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "replace")
        for number in range(_MOST_COPIES):
            ending = "" if not number else " (copy)" if number == 1 else f" (copy {number})"
            try:
                # Atomic: the store itself refuses an existing name.
                info = files.save(f"{stem}{ending}{_EXTENSION}", data, overwrite=False)
            except ExistingFileError:
                continue
            return SavedCopy(**{f.name: getattr(info, f.name) for f in fields(info)})
        raise ExistingFileError(f"There are too many copies of {stem!r}. Choose another name.")

    def __repr__(self) -> str:
        count = len(self._cells())
        return (
            f"{self.title}: a shared notebook of {count} cell{'' if count == 1 else 's'}, to read "
            f"({self.link}).\nsave_copy() saves a copy to work on."
        )

    def _repr_html_(self) -> str:
        """Return the frame with a header, which contains no text of the notebook."""
        page = self.page()
        lines = min(page.count("\n") + 2 * page.count("<p") + 15 * page.count("<img"), 1000)
        height = f"min(70vh, {6 + 1.6 * lines:.0f}em)"
        style = javascript.source("sharing/viewer.css")
        return (
            f'<article class="je-shared" aria-label="Shared notebook"><style>{style}'
            "</style><header><strong>A shared notebook.</strong> <span>To read only: nothing of it "
            "is run. <code>.save_copy()</code> saves a copy to work on.</span></header>"
            f'<div style="height: {height}"><iframe title="Shared notebook, to read" '
            'sandbox="allow-popups allow-popups-to-escape-sandbox" referrerpolicy="no-referrer" '
            f'srcdoc="{html.escape(page)}"></iframe></div></article>'
        )

    def page(self) -> str:
        """Return the document of the frame, which is safe without the frame, too."""
        style = javascript.source("sharing/viewer_page.css")
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = (
            f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; "
            "form-action 'none'; base-uri 'none'"
        )
        cells = "".join(f'<section class="je-cell">{part}</section>\n' for part in self._parts())
        return (
            '<!doctype html><html><head><meta charset="utf-8">'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
            f"<title>Shared notebook</title><style>{style}</style></head>"
            f'<body><p class="je-title">{escaped(self.title)}</p>\n{cells}</body></html>'
        )

    def _parts(self) -> Iterator[str]:
        if not markdown_text.can_render():
            yield _note("This site cannot format text, so you see it as it was typed.")
        cells = self._cells()
        room = _MOST_SHOWN
        writer = _Writer()
        for number, cell in enumerate(cells):
            part = writer.cell(cell)
            room -= len(part)
            if number == _MOST_CELLS or room < 0:
                left = len(cells) - number
                yield _note(f"{left:,} more cells are not shown here. The copy has all of them.")
                return
            yield part


class _Writer:
    """Writes cells as HTML, formatted until the deadline."""

    def __init__(self) -> None:
        self._deadline = time.monotonic() + _SECONDS

    def cell(self, cell: dict[str, Any]) -> str:
        """Return a cell with its outputs."""
        source = _text(cell.get("source"))
        kind = cell.get("cell_type")
        if kind == "markdown":
            return self._markdown(source, cell.get("attachments"))
        if kind == "code":
            outputs = cell.get("outputs")
            shown = outputs if isinstance(outputs, list) else []
            return _preformatted(source, "je-code") + self._outputs(shown)
        return _preformatted(source, "je-raw")

    def _outputs(self, outputs: list[Any]) -> str:
        parts: list[str] = []
        room = _MOST_SHOWN
        for output in outputs:
            part = self._output(output) if isinstance(output, dict) else ""
            room -= len(part)
            if room < 0:
                parts.append(_note("More of this output is not shown here. The copy has it."))
                break
            parts.append(part)
        return "".join(parts)

    def _output(self, output: dict[str, Any]) -> str:
        kind = output.get("output_type")
        if kind == "stream":
            error = output.get("name") == "stderr"
            return _terminal(_text(output.get("text")), "je-error" if error else "je-output")
        if kind == "error":
            lines = output.get("traceback")
            trace = lines if isinstance(lines, list) else []
            lines = [line for line in trace if isinstance(line, str)]
            summary = f"{output.get('ename', '')}: {output.get('evalue', '')}"
            return _terminal("\n".join(lines) or summary, "je-error")
        data = output.get("data")
        return self._richest(data) if isinstance(data, dict) else ""

    def _richest(self, data: dict[str, Any]) -> str:
        """Return the richest form of an output that is visible without scripts."""
        plain = _text(data.get("text/plain"))
        for mime in _PICTURES:
            picture = image(mime, _text(data.get(mime)), plain)
            if picture:
                return picture
        svg = _text(data.get("image/svg+xml"))
        if svg.strip():
            packed = base64.b64encode(svg.encode("utf-8", "replace")).decode()
            picture = image("image/svg+xml", packed, plain)
            if picture:
                return picture
        source = _text(data.get("text/html"))
        if len(source) > LONGEST_HTML:
            note = _note("This output is too large to be shown here. The copy has it.")
            return _terminal(plain, "je-output") + note
        if source and time.monotonic() > self._deadline:
            note = _note("This notebook takes too long to show in full. The copy has this output.")
            return _terminal(plain, "je-output") + note
        # Nothing is visible if a script draws the output: then use the next form.
        shown = safe_html(source)
        if shown:
            return f'<div class="je-html">{shown}</div>'
        shown = self._markdown(_text(data.get("text/markdown")))
        if shown:
            return shown
        if _text(data.get("text/latex")).strip():
            return self._latex(_text(data["text/latex"]))
        return _terminal(plain, "je-output")

    def _markdown(self, source: str, attachments: Any = None) -> str:
        if time.monotonic() > self._deadline:
            return markdown_text.plain(source)
        return markdown_text.to_html(source, attachments if isinstance(attachments, dict) else None)

    def _latex(self, source: str) -> str:
        if time.monotonic() > self._deadline:
            return markdown_text.plain(source)
        return f"<div>{markdown_text.formula(source)}</div>"


def _note(text: str) -> str:
    return f'<p class="je-note">{escaped(text)}</p>'


def _terminal(text: str, kind: str) -> str:
    return _preformatted(_TERMINAL.sub("", text), kind)


def _preformatted(text: str, kind: str) -> str:
    if not text:
        return ""
    if len(text) > _LONGEST_TEXT:
        text = f"{text[:_LONGEST_TEXT]}\n{markdown_text.CUT}"
    return f'<pre class="{kind}">{escaped(text)}</pre>'


def _distrusted(cell: Any) -> Any:
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    if not isinstance(metadata, dict) or "trusted" not in metadata:
        return cell
    return {**cell, "metadata": {k: v for k, v in metadata.items() if k != "trusted"}}


def _text(value: Any) -> str:
    """Return a text that nbformat allows to be a list of lines."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _stem(name: str) -> str:
    return name.removesuffix(_EXTENSION) or "notebook"


def _line(text: str) -> str:
    r"""Return text as one line without invisible characters, such as directional marks.

    Examples
    --------
    >>> _line("Rain\u202e \n at\x1b home")
    'Rain at home'
    """
    visible = (" " if unicodedata.category(c)[0] in "CZ" else c for c in text[:1000])
    return " ".join("".join(visible).split())[:_LONGEST_TITLE].strip()


def _file_name(title: str) -> str:
    """Return a title as a file name that is valid on every system.

    Examples
    --------
    >>> _file_name("Rain: what falls?"), _file_name("../../etc"), _file_name("...")
    ('Rain what falls', 'etc', 'notebook')
    >>> _file_name("nul")
    'notebook nul'
    """
    fit = "".join(" " if c in _UNFIT else c for c in _line(title))
    name = " ".join(fit.split()).strip(". ")
    name = name.encode()[:_LONGEST_NAME].decode("utf-8", "ignore").strip(". ")
    if name.partition(".")[0].strip().lower() in _DEVICES:
        name = f"notebook {name}"
    return name or "notebook"
