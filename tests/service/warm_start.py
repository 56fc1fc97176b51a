"""Starts services from a process that has imported them: ``je-sharing serve`` less the imports.

Importing takes seconds, and the tests start some sixty services. Each is a process of its own,
with an environment, a session and a log of its own, and runs the command itself; only what is
imported is there already.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Forked", "start"]

_parent: subprocess.Popen[str] | None = None


class Forked:
    """A service's process, with what the tests need of `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """Return None while it runs."""
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self, timeout: float) -> None:
        """Wait until it has ended."""
        deadline = time.monotonic() + timeout
        while self.poll() is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} is still there after {timeout} s")
            time.sleep(0.01)

    def terminate(self) -> None:
        """Ask it to end."""
        os.kill(self.pid, signal.SIGTERM)


def start(arguments: list[str], environment: Mapping[str, str], log: Path) -> Forked:
    """Run ``je-sharing`` with arguments, in a session of its own."""
    global _parent
    if _parent is None or _parent.poll() is not None:
        _parent = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    orders, answers = _parent.stdin, _parent.stdout
    assert orders is not None
    assert answers is not None
    order = {"arguments": arguments, "environment": {**environment}, "log": str(log)}
    orders.write(f"{json.dumps(order)}\n")
    orders.flush()
    return Forked(int(answers.readline()))


def _serve_orders(orders: IO[str]) -> None:
    import je_sharing.app  # noqa: F401  what takes so long
    from je_sharing.command import main

    # The ended ones are nobody's business; each sets this back for its own children.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in orders:
        pid = os.fork()
        if pid == 0:
            order = json.loads(line)
            os.setsid()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.environ.clear()
            os.environ.update(order["environment"])
            log = os.open(order["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            sys.exit(main(order["arguments"]))
        print(pid, flush=True)


if __name__ == "__main__":
    _serve_orders(sys.stdin)
