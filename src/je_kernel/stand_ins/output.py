"""Show HTML with links and scripts in the output of a cell, for the stand-ins."""

from __future__ import annotations

import sys
import time
from html import escape

__all__ = ["link", "show", "while_fresh"]


def show(html: str, text: str) -> None:
    """Show HTML in a notebook, and print text elsewhere.

    Parameters
    ----------
    html
        The HTML, in which text of students and servers is escaped.
    text
        The same as text.
    """
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(text)
        return
    from IPython.display import display

    display({"text/html": html, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]


def link(url: str, words: str = "") -> str:
    """Return the HTML of a link that opens in a new tab.

    Examples
    --------
    >>> link("https://a.example/?a=1&b=2")
    '<a href="https://a.example/?a=1&amp;b=2" target="_blank" rel="noopener">https://a.example/?a=1&amp;b=2</a>'
    """
    return f'<a href="{escape(url)}" target="_blank" rel="noopener">{escape(words or url)}</a>'


def while_fresh(script: str) -> str:
    """Return a script that runs with the cell, and not when the saved notebook is opened.

    Parameters
    ----------
    script
        Our own JavaScript; values from elsewhere are in it as JSON.
    """
    until = round(time.time() * 1000) + 60_000
    return f"<script>if (Date.now() < {until}) {{ {script} }}</script>"
