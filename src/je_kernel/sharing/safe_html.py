"""The HTML sanitiser: rebuild HTML and MathML from an allow-list.

The original markup is never copied. Elements and attributes are written from lists,
and every value and text is escaped as it is written, so that no script, style,
frame, form, event handler or address other than a web link remains.

The tokenizer reads each character once: Python's `html.parser` takes quadratic time
for unclosed markup in the Python releases of Pyodide 0.28 and 0.29. Where it reads
markup differently from a browser, the output looks different, but is still safe.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["LONGEST_HTML", "escaped", "image", "link", "safe_html"]

LONGEST_HTML = 500_000  # characters, without the pictures' data
_MOST_ELEMENTS = 20_000
_DEEPEST = 100
_LONGEST_ADDRESS = 4000
_LONGEST_PICTURE = 20_000_000  # characters of base64

_TAGS = frozenset(
    """
    a abbr b blockquote br caption center cite code col colgroup dd del details dfn div dl dt
    em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins kbd li mark ol p pre q rp rt ruby s
    samp small span strong sub summary sup table tbody td tfoot th thead time tr u ul var wbr
    """.split()  # noqa: SIM905
)
_VOID = frozenset({"br", "col", "hr", "img", "wbr"})
# Dropped with their content.
_DROPPED = frozenset(
    """
    applet audio canvas embed frame frameset head iframe noembed noframes noscript object
    script select style svg template textarea title video xmp
    """.split()  # noqa: SIM905
)
# Raw text elements: their content is text up to the end tag.
_RAW = frozenset({"iframe", "noembed", "noframes", "noscript", "script", "style"}) | frozenset(
    {"textarea", "title", "xmp"}
)
# The MathML of latex2mathml. Elements of the second list contain text only: a browser would
# parse elements in them as HTML.
_MATH = frozenset(
    """
    menclose merror mfrac mmultiscripts mover mpadded mphantom mprescripts mroot mrow mspace
    msqrt mstyle msub msubsup msup mtable mtd mtr munder munderover none
    """.split()  # noqa: SIM905
)
_MATH_TEXT = frozenset({"mi", "mn", "mo", "ms", "mtext"})
_MATH_ATTRIBUTES = frozenset(
    """
    accent accentunder columnalign columnlines columnspacing depth displaystyle fence height
    linethickness lspace mathvariant maxsize minsize movablelimits notation rowlines rowspacing
    rspace scriptlevel separator stretchy symmetric voffset width
    """.split()  # noqa: SIM905
)
_IMAGES = {
    "image/png": b"\x89PNG",
    "image/jpeg": b"\xff\xd8",
    "image/gif": b"GIF8",
    "image/webp": b"RIFF",
    "image/svg+xml": b"",  # as an <img>, it runs no script and fetches nothing
}
_SPACE = re.compile(r"\s+")
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9:-]{0,40}")
# One attribute. The branches begin differently, so that it does not backtrack.
_ATTRIBUTE = re.compile(
    r"[\s/]*+([^\s/>=][^\s/>=]*+)"
    r"(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>\"'][^\s>]*+)))?+"
)
_TAG_END = re.compile(r"[^>]*+>")
_WORDS = re.compile(r"[\w .#%,+()|/-]{0,60}")
_ASCII_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
# Control characters, which some HTML parsers interpret.
_CONTROLS = dict.fromkeys((*range(9), 11, *range(14, 32), *range(127, 160)))
_CONTROLS |= dict.fromkeys(range(55296, 57344), "�")


def escaped(text: str) -> str:
    r"""Return text as HTML, for an element or a quoted attribute.

    Parameters
    ----------
    text
        Any text. Control characters are removed, lone surrogates replaced.

    Examples
    --------
    >>> escaped('<b a="1">\x00')
    '&lt;b a=&quot;1&quot;&gt;'
    """
    return html.escape(text.translate(_CONTROLS))


def safe_html(source: str) -> str:
    """Sanitise HTML: keep its text, tables, lists, links, pictures and formulas.

    Parameters
    ----------
    source
        Any HTML, which may contain MathML. Beyond `LONGEST_HTML` characters, a hundred
        nested elements or twenty thousand elements, markup or text is removed.

    Returns
    -------
    str
        HTML in which every element is closed; empty if nothing of it is visible.

    Examples
    --------
    >>> safe_html("<td onclick=steal()>1 &lt; 2<script>steal()</script>")
    '<td>1 &lt; 2</td>'
    >>> safe_html("<div><script>draw()</script></div>")
    ''
    """
    builder = _Builder()
    for token in _tokens(source):
        builder.take(token)
    return builder.finished()


class _Token(NamedTuple):
    """A token of HTML: text (with an empty name), a start tag, or an end tag."""

    kind: str
    name: str
    text: str = ""
    attributes: dict[str, str] = {}  # noqa: RUF012
    closed: bool = False


def _tokens(source: str) -> Iterator[_Token]:
    """Tokenize HTML, reading each character once."""
    lowered = source.translate(_ASCII_LOWER)
    at = 0
    while at < len(source):
        begin = source.find("<", at)
        if begin < 0:
            begin = len(source)
        if begin > at:
            yield _Token("text", "", _unescaped(source[at:begin]))
        if begin == len(source):
            return
        closing = source.startswith("</", begin)
        name = _NAME.match(source, begin + 1 + closing)
        if name:
            tag, at = _tag(source, name, closing=closing)
            if tag is None:
                return  # never closed: a browser drops it and the rest
            yield tag
            if tag.name in _RAW and not closing:
                at = _find_or_end(lowered, f"</{tag.name}", at)
        elif source.startswith("<!--", begin):
            # "<!-->" and "<!--->" are whole comments.
            at = _find_or_end(source, "-->", begin + 2) + 3
        elif source.startswith(("<!", "<?", "</"), begin):
            at = _find_or_end(source, ">", begin) + 1
        else:
            yield _Token("text", "", "<")
            at = begin + 1


def _find_or_end(text: str, what: str, start: int) -> int:
    at = text.find(what, start)
    return len(text) if at < 0 else at


def _tag(source: str, name: re.Match[str], *, closing: bool) -> tuple[_Token | None, int]:
    """Read a tag from the end of its name; return it and its end."""
    attributes: dict[str, str] = {}
    at = name.end()
    while match := _ATTRIBUTE.match(source, at):
        key, *values = match.groups()
        if not closing and len(attributes) < 50:
            value = next((value for value in values if value is not None), "")
            attributes.setdefault(key.lower(), value)
        at = match.end()
    end = _TAG_END.match(source, at)
    if end is None:
        return None, len(source)
    kind = "end" if closing else "start"
    self_closed = source[end.end() - 2] == "/"
    return _Token(kind, name.group().lower(), "", attributes, self_closed), end.end()


def _unescaped(text: str) -> str:
    try:
        return html.unescape(text)
    except ValueError:  # a character reference of thousands of digits
        return text


class _Builder:
    """Builds sanitised HTML of tokens."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._open: list[str] = []
        self._dropping: list[str] = []
        self._elements = 0
        self._characters = 0
        self._visible = False

    def take(self, token: _Token) -> None:
        """Write the allowed parts of a token."""
        if token.kind == "text":
            self._text(token.text)
        elif token.kind == "end":
            self._end(token.name)
        else:
            self._start(token)

    def _text(self, text: str) -> None:
        if self._dropping or (self._in_math() and self._open[-1] not in _MATH_TEXT):
            return
        room = LONGEST_HTML - self._characters
        if room <= 0:
            return
        self._characters += len(text)
        self._visible = self._visible or bool(text.strip())
        self._parts.append(escaped(text[:room]))

    def _in_math(self) -> bool:
        return "math" in self._open

    def _start(self, token: _Token) -> None:
        name = token.name
        if name in _DROPPED:
            # Bounded: the exact depth of dropped elements does not matter.
            if (not token.closed or name in _RAW) and len(self._dropping) < _DEEPEST:
                self._dropping.append(name)
            return
        if self._dropping or not self._may_open(name):
            return
        if name == "img":
            self._image(token)
            return
        self._elements += 1
        self._parts.append(f"<{name}{_attributes(token, math=name not in _TAGS)}>")
        if name in _VOID:
            self._visible = self._visible or name == "hr"
            return
        if token.closed and self._in_math():
            self._parts.append(f"</{name}>")
            return
        self._open.append(name)

    def _may_open(self, name: str) -> bool:
        if self._elements >= _MOST_ELEMENTS or len(self._open) >= _DEEPEST:
            return False
        if self._in_math():
            return (name in _MATH or name in _MATH_TEXT) and self._open[-1] not in _MATH_TEXT
        return name in _TAGS or name == "math"

    def _image(self, token: _Token) -> None:
        head, is_base64, data = token.attributes.get("src", "").partition(";base64,")
        alt = _unescaped(token.attributes.get("alt", ""))
        shown = image(head.removeprefix("data:"), data, alt) if is_base64 else None
        if shown is None:
            self._text(alt)  # a request for it would identify the reader
            return
        self._elements += 1
        self._visible = True
        self._parts.append(shown)

    def _end(self, name: str) -> None:
        if self._dropping:
            if name in self._dropping:
                del self._dropping[self._dropping.index(name) :]
            return
        if name in self._open:
            while self._open[-1] != name:
                self._parts.append(f"</{self._open.pop()}>")
            self._parts.append(f"</{self._open.pop()}>")

    def finished(self) -> str:
        """Return the HTML, with all elements closed."""
        closing = (f"</{tag}>" for tag in reversed(self._open))
        return "".join((*self._parts, *closing)) if self._visible else ""


def _number(value: str) -> str | None:
    return str(min(int(value), 1000)) if value.isascii() and value[:7].isdecimal() else None


def _phrase(value: str) -> str | None:
    return value[:300]


def _one_of(*allowed: str) -> Callable[[str], str | None]:
    return lambda value: value if value in allowed else None


_ALIGNED = _one_of("left", "center", "right")
_EVERYWHERE: dict[str, Callable[[str], str | None]] = {
    "dir": _one_of("ltr", "rtl", "auto"),
    "title": _phrase,
}
_ATTRIBUTES: dict[str, dict[str, Callable[[str], str | None]]] = {
    "abbr": {"title": _phrase},
    "col": {"span": _number},
    "colgroup": {"span": _number},
    "details": {"open": lambda _: ""},
    "ol": {"start": _number, "type": _one_of("1", "a", "A", "i", "I")},
    "td": {"align": _ALIGNED, "colspan": _number, "rowspan": _number},
    "th": {"align": _ALIGNED, "colspan": _number, "rowspan": _number},
    "math": {"display": _one_of("block", "inline")},
}


def _attributes(token: _Token, *, math: bool) -> str:
    """Return the allowed attributes of an element, as text of its tag."""
    if token.name == "a":
        return _link_attributes(_unescaped(token.attributes.get("href", "")))
    rules = _ATTRIBUTES.get(token.name, {})
    written = ""
    for name, raw in token.attributes.items():
        value: str | None = _unescaped(raw[:_LONGEST_ADDRESS]).strip()
        assert value is not None
        if math and name in _MATH_ATTRIBUTES:
            value = value if _WORDS.fullmatch(value) else None
        elif name == "style" and token.name in {"td", "th"}:
            # markdown-it and pandas align columns so.
            name, (key, _, side) = "align", value.rstrip(";").partition(":")
            value = _ALIGNED(side.strip()) if key.strip() == "text-align" else None
        else:
            rule = rules.get(name) or (None if math else _EVERYWHERE.get(name))
            value = rule(value) if rule else None
        if value is not None:
            written += f' {name}="{escaped(value)}"'
    return written


def _link_attributes(address: str) -> str:
    target = link(address)
    if target is None:
        return ""
    return f' href="{escaped(target)}" target="_blank" rel="noopener noreferrer nofollow"'


def link(address: str) -> str | None:
    r"""Return an address that is a web or mail link, or None.

    Parameters
    ----------
    address
        Any text.

    Examples
    --------
    >>> link("https://example.org/x"), link("java\nscript:steal()"), link("#top")
    ('https://example.org/x', None, None)
    """
    if len(address) > _LONGEST_ADDRESS:
        return None
    # Browsers ignore white space and control characters in an address.
    address = _SPACE.sub("", "".join(c for c in address if c.isprintable()))
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme in {"http", "https"} and parts.netloc:
        return address
    return address if parts.scheme == "mailto" else None


def image(mime: Any, data: Any, alt: str = "") -> str | None:
    """Return an ``<img>`` of a picture in base64, or None if it is not a picture.

    Parameters
    ----------
    mime
        Its media type; only PNG, JPEG, GIF, WebP and SVG are allowed.
    data
        Its bytes in base64.
    alt
        Its alternative text.

    Examples
    --------
    >>> image('x" onerror="steal()//', "AG5vbmU=") is None
    True
    """
    begins = _IMAGES.get(mime) if isinstance(mime, str) else None
    if begins is None or not isinstance(data, str) or len(data) > _LONGEST_PICTURE:
        return None
    try:
        raw = base64.b64decode(_SPACE.sub("", data), validate=True)
    except (binascii.Error, ValueError):
        return None
    if not raw or not raw.startswith(begins):
        return None
    packed = base64.b64encode(raw).decode("ascii")
    described = escaped(alt[:300] or "A picture that this notebook shows")
    return f'<img src="data:{escaped(mime)};base64,{packed}" alt="{described}">'
