"""A site that was used works without a network, and no page mixes two versions of a site."""

from __future__ import annotations

import json
import re
import shutil
import socket
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from je_site.build import BuildOptions, build_if_needed, default_contents
from je_site.offline import install_offline
from je_site.progress import Reporter
from je_site.server import serve
from tests.browsers import launch
from tests.browsers.lab import Lab
from tests.site.conftest import one_at_a_time, write_lite_dir
from tests.site.test_files_stores import run, value, variant
from tests.site.test_memory_snapshot import KEPT as MEMORY_IS_KEPT
from tests.site.test_memory_snapshot import SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from je_site.server import RequestRecord
    from tests.browsers.page import Browser, Engine


LESSON = "Start here.ipynb"
PANDAS = "import pandas as pd\nprint(pd.DataFrame({'a': [1]}).a.sum())"
PATIENCE = 120.0
NEW_SCRIPT = "page-0123456789.js"

VERSION = "async () => (await (await fetch('../je-kernel-site.json')).json()).version"
STATE = "async () => (await fetch('../api/je-kernel/offline')).json()"
TEXT = "async path => (await fetch(`../${path}`)).text()"
# What this browser keeps of the site, by its address there.
KEPT = """async () => {
  const root = new URL('../', location.href).href;
  const name = (await caches.keys()).find(each => each.endsWith(` ${root}`));
  if (!name) return [];
  const keys = await (await caches.open(name)).keys();
  return keys.map(({ url }) => decodeURIComponent(url.slice(root.length)));
}"""
# Whether all is kept that every browser keeps, and what a kernel may read later on.
SETTLED = f"""async () => {{
  const kept = new Set(await ({KEPT})());
  const version = await ({VERSION})();
  const address = `../static/je-kernel/site-${{version}}.json`;
  const {{ always, companions, files }} = await (await fetch(address)).json();
  const isKept = path => kept.has(`${{path}}?je-kernel=${{files[path][0]}}`);
  const used = Object.keys(companions).filter(isKept);
  return [...always, ...used.flatMap(path => companions[path])].every(isKept);
}}"""


class Host:
    """A host of sites, which can be unplugged and plugged in again."""

    def __init__(self, port: int = 0) -> None:
        self.requests: list[RequestRecord] = []
        self._running = ExitStack()
        self._port = port

    def plug_in(self, folder: Path, *, isolated: bool = False) -> str:
        """Serve a folder in the place of what was served, and return its address."""
        self.unplug()
        self.requests.clear()
        served = serve(folder, port=self._port, isolated=isolated, on_request=self.requests.append)
        there = self._running.enter_context(served)
        self._port = there.port
        return there.url

    def unplug(self) -> None:
        """End the serving: nobody answers any more."""
        self._running.close()


class Student:
    """A student's browser on a student's computer: what it keeps stays when it is closed."""

    def __init__(self, profile: Path, engine: Engine = "chromium") -> None:
        self._profile = profile
        self._engine = engine
        self._browser: Browser | None = None

    def open(self) -> Any:
        """Start the browser, anew if it runs, and return its page."""
        self.close()
        self._browser = launch(self._engine, profile=self._profile)
        return self._browser.new_page()

    def close(self) -> None:
        if self._browser is not None:
            self._browser.close()
            self._browser = None


@dataclass(frozen=True)
class Visit:
    """What a first visit leaves: the browser's profile, and the port, which is of the address."""

    profile: Path
    port: int


def wait_for(page: Any, condition: str, *arguments: Any) -> Any:
    """Wait until a function in the page returns something."""
    end = time.monotonic() + PATIENCE
    while not (found := page.evaluate(condition, *arguments)):
        assert time.monotonic() < end, f"waited in vain for {condition}"
        time.sleep(0.1)
    return found


def visit(page: Any, url: str, code: str = PANDAS) -> None:
    """Use a site for the first time, until all is kept that is kept by itself."""
    run(Lab.open(page, url).new_notebook(), code)
    if code == PANDAS:
        page.evaluate(MEMORY_IS_KEPT)
    wait_for(page, SETTLED)


@pytest.fixture(scope="module")
def first_visit(site_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Visit:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    profile = tmp_path_factory.mktemp("first-visit") / "profile"
    host, student = Host(port), Student(profile)
    url = host.plug_in(site_folder)
    page = student.open()
    visit(page, url)
    lesson = Lab.attached(page).open_notebook("Turtle.ipynb")
    lesson.save()
    student.close()
    host.unplug()
    return Visit(profile, port)


@pytest.fixture
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    """A host, at the address of the first visit if the test begins with the second."""
    later = "student" in request.fixturenames
    host = Host(request.getfixturevalue("first_visit").port if later else 0)
    yield host
    host.unplug()


@pytest.fixture
def student(first_visit: Visit, tmp_path: Path) -> Iterator[Student]:
    """A student who has visited the demo site once."""
    shutil.copytree(first_visit.profile, tmp_path / "profile")
    student = Student(tmp_path / "profile")
    yield student
    student.close()


@pytest.fixture(scope="session")
def updated_folder(test_cache: Path) -> Path:
    """The demo site, built again with a corrected lesson, other settings and another script."""
    with one_at_a_time(test_cache / "updated-site"):
        contents = test_cache / "updated-contents"
        shutil.rmtree(contents, ignore_errors=True)
        shutil.copytree(default_contents()[0], contents)
        for name in (LESSON, "Turtle.ipynb"):
            lesson = json.loads((contents / name).read_text())
            lesson["cells"][0]["source"] = "# Corrected"
            (contents / name).write_text(json.dumps(lesson))
        lite_dir = write_lite_dir(test_cache / "updated-project", appName="Updated")
        options = BuildOptions(contents=(contents,), lite_dir=lite_dir, env={"JE_UPDATED": "yes"})
        build_if_needed(test_cache / "updated-site", options, quiet=True)
        updated = variant(test_cache / "updated-site", "changed")
        change(updated / "bootstrap.js", lambda text: f"{text}// updated\n")
        (script,) = updated.glob("static/je-kernel/page-*.js")
        script.rename(script.with_name(NEW_SCRIPT))
        for page in updated.glob("*/index.html"):
            change(page, lambda text: text.replace(script.name, NEW_SCRIPT))
        install_offline(updated, Reporter(), wanted=True)
    return updated


def change(path: Path, how: Any) -> None:
    """Change a file of a variant, and not what it is linked to."""
    text = path.read_text()
    path.unlink()
    path.write_text(how(text))


def open_until(page: Any, url: str, condition: str) -> None:
    """Open a page, as often as it takes: a slow computer makes a new version ready in between."""
    end = time.monotonic() + PATIENCE
    while True:
        page.open(url)
        if page.evaluate(condition):
            return
        assert time.monotonic() < end, f"visited in vain for {condition}"


# A second visit --------------------------------------------------------------------------------


def test_a_second_visit_from_a_cold_start_needs_no_network(site_folder, host, student):
    url = host.plug_in(site_folder)
    host.unplug()
    page = student.open()
    lab = Lab.open(page, url, "?reset")
    notebook = lab.new_notebook()
    assert run(notebook, "print(je_kernel.runtime.memory_snapshot())") == "used, with packages\n"
    assert run(notebook, PANDAS) == "1\n"
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
    assert lab.open_notebook(LESSON).cells()[0].source.startswith("# ")
    page.open(f"{url}je/?x=1")
    page.playwright.get_by_role("link", name="Turtle").wait_for()
    page.open(f"{url}lab?path=Turtle.ipynb")
    assert page.evaluate("() => location.href") == f"{url}lab/?path=Turtle.ipynb"
    page.open(f"{url}repl/index.html")
    assert page.playwright.get_by_role("heading").inner_text() == "No network"


def test_a_second_visit_asks_the_server_for_what_may_have_changed_only(site_folder, host, student):
    url = host.plug_in(site_folder)
    run(Lab.open(student.open(), url).new_notebook(), PANDAS)
    paths = {request.path.partition("?")[0] for request in host.requests}
    assert paths <= {
        *("/lab/index.html", "/je-kernel-site.json", "/service-worker.js", "/favicon.ico"),
        "/files/Turtle.ipynb",
        *(f"{folder}/jupyter-lite.{kind}" for folder in ("", "/lab") for kind in ("json", "ipynb")),
    }


@pytest.mark.parametrize("engine", ["firefox", "webkit"])
def test_below_a_folder_a_cold_start_needs_no_network(engine, site_folder, host, tmp_path):
    shutil.move(variant(site_folder, "school"), tmp_path / "host" / "school")
    url = f"{host.plug_in(tmp_path / 'host')}school/"
    student = Student(tmp_path / "profile", engine)
    try:
        visit(student.open(), url, "import regex")
        student.close()
        host.unplug()
        page = student.open()
        notebook = Lab.open(page, url, "?reset").new_notebook()
        run(notebook, "import regex")
        assert notebook.run("import scipy").error is not None
        page.open(f"{url}lab")
        assert page.evaluate("() => location.href") == f"{url}lab/"
    finally:
        student.close()


def test_requests_that_are_not_for_the_site_are_left_alone(site_folder, host, student, data_server):
    data_server.put("/elsewhere.txt", b"elsewhere")
    url = host.plug_in(site_folder)
    page = student.open()
    page.open(f"{url}lab/index.html")
    there = f"{data_server.url}/elsewhere.txt"
    assert page.evaluate("async url => (await fetch(url)).text()", there) == "elsewhere"
    post = "async () => (await fetch('../files/data/penguins.csv', { method: 'POST' })).status"
    assert page.evaluate(post) == 405
    assert page.evaluate("async () => (await fetch('../files/none.txt')).status") == 404
    part = """async range => {
      const response = await fetch('../files/data/penguins.csv', { headers: { Range: range } });
      return [response.status, response.headers.get('Content-Range'), await response.text()];
    }"""
    ranges = ("bytes=0-6", "bytes=8-13", "bytes=-5")
    online = [page.evaluate(part, each)[:2] for each in ranges]
    size = (site_folder / "files/data/penguins.csv").stat().st_size
    host.unplug()
    offline = [page.evaluate(part, each) for each in ranges]
    assert page.evaluate(part, "bytes=99999999-")[0] == 416
    assert [each[:2] for each in offline] == online
    assert [text for _, _, text in offline[:2]] == ["species", "island"]
    assert online[2] == [206, f"bytes {size - 5}-{size - 1}/{size}"]
    assert not [key for key in page.evaluate(KEPT) if "elsewhere" in key or "none.txt" in key]


# Updates ---------------------------------------------------------------------------------------


def test_an_update_comes_at_the_next_visit_and_an_open_page_keeps_its_version(
    site_folder, updated_folder, host, student
):
    url = host.plug_in(site_folder)
    page = student.open()
    page.open(f"{url}lab/index.html")
    old = page.evaluate(VERSION)
    kept = set(page.evaluate(KEPT))
    # The page stays open, and another tab is the next visit.
    host.plug_in(updated_folder)
    tab = page.playwright.context.new_page()
    while tab.goto(f"{url}lab/index.html?reset") and tab.evaluate(VERSION) == old:
        pass
    new = tab.evaluate(VERSION)
    assert page.evaluate(VERSION) == old
    name = re.compile(r'"appName": "(\w+)"')
    config = [
        name.findall(each.evaluate(f"() => ({TEXT})('jupyter-lite.json')")) for each in (page, tab)
    ]
    assert config == [["JupyterLite"], ["Updated"]]
    # A file that the first page has not asked for before, and of which the server has another.
    status = "async () => (await fetch('../bootstrap.js')).status"
    assert (page.evaluate(status), tab.evaluate(status)) == (503, 200)
    assert any("Reload the page" in line for line in page.console())
    assert kept <= set(page.evaluate(KEPT))

    # Without the network, the new one is whole. What only the old one had is gone.
    student.close()
    host.unplug()
    page = student.open()
    notebook = Lab.open(page, url, "?reset").new_notebook()
    assert page.evaluate(VERSION) == new
    assert value(notebook, "__import__('os').environ['JE_UPDATED']") == "yes"
    run(notebook, PANDAS)
    assert "# Corrected" in page.evaluate(TEXT, f"files/{LESSON}")
    gone = f"async old => !(await ({KEPT})()).some(key => key.includes(old))"
    wait_for(page, gone, f"site-{old}.json")
    paths = [key.partition("?")[0] for key in page.evaluate(KEPT)]
    assert len(paths) == len(set(paths))


def test_an_update_that_is_not_whole_yet_is_waited_for(site_folder, updated_folder, host, student):
    # What says that there is a new version is on the server before the rest of it.
    half = variant(site_folder, "half")
    (half / "je-kernel-site.json").unlink()
    shutil.copy(updated_folder / "je-kernel-site.json", half)
    for path in updated_folder.glob("static/je-kernel/site-*"):
        shutil.copy(path, half / "static/je-kernel")
    url = host.plug_in(half)
    page = student.open()
    lab = Lab.open(page, url)
    old = page.evaluate(VERSION)
    assert f"site-{old}.json" in {path.name for path in site_folder.glob("static/je-kernel/*")}
    assert value(lab.new_notebook(), "'JE_UPDATED' in __import__('os').environ") is False
    host.plug_in(updated_folder)
    open_until(page, f"{url}je/", f"async () => (await ({VERSION})()) !== '{old}'")
    # So that JupyterLab works without the network, although it was not opened since.
    kept = page.evaluate(KEPT)
    assert any(key.startswith(f"static/je-kernel/{NEW_SCRIPT}") for key in kept)
    host.unplug()
    Lab.open(page, url)
    assert page.evaluate(VERSION) != old


def test_a_copy_of_a_lesson_that_was_corrected_says_so_and_loses_nothing(
    updated_folder, host, student
):
    url = host.plug_in(updated_folder)
    page = student.open()
    corrected = f"async () => (await ({TEXT})('jupyter-lite.json')).includes('Updated')"
    open_until(page, f"{url}lab/index.html?reset", corrected)
    lab = Lab.attached(page)
    notice = page.playwright.get_by_role("status").filter(has_text="was corrected")
    # One without a copy is the new one.
    assert lab.open_notebook(LESSON).cells()[0].source == "# Corrected"
    mine = lab.open_notebook("Turtle.ipynb")
    before = [cell.source for cell in mine.cells()]
    notice.wait_for()
    assert "“Turtle” was corrected on this site" in notice.inner_text()
    notice.get_by_role("button", name="Open the new version").click()
    page.playwright.get_by_role("tab", name="Turtle (new).ipynb").wait_for()
    notice.wait_for(state="detached")
    fresh = lab.open_notebook("Turtle (new).ipynb")
    assert fresh.cells()[0].source == "# Corrected"
    assert [cell.source for cell in mine.cells()] == before != [c.source for c in fresh.cells()]
    # It says so once for each correction.
    Lab.open(page, url, "?reset").open_notebook("Turtle.ipynb")
    seen = "() => JSON.stringify(localStorage).includes('Turtle.ipynb')"
    wait_for(page, seen)
    assert notice.count() == 0


# All of it, on request -------------------------------------------------------------------------


def test_all_of_the_site_is_kept_on_request(site_folder, host, student):
    url = host.plug_in(site_folder)
    page = student.open()
    page.open(f"{url}je/")
    state = page.evaluate(STATE)
    assert 0 < state["kept"]["bytes"] < state["all"]["bytes"]
    button = page.playwright.get_by_role("button", name="available offline")
    button.wait_for()
    words = page.playwright.locator("#offline-state")
    assert f"of {state['all']['bytes'] / 1e6:.0f} MB with all packages" in words.inner_text()
    button.click()
    button.wait_for(state="hidden", timeout=PATIENCE * 1000)
    assert "works without a network" in words.inner_text()
    host.unplug()
    notebook = Lab.open(page, url, "?reset").new_notebook()
    run(notebook, "import scipy")
    kept = notebook.run("je_kernel.offline()")
    assert kept.value == (
        f"All of this site is on this device now ({state['all']['bytes'] / 1e6:.0f} MB): "
        "it works without a network."
    )
    page.open(f"{url}repl/index.html")
    assert page.evaluate("() => document.title") == "REPLite"


def test_a_full_browser_says_so_and_the_site_works(browser, page, site_folder, host):
    url = host.plug_in(site_folder)
    session = page.playwright.context.new_cdp_session(page.playwright)
    quota = {"origin": url.rstrip("/"), "quotaSize": 40_000_000}
    session.send("Storage.overrideQuotaForOrigin", quota)
    notebook = Lab.open(page, url).new_notebook()
    run(notebook, PANDAS)
    said = [line for line in page.console() if "no room to keep more of the site" in line]
    assert len(said) == 1
    error = notebook.run("je_kernel.offline()").error
    assert error is not None
    assert "no room for all of the site" in error.message
    state = page.evaluate(STATE)
    assert 0 < state["kept"]["bytes"] < state["all"]["bytes"]


def test_the_larger_memory_snapshot_is_kept_once(page, site_folder, host):
    url = host.plug_in(site_folder)
    notebook = Lab.open(page, url).new_notebook()
    run(notebook, PANDAS)
    assert page.evaluate(MEMORY_IS_KEPT) == 1
    assert "All of this site" in str(notebook.run("je_kernel.offline()").value)
    kept = {key.partition("?")[0] for key in page.evaluate(KEPT)}
    (large,) = re.findall(r"[?&]large=([\w-]+)", (site_folder / "jupyter-lite.json").read_text())
    folder = f"static/je-kernel/snapshots/{large}"
    there = {f"{folder}/{path.name}" for path in (site_folder / folder).iterdir()}
    parts = {f"{folder}/{path.name}" for path in (site_folder / folder).glob("memory-*.bin")}
    assert there - kept == parts
    host.unplug()
    notebook = Lab.open(page, url, "?reset").new_notebook()
    assert run(notebook, SNAPSHOT) == "used, with packages\n"
    assert run(notebook, PANDAS) == "1\n"


def test_a_pyodide_from_elsewhere_is_said_to_need_the_network(page, site_folder, host):
    folder = variant(site_folder, "elsewhere")
    there = "https://cdn.example/pyodide.mjs"
    config = folder / "jupyter-lite.json"
    change(config, lambda text: re.sub(r'("pyodideUrl": )"[^"]*"', f'\\1"{there}"', text))
    install_offline(folder, Reporter(), wanted=True)
    page.open(f"{host.plug_in(folder)}je/")
    words = page.playwright.locator("#offline-state")
    words.filter(has_text="Python comes from another site").wait_for()


# JupyterLite's own opens a cache as it is installed, which has to go well.
STORAGE = """
const { open } = caches;
caches.open = name => name.startsWith('je-kernel') ? (%s) : open.call(caches, name);
"""
BROKEN = {
    "refuses": STORAGE % "Promise.reject(new DOMException('no', 'SecurityError'))",
    "never answers": STORAGE % "new Promise(() => {})",
}


@pytest.mark.engines("chromium", "firefox", "webkit")
@pytest.mark.parametrize("storage", BROKEN)
def test_where_the_storage_fails_the_site_works(page, site_folder, host, storage):
    folder = variant(site_folder, "forgetful")
    change(folder / "service-worker.js", lambda text: BROKEN[storage] + text)
    url = host.plug_in(folder)
    for _ in range(2):
        lab = Lab.open(page, url)
        assert value(lab.new_notebook(), "__import__('os').getcwd()") == "/drive"
    assert page.evaluate(STATE) == {"version": None}


# A server that takes its time --------------------------------------------------------------------


def test_a_first_visit_does_not_wait_for_what_says_the_version(page, site_folder, host):
    held: list[Any] = []
    page.playwright.context.route("**/je-kernel-site.json", lambda route: held.append(route))
    url = host.plug_in(site_folder)
    for _ in range(2):
        assert value(Lab.open(page, url).new_notebook(), "1 + 1") == 2
    assert held
    for route in held:
        route.continue_()
    # What was held up is kept from then on.
    page.playwright.context.unroute_all()
    page.open(f"{url}lab/index.html")
    wait_for(page, f"async () => ({SETTLED})().catch(() => false)")


def test_a_second_visit_does_not_wait_for_a_server_that_never_answers(site_folder, host, student):
    url = host.plug_in(site_folder)
    host.unplug()
    # As where there is Wi-Fi, and nothing behind it.
    with socket.create_server(("127.0.0.1", urlsplit(url).port), backlog=1000):
        notebook = Lab.open(student.open(), url, "?reset").new_notebook()
        assert run(notebook, PANDAS) == "1\n"
        student.close()


# Headers, and how it ends ------------------------------------------------------------------------


def test_isolated_pages_stay_isolated_without_a_network(site_folder, host, student):
    isolated = "import js\nprint(bool(js.crossOriginIsolated))"
    url = host.plug_in(site_folder, isolated=True)
    page = student.open()
    # What was kept of the first visit, which was not isolated, is no good for this one.
    notebook = Lab.open(page, url, "?reset").new_notebook()
    assert run(notebook, isolated) == "True\n"
    wait_for(page, SETTLED)
    host.unplug()
    notebook = Lab.open(page, url, "?reset").new_notebook()
    assert run(notebook, isolated) == "True\n"


def test_a_site_that_is_no_longer_available_offline_is_forgotten(site_folder, host, student):
    url = host.plug_in(site_folder)
    page = student.open()
    page.open(f"{url}lab/index.html")
    assert page.evaluate(KEPT)
    without = variant(site_folder, "without")
    install_offline(without, Reporter(), wanted=False)
    host.plug_in(without)
    page.open(f"{url}lab/index.html")
    wait_for(page, f"async () => !(await ({KEPT})()).length")


def test_the_site_can_be_installed_like_an_application(page, site_folder, host):
    page.open(f"{host.plug_in(site_folder)}je/")
    page.playwright.locator("#offline-state").filter(has_text="MB").wait_for()
    session = page.playwright.context.new_cdp_session(page.playwright)
    assert session.send("Page.getInstallabilityErrors")["installabilityErrors"] == []
    manifest = session.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert json.loads(manifest["data"])["start_url"] == "./je/index.html"
