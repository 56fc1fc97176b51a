"""The Stop button: from the press to the end of the cell, and what it costs a tight loop."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import Measurements, Report
from benchmarks.sites import build_ours
from benchmarks.startup import RUN, START, chromium, open_lab
from je_site.server import serve

if TYPE_CHECKING:
    from playwright.sync_api import Page

HEARD, DEAF = "je-kernel", "without"

CELLS = {
    "a loop": "while True: pass",
    "a loop with NumPy": (
        "import numpy as np\ntable = np.ones((300, 300))\nwhile True: table @ table"
    ),
    "time.sleep": "import time\ntime.sleep(10_000)",
    "await": "import asyncio\nawait asyncio.sleep(10_000)",
    "input": "input()",
}

PRESS = """\
async ([code, after]) => {
  const { kernel } = window.benchmark.session;
  const future = kernel.requestExecute({ code });
  await new Promise(resolve => setTimeout(resolve, after));
  const begin = performance.now();
  await kernel.interrupt();
  const { content } = await future.done;
  if (!content.ename?.includes('KeyboardInterrupt')) throw new Error(content.ename ?? 'it ended');
  return (performance.now() - begin) / 1000;
}
"""

# Each loop is timed with and without, by turns, within one cell.
LOOPS = """\
import json, time, pyodide_js
from je_kernel import interrupts
def count():
    i = 0
    while i < 3_000_000: i += 1
def add():
    total = 0
    for i in range(3_000_000): total += i
def nothing(): pass
def call():
    for i in range(1_500_000): nothing()
def seconds(loop):
    begin = time.perf_counter()
    loop()
    return time.perf_counter() - begin
header = get_ipython().kernel.get_parent()["header"]
page = interrupts._installed._page
print(json.dumps([
    (loop.__name__, heard, seconds(loop))
    for _ in range(15) for loop in (count, add, call) for heard in (True, False)
    if page.begin(header["session"], header["msg_id"]) or heard
    or pyodide_js.setInterruptBuffer(None) or True
]))
"""


def run(rounds: int) -> Report:
    """Press Stop in each kind of cell, and time loops.

    Parameters
    ----------
    rounds
        How often each cell is stopped; in each, every loop is timed fifteen times each way.

    Returns
    -------
    Report
        Seconds to the end of each kind of cell. ``interrupt.seconds`` is the longest of the
        medians, ``interrupt.loop_cost`` the part that hearing of Stop adds to the loop that it
        costs most.
    """
    measurements = Measurements()
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        serve(build_ours(Path(folder))) as served,
    ):
        page = open_lab(browser.new_context(), served.url)
        page.evaluate(START)
        page.evaluate(RUN, "import numpy")
        for number in range(rounds):
            _stop_cells(page, number, measurements)
            for loop, heard, seconds in json.loads(page.evaluate(RUN, LOOPS)["printed"]):
                side = HEARD if heard else DEAF
                measurements.add(f"loop: {loop}", side, "one run", "s", seconds)
    slowest = max(measurements.median(cell, HEARD, "until it ends") for cell in CELLS)
    costs = [
        measurements.ratio(f"loop: {loop}", "one run", HEARD, DEAF) - 1
        for loop in ("count", "add", "call")
    ]
    ratios = {"interrupt.seconds": slowest, "interrupt.loop_cost": max(costs)}
    return Report(measurements.rows(), ratios)


def _stop_cells(page: Page, number: int, measurements: Measurements) -> None:
    for cell, code in CELLS.items():
        # Not always the same part of the time between two looks.
        seconds = page.evaluate(PRESS, [code, 1000 + 70 * number])
        measurements.add(cell, HEARD, "until it ends", "s", seconds)
