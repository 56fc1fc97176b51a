"""The sharing service against an empty ASGI handler that reads the same body, in the same run.

A machine is as fast as it happens to be today, so what counts is the ratio: how many shares and
retrievals a second one worker answers, divided by what an empty handler in one worker of the same
server answers when it is sent the same bytes. A handler that also checks and hashes them shows how
much of that is to be had. The load comes from `wrk` (Debian: `apt-get install wrk`); PostgreSQL is
a cluster of the run's own.
"""

import json
import os
import pwd
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import Measurements, Report, Row

_START_SECONDS = 60
_SECONDS = 5  # of each run of the load generator
_SMALL, _LARGE = 50_000, 5_000_000
_STORED = 400
_UPLOADS, _UPLOAD = 100, 8_300_000  # the plots of so large a notebook make it 10 MB

_EMPTY_HANDLER = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    more = True
    while more:
        message = await receive()
        more = message.get("more_body", False)
    head = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"{}"})
"""

# What no service can leave out: whether it is a notebook, and the name of its content.
_CHECKING_HANDLER = """
from je_sharing.envelope import plain_notebook
from je_sharing.storage import content_hash
from je_sharing.validation import Bounds

bounds = Bounds()

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    content_hash(plain_notebook(body, bounds) or b"")
    head = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"{}"})
"""

# What a share sends differs each time, or it would be the same share again.
_SHARE = """
local file = io.open(os.getenv("BODY"), "rb")
local body = file:read("*a")
file:close()
local cut = body:find("@@@@@@@@@@@@@@@@", 1, true)
local head, tail = body:sub(1, cut - 1), body:sub(cut + 16)
local run, count = os.getenv("RUN"), 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
request = function()
  count = count + 1
  return wrk.format(nil, nil, nil, head .. string.format("%s%08d", run, count) .. tail)
end
"""

_RETRIEVE = """
local paths, count = {}, 0
for line in io.lines(os.getenv("PATHS")) do paths[#paths + 1] = line end
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
request = function()
  count = count + 1
  return wrk.format("GET", paths[count % #paths + 1])
end
"""

_REPORT = """
done = function(summary, latency, requests)
  io.write(string.format(
    'RESULT {"requests": %d, "microseconds": %d, "refused": %d, "broken": %d, '
    .. '"p50": %f, "p95": %f, "p99": %f}\\n',
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Load:
    """What one run of the load generator saw.

    Parameters
    ----------
    per_second
        Requests answered a second.
    p50_ms, p95_ms, p99_ms
        Latency in milliseconds.
    """

    per_second: float
    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True)
class Server:
    """A running server.

    Parameters
    ----------
    url
        Its address.
    process
        Its process.
    token
        A bearer token for it; empty for the empty handler.
    """

    url: str
    process: int
    token: str = ""

    def peak_mb(self) -> float:
        """Read how much memory it has needed at most, in megabytes."""
        lines = Path(f"/proc/{self.process}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1000


def run(rounds: int) -> Report:
    """Measure.

    Parameters
    ----------
    rounds
        How often everything is measured.

    Returns
    -------
    Report
        Requests a second and latencies of each server, and the ratios of the
        medians against the empty handler, each in its own round; and the most memory a process
        had before and during a hundred large uploads at once.
    """
    loads: dict[str, list[Load]] = {}
    memory: dict[str, tuple[float, float]] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="je-benchmark-")))
        empty = stack.enter_context(_handler(folder, "empty", _EMPTY_HANDLER))
        checking = stack.enter_context(_handler(folder, "checking", _CHECKING_HANDLER))
        servers = {
            "sqlite": stack.enter_context(_service(folder / "sqlite", {})),
            "postgres": stack.enter_context(
                _service(
                    folder / "postgres",
                    {
                        "JE_SHARING_DATABASE_URL": stack.enter_context(_postgres()),
                        "JE_SHARING_AUTO_MIGRATE": "true",
                    },
                )
            ),
        }
        generator = _Generator(folder)
        for size, label in ((_SMALL, "50KB"), (_LARGE, "5MB")):
            paths = {name: generator.store(server, size) for name, server in servers.items()}
            for _ in range(rounds):
                found = {
                    "share.empty": generator.share(empty, size),
                    "share.checking": generator.share(checking, size),
                }
                for name, server in servers.items():
                    found[f"share.{name}"] = generator.share(server, size)
                    found[f"retrieve.{name}"] = generator.retrieve(server, paths[name])
                for key, load in found.items():
                    operation, _, name = key.partition(".")
                    loads.setdefault(f"{operation}_{label}.{name}", []).append(load)
        for name, server in servers.items():
            before = server.peak_mb()
            _upload_at_once(server)
            memory[name] = (before, server.peak_mb())
    return Report(_rows(loads, memory), _ratios(loads))


def _upload_at_once(server: Server) -> None:
    body = _share_body(_UPLOAD, "@" * 16)

    def upload(number: int) -> None:
        _post(server, "/notebooks", body.replace(b"@" * 16, b"%016d" % number))

    with ThreadPoolExecutor(_UPLOADS) as threads:
        list(threads.map(upload, range(_UPLOADS)))


def _rows(loads: dict[str, list[Load]], memory: dict[str, tuple[float, float]]) -> tuple[Row, ...]:
    measurements = Measurements()
    for key, runs in loads.items():
        case, _, side = key.partition(".")
        for load in runs:
            measurements.add(case, side, "answered", "1/s", load.per_second)
            measurements.add(case, side, "p50", "ms", load.p50_ms)
            measurements.add(case, side, "p95", "ms", load.p95_ms)
            measurements.add(case, side, "p99", "ms", load.p99_ms)
    for side, (before, during) in memory.items():
        measurements.add("uploads_10MB", side, "most memory before", "MB", before)
        measurements.add("uploads_10MB", side, "most memory", "MB", during)
    return measurements.rows()


def _ratios(loads: dict[str, list[Load]]) -> dict[str, float]:
    ratios = {}
    for key, runs in loads.items():
        operation, _, name = key.partition(".")
        if name == "empty":
            continue
        empty = loads[f"share_{operation.rpartition('_')[2]}.empty"]
        each = [a.per_second / b.per_second for a, b in zip(runs, empty, strict=True)]
        ratios[f"{operation}.{name}_vs_empty"] = round(statistics.median(each), 3)
    return ratios


class _Generator:
    """Drives `wrk`.

    Parameters
    ----------
    folder
        For its scripts and bodies.
    """

    def __init__(self, folder: Path) -> None:
        if not shutil.which("wrk"):
            raise SystemExit("The load generator is missing: apt-get install wrk")
        self._folder = folder
        self._runs = 0
        for name, script in (("share", _SHARE), ("retrieve", _RETRIEVE)):
            (folder / f"{name}.lua").write_text(script + _REPORT)

    def share(self, server: Server, size: int) -> Load:
        """Share different notebooks of one size for a while."""
        body = self._folder / f"body{size}"
        body.write_bytes(_share_body(size, "@" * 16))
        url = f"{server.url}/api/v1/notebooks"
        return self._wrk("share", url, size, server.token, BODY=str(body))

    def retrieve(self, server: Server, paths: Path) -> Load:
        """Get stored notebooks by their readable ids for a while."""
        size = _LARGE if "large" in paths.name else _SMALL
        return self._wrk("retrieve", server.url, size, server.token, PATHS=str(paths))

    def store(self, server: Server, size: int) -> Path:
        """Share the notebooks that will be retrieved; the file of their paths."""
        count = _STORED if size == _SMALL else 8
        kind = "small" if size == _SMALL else "large"
        found = []
        for number in range(count):
            answer = _post(server, "/notebooks", _share_body(size, f"{number:016}"))
            found.append(
                f"/api/v1/notebooks/get-by-readable-id/{answer['notebook']['readable_id']}"
            )
        paths = self._folder / f"{kind}-{server.url.rpartition(':')[2]}"
        paths.write_text("\n".join(found))
        return paths

    def _wrk(self, script: str, url: str, size: int, token: str, **more: str) -> Load:
        self._runs += 1
        connections = 32 if size == _SMALL else 4
        done = subprocess.run(
            [
                "wrk", "-t1", f"-c{connections}", f"-d{_SECONDS}s", "--timeout", "60s",
                "-s", str(self._folder / f"{script}.lua"), url,
            ],
            env={**os.environ, "TOKEN": token, "RUN": f"{self._runs:08}", **more},
            capture_output=True,
            text=True,
            check=True,
        )  # fmt: skip
        line = next(item for item in done.stdout.splitlines() if item.startswith("RESULT "))
        seen = json.loads(line.removeprefix("RESULT "))
        if seen["refused"] or seen["broken"] or not seen["requests"]:
            raise RuntimeError(f"the load did not go through: {done.stdout}")
        return Load(
            seen["requests"] / seen["microseconds"] * 1e6,
            *(round(seen[name] / 1000, 3) for name in ("p50", "p95", "p99")),
        )


def _share_body(size: int, mark: str) -> bytes:
    """Make a share's body the way lessons look: text, code, printed lines, a table, a plot."""
    plot = "iVBORw0KGgo" + "Ab3+/9xQ" * (size // 20)
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
    while length < size * 0.97:
        number = len(cells)
        bundle: dict[str, object] = {"text/plain": "<Figure size 640x480 with 1 Axes>"}
        if number % 20 == 10:
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
            "source": [f"x{number} = {mark!r}\n" if not cells else "y = 1\n", "print(y)\n"] * 4,
            "outputs": outputs,
            "execution_count": number + 1,
        }
        if not cells:
            code["source"] = f"mark = '{mark}'"
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
def _handler(folder: Path, name: str, source: str) -> Iterator[Server]:
    (folder / f"{name}_handler.py").write_text(source)
    port = _free_port()
    command = [
        sys.executable, "-m", "uvicorn", f"{name}_handler:app", "--port", str(port),
        "--no-access-log", "--log-level", "warning", "--app-dir", str(folder),
    ]  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    with _process(command, {}, folder / f"{name}.log", f"{url}/") as process:
        yield Server(url, process)


@contextmanager
def _service(folder: Path, environment: dict[str, str]) -> Iterator[Server]:
    folder.mkdir()
    port = _free_port()
    environment = {
        "JE_SHARING_DATA_DIR": str(folder),
        "JE_SHARING_WRITES_PER_SESSION": "0",
        "JE_SHARING_REQUESTS_PER_ADDRESS": "1000000000",
        **environment,
    }
    command = [sys.executable, "-m", "je_sharing", "serve", "--port", str(port)]
    url = f"http://127.0.0.1:{port}"
    with _process(command, environment, folder / "log", f"{url}/health/ready") as process:
        yield Server(url, process, _token(url))


def _token(url: str) -> str:
    request = urllib.request.Request(f"{url}/api/v1/auth/issue", data=b"", method="POST")
    with urllib.request.urlopen(request, timeout=60) as answer:
        return str(json.load(answer)["token"])


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


def _post(server: Server, path: str, body: bytes) -> dict[str, dict[str, str]]:
    request = urllib.request.Request(
        f"{server.url}/api/v1{path}",
        data=body,
        headers={"Content-Type": "application/json", "Authorization": f"Bearer {server.token}"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        found: dict[str, dict[str, str]] = json.load(answer)
        return found


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


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
