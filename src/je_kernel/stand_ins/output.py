"""What a stand-in shows below the cell: a link, a player, a button."""

from __future__ import annotations

import sys
import time
from html import escape

__all__ = ["link", "show", "while_fresh"]


def show(html: str, text: str) -> None:
    """Show HTML below the cell, and text where there is no notebook.

    Parameters
    ----------
    html
        The HTML; what comes from a student or a server is escaped in it.
    text
        The same in words.
    """
    ipython = sys.modules.get("IPython")
    if ipython is None or ipython.get_ipython() is None:
        print(text)
        return
    from IPython.display import display

    display({"text/html": html, "text/plain": text}, raw=True)  # type: ignore[no-untyped-call]


def link(url: str, words: str = "") -> str:
    """Return the HTML of a link that opens in a tab of its own.

    Examples
    --------
    >>> link("https://a.example/?a=1&b=2")
    '<a href="https://a.example/?a=1&amp;b=2" target="_blank" rel="noopener">https://a.example/?a=1&amp;b=2</a>'
    """
    return f'<a href="{escape(url)}" target="_blank" rel="noopener">{escape(words or url)}</a>'


def while_fresh(script: str) -> str:
    """Return a script element that acts when the cell runs, and not when the notebook is opened.

    Parameters
    ----------
    script
        JavaScript of ours; it holds nothing from elsewhere but JSON.
    """
    until = round(time.time() * 1000) + 60_000
    return f"<script>if (Date.now() < {until}) {{ {script} }}</script>"
