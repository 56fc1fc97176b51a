"""Show progress bars under the cell, for slow downloads and other slow steps.

Nothing is shown in the first second, and nothing for a small download. In a notebook the
bar is an HTML ``<progress>`` that a screen reader can read; on a terminal it is one line
of text; elsewhere there is none.

The synchronous XMLHttpRequest reports nothing before it is done: in WebKit a download
has no bar.
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
    from typing import Self

    from je_kernel.net.message import Request

__all__ = [
    "Display",
    "DownloadProgress",
    "NotebookDisplay",
    "StepProgress",
    "TerminalDisplay",
    "describe",
    "display",
    "track",
]

_PATIENCE_SECONDS = 1.0
_STEPS_PATIENCE_SECONDS = 0.5
_BETWEEN_SECONDS = 0.25
_LARGE_BYTES = 1_000_000


class Display(Protocol):
    """Where progress is shown."""

    def show(self, label: str, words: str, done: int, total: int | None) -> None:
        """Show or update the progress."""

    def clear(self) -> None:
        """Remove what was shown."""


class _Progress:
    """Progress that is cleared when it is over; a context manager."""

    def __init__(self, display: Display | None, clock: Callable[[], float]) -> None:
        self._display = display
        self._clock = clock
        self._begun = clock()
        self._shown = False

    def _show(self, label: str, words: str, done: int, total: int | None) -> None:
        if self._display is not None:
            self._shown = True
            self._display.show(label, words, done, total)

    def close(self) -> None:
        """Clear the display."""
        if self._shown and self._display is not None:
            self._shown = False
            self._display.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class DownloadProgress(_Progress):
    """The progress of one download, shown once it is large and takes its time.

    Parameters
    ----------
    name
        The name of the file.
    total
        The length in bytes, if it is known.
    display
        Where to show it; None to show nothing.
    clock
        Returns the time in seconds.
    """

    def __init__(
        self,
        name: str,
        total: int | None,
        display: Display | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(display, clock)
        self._name = name
        self._total = total
        self._received = 0
        self._next = self._begun + _PATIENCE_SECONDS

    def update(self, size: int) -> None:
        """Count new bytes.

        Parameters
        ----------
        size
            How many bytes have come since the last call.
        """
        self._received += size
        if self._display is None:
            return
        now = self._clock()
        if now < self._next or max(self._received, self._total or 0) < _LARGE_BYTES:
            return
        self._next = now + _BETWEEN_SECONDS
        words = describe(self._received, self._total, now - self._begun)
        self._show(f"Reading {self._name}", words, self._received, self._total)


class StepProgress(_Progress):
    """The progress of several steps, shown once they take their time.

    Parameters
    ----------
    names
        The names of the steps, in order.
    display
        Where to show it; None to show nothing.
    clock
        Returns the time in seconds.
    """

    def __init__(
        self,
        names: Sequence[str],
        display: Display | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(display, clock)
        self._names = names
        self._done = 0

    def next(self) -> None:
        """Begin the next step."""
        if self._clock() - self._begun >= _STEPS_PATIENCE_SECONDS:
            total = len(self._names)
            words = f"{self._done + 1} of {total}"
            self._show(f"Loading {self._names[self._done]}", words, self._done, total)
        self._done += 1


def track(request: Request, total: int | None) -> DownloadProgress:
    """Return the progress of the download of a response, a context manager.

    Parameters
    ----------
    request
        The request.
    total
        The length of the body in bytes, if it is known.
    """
    return DownloadProgress(_name_of(request.url), total, display())


def _name_of(url: str) -> str:
    parts = urlsplit(redact_url(url))
    return unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.hostname or "data"


def display() -> Display | None:
    """Return the display for progress: under the running cell, on a terminal, or None."""
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
        """Make the output empty, and touch no other output."""
        # A single output cannot be removed, and `clear_output` removes the student's, too.
        # JupyterLab gives an output without data no room on the page.
        self._publish({})

    def _publish(self, data: dict[str, str]) -> None:
        transient = {"display_id": self._id}
        self._publisher.publish(data=data, metadata={}, transient=transient, update=self._begun)
        self._begun = True


class TerminalDisplay:
    """Shows progress as one line of a terminal, which is overwritten.

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
        """Erase the line."""
        self._stream.write("\r" + " " * self._width + "\r")
        self._stream.flush()


def describe(received: int, total: int | None, seconds: float) -> str:
    """Describe the state of a download in words.

    Parameters
    ----------
    received
        Bytes received.
    total
        The length in bytes, if it is known.
    seconds
        Time since the download began.

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
