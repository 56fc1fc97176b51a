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
from je_kernel.net.credentials import redact_url

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import TracebackType

    from je_kernel.net.message import Request

__all__ = [
    "Display",
    "DownloadProgress",
    "NotebookDisplay",
    "StepProgress",
    "TerminalDisplay",
    "describe",
    "display",
    "watch",
]

_PATIENCE_SECONDS = 1.0
_STEPS_PATIENCE_SECONDS = 0.5
_BETWEEN_SECONDS = 0.25
_LARGE_BYTES = 1_000_000


class Display(Protocol):
    """Where progress is shown."""

    def show(self, label: str, words: str, done: int, total: int | None) -> None:
        """Show how far something is; called again and again."""

    def clear(self) -> None:
        """Take away what was shown."""


class DownloadProgress:
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
        words = describe(self._received, self._total, now - self._begun)
        self._display.show(f"Reading {self._name}", words, self._received, self._total)

    def __enter__(self) -> DownloadProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._shown and self._display is not None:
            self._display.clear()


class StepProgress:
    """Several things that are done one after the other, shown once they take their time.

    Parameters
    ----------
    names
        What to call them, in their order.
    display
        Where to show it; None to show nothing.
    clock
        What tells the seconds.
    """

    def __init__(
        self,
        names: Sequence[str],
        display: Display | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._names = names
        self._display = display
        self._clock = clock
        self._begun = clock()
        self._done = 0
        self._shown = False

    def next(self) -> None:
        """Tell that the next one begins."""
        if self._display is not None and self._clock() - self._begun >= _STEPS_PATIENCE_SECONDS:
            self._shown = True
            total = len(self._names)
            words = f"{self._done + 1} of {total}"
            self._display.show(f"Loading {self._names[self._done]}", words, self._done, total)
        self._done += 1

    def __enter__(self) -> StepProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self._shown and self._display is not None:
            self._display.clear()


def watch(request: Request, total: int | None) -> DownloadProgress:
    """Watch the download of a response; use it as a context manager.

    Parameters
    ----------
    request
        What was asked for.
    total
        How many bytes will come, if that is known.

    Returns
    -------
    DownloadProgress
        To be told, by ``update``, of what has come.
    """
    return DownloadProgress(_name_of(request.url), total, display())


def _name_of(url: str) -> str:
    parts = urlsplit(redact_url(url))
    return unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.hostname or "data"


def display() -> Display | None:
    """Return where progress is shown: under the running cell, on a terminal, or nowhere."""
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

    def show(self, label: str, words: str, done: int, total: int | None) -> None:
        """Show or change the bar."""
        amount = "" if total is None else f' value="{done}" max="{total}"'
        safe = html.escape(label)
        markup = (
            f'<div style="font-size:90%"><span>{safe}</span> '
            f'<progress{amount} aria-label="{safe}" style="width:12em;vertical-align:middle">'
            f"</progress> <span>{html.escape(words)}</span></div>"
        )
        self._publish({"text/html": markup, "text/plain": f"{label}: {words}"})

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

    def show(self, label: str, words: str, done: int, total: int | None) -> None:  # noqa: ARG002
        """Write the line."""
        line = f"{label}: {words}"
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
