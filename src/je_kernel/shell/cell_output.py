"""Writes the output of commands into the output of a cell."""

from __future__ import annotations

import codecs
import sys

from je_kernel.shell.calls import LimitExceeded

__all__ = ["MOST_SHOWN", "CellOutput"]

MOST_SHOWN = 10_000_000
"""Limit of bytes of output of one line: JupyterLite does not open larger notebooks."""


class CellOutput:
    """Writes bytes as text into the output of the running cell.

    Parameters
    ----------
    together
        Whether errors go to the standard output, as on a terminal.
    """

    def __init__(self, *, together: bool = False) -> None:
        self._together = together
        decoder = codecs.getincrementaldecoder("utf-8")
        self._decoders = {"stdout": decoder("replace"), "stderr": decoder("replace")}
        self._left = MOST_SHOWN

    def out(self, data: bytes) -> None:
        """Write to the standard output."""
        self._write("stdout", data)

    def err(self, data: bytes) -> None:
        """Write to the standard error."""
        self._write("stdout" if self._together else "stderr", data)

    def _write(self, name: str, data: bytes) -> None:
        fits = self._left >= 0
        self._left -= len(data)
        if self._left < 0 and fits:
            getattr(sys, name).write(self._decoders[name].decode(data[: self._left]))
            raise LimitExceeded(
                f"stopped after {MOST_SHOWN:,} bytes of output; write '> file' to keep more"
            )
        getattr(sys, name).write(self._decoders[name].decode(data))

    def close(self) -> None:
        """Write the bytes of an incomplete character."""
        for name, decoder in self._decoders.items():
            if rest := decoder.decode(b"", True):
                getattr(sys, name).write(rest)
