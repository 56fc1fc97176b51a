"""Start-up: stock JupyterLite, what Jupyter Everywhere does on it, and ours, interleaved.

Ours is there twice, with and without its memory snapshot. All sites are served from
this machine by the same server, with the same Pyodide and the same wheels. Stock
JupyterLite would ask Pyodide's CDN and the package index; here it finds everything
beside itself, which is to its favour.
"""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.data_server import serve_data
from benchmarks.results import Measurements, Report
from benchmarks.sites import CHROMIUM, CHROMIUM_FLAGS, CONTENTS, build_ours, build_stock
from je_site.server import RequestRecord, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, BrowserContext, Page

STOCK, EVERYWHERE, OURS = "stock", "jupyter-everywhere", "je-kernel"
NO_SNAPSHOT = "no snapshot"  # ours, but for that
COLD, WARM = "cold cache", "warm cache"

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


def run(rounds: int) -> Report:
    """Measure all sites, round by round.

    Parameters
    ----------
    rounds
        How often each site is opened with a cold and with a warm browser cache.

    Returns
    -------
    Report
        Seconds, bytes and requests for each side; ratios against stock and
        against Jupyter Everywhere's way, each the worse of cold and warm.
    """
    measurements = Measurements()
    with tempfile.TemporaryDirectory() as folder, _browser() as browser:
        stock = build_stock(Path(folder) / "stock")
        ours = build_ours(Path(folder) / "ours")
        bare = build_ours(Path(folder) / "bare", snapshot=False)
        with _served(stock, ours, bare) as sides, serve_data(CONTENTS / "data") as data_url:
            for number in range(rounds):
                # Each round begins with another side, so that none always comes first.
                for side in sides[number % len(sides) :] + sides[: number % len(sides)]:
                    _measure_side(browser, side, data_url, measurements)
    return Report(measurements.rows(), _ratios(measurements))


@contextlib.contextmanager
def _browser() -> Iterator[Browser]:
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
            side(OURS, ours, reports_steps=True),
            side(NO_SNAPSHOT, bare),
        ]


def _measure_side(browser: Browser, side: Side, data_url: str, measurements: Measurements) -> None:
    context = browser.new_context()
    try:
        for case in (COLD, WARM):
            _measure_case(context, side, data_url, case, measurements)
    finally:
        context.close()


def _measure_case(
    context: BrowserContext, side: Side, data_url: str, case: str, measurements: Measurements
) -> None:
    def add(metric: str, unit: str, value: float) -> None:
        measurements.add(case, side.name, metric, unit, value)

    page = _open_lab(context, side.url)
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
    page.close()


def _open_lab(context: BrowserContext, url: str) -> Page:
    page = context.new_page()
    page.set_default_timeout(300_000)
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
    ratios["requests.ours_vs_stock"] = measurements.ratio(COLD, "requests", OURS, STOCK)
    ratios["own_steps_ms"] = max(
        measurements.median(case, OURS, "own_steps") for case in (COLD, WARM)
    )
    return ratios
