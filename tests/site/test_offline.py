"""A site that was used works without a network, and no page mixes two versions of a site."""

from __future__ import annotations

import json
import shutil
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from je_site.build import BuildOptions, build_if_needed, default_contents
from je_site.offline import install_offline
from je_site.progress import Reporter
from je_site.server import SiteServer, serve
from tests.browsers.chromium import ChromiumBrowser
from tests.browsers.lab import Lab
from tests.site.conftest import one_at_a_time, write_lite_dir
from tests.site.test_files_stores import run, value, variant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from je_site.server import RequestRecord
    from tests.browsers.chromium import ChromiumPage

LESSON = "Start here.ipynb"
PATIENCE = 120.0

# Paths of the site that this browser keeps, and which version the page has.
KEPT = """async () => {
  const root = new URL('../', location.href).href;
  const name = (await caches.keys()).find(each => each.endsWith(` ${root}`));
  if (!name) return [];
  const keys = await (await caches.open(name)).keys();
  return keys.map(({ url }) => decodeURIComponent(url.slice(root.length)));
}"""
VERSION = "async () => (await (await fetch('../je-kernel-site.json')).json()).version"
# Whether all is kept that every browser keeps, and what a kernel may read later on.
SETTLED = """async () => {
  const root = new URL('../', location.href).href;
  const name = (await caches.keys()).find(each => each.endsWith(` ${root}`));
  if (!name) return false;
  const keys = new Set((await (await caches.open(name)).keys()).map(({ url }) => url));
  const { version } = await (await fetch(`${root}je-kernel-site.json`)).json();
  const list = await (await fetch(`${root}static/je-kernel/site-${version}.json`)).json();
  const isKept = path => keys.has(`${root}${encodeURI(path)}?je-kernel=${list.files[path][0]}`);
  return [...list.always, ...Object.values(list.companions).flat()].every(isKept);
}"""


class Host:
    """A host of sites, which can be unplugged and plugged in again."""

    def __init__(self) -> None:
        self.requests: list[RequestRecord] = []
        self._running = ExitStack()
        self._port = 0

    def plug_in(self, folder: Path, *, isolated: bool = False) -> str:
        """Serve a folder, and return its address."""
        self.unplug()
        served = serve(folder, port=self._port, isolated=isolated, on_request=self.requests.append)
        there = self._running.enter_context(served)
        self._port = there.port
        return there.url

    def unplug(self) -> None:
        """End the serving: nobody answers any more."""
        self._running.close()


class Student:
    """A student's browser on a student's computer: what it keeps, it keeps when it is closed."""

    def __init__(self, profile: Path) -> None:
        self._profile = profile
        self._browser: ChromiumBrowser | None = None

    def open(self) -> ChromiumPage:
        """Start the browser anew."""
        self.close()
        self._browser = ChromiumBrowser(profile=self._profile)
        return self._browser.new_page()

    def close(self) -> None:
        if self._browser is not None:
            self._browser.close()
            self._browser = None


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.unplug()


@pytest.fixture
def student(tmp_path: Path) -> Iterator[Student]:
    student = Student(tmp_path / "profile")
    yield student
    student.close()


@pytest.fixture(scope="session")
def updated_folder(test_cache: Path) -> Path:
    """The demo site, built again with a corrected lesson and other settings."""
    with one_at_a_time(test_cache / "updated-site"):
        contents = test_cache / "updated-contents"
        shutil.rmtree(contents, ignore_errors=True)
        shutil.copytree(default_contents()[0], contents)
        lesson = json.loads((contents / LESSON).read_text())
        lesson["cells"][0]["source"] = "# Corrected"
        (contents / LESSON).write_text(json.dumps(lesson))
        lite_dir = write_lite_dir(test_cache / "updated-project", appName="Updated")
        options = BuildOptions(contents=(contents,), lite_dir=lite_dir, env={"JE_UPDATED": "yes"})
        build_if_needed(test_cache / "updated-site", options, quiet=True)
    return test_cache / "updated-site"


def wait_for(page: Any, condition: str, *arguments: Any) -> Any:
    """Wait until a function in the page returns something."""
    end = time.monotonic() + PATIENCE
    while not (found := page.evaluate(condition, *arguments)):
        assert time.monotonic() < end, f"waited in vain for {condition}"
        time.sleep(0.1)
    return found


def use(page: Any, url: str) -> None:
    """Use a site as on a first visit, until all is kept that is kept by itself."""
    notebook = Lab.open(page, url).new_notebook()
    run(notebook, "import pandas as pd\nprint(pd.DataFrame({'a': [1]}).a.sum())")
    wait_for(page, SETTLED)


# A second visit --------------------------------------------------------------------------------


def test_a_second_visit_from_a_cold_start_needs_no_network(site_folder, host, student, tmp_path):
    (tmp_path / "host").mkdir()
    shutil.move(variant(site_folder, "school"), tmp_path / "host" / "school")
    url = f"{host.plug_in(tmp_path / 'host')}school/"
    use(student.open(), url)
    host.unplug()

    page = student.open()
    lab = Lab.open(page, url, "?reset")
    notebook = lab.new_notebook()
    assert run(notebook, "print(je_kernel.runtime.memory_snapshot())") == "used\n"
    assert run(notebook, "import pandas as pd\nprint(pd.DataFrame({'a': [1]}).a.sum())") == "1\n"
    assert value(notebook, "open('data/penguins.csv').readline()[:14]") == "species,island"
    # What the snapshot's packages have in their wheels.
    run(notebook, "import inspect, IPython\nassert inspect.getsource(IPython.get_ipython)")
    notebook.restart_kernel()
    assert value(notebook, "1 + 1") == 2
    # What was not used before.
    error = notebook.run("import scipy").error
    assert error is not None
    assert "it is not on this device yet, and the site does not answer" in error.message
    assert any("scipy" in line and "is not on this device" in line for line in page.console())
    # Lessons, the page to begin with, and a folder's address without its slash.
    lesson = lab.open_notebook(LESSON)
    assert lesson.cells()[0].source.startswith("# ")
    page.open(f"{url}je/?x=1")
    page.playwright.get_by_role("link", name="Turtle").wait_for()
    page.open(f"{url}lab?path=Turtle.ipynb")
    assert page.evaluate("() => location.href") == f"{url}lab/?path=Turtle.ipynb"
    page.playwright.goto(f"{url}repl/index.html")
    assert page.playwright.get_by_role("heading").inner_text() == "No network"


@pytest.mark.engines("firefox", "webkit")
def test_a_page_is_loaded_again_without_a_network(page, site_folder, host):
    url = host.plug_in(site_folder)
    use(page, url)
    host.unplug()
    notebook = Lab.open(page, url, "?reset").new_notebook()
    assert run(notebook, "import pandas as pd\nprint(pd.DataFrame({'a': [1]}).a.sum())") == "1\n"


# Updates ---------------------------------------------------------------------------------------


def lesson_of(page: Any) -> str:
    path = f"../files/{LESSON}"
    return str(
        page.evaluate("async path => (await (await fetch(path)).json()).cells[0].source", path)
    )


def test_an_update_comes_at_the_next_visit_and_a_page_keeps_its_version(
    site_folder, updated_folder, host, student
):
    url = host.plug_in(site_folder)
    page = student.open()
    use(page, url)
    old = page.evaluate(VERSION)
    kept = set(page.evaluate(KEPT))
    # The page stays open, and another tab is the next visit.
    host.plug_in(updated_folder)
    tab = page.playwright.context.new_page()
    tab.goto(f"{url}lab/index.html?reset")
    new = tab.evaluate(VERSION)
    assert new != old
    assert page.evaluate(VERSION) == old
    config = "async () => (await (await fetch('../jupyter-lite.json')).json())['jupyter-config-data'].appName"
    assert (page.evaluate(config), tab.evaluate(config)) == ("JupyterLite", "Updated")
    assert kept <= set(page.evaluate(KEPT))

    # Without the network, it is the new one that is whole; what only the old one had goes.
    student.close()
    host.unplug()
    page = student.open()
    notebook = Lab.open(page, url, "?reset").new_notebook()
    assert page.evaluate(VERSION) == new
    assert value(notebook, "__import__('os').environ['JE_UPDATED']") == "yes"
    run(notebook, "import pandas")
    source = page.evaluate(
        f"async () => (await (await fetch('../files/{LESSON}')).json()).cells[0].source"
    )
    assert source == "# Corrected"
    host.plug_in(updated_folder)
    page.open(f"{url}lab/index.html")
    wait_for(page, f"async () => !(await ({KEPT})()).includes('static/je-kernel/site-{old}.json')")


def test_an_update_that_is_not_whole_yet_is_waited_for(
    site_folder, updated_folder, host, student, tmp_path
):
    url = host.plug_in(site_folder)
    page = student.open()
    use(page, url)
    old = page.evaluate(VERSION)
    # What says that there is a new version is there before the rest of it is.
    half = variant(site_folder, "half")
    for path in (
        "je-kernel-site.json",
        *(f.relative_to(updated_folder) for f in updated_folder.glob("static/je-kernel/site-*")),
    ):
        (half / path).unlink(missing_ok=True)
        shutil.copy(updated_folder / path, half / path)
    host.plug_in(half)
    page.open(f"{url}lab/index.html")
    assert page.evaluate(VERSION) == old
    host.plug_in(updated_folder)
    page.open(f"{url}lab/index.html")
    assert page.evaluate(VERSION) != old
