"""Runs the sharing service beside a site that is served.

The service is a process of its own that only this machine can reach. The site's server
forwards ``/api/v1/`` and ``/s/`` to it, so that the link of a shared notebook has the
address of the site, and stays the same after a restart.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from platformdirs import user_data_path

from je_site.errors import ServeError
from je_site.server import free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["SharingService", "data_folder", "is_installed"]

_START_SECONDS = 60.0
_BETWEEN_SECONDS = 0.05
_STOP_SECONDS = 15.0
_LINES_SHOWN = 8

#: The site that a view page links to: the one that serves the page.
_SITE_FROM_PAGE = ".."

#: The program of the process. Its standard input closes when the server ends in any way; then
#: the program ends as well.
_CHILD = """
import os, signal, sys, threading
from je_sharing.command import main

def terminate_with_parent():
    os.read(0, 1)
    os.kill(os.getpid(), signal.SIGTERM)

threading.Thread(target=terminate_with_parent, daemon=True).start()
sys.exit(main(["serve", "--port", sys.argv[1]]))
"""


def is_installed() -> bool:
    """Tell whether je-sharing is installed."""
    return importlib.util.find_spec("je_sharing") is not None


def data_folder() -> Path:
    """Return the folder of the shared notebooks.

    Returns
    -------
    pathlib.Path
        ``JE_SHARING_DATA_DIR`` of the environment, or else a folder of the user's
        own, which is the same for every site and survives restarts.
    """
    named = os.environ.get("JE_SHARING_DATA_DIR")
    return Path(named) if named else user_data_path("je-kernel", appauthor=False) / "sharing"


@dataclass
class SharingService:
    """One sharing service, run for a site's server.

    Parameters
    ----------
    data
        The folder of the shared notebooks.
    on_death
        Called, in another thread, with a message, if the service ends by itself.
    """

    data: Path
    on_death: Callable[[str], None]
    port: int = field(default=0, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _log: IO[bytes] = field(default_factory=tempfile.TemporaryFile, init=False, repr=False)
    _stopping: threading.Event = field(default_factory=threading.Event, init=False, repr=False)

    def start(self) -> None:
        """Start the process, without waiting for it.

        Raises
        ------
        ServeError
            When the folder cannot be made.
        """
        try:
            self.data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ServeError(
                f"{self.data} cannot keep what is shared: {error.strerror or error}. Name another "
                "folder with JE_SHARING_DATA_DIR, or give --no-sharing."
            ) from error
        self.port = free_port()
        self._process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-c", _CHILD, str(self.port)],
            env={**os.environ, **self._settings()},
            stdin=subprocess.PIPE,
            stdout=self._log,
            stderr=self._log,
        )

    def _settings(self) -> Mapping[str, str]:
        """Return environment variables of the process, besides those of this one."""
        return {
            "JE_SHARING_HOST": "127.0.0.1",
            "JE_SHARING_WORKERS": "1",
            "JE_SHARING_DATA_DIR": str(self.data),
            "JE_SHARING_SITE_URL": os.environ.get("JE_SHARING_SITE_URL", _SITE_FROM_PAGE),
            # The server sets the address of the client.
            "JE_SHARING_TRUSTED_PROXIES": "127.0.0.1",
            "JE_SHARING_ACCESS_LOG": "false",
        }

    def wait_until_ready(self) -> None:
        """Wait until the service answers.

        Raises
        ------
        ServeError
            When it does not answer within a minute.
        """
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if self._answers():
                threading.Thread(target=self._watch, daemon=True).start()
                return
            if self._process is None or self._process.poll() is not None:
                break
            time.sleep(_BETWEEN_SECONDS)
        output = self._log_tail()
        self.stop()
        raise ServeError(
            "The sharing service did not start; --no-sharing serves the site without it. "
            f"It said:\n{output}"
        )

    def _answers(self) -> bool:
        url = f"http://127.0.0.1:{self.port}/health/ready"
        # The environment's proxy is not for ports of this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with contextlib.suppress(OSError), opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
        return False

    def _watch(self) -> None:
        assert self._process is not None
        status = self._process.wait()
        # Ctrl-C in a terminal ends both processes at once.
        if not self._stopping.wait(timeout=1):
            self.on_death(
                f"The sharing service ended (status {status}): the site goes on without it. Stop "
                f"and start again to have it back. It said:\n{self._log_tail()}"
            )

    def _log_tail(self) -> str:
        self._log.seek(0)
        lines = self._log.read().decode(errors="replace").splitlines()
        return "\n".join(lines[-_LINES_SHOWN:]) or "nothing."

    def stop(self) -> None:
        """Terminate the process, and wait for its end."""
        self._stopping.set()
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
