"""Stop means stop: whatever a cell does, in three engines, on plain and on isolated pages."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple

import pytest

from je_site.server import serve
from tests.browsers.lab import Lab
from tests.site.bare_kernel import BareKernel
from tests.site.test_files_stores import files_site, files_site_folder, run, value

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from je_site.server import Served
    from tests.browsers.lab import Notebook
    from tests.browsers.page import Browser, Page

__all__ = ["files_site", "files_site_folder"]

pytestmark = pytest.mark.engines("chromium", "firefox", "webkit")

# Runs a cell until it says that it has begun.
_BEGIN = """async code => {
  const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
  const said = [];
  const begun = new Promise(resolve => {
    const future = kernel.requestExecute({ code });
    future.onIOPub = ({ header, content }) => {
      if (header.msg_type === 'stream') said.push(content.text);
      if (header.msg_type === 'error') said.push(content.traceback.join('\\n'));
      if (said.join('').includes('begun')) resolve();
    };
    future.onStdin = () => resolve();
    window.running = { kernel, said, done: future.done };
  });
  await begun;
}"""

# Presses Stop, and waits for the cell's end.
_STOP = """async () => {
  const { kernel, said, done } = window.running;
  await kernel.interrupt();
  const { content } = await done;
  return [content.ename ?? '', said.join('')];
}"""

WHAT_CELLS_DO = {
    "a loop": "begun()\nwhile True: pass",
    "a loop of slow steps": "begun()\nwhile True: table @ table",
    # What comes after quick steps, in the same statement.
    "slow steps after quick ones": (
        "def work():\n    for i in range(2_000_000): pass\n    begun()\n"
        "    while True:\n        table @ table\nwork()"
    ),
    "sleep": "import time\nbegun()\ntime.sleep(10_000)",
    "many short sleeps": "import time\nbegun()\nwhile True: time.sleep(0.01)",
    "await": "import asyncio\nbegun()\nawait asyncio.sleep(10_000)",
    "await several": (
        "import asyncio\nbegun()\nawait asyncio.gather(asyncio.sleep(10_000), asyncio.sleep(9_000))"
    ),
    "input": "input('Who? ')\nprint('went', 'on')",
    "a thread": (
        "import threading, time\nthread = threading.Thread(target=time.sleep, args=(10_000,))\n"
        "begun()\nthread.start()\nthread.join()"
    ),
    "a thread that computes": (
        "import threading\ndef work():\n    begun()\n    while True: pass\n"
        "thread = threading.Thread(target=work)\nthread.start()\nthread.join()"
    ),
    "pandas": (
        "import pandas as pd\nframe = pd.DataFrame({'a': range(1_000)})\nbegun()\n"
        "while True: frame.apply(lambda row: row['a'] + 1, axis=1)"
    ),
}


@pytest.fixture(scope="module")
def notebook(browser: Browser, files_site: Served) -> Iterator[Notebook]:
    """One kernel for all: it is whole after each interrupt."""
    page = browser.new_page()
    opened = Lab.open(page, files_site.url).new_notebook()
    run(opened, "import numpy as np\ntable = np.ones((300, 300))")
    run(opened, "def begun(): print('begun', flush=True)")
    yield opened
    page.close()


def stop(page: Page, code: str) -> tuple[str, str]:
    """Run a cell, press Stop once it has begun; return its error's name, and what it said."""
    page.evaluate(_BEGIN, code)
    name, said = page.evaluate(_STOP)
    return name, said


@pytest.mark.parametrize("code", WHAT_CELLS_DO.values(), ids=WHAT_CELLS_DO)
def test_it_stops(notebook, code):
    run(notebook, "kept = object()")
    name, said = stop(notebook.lab.page, code)
    assert "KeyboardInterrupt" in name
    assert "KeyboardInterrupt" in said
    assert "went on" not in said
    assert value(notebook, "kept is not None and 1 + 1") == 2


def test_the_traceback_has_the_students_lines_only(notebook):
    _, said = stop(notebook.lab.page, WHAT_CELLS_DO["sleep"])
    assert "line 3" in said
    assert "je_kernel" not in said
    assert "asyncio" not in said


def test_a_program_can_catch_it(notebook):
    code = "try:\n    begun()\n    while True: pass\nexcept KeyboardInterrupt:\n    print('caught')"
    name, said = stop(notebook.lab.page, code)
    assert (name, "caught" in said) == ("", True)
    code = (
        "import asyncio\ntry:\n    begun()\n    await asyncio.sleep(10_000)\n"
        "finally:\n    print('tidy')"
    )
    name, said = stop(notebook.lab.page, code)
    assert "KeyboardInterrupt" in name
    assert "tidy" in said


def test_a_program_that_goes_on_waiting_is_stopped_by_the_next_press(notebook):
    code = (
        "import asyncio\ntry:\n    begun()\n    await asyncio.sleep(10_000)\n"
        "except asyncio.CancelledError:\n    print('first')\nawait asyncio.sleep(10_000)"
    )
    notebook.lab.page.evaluate(_BEGIN, code)
    name, said = notebook.lab.page.evaluate(
        """async () => {
          const { kernel, said, done } = window.running;
          await kernel.interrupt();
          while (!said.join('').includes('first')) await new Promise(next => setTimeout(next, 50));
          // Long after the first press: a second one at once would offer to restart.
          const { now } = performance;
          performance.now = () => now.call(performance) + 60_000;
          await kernel.interrupt();
          delete performance.now;
          return [(await done).content.ename ?? '', said.join('')];
        }"""
    )
    assert "KeyboardInterrupt" in name
    assert "KeyboardInterrupt" in said


def test_it_stops_after_more_presses_than_a_kernel_was_told_of_at_first(notebook):
    notebook.lab.page.evaluate(
        """async () => {
          const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
          for (let press = 0; press < 150; press += 1) await kernel.interrupt();
        }"""
    )
    for _ in range(2):
        name, _ = stop(notebook.lab.page, WHAT_CELLS_DO["a loop"])
        assert "KeyboardInterrupt" in name


def test_what_was_queued_does_not_run_and_what_comes_later_does(notebook):
    run(notebook, "ran = []")
    notebook.lab.page.evaluate(
        """async () => {
          const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
          const first = kernel.requestExecute({ code: 'begun()\\nwhile True: pass' });
          const second = kernel.requestExecute({ code: 'ran.append(2)' });
          await new Promise(resolve => {
            first.onIOPub = ({ header }) => { if (header.msg_type === 'stream') resolve(); };
          });
          await kernel.interrupt();
          await Promise.all([first.done, second.done]);
        }"""
    )
    run(notebook, "ran.append(3)")
    assert value(notebook, "ran") == [3]


def test_a_cell_that_is_about_to_begin_stops(notebook):
    ended = notebook.lab.page.evaluate(
        """async () => {
          const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
          const future = kernel.requestExecute({ code: 'while True: pass' });
          await new Promise(resolve => { future.onIOPub = resolve; });
          await kernel.interrupt();
          return (await future.done).content.ename;
        }"""
    )
    assert "KeyboardInterrupt" in ended
    assert value(notebook, "1 + 1") == 2


def test_stop_without_anything_that_runs_changes_nothing(notebook):
    notebook.lab.page.evaluate(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.interrupt()"
    )
    assert value(notebook, "sum(range(100_000))") == 4_999_950_000


class Slow(NamedTuple):
    """A server whose answer never ends."""

    url: str
    asked: threading.Event
    left: threading.Event


@pytest.fixture
def slow_server() -> Iterator[Slow]:
    asked, left = threading.Event(), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Content-Length", "1000000000")
            self.end_headers()
            asked.set()
            try:
                while not left.wait(0.05):
                    self.wfile.write(b"1,2,3\n" * 100)
            except OSError:
                left.set()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield Slow(f"http://127.0.0.1:{server.server_port}/data.csv", asked, left)
    left.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.engines("chromium", "firefox")  # WebKit's worker waits for the answer's end
@pytest.mark.parametrize(
    "reads",
    ["import pandas\npandas.read_csv({!r})", "import urllib.request as r\nr.urlopen({!r}).read()"],
    ids=["pandas", "urllib"],
)
def test_a_download_stops_on_the_line_too(notebook, slow_server, reads):
    notebook.lab.page.evaluate(_BEGIN, "begun()\n" + reads.format(slow_server.url))
    assert slow_server.asked.wait(60)
    name, _ = notebook.lab.page.evaluate(_STOP)
    assert "KeyboardInterrupt" in name
    assert slow_server.left.wait(60)


def test_only_the_kernel_that_is_meant_stops(notebook):
    other = notebook.lab.new_notebook()
    run(other, "mine = 1")
    other_kernel = notebook.lab.page.evaluate(
        """async () => {
          const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
          const code = 'import time\\ntime.sleep(3)\\nmine = 2';
          window.otherRuns = kernel.requestExecute({ code }).done;
          return kernel.id;
        }"""
    )
    stopped = notebook.lab.page.evaluate(
        """async other => {
          const widgets = [...window.jupyterapp.shell.widgets('main')];
          const { kernel } = widgets.map(({ sessionContext }) => sessionContext?.session)
            .find(session => session && session.kernel.id !== other);
          const future = kernel.requestExecute({ code: "print('begun')\\nwhile True: pass" });
          await new Promise(resolve => {
            future.onIOPub = ({ header }) => { if (header.msg_type === 'stream') resolve(); };
          });
          await kernel.interrupt();
          const ended = await Promise.all([future.done, window.otherRuns]);
          return ended.map(({ content }) => content.status);
        }""",
        other_kernel,
    )
    assert stopped == ["error", "ok"]
    assert value(other, "mine") == 2


@pytest.mark.engines("chromium", "firefox")
def test_it_stops_on_an_isolated_page(browser, files_site_folder: Path):
    with serve(files_site_folder, isolated=True) as served:
        page = browser.new_page()
        notebook = Lab.open(page, served.url).new_notebook()
        run(notebook, "def begun(): print('begun', flush=True)")
        assert value(notebook, "__import__('js').crossOriginIsolated") is True
        for what in ("a loop", "sleep", "input"):
            name, _ = stop(page, WHAT_CELLS_DO[what])
            assert "KeyboardInterrupt" in name, what
        page.close()


@pytest.mark.engines("chromium")
def test_a_second_press_offers_a_restart_that_keeps_files(page, files_site):
    notebook, tab = Lab.open(page, files_site.url).new_notebook(), page.playwright
    run(notebook, "with open('kept.txt', 'w') as file: file.write('kept')")
    page.evaluate(
        """async () => {
          const { kernel } = window.jupyterapp.shell.currentWidget.sessionContext.session;
          const code = "print('begun')\\nsum(range(10**15))"; // all in C: Python does not look
          const future = kernel.requestExecute({ code });
          await new Promise(resolve => {
            future.onIOPub = ({ header }) => { if (header.msg_type === 'stream') resolve(); };
          });
        }"""
    )
    for _ in range(2):
        tab.click('[data-command="notebook:interrupt-kernel"]')
    tab.click(".jp-Dialog .jp-mod-accept")
    assert value(notebook, "open('kept.txt').read()") == "kept"
    assert value(notebook, "'kept' in globals()") is False


@pytest.mark.engines("chromium")
def test_it_stops_on_a_page_that_a_link_has_opened(page, files_site):
    # Such a page has a script more, which waits for JupyterLab as well.
    Lab.open(page, files_site.url, "?path=people.csv")
    BareKernel(page.playwright).another("bare.ipynb")
    ended = page.evaluate(
        """async () => {
          const [kernel] = window.bareKernels;
          const future = kernel.requestExecute({ code: "print('begun')\\nwhile True: pass" });
          await new Promise(resolve => {
            future.onIOPub = ({ header }) => { if (header.msg_type === 'stream') resolve(); };
          });
          await kernel.interrupt();
          return (await future.done).content.ename;
        }"""
    )
    assert "KeyboardInterrupt" in ended
