"""The output of a cell, as a place that commands print to."""

from __future__ import annotations

import codecs
import sys

from je_kernel.shell.calls import Stopped

__all__ = ["MOST_SHOWN", "Page"]

MOST_SHOWN = 10_000_000
"""How many bytes one line may print into a cell: a notebook with more cannot be opened again."""


class Page:
    """Writes bytes as text into the output of the cell that runs.

    Parameters
    ----------
    together
        Whether complaints go where the output goes, as on a terminal.
    """

    def __init__(self, *, together: bool = False) -> None:
        self._together = together
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {"stdout": decoder("replace"), "stderr": decoder("replace")}
        self._left = MOST_SHOWN

    def out(self, data: bytes) -> None:
        """Show what is printed."""
        self._show("stdout", data)

    def err(self, data: bytes) -> None:
        """Show a complaint."""
        self._show("stdout" if self._together else "stderr", data)

    def _show(self, name: str, data: bytes) -> None:
        fits = self._left >= 0
        self._left -= len(data)
        if self._left < 0 and fits:
            getattr(sys, name).write(self._decoders[name].decode(data[: self._left]))
            raise Stopped(
                f"stopped after {MOST_SHOWN:,} bytes of output; write '> file' to keep more"
            )
        getattr(sys, name).write(self._decoders[name].decode(data))

    def close(self) -> None:
        """Show the bytes of a character that was not finished."""
        for name, decoder in self._decoders.items():
            if rest := decoder.decode(b"", True):
                getattr(sys, name).write(rest)
