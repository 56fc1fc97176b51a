"""HTML of others, made harmless: what is known to be safe is built anew, all else is text or gone.

Nothing of the original markup is passed on: elements are written from a list,
attributes too, and all text is escaped. So no script, style, frame, form, event
handler or address other than a web link survives.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

__all__ = ["image", "link", "safe_html"]

_KEPT = frozenset(
    {"b", "blockquote", "br", "caption", "code", "col", "colgroup", "dd", "del", "div", "dl", "dt"}
    | {"em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "ins", "kbd", "li", "mark", "ol", "p"}
    | {"pre", "q", "s", "samp", "small", "span", "strong", "sub", "sup", "table", "tbody", "td"}
    | {"tfoot", "th", "thead", "tr", "u", "ul", "var"}
)
_VOID = frozenset({"br", "col", "hr"})
# What is between their tags is no text for people.
_DROPPED = frozenset(
    {"applet", "audio", "canvas", "embed", "frame", "frameset", "head", "iframe", "math"}
    | {"noembed", "noframes", "noscript", "object", "script", "select", "style", "svg"}
    | {"template", "textarea", "title", "video", "xmp"}
)
_SPANS = frozenset({"colspan", "rowspan"})
_WIDEST_SPAN = 1000
_DEEPEST = 200
_IMAGES = {
    "image/png": b"\x89PNG",
    "image/jpeg": b"\xff\xd8",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
}
_SPACE = re.compile(r"\s+")


def safe_html(source: str) -> str:
    """Return harmless HTML that shows what some HTML shows: its text, tables and lists.

    Parameters
    ----------
    source
        Any HTML.

    Examples
    --------
    >>> safe_html("<td onclick=steal()>1 &lt; 2<script>steal()</script>")
    '<td>1 &lt; 2</td>'
    """
    rebuilder = _Rebuilder()
    rebuilder.feed(source)
    rebuilder.close()
    return rebuilder.finished()


class _Rebuilder(HTMLParser):
    """Writes harmless HTML for what it reads."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._parts: list[str] = []
        self._open: list[str] = []
        self._dropping: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Write the tag anew, if it is a harmless one."""
        if tag in _DROPPED:
            self._dropping.append(tag)
        if self._dropping:
            return
        if tag == "a":
            self._parts.append(_opening_link(dict(attrs).get("href")))
            self._open.append(tag)
        elif tag == "img":
            self._parts.append(_image_of(dict(attrs)))
        elif tag in _KEPT and len(self._open) < _DEEPEST:
            self._parts.append(f"<{tag}{_spans(attrs)}>")
            if tag not in _VOID:
                self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take ``<x/>`` for ``<x>``, as browsers do, except where it would hide what follows."""
        if tag not in _DROPPED:
            self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        """Close the tag, and those inside it that were left open."""
        if self._dropping:
            if tag in self._dropping:
                del self._dropping[self._dropping.index(tag) :]
            return
        if tag in self._open:
            while self._open[-1] != tag:
                self._parts.append(f"</{self._open.pop()}>")
            self._parts.append(f"</{self._open.pop()}>")

    def handle_data(self, data: str) -> None:
        """Write text as text."""
        if not self._dropping:
            self._parts.append(html.escape(data, quote=False))

    def finished(self) -> str:
        """Return what was written, with everything closed."""
        closing = (f"</{tag}>" for tag in reversed(self._open))
        return "".join((*self._parts, *closing))


def _spans(attrs: list[tuple[str, str | None]]) -> str:
    written = ""
    for name, value in attrs:
        if name in _SPANS and value is not None and value.isascii() and value.isdecimal():
            written += f' {name}="{min(int(value[:6]), _WIDEST_SPAN)}"'
    return written


def _opening_link(address: str | None) -> str:
    target = link(address or "")
    if target is None:
        return "<a>"
    return f'<a href="{html.escape(target)}" target="_blank" rel="noopener noreferrer nofollow">'


def link(address: str) -> str | None:
    r"""Return an address that may be followed, or None.

    Examples
    --------
    >>> link("https://example.org/x"), link("java\nscript:steal()"), link("#top")
    ('https://example.org/x', None, None)
    """
    # Browsers ignore these inside of an address.
    address = _SPACE.sub("", "".join(c for c in address if c.isprintable()))
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme in {"http", "https"} and parts.netloc:
        return address
    return address if parts.scheme == "mailto" else None


def _image_of(attrs: dict[str, str | None]) -> str:
    head, found, data = (attrs.get("src") or "").partition(";base64,")
    alt = attrs.get("alt") or ""
    if found and head.startswith("data:"):
        return image(head.removeprefix("data:"), data, alt) or html.escape(alt)
    return html.escape(alt)  # a picture from elsewhere would tell who reads this


def image(mime: str, data: str, alt: str = "") -> str | None:
    """Return an ``<img>`` of a picture in base64, or None if it is no picture.

    Parameters
    ----------
    mime
        What kind it says it is. An SVG is shown as a picture, in which no script runs.
    data
        Its bytes in base64.
    alt
        What it shows, for who cannot see it.
    """
    try:
        raw = base64.b64decode(_SPACE.sub("", data), validate=True)
    except (binascii.Error, ValueError):
        return None
    if mime != "image/svg+xml" and not raw.startswith(_IMAGES.get(mime, b"\x00none")):
        return None
    packed = base64.b64encode(raw).decode("ascii")
    alt = html.escape(alt or "A picture that this notebook shows")
    return f'<img src="data:{mime};base64,{packed}" alt="{alt}">'
