"""A shared notebook, to read: nothing of it is run, neither Python nor script."""

from __future__ import annotations

import base64
import html
import json
import re
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from je_kernel import files
from je_kernel.arguments import check_text
from je_kernel.files.errors import ExistingFileError
from je_kernel.files.listing import Info
from je_kernel.sharing import markdown_text, safe_html
from je_kernel.sharing.addresses import spoken

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.sharing.protocol import Ids

__all__ = ["SavedCopy", "SharedNotebook"]

_EXTENSION = ".ipynb"
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")
_LONGEST_OUTPUT = 100_000  # characters; what is longer is cut here and whole in the copy
_MOST_COPIES = 1000
# CSI and OSC sequences of a terminal: colours of tracebacks, mostly.
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\^_])")
_UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*%\u200e\u200f\u202a-\u202e\u2066-\u2069]+')


@dataclass(frozen=True, repr=False)
class SavedCopy(Info):
    """The file of a copy that was saved: what is known of it, and how to open it."""

    def __repr__(self) -> str:
        return f"Saved as {self.name}. Open it from the list of files."

    def _repr_html_(self) -> str:
        # JupyterLab opens a link to a file beside the notebook in a tab of its own.
        address, shown = quote(self.name), html.escape(self.name)
        return f'Saved as <a href="{address}">{shown}</a>. Open it here, or from the list of files.'


@dataclass(frozen=True)
class SharedNotebook:
    """A notebook that somebody shared.

    Parameters
    ----------
    ids
        What the service calls it.
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

    @property
    def title(self) -> str:
        """The title it was given, or its first heading, or the words of its link."""
        metadata = self.content.get("metadata")
        given = metadata.get("title") if isinstance(metadata, dict) else None
        if isinstance(given, str) and given.strip():
            return given.strip()
        return next(self._headings(), spoken(self.readable_id).capitalize())

    def _headings(self) -> Iterator[str]:
        for cell in self._cells():
            if cell.get("cell_type") == "markdown":
                found = re.search(r"^#{1,3}\s+(.+?)\s*#*\s*$", _text(cell.get("source")), re.M)
                if found:
                    yield found.group(1)

    def _cells(self) -> list[dict[str, Any]]:
        cells = self.content.get("cells")
        return [c for c in cells if isinstance(c, dict)] if isinstance(cells, list) else []

    def save_copy(self, name: str | None = None) -> SavedCopy:
        """Save a copy to work on.

        The copy is the notebook as it was shared, but for marks that would have
        JupyterLab run the scripts in its outputs as if they were your own.

        Parameters
        ----------
        name
            The copy's file name; by default after the notebook's title. If there
            is such a file already, the copy gets a name of its own:
            ``"rain (copy).ipynb"``, ``"rain (copy 2).ipynb"`` …

        Returns
        -------
        SavedCopy
            The new file. A notebook shows a link to it, and the list of files has it.
        """
        if name is not None:
            check_text(name, "The copy's name", "rain.ipynb")
        stem = _stem(name if name is not None else _file_name(self.title))
        content = dict(self.content)
        if isinstance(content.get("cells"), list):
            content["cells"] = [_distrusted(cell) for cell in content["cells"]]
        data = json.dumps(content, ensure_ascii=False, indent=1).encode("utf-8", "replace")
        for number in range(_MOST_COPIES):
            ending = "" if not number else " (copy)" if number == 1 else f" (copy {number})"
            try:
                # Refused by the store itself if the name is taken: no other kernel can slip in.
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
        cells = "".join(f"<div class='je-cell'>{part}</div>" for part in self._parts())
        return (
            f'<article class="je-shared" aria-label="Shared notebook">{_style()}'
            f"<header><strong>{html.escape(self.title)}</strong> "
            "<span>To read only. <code>.save_copy()</code> saves a copy to work on.</span>"
            "</header>"
            f"{cells}</article>"
        )

    def _parts(self) -> Iterator[str]:
        for cell in self._cells():
            source = _text(cell.get("source"))
            kind = cell.get("cell_type")
            if kind == "markdown":
                attachments = cell.get("attachments")
                yield markdown_text.to_html(
                    source, attachments if isinstance(attachments, dict) else None
                )
            elif kind == "code":
                yield _code(source) + "".join(_outputs(cell.get("outputs")))
            elif source:
                yield f"<pre>{html.escape(source, quote=False)}</pre>"


def _code(source: str) -> str:
    if not source:
        return ""
    escaped = html.escape(source, quote=False)
    return f'<pre class="je-code"><code>{escaped}</code></pre>'


def _outputs(outputs: Any) -> Iterator[str]:
    for output in outputs if isinstance(outputs, list) else ():
        if not isinstance(output, dict):
            continue
        kind = output.get("output_type")
        if kind == "stream":
            yield _plain(_text(output.get("text")), error=output.get("name") == "stderr")
        elif kind == "error":
            trace = output.get("traceback")
            lines = (
                [one for one in trace if isinstance(one, str)] if isinstance(trace, list) else []
            )
            said = f"{output.get('ename', '')}: {output.get('evalue', '')}"
            yield _plain("\n".join(lines) or said, error=True)
        elif isinstance(output.get("data"), dict):
            yield _richest(output["data"])


def _richest(data: dict[str, Any]) -> str:
    """Return the richest form of an output that can be shown without running anything."""
    plain = _text(data.get("text/plain"))
    for mime in _PICTURES:
        picture = safe_html.image(mime, _text(data.get(mime)), plain) if mime in data else None
        if picture:
            return picture
    if "image/svg+xml" in data:
        packed = base64.b64encode(_text(data["image/svg+xml"]).encode("utf-8", "replace")).decode()
        picture = safe_html.image("image/svg+xml", packed, plain)
        if picture:
            return picture
    source = _text(data.get("text/html"))
    if source and len(source) <= _LONGEST_OUTPUT:
        # A page's script that draws something leaves no text: what it says in words is more.
        shown = safe_html.safe_html(source)
        if "<table" in shown or not plain:
            return f'<div class="je-html mathjax_ignore">{shown}</div>'
    if "text/markdown" in data:
        return markdown_text.to_html(_text(data["text/markdown"])[:_LONGEST_OUTPUT])
    if "text/latex" in data:
        return f"<div>{html.escape(_text(data['text/latex'])[:_LONGEST_OUTPUT], quote=False)}</div>"
    return _plain(plain) if plain else ""


def _plain(text: str, *, error: bool = False) -> str:
    text = _TERMINAL.sub("", text)
    if len(text) > _LONGEST_OUTPUT:
        text = text[:_LONGEST_OUTPUT] + "\n… (cut here; the copy has all of it)"
    kind = "je-error" if error else "je-output"
    return f'<pre class="{kind}">{html.escape(text, quote=False)}</pre>'


def _distrusted(cell: Any) -> Any:
    metadata = cell.get("metadata") if isinstance(cell, dict) else None
    if not isinstance(metadata, dict) or "trusted" not in metadata:
        return cell
    return {**cell, "metadata": {k: v for k, v in metadata.items() if k != "trusted"}}


def _text(value: Any) -> str:
    """Join what nbformat allows to be a list of lines."""
    if isinstance(value, list):
        return "".join(part for part in value if isinstance(part, str))
    return value if isinstance(value, str) else ""


def _stem(name: str) -> str:
    return name.removesuffix(_EXTENSION) or "notebook"


def _file_name(title: str) -> str:
    """Return a title as a file's name, which every computer can keep.

    Examples
    --------
    >>> _file_name("Rain: what falls?"), _file_name("../../etc"), _file_name("...")
    ('Rain what falls', 'etc', 'notebook')
    """
    name = " ".join(_UNFIT.sub(" ", title).split()).strip(". ")
    return name[:80].strip(". ") or "notebook"


@cache
def _style() -> str:
    sheet = resources.files(__package__).joinpath("viewer.css").read_text("utf-8")
    return f"<style>{sheet}</style>"
