"""Data files: je-kernel against the drive that JupyterLite mounts, in one site and one browser.

Every number is taken inside a real kernel, in one notebook, ours and the
drive's one after the other, so that a busy machine slows both. "drive" is plain
``open`` with the drive's own operations; "quick" is plain ``open`` as je-kernel's
start-up step ``drive`` makes it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.results import Measurements, Report
from je_site.build import build
from je_site.server import serve
from tests.browsers.chromium import ChromiumBrowser
from tests.browsers.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.browsers.chromium import ChromiumPage
    from tests.browsers.lab import Notebook

__all__ = ["run"]

MEGABYTE = 1_000_000
SIZES = (1, 10, 50, 200)
# The drive takes minutes for 200 MB of text and does no better or worse a byte: it is left out.
DRIVE_SIZES = (1, 10, 50)
MANY = 1000
PIECE = 8192  # bytes, as a plain open() writes them
FULL_DRIVE = (10, 30)  # files, and the megabytes of each

_SETUP = f"""
PIECE = {PIECE}
import gc, io, json, os, time
from je_kernel import drive, files
from je_kernel.files import store_selection
store_selection.current()

def data_of(kind, size):
    if kind == "text":
        line = b"2026-01-31,Adelie,39.1,18.7,181,3750,male\\n"
        return (line * (size // len(line) + 1))[:size]
    return os.urandom(size)

def seconds(action):
    gc.collect()
    begin = time.perf_counter()
    result = action()
    return time.perf_counter() - begin, result

def write_drive(name, data):
    with open(f"/drive/{{name}}", "wb") as file:
        file.write(data)

def write_pieces(name, data):
    with open(f"/drive/{{name}}", "wb") as file:
        for start in range(0, len(data), PIECE):
            file.write(data[start : start + PIECE])

def read_drive(name):
    with open(f"/drive/{{name}}", "rb") as file:
        return file.read()
"""

_MEASURE = """
ours, drives = f"ours-{{kind}}.bin", f"drives-{{kind}}.bin"
data = data_of(kind, size)
times = {{}}
times["write ours"], _ = seconds(lambda: files.save(ours, data))
times["read ours"], back = seconds(lambda: files.read_bytes(ours))
assert back == data
del back
files.delete(ours)
if {drive}:
    for side in ("quick", "drive"):
        drive.install() if side == "quick" else drive.uninstall()
        times[f"write {{side}}"], _ = seconds(lambda: write_drive(drives, data))
        times[f"read {{side}}"], back = seconds(lambda: read_drive(drives))
        assert back == data
        del back
        files.delete(drives)
if {pieces}:
    for side in ("quick", "drive"):
        drive.install() if side == "quick" else drive.uninstall()
        times[f"pieces {{side}}"], _ = seconds(lambda: write_pieces(drives, data))
        files.delete(drives)
del data
print(json.dumps(times))
"""

_FRAMES = """
import pandas as pd
frame = pd.DataFrame({{"n": range({rows}), "x": 1.5, "name": "Adelie"}})
times = {{}}
times["to_csv ours"], _ = seconds(lambda: files.save("ours.csv", frame))
times["read_csv ours"], back = seconds(lambda: files.read("ours.csv"))
times["size"] = files.info("ours.csv").size
for side in {sides}:
    drive.install() if side == "quick" else drive.uninstall()
    times[f"to_csv {{side}}"], _ = seconds(lambda: frame.to_csv("/drive/a.csv", index=False))
    times[f"read_csv {{side}}"], back = seconds(lambda: pd.read_csv("/drive/a.csv"))
    files.delete("a.csv")
files.delete("ours.csv")
print(json.dumps(times))
"""

_MANY = """
import zipfile
packed = io.BytesIO()
with zipfile.ZipFile(packed, "w") as archive:
    for number in range({many}):
        archive.writestr(f"many/file {{number:04}}.txt", "x" * 200)
files.save("many.zip", packed.getvalue())
times = {{}}
times["make"], _ = seconds(lambda: files.unzip("many.zip"))
times["list ours"], listing = seconds(lambda: files.list("many"))
assert len(listing) == {many}
times["list drive"], entries = seconds(lambda: list(os.scandir("/drive/many")))
times["stat drive"], _ = seconds(lambda: [entry.stat().st_size for entry in entries[:100]])
files.delete("many", recursive=True)
print(json.dumps(times))
"""

_FILL = """
for number in range({number}):
    files.save(f"full/{{number}}.bin", os.urandom({size}))
"""

_STEPS = """
import json, je_kernel.startup
took = {step.name: step.milliseconds / 1000 for step in je_kernel.startup.started().steps}
print(json.dumps({"all": sum(took.values()), "drive": took["drive"]}))
"""

_HEAP_DATA = """
files.save("heap.bin", b"what is loaded once is not counted")
data = data_of("binary", 50_000_000)
gc.collect()
"""

_PYTHONS_MEMORY = """
import json, pyodide_js
print(json.dumps({"bytes": pyodide_js._module.HEAPU8.length}))
"""


def run(rounds: int) -> Report:
    """Measure.

    Parameters
    ----------
    rounds
        How often everything is measured; the medians are reported.

    Returns
    -------
    Report
        Seconds of ours and of the drive for each operation, kind and size, and
        the ratios that the project promises.
    """
    with tempfile.TemporaryDirectory() as folder:
        site = _site(Path(folder))
        with serve(site) as served:
            browser = ChromiumBrowser()
            try:
                page = browser.new_page()
                return _measured(page, Lab.open(page, served.url), rounds)
            finally:
                browser.close()


def _site(folder: Path) -> Path:
    project = folder / "project"
    project.mkdir()
    config = {"exposeAppInBrowser": True}
    (project / "jupyter-lite.json").write_text(
        json.dumps({"jupyter-lite-schema-version": 0, "jupyter-config-data": config})
    )
    (folder / "contents").mkdir()
    shutil.copy(__file__, folder / "contents" / "a file.txt")
    return build(folder / "site", contents=[folder / "contents"], lite_dir=project)


def _measured(page: ChromiumPage, lab: Lab, rounds: int) -> Report:
    notebook = lab.new_notebook()

    def cell(code: str) -> Any:
        result = notebook.run(code)
        if result.error is not None:
            raise RuntimeError(f"{result.error.name}: {result.error.message}")
        last = result.stdout.strip().splitlines()[-1:]
        return json.loads(last[0]) if last and last[0].startswith("{") else None

    times: dict[tuple[str, str, int], list[float]] = {}

    def note(kind: str, size: int, found: dict[str, float]) -> None:
        for what, took in found.items():
            times.setdefault((what, kind, size), []).append(took)

    def starts(drive: str) -> None:
        for _ in range(2):
            begin = time.perf_counter()
            notebook.restart_kernel()
            found = cell(_STEPS)
            rest = time.perf_counter() - begin - found["all"]
            note(drive, 0, {"start rest": rest, "start ours": found["all"]})
            note(drive, 0, {"step ours": found["drive"]})
            begin = time.perf_counter()
            cell("import pandas")
            note(drive, 0, {"import ours": time.perf_counter() - begin})

    starts("empty drive")
    cell(_SETUP)
    for number in range(rounds):
        # The drive takes half a minute for each of its slowest cases: once has to do.
        first = number == 0
        for kind in ("binary", "text"):
            for size in SIZES:
                drive = size in DRIVE_SIZES and (first or (kind, size) != ("text", 50))
                pieces = first and (kind, size) == ("binary", 10)
                code = f"kind, size = {kind!r}, {size * MEGABYTE}\n"
                note(kind, size, cell(code + _MEASURE.format(drive=drive, pieces=pieces)))
        sides = ("quick", "drive") if first else ()
        note("frame", 10, cell(_FRAMES.format(rows=500_000, sides=sides)))
        note("many files", MANY, cell(_MANY.format(many=MANY)))
    memory = _memory_used(page, notebook, cell)
    number, size = FULL_DRIVE
    cell(_FILL.format(number=number, size=size * MEGABYTE))
    starts("300 MB drive")
    medians = {key: statistics.median(values) for key, values in times.items()}
    ratios = _ratios(medians)
    ratios.update(memory)
    return Report(_measurements(times).rows(), ratios)


def _measurements(times: dict[tuple[str, str, int], list[float]]) -> Measurements:
    measurements = Measurements()
    for (what, kind, size), seconds in times.items():
        verb, _, side = what.rpartition(" ")
        unit = "files" if kind == "many files" else "MB"
        amount = f" {size} {unit}" if size else ""
        for value in seconds:
            measurements.add(f"{verb} {kind}{amount}", side, "time", "s", value)
    return measurements


def _ratios(medians: dict[tuple[str, str, int], float]) -> dict[str, float]:
    def ratio(verb: str, kind: str, size: int) -> float:
        return round(medians[f"{verb} drive", kind, size] / medians[f"{verb} ours", kind, size], 2)

    def quick(verb: str, size: int) -> float:
        drive, ours = (medians[f"{verb} {side}", "binary", size] for side in ("drive", "quick"))
        return round(drive / ours, 2)

    def filled(what: str) -> float:
        full, empty = (medians[what, f"{drive} drive", 0] for drive in ("300 MB", "empty"))
        return round(full / empty, 2)

    def growth(verb: str) -> float:
        return round(
            medians[f"{verb} ours", "binary", 200] / medians[f"{verb} ours", "binary", 50], 2
        )

    return {
        "write_50MB.drive_vs_ours": ratio("write", "binary", 50),
        "read_50MB.drive_vs_ours": ratio("read", "binary", 50),
        "write_10MB.drive_vs_ours": ratio("write", "binary", 10),
        "read_10MB.drive_vs_ours": ratio("read", "binary", 10),
        "write_50MB_text.drive_vs_ours": ratio("write", "text", 50),
        "read_50MB_text.drive_vs_ours": ratio("read", "text", 50),
        "to_csv.drive_vs_ours": ratio("to_csv", "frame", 10),
        "read_csv.drive_vs_ours": ratio("read_csv", "frame", 10),
        "quick_write_50MB.drive_vs_quick": quick("write", 50),
        "quick_read_50MB.drive_vs_quick": quick("read", 50),
        "quick_pieces_10MB.drive_vs_quick": quick("pieces", 10),
        "steps_300MB_drive.full_vs_empty": filled("start ours"),
        "rest_of_start_300MB_drive.full_vs_empty": filled("start rest"),
        "import_300MB_drive.full_vs_empty": filled("import ours"),
        "list_1000.drive_vs_ours": ratio("list", "many files", MANY),
        "write_growth.200MB_vs_50MB": growth("write"),
        "read_growth.200MB_vs_50MB": growth("read"),
    }


def _memory_used(page: ChromiumPage, notebook: Notebook, cell: Any) -> dict[str, float]:
    """Return what a save and a read of 50 MB need at most beside the file, as parts of the file.

    "heap" is what code can see: Python's heap, and JavaScript's in the kernel's worker
    with its buffers. "process" is the peak of the whole browser process that runs
    the kernel: these, and what the browser itself holds on the way to its database.
    Each is measured in a fresh kernel, which has no memory to reuse.
    """
    size = 50_000_000
    code = {"save": "files.save('heap.bin', data)", "read": "data = files.read_bytes('heap.bin')"}
    used = {}
    for verb, prepared in (("save", _HEAP_DATA), ("read", "files.exists('heap.bin')")):
        # What is read is the file itself.
        own = size if verb == "read" else 0
        notebook.restart_kernel()
        cell(_SETUP + prepared)
        used["process", verb] = _peak_of(partial(cell, code[verb])) - own
        notebook.restart_kernel()
        cell(_SETUP + prepared)
        used["heap", verb] = _Heaps(page).peak_of(notebook, cell, code[verb]) - own
    cell("files.delete('heap.bin')")
    ratios = {}
    for what in ("heap", "process"):
        verbs = {verb: used[what, verb] / size for verb in code}
        ratios[f"{what}_50MB.ours_vs_file"] = round(max(verbs.values()), 2)
        for verb, ratio in verbs.items():
            ratios[f"{what}_50MB_{verb}.ours_vs_file"] = round(ratio, 2)
    return ratios


class _Heaps:
    """The heaps of the kernel that was started last, as Chromium's debugger sees them."""

    def __init__(self, page: ChromiumPage) -> None:
        self._page = page.playwright
        self._session = page.playwright.context.new_cdp_session(page.playwright)
        self._workers: list[str] = []
        self._answers: dict[int, Any] = {}
        self._session.on("Target.attachedToTarget", self._attached)
        self._session.on("Target.receivedMessageFromTarget", self._received)
        self._session.send(
            "Target.setAutoAttach",
            {"autoAttach": True, "waitForDebuggerOnStart": False, "flatten": False},
        )

    def _attached(self, event: Any) -> None:
        if event["targetInfo"]["type"] == "worker":
            self._workers.append(event["sessionId"])

    def _received(self, event: Any) -> None:
        message = json.loads(event["message"])
        if "id" in message:
            self._answers[message["id"]] = message["result"]

    def _ask(self, method: str) -> Any:
        number = len(self._answers) + 1
        message = json.dumps({"id": number, "method": method})
        target = {"sessionId": self._workers[-1], "message": message}
        self._session.send("Target.sendMessageToTarget", target)
        while number not in self._answers:
            self._page.wait_for_timeout(1)
        return self._answers[number]

    def _javascript(self) -> int:
        usage = self._ask("Runtime.getHeapUsage")
        parts = ("usedSize", "embedderHeapUsedSize", "backingStorageSize")
        return sum(int(usage[part]) for part in parts)

    def peak_of(self, notebook: Notebook, cell: Any, code: str) -> int:
        """Return by how many bytes the heaps grow at most while a cell runs.

        The debugger is answered whenever the worker waits, as it does for the
        database. What is garbage then and has not been collected counts.
        """
        python = int(cell(_PYTHONS_MEMORY)["bytes"])
        self._ask("HeapProfiler.collectGarbage")
        before = self._javascript()
        pending = notebook.start(code)
        most = before
        while notebook.cells()[pending.index].execution_count is None or (
            notebook.kernel_status != "idle"
        ):
            most = max(most, self._javascript())
        most = max(most, self._javascript())
        error = pending.result().error
        if error is not None:
            raise RuntimeError(f"{error.name}: {error.message}")
        # Python's memory never shrinks.
        return most - before + int(cell(_PYTHONS_MEMORY)["bytes"]) - python


def _peak_of(action: Callable[[], Any]) -> int:
    """Return how many bytes the largest of our browser's pages grows by while something runs."""
    process = max(_renderers(), key=lambda one: _memory(one, "VmRSS"))
    before = _memory(process, "VmRSS")
    (process / "clear_refs").write_text("5")  # forgets the peak
    action()
    return _memory(process, "VmHWM") - before


def _renderers() -> list[Path]:
    """Return the pages' processes of the browser that this process started, in Linux's /proc."""
    found, parents = [], [str(os.getpid())]
    while parents:
        process = Path("/proc", parents.pop())
        with contextlib.suppress(OSError):  # it has ended meanwhile
            for task in (process / "task").iterdir():
                parents += (task / "children").read_text().split()
            if b"--type=renderer" in (process / "cmdline").read_bytes():
                found.append(process)
    return found


def _memory(process: Path, field: str) -> int:
    lines = (process / "status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))
