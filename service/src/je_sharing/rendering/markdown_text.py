"""Render Markdown cells: CommonMark with tables, formulas and attached images."""

import html
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_core import StateCore
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from mdit_py_plugins.amsmath import amsmath_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin

from je_sharing.rendering.code_highlighting import code_html
from je_sharing.rendering.html_cleaning import TooComplexError, clean_html
from je_sharing.rendering.images import image_source
from je_sharing.rendering.math_markup import math_html

_LONGEST = 100_000
# How markdown-it aligns the columns of a table; the cleaning keeps no style.
_STYLED_CELL = re.compile(r'<(t[hd]) style="text-align:(left|center|right)"')
_BOXES = {"[ ] ": "☐ ", "[x] ": "☑ ", "[X] ": "☑ "}


class _Renderer(RendererHTML):
    """Renders to HTML with markers where trusted markup goes after the cleaning."""

    def _set_aside(self, env: EnvType, markup: str) -> str:
        env["trusted"].append(markup)
        return f"{env['marker']}{len(env['trusted']) - 1}."

    def fence(self, tokens: Sequence[Token], idx: int, _options: OptionsDict, env: EnvType) -> str:
        """Render a block of code with a language."""
        token = tokens[idx]
        language = token.info.split(maxsplit=1)[0] if token.info.strip() else ""
        code = code_html(token.content.rstrip("\n"), language)
        return f"{self._set_aside(env, f'<pre tabindex=0><code>{code}</code></pre>')}\n"

    def code_block(
        self, tokens: Sequence[Token], idx: int, _options: OptionsDict, env: EnvType
    ) -> str:
        """Render an indented block of code."""
        code = html.escape(tokens[idx].content.rstrip("\n"))
        return f"{self._set_aside(env, f'<pre tabindex=0><code>{code}</code></pre>')}\n"

    def math_inline(
        self, tokens: Sequence[Token], idx: int, _options: OptionsDict, env: EnvType
    ) -> str:
        """Render a formula within a line."""
        return self._set_aside(env, math_html(tokens[idx].content, block=False))

    def math_block(
        self, tokens: Sequence[Token], idx: int, _options: OptionsDict, env: EnvType
    ) -> str:
        """Render a formula on a line of its own."""
        return f"{self._set_aside(env, math_html(tokens[idx].content.strip(), block=True))}\n"

    def image(self, tokens: Sequence[Token], idx: int, _options: OptionsDict, env: EnvType) -> str:
        """Render an attached image; an image elsewhere becomes a link, for pages ask nobody."""
        token = tokens[idx]
        source = str(token.attrGet("src") or "")
        alt = self.renderInlineAsText(token.children or [], _options, env)
        if source.startswith("attachment:"):
            found = env["attachments"].get(source.removeprefix("attachment:"))
            if found:
                return f'<img src="{html.escape(found)}" alt="{html.escape(alt)}">'
        if source.startswith("data:"):
            return f'<img src="{html.escape(source)}" alt="{html.escape(alt)}">'
        words = html.escape(f"Image: {alt}" if alt else "Image")
        if source.startswith(("http://", "https://")):
            return f'<a href="{html.escape(source)}">{words}</a>'
        return f"<em>[{words}]</em>"


for _rule in ("math_inline_double", "math_block_label", "amsmath"):
    setattr(_Renderer, _rule, _Renderer.math_block)


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": True}, renderer_cls=_Renderer)
    parser.enable(["table", "strikethrough"])
    renderer = parser.renderer
    parser.use(dollarmath_plugin, double_inline=True, allow_digits=False)
    parser.use(amsmath_plugin)
    # The plugins bring renderers of their own; these are ours.
    rules = ("math_inline", "math_block", "math_inline_double", "math_block_label", "amsmath")
    for rule in rules:
        renderer.rules[rule] = getattr(renderer, rule)  # type: ignore[attr-defined]
    parser.core.ruler.push("tick_boxes", _tick_boxes)
    parser.validateLink = _is_harmless  # type: ignore[method-assign]
    return parser


def _tick_boxes(state: StateCore) -> None:
    """Show `[ ]` and `[x]` at the start of a list item as boxes."""
    before = ["", ""]
    for token in state.tokens:
        if before == ["list_item_open", "paragraph_open"] and token.children:
            text = token.children[0]
            box = _BOXES.get(text.content[:4])
            if text.type == "text" and box:
                text.content = box + text.content[4:]
        before = [before[1], token.type]


def _is_harmless(url: str) -> bool:
    # The cleaning decides about links; here only what would not even be shown as one is cut.
    return not url.strip().lower().startswith(("javascript:", "vbscript:", "file:"))


_markdown = _parser()


@dataclass(frozen=True)
class Rendered:
    """A rendered piece of Markdown.

    Parameters
    ----------
    html
        Harmless HTML.
    heading
        The words of its first heading of the levels 1 to 3, or empty.
    """

    html: str
    heading: str = ""


def markdown_html(source: str) -> str:
    """Render Markdown without attachments to harmless HTML.

    Examples
    --------
    >>> markdown_html("# A *title*").strip()
    '<h1>A <em>title</em></h1>'
    """
    return render_markdown(source).html


def render_markdown(source: str, attachments: Mapping[str, Any] | None = None) -> Rendered:
    r"""Render Markdown.

    Parameters
    ----------
    source
        The Markdown, which may hold HTML.
    attachments
        The cell's attachments: MIME bundles by name.

    Returns
    -------
    Rendered
        The source as text when it is too long or too tangled to render.

    Examples
    --------
    >>> render_markdown("text\n## A *title* ##").heading
    'A title'
    """
    marker = f"je{secrets.token_hex(8)}x"
    env: dict[str, Any] = {
        "marker": marker,
        "trusted": [],
        "attachments": _attachment_sources(attachments or {}),
    }
    try:
        if len(source) > _LONGEST:
            raise TooComplexError("too long")
        tokens = _markdown.parse(source, env)
        rendered = _markdown.renderer.render(tokens, _markdown.options, env)
        cleaned = clean_html(_STYLED_CELL.sub(r'<\1 align="\2"', rendered), marker=marker)
    except (TooComplexError, RecursionError):
        return Rendered(f'<pre class="plain" tabindex="0">{html.escape(source)}</pre>')
    return Rendered(_put_back(cleaned, marker, env["trusted"]), _first_heading(tokens))


def _first_heading(tokens: Sequence[Token]) -> str:
    for number, token in enumerate(tokens):
        if token.type == "heading_open" and token.tag in {"h1", "h2", "h3"}:
            return _words(tokens[number + 1].children or []).strip()
    return ""


def _words(tokens: Sequence[Token]) -> str:
    return "".join(
        " " if token.type in {"softbreak", "hardbreak"} else token.content
        for token in tokens
        if token.type != "html_inline"
    )


def _put_back(cleaned: str, marker: str, trusted: Sequence[str]) -> str:
    """Replace the markers, in one pass, so that nothing put in is looked at again."""
    first, *rest = cleaned.split(marker)
    parts = [first]
    for piece in rest:
        number, _, text = piece.partition(".")
        parts += [trusted[int(number)], text]
    return "".join(parts)


def _attachment_sources(attachments: Mapping[str, Any]) -> dict[str, str]:
    sources = {}
    for name, bundle in attachments.items():
        for mime, data in bundle.items() if isinstance(bundle, dict) else ():
            source = image_source(mime, data)
            if source:
                sources[name] = source
                break
    return sources
