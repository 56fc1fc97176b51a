"""What a test can ask of a browser, whichever browser it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CALL_TIMEOUT", "Browser", "BrowserMissingError", "Engine", "Page", "ScriptError"]

Engine = Literal["chromium", "firefox", "webkit"]

CALL_TIMEOUT = 480.0
"""Seconds after which a browser that does not answer is given up.

Longer than any wait inside a page (see `lab`), whose message says more.
"""


class BrowserMissingError(RuntimeError):
    """A browser, or what drives it, is not installed."""


class ScriptError(RuntimeError):
    """A script that was evaluated in a page threw, or did not come back."""


class Page(Protocol):
    """One tab, which shares its storage with no other page."""

    def open(self, url: str) -> None:
        """Go to an address and wait until the document has loaded.

        Parameters
        ----------
        url
            Absolute address.
        """

    def evaluate(self, function: str, *arguments: Any) -> Any:
        """Call a JavaScript function in the page and wait for what it resolves to.

        Parameters
        ----------
        function
            Source of a function expression, asynchronous or not.
        *arguments
            What it is called with; anything JSON can say.

        Returns
        -------
        object
            The result, as JSON says it.

        Raises
        ------
        ScriptError
            If the function throws or rejects, or the page is gone.
        """

    def screenshot(self, path: Path) -> None:
        """Save what the page shows as a PNG file."""

    def console(self) -> list[str]:
        """Return the console messages of the page and its workers, where the engine tells them."""

    def type(self, text: str) -> None:
        """Press the keys of a text, one after the other, on what has the focus."""

    def press(self, *keys: str) -> None:
        """Press keys together, named as the DOM names them: ``press("Shift", "Enter")``."""

    def close(self) -> None:
        """Close the page and forget what it stored."""


class Browser(Protocol):
    """One running browser."""

    engine: Engine

    def new_page(self) -> Page:
        """Open a page without storage, cookies and service workers."""

    def close(self) -> None:
        """End the browser and every process that was started for it."""
