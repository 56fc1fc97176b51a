"""Markdown of others as harmless HTML: the part of it that notebooks use.

Headings, paragraphs, lists, quotes, tables, rules, code, emphasis, links and
attached pictures. Everything else, HTML in Markdown above all, stays text.
Formulas between dollar signs are left for the front end to typeset.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from je_kernel.sharing import safe_html

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["to_html"]

_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_RULE = re.compile(r" {0,3}([-*_])(?:\s*\1){2,}\s*$")
_ITEM = re.compile(r"(\s*)([-*+]|\d{1,9}[.)])\s+(.*)")
_QUOTE = re.compile(r" {0,3}> ?(.*)")
_TABLE_RULE = re.compile(r"\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$")
_CELLS = re.compile(r"(?<!\\)\|")
_DEEPEST_QUOTE = 8
_LONGEST_INLINE = 5000  # characters; what is longer was not written by hand, and stays plain

_INLINE = re.compile(
    r"(?P<math>\$\$[^$]+\$\$|\$(?!\s)[^$\n]+(?<!\s)\$(?!\d))"
    r"|(?P<ticks>`+)(?P<code>.+?)(?<!`)(?P=ticks)(?!`)"
    r"|!\[(?P<alt>[^\]]*)\]\((?P<src>[^()\s]+)[^()]*\)"
    r"|\[(?P<label>[^\[\]]+)\]\((?P<href>[^()\s]*(?:\([^()\s]*\)[^()\s]*)*)(?:\s+\"[^\"]*\")?\)"
    r"|<(?P<auto>https?://[^<>\s]+)>"
    r"|(?P<strong>\*\*|__)(?=\S)(?P<bold>.+?)(?<=\S)(?P=strong)"
    r"|(?<!\w)(?P<em>[*_])(?=\S)(?P<italic>[^*_\n]+?)(?<=\S)(?P=em)(?!\w)"
    r"|\\(?P<escaped>[\\`*_{}\[\]()#+.!|$~-])",
    re.DOTALL,
)


def to_html(source: str, attachments: Mapping[str, Mapping[str, str]] | None = None) -> str:
    r"""Return Markdown as harmless HTML.

    Parameters
    ----------
    source
        The Markdown.
    attachments
        The pictures of the cell: by name, by media type, in base64.

    Examples
    --------
    >>> to_html("# Rain\n**wet** <script>")
    '<h1>Rain</h1><p><strong>wet</strong> &lt;script&gt;</p>'
    """
    return _Blocks(source.splitlines(), attachments or {}).html()


class _Blocks:
    """Reads lines into blocks."""

    def __init__(
        self, lines: list[str], attachments: Mapping[str, Mapping[str, str]], depth: int = 0
    ) -> None:
        self._lines = lines
        self._attachments = attachments
        self._depth = depth
        self._at = 0

    def html(self) -> str:
        """Return all the blocks."""
        parts = []
        while self._at < len(self._lines):
            parts.append(self._block())
        return "".join(parts)

    def _block(self) -> str:
        line = self._lines[self._at]
        if not line.strip():
            self._at += 1
            return ""
        if fence := _FENCE.match(line):
            return self._fenced(fence.group(1))
        if heading := _HEADING.match(line):
            self._at += 1
            level = len(heading.group(1))
            return f"<h{level}>{self._inline(heading.group(2))}</h{level}>"
        if _RULE.match(line):
            self._at += 1
            return "<hr>"
        if _QUOTE.match(line) and self._depth < _DEEPEST_QUOTE:
            return self._quote()
        if _ITEM.match(line):
            return self._list()
        if self._is_table():
            return self._table()
        return self._paragraph()

    def _fenced(self, fence: str) -> str:
        self._at += 1
        inside = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            self._at += 1
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                break
            inside.append(line)
        return f"<pre><code>{html.escape(chr(10).join(inside), quote=False)}</code></pre>"

    def _quote(self) -> str:
        inside = []
        while self._at < len(self._lines) and (match := _QUOTE.match(self._lines[self._at])):
            inside.append(match.group(1))
            self._at += 1
        inner = _Blocks(inside, self._attachments, self._depth + 1)
        return f"<blockquote>{inner.html()}</blockquote>"

    def _list(self) -> str:
        """Return a list; items that are further in make a list of their own inside."""
        first = _ITEM.match(self._lines[self._at])
        assert first is not None
        indent, tag = len(first.group(1).expandtabs(4)), _list_tag(first.group(2))
        items: list[str] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            match = _ITEM.match(line)
            further = len(match.group(1).expandtabs(4)) if match else 0
            if match and further > indent + 1 and items:
                items[-1] += self._list() if self._deeper() else self._taken(match.group(3))
            elif match and further >= indent - 1 and _list_tag(match.group(2)) == tag:
                self._at += 1
                items.append(self._inline(match.group(3)))
            elif not match and line.strip() and items and line.startswith((" ", "\t")):
                items[-1] += " " + self._taken(line.strip())
            else:
                break
        self._depth = max(0, self._depth - 1)
        return f"<{tag}>" + "".join(f"<li>{item}</li>" for item in items) + f"</{tag}>"

    def _deeper(self) -> bool:
        self._depth += 1
        return self._depth <= _DEEPEST_QUOTE

    def _taken(self, text: str) -> str:
        self._at += 1
        return self._inline(text)

    def _is_table(self) -> bool:
        following = self._lines[self._at + 1] if self._at + 1 < len(self._lines) else ""
        return "|" in self._lines[self._at] and bool(_TABLE_RULE.match(following))

    def _table(self) -> str:
        head = self._row(self._lines[self._at], "th")
        self._at += 2
        rows = []
        while self._at < len(self._lines) and "|" in self._lines[self._at]:
            rows.append(self._row(self._lines[self._at], "td"))
            self._at += 1
        return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"

    def _row(self, line: str, tag: str) -> str:
        cells = _CELLS.split(line.strip().removeprefix("|").removesuffix("|"))
        return (
            "<tr>" + "".join(f"<{tag}>{self._inline(c.strip())}</{tag}>" for c in cells) + "</tr>"
        )

    def _paragraph(self) -> str:
        inside: list[str] = []
        while self._at < len(self._lines):
            line = self._lines[self._at]
            begins_other = _FENCE.match(line) or _HEADING.match(line) or _QUOTE.match(line)
            if not line.strip() or (inside and (begins_other or _ITEM.match(line))):
                break
            inside.append(line.strip())
            self._at += 1
        return f"<p>{self._inline(chr(10).join(inside))}</p>"

    def _inline(self, text: str, depth: int = 0) -> str:
        if depth > _DEEPEST_QUOTE or len(text) > _LONGEST_INLINE:
            return html.escape(text, quote=False)
        parts, end = [], 0
        for match in _INLINE.finditer(text):
            parts.append(html.escape(text[end : match.start()], quote=False))
            parts.append(self._span(match, depth))
            end = match.end()
        parts.append(html.escape(text[end:], quote=False))
        return "".join(parts)

    def _span(self, match: re.Match[str], depth: int) -> str:
        found = match.groupdict()
        if found["code"] is not None:
            return f"<code>{html.escape(found['code'].strip(), quote=False)}</code>"
        if found["src"] is not None:
            return self._picture(found["src"], found["alt"])
        if found["label"] is not None:
            return _anchor(found["href"], self._inline(found["label"], depth + 1))
        if found["auto"] is not None:
            return _anchor(found["auto"], html.escape(found["auto"], quote=False))
        if found["bold"] is not None:
            return f"<strong>{self._inline(found['bold'], depth + 1)}</strong>"
        if found["italic"] is not None:
            return f"<em>{self._inline(found['italic'], depth + 1)}</em>"
        return html.escape(found["math"] or found["escaped"], quote=False)

    def _picture(self, source: str, alt: str) -> str:
        if source.startswith("attachment:"):
            bundle = self._attachments.get(source.removeprefix("attachment:"))
            for mime, data in bundle.items() if isinstance(bundle, dict) else ():
                shown = safe_html.image(mime, data, alt) if isinstance(data, str) else None
                if shown:
                    return shown
        if source.startswith("data:"):
            head, found, data = source.removeprefix("data:").partition(";base64,")
            shown = safe_html.image(head, data, alt) if found else None
            if shown:
                return shown
        # A picture from elsewhere would tell who reads this: it is a link.
        return _anchor(source, html.escape(alt or "A picture", quote=False))


def _list_tag(marker: str) -> str:
    return "ol" if marker[0].isdigit() else "ul"


def _anchor(address: str, inside: str) -> str:
    target = safe_html.link(address)
    if target is None:
        return inside
    rel = "noopener noreferrer nofollow"
    return f'<a href="{html.escape(target)}" target="_blank" rel="{rel}">{inside}</a>'
