"""The service as its users meet it: a process of its own, over HTTP."""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.service import warm_start

API = "/api/v1"
# For a machine that does other things as well.
START_SECONDS = 180
END_SECONDS = 120
# What a test sends in a second a class sends in a day.
UNHURRIED = {
    "JE_SHARING_WRITES_PER_SESSION": "0",
    "JE_SHARING_REQUESTS_PER_ADDRESS": "0",
    "JE_SHARING_MISSES_PER_SESSION": "0",
    "JE_SHARING_MISSES_PER_ADDRESS": "0",
}


# Test processes that run side by side have ports of their own to draw from.
SIDES = 4
OUR_SIDE = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % SIDES


def free_port() -> int:
    """Draw a port from below those that the kernel gives to outgoing connections.

    One of those could be taken by any connection before the server listens there.
    """
    while True:
        port = 10_000 + SIDES * secrets.randbelow(5_000) + OUR_SIDE
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def notebook(source: str = "print(1)", **changes: Any) -> dict[str, Any]:
    return {
        "cells": [
            {
                "cell_type": "code",
                "id": "a1",
                "metadata": {},
                "source": source,
                "outputs": [],
                "execution_count": None,
            }
        ],
        "metadata": {"kernelspec": {"name": "python", "display_name": "Python (Pyodide)"}},
        "nbformat": 4,
        "nbformat_minor": 5,
        **changes,
    }


def unique_notebook() -> dict[str, Any]:
    return notebook(f"x = {secrets.token_hex(8)!r}")


@dataclass
class RunningService:
    """One `je-sharing serve` and a client for it."""

    environment: dict[str, str]
    log_path: Path
    port: int = field(default_factory=free_port)
    workers: int = 1
    # What the command line begins with, say of a program that watches the service.
    under: Sequence[str] = ()
    process: warm_start.Forked | subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        self.url = f"http://127.0.0.1:{self.port}"
        self.http = httpx.Client(base_url=self.url, timeout=180)

    def start(self) -> "RunningService":
        arguments = ["serve", "--port", str(self.port)]
        environment = {**os.environ, **self.environment}
        if self.workers == 1 and not self.under:
            self.process = warm_start.start(arguments, environment, self.log_path)
        else:
            if self.workers > 1:
                # They are spawned, and so import everything anyway.
                arguments += ["--workers", str(self.workers)]
            with self.log_path.open("ab") as log:
                self.process = subprocess.Popen(
                    [*self.under, sys.executable, "-m", "je_sharing", *arguments],
                    env=environment,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if self.http.get("/health/ready").status_code == 200:
                    return self
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise AssertionError(f"the service did not start:\n{self.log_path.read_text()[-4000:]}")

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(END_SECONDS)
        self.http.close()

    def kill(self) -> None:
        """End every process of the service the hard way."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(END_SECONDS)

    def restart(self) -> None:
        self.http.close()
        self.http = httpx.Client(base_url=self.url, timeout=180)
        self.start()

    def token(self, **body: str) -> str:
        answer = self.http.post(f"{API}/auth/issue", json=body or None)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["token"])

    def share(
        self, content: Mapping[str, Any] | None = None, token: str = "", password: str = ""
    ) -> httpx.Response:
        return self.http.post(
            f"{API}/notebooks",
            json={"notebook": content or unique_notebook(), "password": password},
            headers=bearer(token or self.token()),
        )

    def shared(self, content: Mapping[str, Any] | None = None, token: str = "") -> dict[str, str]:
        answer = self.share(content, token)
        assert answer.status_code == 201, answer.text
        return dict(answer.json()["notebook"])

    def get(self, path: str, token: str = "", **query: str) -> httpx.Response:
        return self.http.get(
            f"{API}{path}", headers=bearer(token or self.token()), params=query or None
        )

    def put(self, path: str, content: Any, token: str) -> httpx.Response:
        return self.http.put(f"{API}{path}", json=content, headers=bearer(token))

    def log(self) -> str:
        """Return all that was logged, also of the answer that came just now.

        A line is written once its answer is out. A further request is answered
        after that, whoever made the one before it.
        """
        with contextlib.suppress(httpx.TransportError):  # it may have been stopped
            self.http.get("/health/live")
        return self.log_path.read_text()


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def is_uuid(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def raw_request(port: int, head: str, body: Iterator[bytes] | None = None) -> bytes:
    """Send a request byte by byte and read what comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=180) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode())
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for chunk in body or ():
                connection.sendall(chunk)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def log_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
