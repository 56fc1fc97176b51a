"""The process of Chromium's that runs a page and its kernels: its memory, and having it slowed."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

__all__ = ["Renderer"]

_KILOBYTE = 1024
_PERIOD = 0.02  # seconds


class Renderer:
    """The renderer of a browser that shows one page: the one that uses the most memory.

    Parameters
    ----------
    browser
        The browser, with the page loaded.
    """

    def __init__(self, browser: Browser) -> None:
        session = browser.new_browser_cdp_session()
        processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
        session.detach()
        pids = [each["id"] for each in processes if each["type"] == "renderer"]
        self._pid = max(pids, key=lambda pid: _field(pid, "smaps_rollup", "Pss"))

    def memory(self) -> int:
        """Return its proportional set size in bytes."""
        return _field(self._pid, "smaps_rollup", "Pss")

    def forget_peak(self) -> None:
        """Have `peak` begin with what is used now."""
        Path(f"/proc/{self._pid}/clear_refs").write_text("5")

    def peak(self) -> int:
        """Return the most of memory that was resident since `forget_peak`, in bytes."""
        return _field(self._pid, "status", "VmHWM")

    @contextlib.contextmanager
    def slowed(self, factor: int) -> Iterator[None]:
        """Let it run for one part of the time in so many, while a block runs.

        Chromium's own throttling of the processor is for a page's main thread.
        """
        over = threading.Event()

        def take_turns() -> None:
            while not over.wait(_PERIOD / factor):
                os.kill(self._pid, signal.SIGSTOP)
                time.sleep(_PERIOD - _PERIOD / factor)
                os.kill(self._pid, signal.SIGCONT)

        thread = threading.Thread(target=take_turns)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _field(pid: int, file: str, name: str) -> int:
    """Return a number of kilobytes from a file of a process, in bytes."""
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * _KILOBYTE
    raise KeyError(f"{name} is not in {file}")
