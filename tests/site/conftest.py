"""Builds real sites with je-kernel, and opens them in real browsers."""

from __future__ import annotations

import fcntl
import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from je_site.build import BuildOptions, build_if_needed, default_contents
from je_site.server import serve
from tests.browsers import launch
from tests.browsers.lab import Lab

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from je_site.server import Served
    from tests.browsers.page import Browser, Engine, Page

_ENGINES = ("chromium", "firefox", "webkit")
_DEFAULT_ENGINES = ("chromium",)
_FAILED = pytest.StashKey[bool]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "engines(*names): the browser engines a site test runs in; else Chromium only"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run each test in each engine it names."""
    if "browser" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("engines")
    engines = marker.args if marker else _DEFAULT_ENGINES
    metafunc.parametrize("browser", engines, indirect=True, scope="module")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of one engine together: pytest groups by place in the list, not by name."""
    items.sort(key=_place_of_engine)


def _place_of_engine(item: pytest.Item) -> int:
    callspec = getattr(item, "callspec", None)
    engine = callspec.params.get("browser") if callspec is not None else None
    return _ENGINES.index(engine) if engine in _ENGINES else 0


@pytest.fixture(scope="session")
def browsers() -> Iterator[dict[Engine, Browser]]:
    """The browsers that run, one of an engine: starting one takes longer than opening a page."""
    running: dict[Engine, Browser] = {}
    yield running
    for each in running.values():
        each.close()


@pytest.fixture(scope="module")
def browser(request: pytest.FixtureRequest, browsers: dict[Engine, Browser]) -> Iterator[Browser]:
    """The browser of the engine that the test is to run in.

    It stays open for the next module, unless a test has failed: the browser may be the reason.
    """
    engine: Engine = request.param
    if engine not in browsers:
        browsers[engine] = launch(engine)
    failed = request.session.testsfailed
    yield browsers[engine]
    if request.session.testsfailed > failed:
        browsers.pop(engine).close()


@pytest.fixture
def fresh_page(
    browser: Browser, request: pytest.FixtureRequest, test_cache: Path
) -> Iterator[Page]:
    """A page with a profile of its own; if the test fails, what it showed is kept."""
    opened = browser.new_page()
    yield opened
    keep_evidence_of_failure(opened, test_cache, request)
    opened.close()


@pytest.fixture
def page(fresh_page: Page) -> Page:
    """The page that a test works in: one of its own, where its module does not say otherwise."""
    return fresh_page


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


def keep_evidence_of_failure(page: Page, cache: Path, request: pytest.FixtureRequest) -> None:
    """Keep what a page shows and said, if the test has failed."""
    item: pytest.Item = request.node
    if not item.stash.get(_FAILED, False):
        return
    folder = cache / "failures"
    folder.mkdir(parents=True, exist_ok=True)
    picture = folder / f"{item.name}.png"
    try:
        page.screenshot(picture)
        said = "\n".join(page.console()[-100:])
    except Exception as error:
        said = f"The page could not be asked: {error}"
    item.add_report_section("teardown", "page", f"screenshot: {picture}\n{said}")


def write_lite_dir(folder: Path, **settings: Any) -> Path:
    """Write a JupyterLite project whose page lets a test drive it.

    Parameters
    ----------
    folder
        Where.
    **settings
        More of what ``jupyter-lite.json`` can say.
    """
    config = {"exposeAppInBrowser": True, **settings}
    text = json.dumps({"jupyter-lite-schema-version": 0, "jupyter-config-data": config})
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "jupyter-lite.json").write_text(text)
    return folder


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Let one of the processes that run tests build a folder that all of them use."""
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def site_folder(test_cache: Path) -> Path:
    """The demo site, as ``je-kernel build`` makes it."""
    with one_at_a_time(test_cache / "demo-site"):
        lite_dir = write_lite_dir(test_cache / "demo-project")
        options = BuildOptions(contents=default_contents(), lite_dir=lite_dir)
        build_if_needed(test_cache / "demo-site", options, quiet=True)
    return test_cache / "demo-site"


@pytest.fixture(scope="session")
def site(site_folder: Path) -> Iterator[Served]:
    """The demo site, being served."""
    with serve(site_folder) as served:
        yield served


@pytest.fixture
def lab(page: Page, site: Served) -> Lab:
    """JupyterLab of the demo site, freshly opened."""
    return Lab.open(page, site.url)
