"""A progress bar under the cell for a download that takes its time.

The first second is free of it, and so are small downloads. In a notebook it is
an HTML ``<progress>`` that a screen reader can read; on a terminal it is one
line of text; where there is neither, nothing is shown.

The synchronous XMLHttpRequest tells nothing before it is done: with it, which
is to say in WebKit, there is no bar.
"""

from __future__ import annotations

import html
import sys
import time
import uuid
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

from je_kernel import settings
from je_kernel.net.credentials import shown_url

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from je_kernel.net.message import Request

__all__ = ["Display", "NotebookDisplay", "TerminalDisplay", "Watched", "describe", "watch"]

_PATIENCE_SECONDS = 1.0
_BETWEEN_SECONDS = 0.25
_LARGE_BYTES = 1_000_000


class Display(Protocol):
    """Where progress is shown."""

    def show(self, name: str, received: int, total: int | None, seconds: float) -> None:
        """Show how far a download is; called again and again."""

    def clear(self) -> None:
        """Take away what was shown."""


class Watched:
    """One download, whose progress is shown once it deserves it.

    Parameters
    ----------
    name
        What to call it.
    total
        How many bytes will come, if that is known.
    display
        Where to show it; None to show nothing.
    clock
        What tells the seconds.
    """

    def __init__(
        self,
        name: str,
        total: int | None,
        display: Display | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._total = total
        self._display = display
        self._clock = clock
        self._received = 0
        self._begun = clock()
        self._next = self._begun + _PATIENCE_SECONDS
        self._shown = False

    def update(self, more: int) -> None:
        """Count bytes that have come.

        Parameters
        ----------
        more
            How many came since the last time.
        """
        self._received += more
        if self._display is None:
            return
        now = self._clock()
        if now < self._next or max(self._received, self._total or 0) < _LARGE_BYTES:
            return
        self._next = now + _BETWEEN_SECONDS
        self._shown = True
        self._display.show(self._name, self._received, self._total, now - self._begun)

    def __enter__(self) -> Watched:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._shown and self._display is not None:
            self._display.clear()


def watch(request: Request, total: int | None) -> Watched:
    """Watch the download of a response; use it as a context manager.

    Parameters
    ----------
    request
        What was asked for.
    total
        How many bytes will come, if that is known.

    Returns
    -------
    Watched
        To be told, by ``update``, of what has come.
    """
    return Watched(_name_of(request.url), total, _display())


def _name_of(url: str) -> str:
    parts = urlsplit(shown_url(url))
    return unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.hostname or "data"


def _display() -> Display | None:
    if not settings.current().progress:
        return None
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    # A terminal's IPython has a publisher too; it would print the bar's markup.
    if shell is not None and not hasattr(shell, "simple_prompt"):
        return NotebookDisplay(shell.display_pub)
    if sys.stderr is not None and sys.stderr.isatty():
        return TerminalDisplay(sys.stderr)
    return None


class NotebookDisplay:
    """Shows progress as an output of the running cell.

    Parameters
    ----------
    publisher
        IPython's ``display_pub``.
    """

    def __init__(self, publisher: Any) -> None:
        self._publisher = publisher
        self._id = uuid.uuid4().hex
        self._begun = False

    def show(self, name: str, received: int, total: int | None, seconds: float) -> None:
        """Show or change the bar."""
        words = describe(received, total, seconds)
        amount = "" if total is None else f' value="{received}" max="{total}"'
        label = html.escape(f"Reading {name}")
        markup = (
            f'<div style="font-size:90%"><span>{label}</span> '
            f'<progress{amount} aria-label="{label}" style="width:12em;vertical-align:middle">'
            f"</progress> <span>{html.escape(words)}</span></div>"
        )
        self._publish({"text/html": markup, "text/plain": f"Reading {name}: {words}"})

    def clear(self) -> None:
        """Make the output empty: nothing of it is to be seen, and no other output is touched."""
        # An output cannot be taken away alone, and `clear_output` takes the student's with
        # it. Without any data, JupyterLab gives it no room on the page.
        self._publish({})

    def _publish(self, data: dict[str, str]) -> None:
        transient = {"display_id": self._id}
        self._publisher.publish(data=data, metadata={}, transient=transient, update=self._begun)
        self._begun = True


class TerminalDisplay:
    """Shows progress as one line of a terminal, written over again and again.

    Parameters
    ----------
    stream
        The terminal.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._width = 0

    def show(self, name: str, received: int, total: int | None, seconds: float) -> None:
        """Write the line."""
        line = f"Reading {name}: {describe(received, total, seconds)}"
        self._stream.write("\r" + line.ljust(self._width))
        self._stream.flush()
        self._width = len(line)

    def clear(self) -> None:
        """Wipe the line out."""
        self._stream.write("\r" + " " * self._width + "\r")
        self._stream.flush()


def describe(received: int, total: int | None, seconds: float) -> str:
    """Say in words how far a download is.

    Parameters
    ----------
    received
        Bytes that have come.
    total
        Bytes that will have come in the end, if that is known.
    seconds
        How long it has taken so far.

    Examples
    --------
    >>> describe(12_000_000, 48_000_000, 3.0)
    '12.0 of 48.0 MB, 4.0 MB/s, 9 seconds left'
    >>> describe(2_500_000, None, 2.0)
    '2.5 MB, 1.2 MB/s'
    """
    speed = received / seconds if seconds > 0 else 0.0
    pace = f"{speed / 1e6:.1f} MB/s"
    if total is None or total < received:
        return f"{received / 1e6:.1f} MB, {pace}"
    amount = f"{received / 1e6:.1f} of {total / 1e6:.1f} MB, {pace}"
    if speed == 0:
        return amount
    return f"{amount}, {_time_left((total - received) / speed)}"


def _time_left(seconds: float) -> str:
    if seconds < 90:
        whole = max(1, round(seconds))
        return f"{whole} second{'' if whole == 1 else 's'} left"
    return f"{round(seconds / 60)} minutes left"
