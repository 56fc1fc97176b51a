"""Start-up: stock JupyterLite, what Jupyter Everywhere does on it, and ours, interleaved.

Ours is there twice, with and without its memory snapshot. Besides the machine as it is, there are
a line of 20 Mbit/s and a processor of a quarter of the speed, what a tab takes of memory, and a
lesson that is opened by its link, at a first visit from that line and in a browser that has been
there before. A warm browser of ours
has kept the memory snapshot with packages, as it does once it has imported pandas. All sites are
served from this machine by the same server, with the same Pyodide and the same wheels. Stock
JupyterLite would ask Pyodide's CDN and the package index; here it finds everything beside itself,
which is to its favour.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.data_server import serve_data
from benchmarks.renderer import Renderer
from benchmarks.results import Measurements, Report
from benchmarks.sites import CHROMIUM, CHROMIUM_FLAGS, CONTENTS, build_ours, build_stock
from benchmarks.slow_line import slow_line
from je_site.server import RequestRecord, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

STOCK, EVERYWHERE, OURS = "stock", "jupyter-everywhere", "je-kernel"
NO_SNAPSHOT = "no snapshot"  # ours, but for that
COLD, WARM = "cold cache", "warm cache"
SLOW_LINE, SLOW_PROCESSOR = "cold cache, 20 Mbit/s", "warm cache, a quarter of the processor"
TAB, LESSON = "one idle kernel", "a lesson's link, warm cache"
LESSON_SLOW_LINE = "a lesson's link, cold cache, 20 Mbit/s"
LINE = 20_000_000 / 8  # bytes a second
SLOWNESS = 4
PATIENCE = 300_000  # milliseconds
# Seconds until a kernel is idle: the service worker has kept what it keeps, and the browser freed
# what a start took.
IDLE = 60

# What Jupyter Everywhere runs, silently, when a notebook's panel appears.
EVERYWHERE_SETUP = """\
%pip install -q pyodide-http requests
import pyodide_http
pyodide_http.patch_all()
"""

READ_A_TABLE = """\
import pandas as pd
frame = pd.read_csv({url!r})
assert frame.shape == (344, 8), frame.shape
"""

LESSON_NAME = "lesson.ipynb"
LESSON_CODE = """\
import time; began = time.time()
import pandas as pd
pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})"""

REPORT_STEPS = "import je_kernel.startup as s; print(s.started().milliseconds)"

# A kernel is started in the page, and its replies are timed there.
START = """\
async () => {
  const { sessions } = window.jupyterapp.serviceManager;
  const begin = performance.now();
  const path = `benchmark-${begin}.ipynb`;
  const session = await sessions.startNew({
    path, name: path, type: "notebook", kernel: { name: "python" }
  });
  window.benchmark = { begin, session };
}
"""

RUN = """\
async (code) => {
  const { begin, session } = window.benchmark;
  let printed = "";
  const future = session.kernel.requestExecute({ code, stop_on_error: true });
  future.onIOPub = ({ header, content }) => {
    if (header.msg_type === "stream") printed += content.text;
  };
  const { content } = await future.done;
  if (content.status !== "ok") throw new Error(`${content.ename}: ${content.evalue}`);
  return { seconds: (performance.now() - begin) / 1000, printed };
}
"""

UNTIL_KEPT = """
async () => {
  const cache = await caches.open("je-kernel-memory");
  const end = performance.now() + 120_000;
  while (!(await cache.keys()).length) {
    if (performance.now() > end) throw new Error("The large snapshot is not kept.");
    await new Promise(next => setTimeout(next, 100));
  }
}
"""

# In a page that was just gone to: seconds since then, when the notebook is shown, when its first
# cell begins and when that has a table below it.
RUN_LESSON = """\
async () => {
  const now = () => performance.now() / 1000;
  const until = async condition => {
    while (!condition()) await new Promise(next => setTimeout(next, 10));
  };
  await until(() => window.jupyterapp?.shell?.currentWidget?.context?.path === "lesson.ipynb");
  const { commands, shell } = window.jupyterapp;
  const panel = shell.currentWidget;
  await panel.context.ready;
  const page = now();
  const { sessionContext } = panel;
  await sessionContext.ready;
  panel.content.activeCellIndex = 0;
  const target = { semanticWidget: panel.id, activate: false };
  await commands.execute("notebook:run-cell", target);
  const [output] = panel.content.model.cells.get(0).outputs.toJSON();
  if (!output?.data?.["text/html"]) throw new Error(JSON.stringify(output));
  const dataframe = now();
  let printed = "";
  const future = sessionContext.session.kernel.requestExecute({ code: "print(began)" });
  future.onIOPub = ({ content }) => { printed += content.text ?? ""; };
  await future.done;
  return { page, kernel: Number(printed) - performance.timeOrigin / 1000, dataframe };
}
"""


@dataclass
class Traffic:
    """Counts what a server sent."""

    requests: int = 0
    bytes: int = 0

    def __call__(self, request: RequestRecord) -> None:
        """Take note of one answer."""
        self.requests += 1
        self.bytes += request.sent

    def forget(self) -> None:
        """Count from zero again."""
        self.requests = self.bytes = 0


@dataclass(frozen=True)
class Side:
    """One of the sites under test."""

    name: str
    url: str
    traffic: Traffic
    setup: tuple[str, ...] = ()
    reads: bool = True
    reports_steps: bool = False
    keeps: bool = False  # the memory snapshot with packages


def run(rounds: int) -> Report:
    """Measure all sites, round by round.

    Parameters
    ----------
    rounds
        How often each site is opened in each case.

    Returns
    -------
    Report
        Seconds, bytes and requests for each side; ratios against stock, against Jupyter
        Everywhere's way and against ours without its snapshot. Those without a case in their name
        are the worse of cold and warm.
    """
    measurements = Measurements()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        contents = _contents(folder / "contents")
        stock = build_stock(folder / "stock", contents)
        ours = build_ours(folder / "ours", contents)
        bare = build_ours(folder / "bare", contents, snapshot=False)
        with _served(stock, ours, bare) as sides, serve_data(CONTENTS / "data") as data_url:
            for number in range(rounds):
                # Each round begins with another side, so that none always comes first.
                turned = sides[number % len(sides) :] + sides[: number % len(sides)]
                for side in turned:
                    _measure_side(side, data_url, measurements)
                    _measure_poor(side, data_url, measurements)
                    if not side.setup:
                        _measure_lesson(side, measurements)
    return Report(measurements.rows(), _ratios(measurements))


def _contents(folder: Path) -> Path:
    """Copy the demonstration's notebooks, with a lesson beside them."""
    shutil.copytree(CONTENTS, folder)
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "table",
        "source": LESSON_CODE,
        "outputs": [],
    }
    cell |= {"metadata": {}, "execution_count": None}
    kernel = {"kernelspec": {"name": "python", "display_name": "Python (Pyodide)"}}
    notebook = {"cells": [cell], "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    (folder / LESSON_NAME).write_text(json.dumps(notebook))
    return folder


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Run a headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def _served(stock: Path, ours: Path, bare: Path) -> Iterator[list[Side]]:
    with contextlib.ExitStack() as servers:

        def side(name: str, root: Path, **more: Any) -> Side:
            traffic = Traffic()
            served = servers.enter_context(serve(root, on_request=traffic))
            return Side(name, served.url, traffic, **more)

        yield [
            side(STOCK, stock, reads=False),  # an unpatched kernel cannot read a URL
            side(EVERYWHERE, stock, setup=(EVERYWHERE_SETUP,)),
            side(OURS, ours, reports_steps=True, keeps=True),
            side(NO_SNAPSHOT, bare),
        ]


@contextlib.contextmanager
def _with_profile() -> Iterator[BrowserContext]:
    """Run a headless Chromium that keeps what it has fetched on disk."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as profile, sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            profile, executable_path=CHROMIUM, args=CHROMIUM_FLAGS
        )
        yield context
        context.close()


def _measure_side(side: Side, data_url: str, measurements: Measurements) -> None:
    with _with_profile() as context:
        for case in (COLD, WARM):
            _measure_case(context, side, data_url, case, measurements)


def _let_keep(page: Page, side: Side) -> None:
    """Wait until a browser has kept what it keeps once pandas was imported."""
    if side.keeps:
        page.evaluate(UNTIL_KEPT)


def _measure_case(
    context: BrowserContext, side: Side, data_url: str, case: str, measurements: Measurements
) -> None:
    def add(metric: str, unit: str, value: float) -> None:
        measurements.add(case, side.name, metric, unit, value)

    page = open_lab(context, side.url)
    side.traffic.forget()
    page.evaluate(START)
    add("start_to_reply", "s", page.evaluate(RUN, "1")["seconds"])
    add("requests", "", side.traffic.requests)
    add("bytes", "B", side.traffic.bytes)
    if side.reads:
        for code in side.setup:
            page.evaluate(RUN, code)
        read = READ_A_TABLE.format(url=f"{data_url}penguins.csv")
        add("start_to_dataframe", "s", page.evaluate(RUN, read)["seconds"])
        add("bytes_to_dataframe", "B", side.traffic.bytes)
    if side.reports_steps:
        add("own_steps", "ms", float(page.evaluate(RUN, REPORT_STEPS)["printed"]))
    _let_keep(page, side)
    page.close()


def _measure_poor(side: Side, data_url: str, measurements: Measurements) -> None:
    """Measure a side on a slow line, with a slow processor, and what its tab takes of memory."""

    def add(case: str, metric: str, unit: str, value: float) -> None:
        measurements.add(case, side.name, metric, unit, value)

    with chromium() as browser:  # of its own: each has the same processes then
        context = browser.new_context()
        with slow_line(side.url, LINE) as url:
            page = open_lab(context, url)
            add(SLOW_LINE, "start_to_dataframe", "s", _time_to_dataframe(page, side, data_url))
            page.close()

        page = open_lab(context, side.url)
        _time_to_dataframe(page, side, data_url)  # the second has all in the browser's cache
        _let_keep(page, side)
        with Renderer(browser).slowed(SLOWNESS):
            seconds = _time_to_dataframe(page, side, data_url)
        add(SLOW_PROCESSOR, "start_to_dataframe", "s", seconds)

    with chromium() as browser:
        page = open_lab(browser.new_context(), side.url)
        renderer = Renderer(browser)
        renderer.forget_peak()
        page.evaluate(START)
        page.evaluate(RUN, "1")
        add(TAB, "memory_peak", "B", renderer.peak())
        time.sleep(IDLE)
        add(TAB, "memory_idle", "B", renderer.memory())


def _time_to_dataframe(page: Page, side: Side, data_url: str) -> float:
    """Start a kernel; return after how many seconds it has made a table, from a URL if it can."""
    page.evaluate(START)
    for code in side.setup:
        page.evaluate(RUN, code)
    read = READ_A_TABLE.format(url=f"{data_url}penguins.csv")
    return float(page.evaluate(RUN, read if side.reads else LESSON_CODE)["seconds"])


def _measure_lesson(side: Side, measurements: Measurements) -> None:
    """Follow the link of a lesson at the first visit from a slow line, and at the second."""
    with slow_line(side.url, LINE) as url, _with_profile() as context:
        side.traffic.forget()
        _follow_link(context, url, LESSON_SLOW_LINE, side, measurements)
        bytes_sent = side.traffic.bytes
        measurements.add(LESSON_SLOW_LINE, side.name, "bytes_to_dataframe", "B", bytes_sent)
    with _with_profile() as context:
        first = _follow_link(context, side.url, None, side, measurements)
        _let_keep(first, side)
        first.close()
        _follow_link(context, side.url, LESSON, side, measurements)


def _follow_link(
    context: BrowserContext, url: str, case: str | None, side: Side, measurements: Measurements
) -> Page:
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{url}lab/index.html?path={LESSON_NAME}", wait_until="commit")
    marks = page.evaluate(RUN_LESSON)
    if case is not None:
        for mark, seconds in marks.items():
            measurements.add(case, side.name, f"click_to_{mark}", "s", seconds)
    return page


def open_lab(context: BrowserContext, url: str) -> Page:
    """Open JupyterLab in a page, and wait until it is there."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{url}lab/index.html")
    page.wait_for_function("window.jupyterapp?.serviceManager?.isReady")
    page.evaluate("window.jupyterapp.restored")
    return page


def _ratios(measurements: Measurements) -> dict[str, float]:
    ratios: dict[str, float] = {}
    for metric, other, name in (
        ("start_to_reply", STOCK, "stock"),
        ("start_to_dataframe", EVERYWHERE, "je"),
    ):
        by_case = {case: measurements.ratio(case, metric, OURS, other) for case in (COLD, WARM)}
        ratios[f"{metric}.ours_vs_{name}"] = max(by_case.values())
        for case, value in by_case.items():
            ratios[f"{metric}.ours_vs_{name}.{case.split()[0]}"] = value
    ratios["bytes.ours_vs_stock"] = measurements.ratio(COLD, "bytes", OURS, STOCK)
    ratios["bytes_to_dataframe.ours_vs_je"] = measurements.ratio(
        COLD, "bytes_to_dataframe", OURS, EVERYWHERE
    )
    for metric in ("start_to_reply", "start_to_dataframe"):
        ratios[f"{metric}.ours_vs_no_snapshot.warm"] = measurements.ratio(
            WARM, metric, OURS, NO_SNAPSHOT
        )
    for case, name in ((SLOW_LINE, "cold_20mbit"), (SLOW_PROCESSOR, "warm_slow_processor")):
        ratios[f"start_to_dataframe.ours_vs_je.{name}"] = measurements.ratio(
            case, "start_to_dataframe", OURS, EVERYWHERE
        )
    for case, name in ((LESSON, "warm"), (LESSON_SLOW_LINE, "cold_20mbit")):
        ratios[f"click_to_dataframe.ours_vs_stock.{name}"] = measurements.ratio(
            case, "click_to_dataframe", OURS, STOCK
        )
    ratios["bytes_to_dataframe.ours_vs_stock"] = measurements.ratio(
        LESSON_SLOW_LINE, "bytes_to_dataframe", OURS, STOCK
    )
    for metric in ("memory_idle", "memory_peak"):
        ratios[f"{metric}.ours_vs_before"] = measurements.ratio(TAB, metric, OURS, NO_SNAPSHOT)
    ratios["requests.ours_vs_stock"] = measurements.ratio(COLD, "requests", OURS, STOCK)
    ratios["own_steps_ms"] = max(
        measurements.median(case, OURS, "own_steps") for case in (COLD, WARM)
    )
    return ratios
