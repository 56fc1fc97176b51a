"""The network: JavaScript's own fetch, pyodide-http, and ours by each engine, interleaved.

Every side reads the same bytes from the same server on this machine, in one
kernel in one web worker of Chromium, side after side in every round. Nothing is
cached: the server forbids it, and every address is new. The growth of
Python's memory is measured in kernels of their own, as it never shrinks again.
"""

from __future__ import annotations

import contextlib
import tempfile
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.results import Measurements, Report
from benchmarks.sites import write_pyodide
from tests.conformance.kernel import Kernel, serve_kernel
from tests.conformance.registry import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["run"]

SIZES = (1, 10, 50, 200)  # megabytes
CSV_SIZES = (1, 10, 50)
# In a tenth of a second a pause of the browser's counts for much.
READS_A_ROUND = {1: 4, 10: 4, 50: 3}
HEAP_SIZE = 50
# Emscripten grows memory to what is asked for, or by a fifth of what there is if that is more. How
# much of the last growth is left thus decides: the rounds of a run begin at even steps of a fifth.
HEAP_AT_START = 38_000_000  # bytes, about
BALLAST_PIECE = 60_000  # bytes: small enough that it does not cause a growth to just its size
MEGABYTE = 1_000_000

FETCH, PYODIDE_HTTP, OURS, OURS_XHR = "fetch", "pyodide-http", "ours", "ours by xhr"
FETCH_AND_PARSE = "fetch and parse"

PREPARE = """
import os, time, io
from urllib.request import urlopen
import js, pyodide_js
import pandas as pd
from pyodide.code import run_js
from pyodide.ffi import run_sync
import pyodide_http._urllib
from je_kernel import settings

fetch_buffer = run_js("async url => await (await fetch(url)).arrayBuffer()")
fetch_length = run_js("async url => (await (await fetch(url)).arrayBuffer()).byteLength")

def by(engine, read):
    def measured(url):
        os.environ["JE_KERNEL_NETWORK_ENGINE"] = engine
        settings.reload()
        return read(url)
    return measured

def read(url):
    with urlopen(url) as response:
        return len(response.read())

READ = {
    "fetch": lambda url: run_sync(fetch_length(url)),
    "pyodide-http": lambda url: len(pyodide_http._urllib.urlopen(url).read()),
    "ours": by("fetch", read),
    "ours by xhr": by("xhr", read),
}
PARSE = {
    "fetch and parse": lambda url: pd.read_csv(io.BytesIO(run_sync(fetch_buffer(url)).to_bytes())),
    "pyodide-http": lambda url: pd.read_csv(pyodide_http._urllib.urlopen(url)),
    "ours": by("fetch", pd.read_csv),
    "ours by xhr": by("xhr", pd.read_csv),
}

def timed(sides, side, url):
    begin = js.performance.now()
    result = sides[side](url)
    took = js.performance.now() - begin
    del result
    return took
"""
HEAP = """
import pyodide_js
from urllib.request import urlopen
urlopen({tiny!r}).read()
ballast = [bytes({piece}) for _ in range({pieces})]
before = pyodide_js._module.HEAPU8.length
urlopen({url!r}).read()
pyodide_js._module.HEAPU8.length - before
"""


@cache
def _table(size: int) -> bytes:
    """Make a CSV file of numbers, a little larger than so many bytes."""
    rows = b"".join(b"%d,%.6f,%.6f,%d\n" % (n, n / 7, n / 11, n % 97) for n in range(20_000))
    return b"id,a,b,c\n" + rows * (size // len(rows) + 1)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        size = int(self.path.split("/")[1])
        body = memoryview(_table(size))
        self.send_response(200)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def _serve_tables() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class _Bench:
    """Addresses that were never asked for, and kernels to ask for them."""

    def __init__(self, tables: str, page: str, measurements: Measurements) -> None:
        self._tables = tables
        self._page = page
        self._numbers = count()
        self.measurements = measurements

    def kernel(self) -> contextlib.closing[Kernel]:
        site = Site(self._tables, self._tables, self._tables, self._tables, in_browser=True)
        return contextlib.closing(Kernel("chromium", "auto", self._page, site))

    def url(self, megabytes: int) -> str:
        return f"{self._tables}/{megabytes * MEGABYTE}/{next(self._numbers)}"

    def time(self, kernel: Kernel, sides: str, names: list[str], case: str, size: int) -> None:
        for name in names:
            took = kernel.python(f"timed({sides}, {name!r}, {self.url(size)!r})")
            self.measurements.add(case, name, "time", "ms", took)

    def heap(self, size: int, ballast: int) -> None:
        asked = HEAP.format(
            tiny=self.url(0),
            url=self.url(size),
            piece=BALLAST_PIECE,
            pieces=ballast // BALLAST_PIECE,
        )
        with self.kernel() as kernel:
            grown = kernel.python(asked)
        payload = len(_table(size * MEGABYTE))
        self.measurements.add(f"heap_{size}MB", OURS, "growth", "B", grown)
        self.measurements.add(f"heap_{size}MB", "payload", "growth", "B", payload)


def run(rounds: int) -> Report:
    """Measure every side, round by round.

    Parameters
    ----------
    rounds
        How often each size is read by each side.

    Returns
    -------
    Report
        Milliseconds and bytes for each side, and the ratios that are promised.
    """
    measurements = Measurements()
    with (
        tempfile.TemporaryDirectory() as folder,
        _serve_tables() as tables,
        serve_kernel(write_pyodide(Path(folder))) as page,
    ):
        bench = _Bench(tables, page, measurements)
        with bench.kernel() as kernel:
            kernel.load("pandas", "pyodide-http")
            kernel.python(PREPARE)
            for number in range(rounds):
                _round(bench, kernel, number)
        for number in range(rounds):
            bench.heap(HEAP_SIZE, ballast=number * HEAP_AT_START // 5 // rounds)
    return Report(measurements.rows(), _ratios(measurements))


def _round(bench: _Bench, kernel: Kernel, number: int) -> None:
    # Each round begins with another side, so that none always comes first.
    def turned(names: list[str]) -> list[str]:
        start = number % len(names)
        return names[start:] + names[:start]

    for size in SIZES:
        sides = turned([FETCH, PYODIDE_HTTP, OURS, OURS_XHR])
        for _ in range(READS_A_ROUND.get(size, 1)):
            bench.time(kernel, "READ", sides, f"read_{size}MB", size)
    for size in CSV_SIZES:
        sides = turned([FETCH_AND_PARSE, PYODIDE_HTTP, OURS, OURS_XHR])
        bench.time(kernel, "PARSE", sides, f"read_csv_{size}MB", size)


def _ratios(measurements: Measurements) -> dict[str, float]:
    ratios = {}
    for size in SIZES:
        case = f"read_{size}MB"
        ratios[f"{case}.ours_vs_fetch"] = measurements.ratio(case, "time", OURS, FETCH)
        ratios[f"{case}.ours_vs_pyodide_http"] = measurements.ratio(
            case, "time", OURS, PYODIDE_HTTP
        )
    for size in CSV_SIZES:
        case = f"read_csv_{size}MB"
        ratios[f"{case}.ours_vs_fetch_and_parse"] = measurements.ratio(
            case, "time", OURS, FETCH_AND_PARSE
        )
    case = f"heap_{HEAP_SIZE}MB"
    ratios[f"{case}.ours_vs_payload"] = measurements.ratio(case, "growth", OURS, "payload")
    return ratios
