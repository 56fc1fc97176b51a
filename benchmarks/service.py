"""The sharing service in a district's worst minute.

Within 60 seconds 10,000 students open one link, and 2,000 others share a notebook of 200 KB each.
The load is open: requests arrive at times drawn beforehand, however slow the answers are, and a
latency counts from the time of arrival. One process with SQLite and a folder takes it, and four
with PostgreSQL and S3, for which moto's server stands in. The load generator runs on the same
machine.
"""

import asyncio
import json
import os
import pwd
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import Measurements, Report

_SECONDS = 60
_OPENS = 10_000
_SHARES = 2_000
_SHARE_BYTES = 200_000
_START_SECONDS = 120
_ANSWER_SECONDS = 60
_API = "/api/v1"
_MARK = "@" * 16


@dataclass(frozen=True)
class Server:
    """A running service.

    Parameters
    ----------
    port
        Where it listens on this machine.
    process
        Its first process.
    """

    port: int
    process: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def peak_mb(self) -> float:
        """Sum up the most memory that each of its processes has needed, in megabytes."""
        return sum(_peak_kb(process) for process in _family(self.process)) / 1000


@dataclass(frozen=True)
class Outcome:
    """What happened to a request.

    Parameters
    ----------
    seconds
        From its scheduled arrival to the end of the answer.
    error
        What went wrong; empty if nothing did.
    """

    seconds: float
    error: str


def run(rounds: int) -> Report:
    """Measure.

    Parameters
    ----------
    rounds
        How many minutes each service is measured for.

    Returns
    -------
    Report
        Latencies and memory; as ratios, the errors of all rounds, the median of their 99th
        percentiles in seconds, and that of the memory in megabytes.
    """
    measurements = Measurements()
    errors = dict.fromkeys(_SERVICES, 0)
    for name, service in _SERVICES.items():
        for number in range(rounds):
            # A link that is not in the caches, and an empty disk, for each minute.
            with service() as server:
                outcomes = asyncio.run(_worst_minute(server, random.Random(number)))
                measurements.add("worst_minute", name, "memory", "MB", server.peak_mb())
            for kind, of_kind in outcomes.items():
                for percent in (50, 99, 100):
                    value = _percentile(of_kind, percent)
                    measurements.add("worst_minute", name, f"{kind} p{percent}", "s", value)
            together = [outcome for of_kind in outcomes.values() for outcome in of_kind]
            measurements.add("worst_minute", name, "p99", "s", _percentile(together, 99))
            failed = [outcome.error for outcome in together if outcome.error]
            errors[name] += len(failed)
            for error in sorted(set(failed)):
                print(f"{name}: {failed.count(error)} x {error}", file=sys.stderr)
    ratios: dict[str, float] = {}
    for name in _SERVICES:
        ratios[f"worst_minute.errors.{name}"] = errors[name]
        for key, metric in (("p99_seconds", "p99"), ("memory_mb", "memory")):
            value = measurements.median("worst_minute", name, metric)
            ratios[f"worst_minute.{key}.{name}"] = round(value, 3)
    return Report(measurements.rows(), ratios)


async def _worst_minute(server: Server, drawn: random.Random) -> dict[str, list[Outcome]]:
    """Send the load."""
    head, tail = _share_body().split(_MARK.encode())
    token = await _token(server.port)
    link = await _share(server.port, token, head + b"%016d" % _SHARES + tail)

    async def open_link(_number: int) -> None:
        page = await _request(server.port, "GET", f"/s/{link}")
        if b"</html>" not in page[-200:]:
            raise RuntimeError("the page is not whole")

    async def share(number: int) -> None:
        token = await _token(server.port)
        await _share(server.port, token, head + b"%016d" % number + tail)

    begin = asyncio.get_running_loop().time() + 1
    arrivals = [
        (kind, number, begin + drawn.uniform(0, _SECONDS))
        for kind, count in ((open_link, _OPENS), (share, _SHARES))
        for number in range(count)
    ]
    outcomes = await asyncio.gather(*(_arrive(*arrival) for arrival in arrivals))
    return {"open": outcomes[:_OPENS], "share": outcomes[_OPENS:]}


async def _arrive(action: Callable[[int], Awaitable[None]], number: int, at: float) -> Outcome:
    clock = asyncio.get_running_loop().time
    await asyncio.sleep(at - clock())
    error = ""
    try:
        async with asyncio.timeout_at(at + _ANSWER_SECONDS):
            await action(number)
    except (OSError, TimeoutError, RuntimeError, EOFError) as problem:
        error = f"{action.__name__}: {type(problem).__name__} {problem}"
    return Outcome(clock() - at, error)


def _percentile(outcomes: list[Outcome], percent: int) -> float:
    seconds = sorted(outcome.seconds for outcome in outcomes)
    return seconds[min(len(seconds) - 1, len(seconds) * percent // 100)]


async def _token(port: int) -> str:
    answer = await _request(port, "POST", f"{_API}/auth/issue")
    return str(json.loads(answer)["token"])


async def _share(port: int, token: str, body: bytes) -> str:
    answer = await _request(port, "POST", f"{_API}/notebooks", token=token, body=body)
    return str(json.loads(answer)["notebook"]["readable_id"])


async def _request(
    port: int, method: str, path: str, *, token: str = "", body: bytes = b""
) -> bytes:
    """Send a request over a connection of its own, as another student's browser does."""
    lines = [f"{method} {path} HTTP/1.1", "Host: x", "Connection: close"]
    lines.append(f"Content-Length: {len(body)}")
    if token:
        lines += [f"Authorization: Bearer {token}", "Content-Type: application/json"]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head, _, answer = (await reader.read(-1)).partition(b"\r\n\r\n")
    finally:
        writer.close()
    status = head.split(b" ", 2)[1:2]
    if status not in ([b"200"], [b"201"]):
        raise RuntimeError(f"answered {b''.join(status).decode() or 'nothing'}")
    return answer


def _share_body() -> bytes:
    """Make a share's body the way lessons look: text, code, printed lines, a table, a plot."""
    plot = "iVBORw0KGgo" + "Ab3+/9xQ" * (_SHARE_BYTES // 80)
    cells: list[dict[str, object]] = []
    notebook = {
        "cells": cells,
        "metadata": {
            "kernelspec": {"name": "python", "display_name": "Python (Pyodide)"},
            "language_info": {"name": "python", "version": "3.13"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    length = 0
    while length < _SHARE_BYTES * 0.97:
        number = len(cells)
        bundle: dict[str, object] = {"text/plain": "<Figure size 640x480 with 1 Axes>"}
        if number % 8 == 0:
            bundle["image/png"] = plot
        else:
            bundle["text/html"] = (
                "<table>" + "<tr><td>1.25</td><td>Gentoo</td></tr>\n" * 12 + "</table>"
            )
        outputs: list[dict[str, object]] = [
            {"output_type": "stream", "name": "stdout", "text": ["a line of output\n"] * 4},
            {"output_type": "display_data", "data": bundle, "metadata": {}},
        ]
        code: dict[str, object] = {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "source": ["y = 1\n", "print(y)\n"] * 4,
            "outputs": outputs,
            "execution_count": number + 1,
        }
        if not cells:
            code["source"] = f"mark = '{_MARK}'"
        text: dict[str, object] = {
            "cell_type": "markdown",
            "id": f"m{number}",
            "metadata": {},
            "source": "## A heading\n\nWhat we see, and *why* it matters for the question above.",
        }
        cells += [code, text]
        length += len(json.dumps([code, text]))
    return json.dumps({"notebook": notebook, "password": ""}).encode()


@contextmanager
def _sqlite() -> Iterator[Server]:
    """Run one process with SQLite and a folder."""
    with _service({}, workers=1) as server:
        yield server


@contextmanager
def _postgres_s3() -> Iterator[Server]:
    """Run four processes with PostgreSQL and S3."""
    with ExitStack() as stack:
        settings = {
            "JE_SHARING_DATABASE_URL": stack.enter_context(_postgres()),
            "JE_SHARING_AUTO_MIGRATE": "true",
            "JE_SHARING_STORAGE_URL": "s3://notebooks",
            "JE_SHARING_STORAGE_ENDPOINT": stack.enter_context(_s3()),
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": "us-east-1",
        }
        yield stack.enter_context(_service(settings, workers=4))


_SERVICES: dict[str, Callable[[], AbstractContextManager[Server]]] = {
    "sqlite": _sqlite,
    "postgres_s3": _postgres_s3,
}


@contextmanager
def _service(settings: dict[str, str], *, workers: int) -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="je-benchmark-") as name:
        folder = Path(name)
        port = _free_port()
        # A district's students come from many addresses, these from one.
        environment = {
            "JE_SHARING_DATA_DIR": str(folder / "data"),
            "JE_SHARING_REQUESTS_PER_ADDRESS": "0",
            "JE_SHARING_CONNECTIONS_PER_ADDRESS": "0",
            "JE_SHARING_BYTES_PER_ADDRESS": "0",
            **settings,
        }
        arguments = ["serve", "--port", str(port), "--workers", str(workers)]
        command = [sys.executable, "-m", "je_sharing", *arguments]
        ready = f"http://127.0.0.1:{port}/health/ready"
        with _process(command, environment, folder / "log", ready) as process:
            yield Server(port, process)


@contextmanager
def _s3() -> Iterator[str]:
    """Run moto's S3 server, with a bucket."""
    with tempfile.TemporaryDirectory(prefix="je-benchmark-s3-") as name:
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        with _process(command, {}, Path(name) / "log", url):
            request = urllib.request.Request(f"{url}/notebooks", method="PUT")
            with urllib.request.urlopen(request, timeout=60):
                yield url


@contextmanager
def _process(
    command: list[str], environment: dict[str, str], log: Path, ready: str
) -> Iterator[int]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(ready):
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError(log.read_text()[-2000:])
            time.sleep(0.05)
        yield process.pid
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@contextmanager
def _postgres() -> Iterator[str]:
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        raise SystemExit("PostgreSQL is missing: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="je-benchmark-postgres-"))
    port = _free_port()
    as_postgres: list[str] = []
    if os.geteuid() == 0:
        pwd.getpwnam("postgres")
        shutil.chown(folder, "postgres", "postgres")
        as_postgres = ["runuser", "-u", "postgres", "--"]

    def program(name: str, *arguments: str) -> None:
        subprocess.run(
            [*as_postgres, str(programs[-1] / name), *arguments],
            check=True,
            cwd="/",
            stdout=subprocess.DEVNULL,
        )

    data = str(folder / "data")
    program("initdb", "-D", data, "-U", "sharing", "--auth=trust", "--encoding=UTF8")
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    program("pg_ctl", "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://sharing@127.0.0.1:{port}/postgres"
    finally:
        program("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def _family(process: int) -> list[int]:
    """List a process and those that it started."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(each for child in children for each in _family(int(child)))]


def _peak_kb(process: int) -> int:
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
