"""Highlight source code with Pygments, by classes of our own style sheet."""

import html

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexer import Lexer
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_LONGEST = 60_000
_ALIASES = {"ipython": "python", "ipython3": "python", "xr": "r", "xpython": "python"}
_formatter = HtmlFormatter(nowrap=True, classprefix="c-")


def code_html(source: str, language: str) -> str:
    """Colour source code.

    Parameters
    ----------
    source
        The code.
    language
        A name Pygments knows; any other leaves the code plain.

    Returns
    -------
    str
        HTML for inside a `pre` element.

    Examples
    --------
    >>> code_html("x = 1", "no-such-language")
    'x = 1'
    """
    lexer = _lexer(language)
    if lexer is None or len(source) > _LONGEST:
        return html.escape(source)
    return str(highlight(source, lexer, _formatter)).rstrip("\n")


def _lexer(language: str) -> Lexer | None:
    name = language.strip().lower()
    try:
        return get_lexer_by_name(_ALIASES.get(name, name), stripnl=False, ensurenl=True)
    except ClassNotFound:
        return None
