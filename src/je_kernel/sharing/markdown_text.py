"""Render Markdown as sanitised HTML: CommonMark with tables, formulas and attached pictures.

markdown-it-py parses it, latex2mathml converts formulas, and `safe_html` sanitises the
result. The packages are imported when they are first used; without them Markdown is
shown as plain text.
"""

from __future__ import annotations

import html
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from je_kernel.sharing.safe_html import escaped, image, safe_html

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = ["CUT", "can_render", "first_heading", "formula", "plain", "to_html"]

_LONGEST = 20_000  # characters; longer text is not written by hand, and stays plain
_MOST_ENVIRONMENTS = 200  # the plugin searches the rest of the text for the end of each
_LONGEST_FORMULA = 2000
_LONGEST_PLAIN = 100_000
CUT = "… (cut here; the copy has all of it)"
_DELIMITERS = (("$$", "$$"), ("$", "$"), (r"\[", r"\]"), (r"\(", r"\)"))
_FORMULAS = {
    "math_inline": "inline",
    "math_inline_double": "block",
    "math_block": "block",
    "math_block_label": "block",
    "amsmath": "block",
}


def can_render() -> bool:
    """Return whether the site has the packages that render Markdown."""
    return _parser() is not None


def to_html(source: str, attachments: Mapping[str, Any] | None = None) -> str:
    r"""Return Markdown as sanitised HTML.

    Parameters
    ----------
    source
        The Markdown, which may contain HTML.
    attachments
        The pictures of the cell: by name, by media type, in base64.

    Examples
    --------
    >>> to_html("# Rain\n**wet** <script>")
    '<h1>Rain</h1>\n<p><strong>wet</strong> </p>'
    """
    parser = _parser()
    if parser is None or _is_too_much(source):
        return plain(source)
    try:
        rendered = parser.render(source, {"attachments": attachments or {}})
    except RecursionError:
        return plain(source)
    return safe_html(rendered).strip()


def _is_too_much(source: str) -> bool:
    return len(source) > _LONGEST or source.count("\\begin{") > _MOST_ENVIRONMENTS


def plain(source: str) -> str:
    """Return Markdown as preformatted text.

    Parameters
    ----------
    source
        The Markdown.
    """
    if not source.strip():
        return ""
    text = source if len(source) <= _LONGEST_PLAIN else f"{source[:_LONGEST_PLAIN]}\n{CUT}"
    return f'<pre class="je-plain">{escaped(text)}</pre>'


def first_heading(source: str) -> str | None:
    r"""Return the text of the first heading of the levels one to three.

    Parameters
    ----------
    source
        The Markdown.

    Examples
    --------
    >>> first_heading("text\n\n## Rain *at* home ##")
    'Rain at home'
    """
    parser = _parser()
    if parser is None or _is_too_much(source):
        return None
    try:
        tokens = parser.parse(source)
    except RecursionError:
        return None
    for opening, inside in pairwise(tokens):
        if opening.type == "heading_open" and opening.tag in {"h1", "h2", "h3"}:
            text = _words(inside.children or []).strip()
            if text:
                return text
    return None


def _words(tokens: Sequence[Token]) -> str:
    shown = {"text", "code_inline", "math_inline", "math_inline_double"}
    return "".join(
        token.content if token.type in shown else " " if token.type == "softbreak" else ""
        for token in tokens
    )


def formula(latex: str, display: str = "block") -> str:
    r"""Return a LaTeX formula as MathML, which browsers render without a script.

    Parameters
    ----------
    latex
        The formula, with or without its delimiters.
    display
        ``"block"`` or ``"inline"``.

    Returns
    -------
    str
        A ``math`` element; the source of the formula if it cannot be converted.

    Examples
    --------
    >>> formula("$x < y$", "inline")
    '<math display="inline"><mrow><mi>x</mi><mo>&lt;</mo><mi>y</mi></mrow></math>'
    """
    source = latex.strip()
    for left, right in _DELIMITERS:
        if source.startswith(left) and source.endswith(right) and len(source) > len(left + right):
            source = source[len(left) : -len(right)]
            break
    return safe_html(_mathml(source, display))


def _mathml(latex: str, display: str) -> str:
    try:
        if len(latex) > _LONGEST_FORMULA:
            raise ValueError("too long")
        from xml.etree.ElementTree import tostring

        from latex2mathml.converter import convert_to_element

        element = convert_to_element(latex, display=display)
        for part in element.iter():
            part.text = html.unescape(part.text or "")  # characters come as "&#x0003C;"
        return tostring(element, encoding="unicode")
    # The converter raises many errors, and hostile formulas cause any others.
    except Exception:
        tag = "pre" if display == "block" else "code"
        return f"<{tag}>{escaped(latex)}</{tag}>"


@cache
def _parser() -> MarkdownIt | None:
    try:
        from markdown_it import MarkdownIt
        from mdit_py_plugins.amsmath import amsmath_plugin
        from mdit_py_plugins.dollarmath import dollarmath_plugin
    except ImportError:
        return None
    parser = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
    parser.use(dollarmath_plugin, double_inline=True, allow_digits=False)
    parser.use(amsmath_plugin)
    parser.validateLink = _leave_to_the_sanitiser  # type: ignore[method-assign, assignment]
    for kind in _FORMULAS:
        parser.add_render_rule(kind, _render_formula)
    parser.add_render_rule("image", _render_image)
    return parser


def _leave_to_the_sanitiser(_url: str) -> bool:
    return True


def _render_formula(_renderer: Any, tokens: Sequence[Token], at: int, *_: Any) -> str:
    token = tokens[at]
    return _mathml(token.content.strip(), _FORMULAS[token.type])


def _render_image(
    renderer: Any, tokens: Sequence[Token], at: int, options: Any, env: Mapping[str, Any]
) -> str:
    """Render an attached picture. One from another server becomes a link, for privacy."""
    token = tokens[at]
    source = str(token.attrGet("src") or "")
    alt = renderer.renderInlineAsText(token.children or [], options, env)
    if source.startswith("attachment:"):
        bundle = env["attachments"].get(unquote(source.removeprefix("attachment:")))
        for mime, data in bundle.items() if isinstance(bundle, dict) else ():
            shown = image(mime, data, alt)
            if shown:
                return shown
    if source.startswith("data:"):
        return f'<img src="{escaped(source)}" alt="{escaped(alt)}">'
    return f'<a href="{escaped(source)}">{escaped(alt or "A picture")}</a>'
