"""The tiers of the tests: each is a folder, and runs alone.

``pytest tests/kernel`` and ``pytest -m kernel`` are the same. A tier that was
not asked for costs nothing: its modules are not even imported.
"""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_TESTS = Path(__file__).parent / "tests"

BROWSER_CRASHED = 75
"""The exit status of a run whose every failure is the crash of a browser: see `tools/test`."""

# What the drivers of Chromium (Selenium's, Playwright's) and of WebKit say when the process
# of a page has died (Firefox has no such words).
_CRASH = re.compile(
    "tab crashed|Target crashed|page crash or hang|Could not parse script result", re.IGNORECASE
)


# What each tier imports, besides pytest.
_NEEDS = {
    "plain": (),
    "kernel": ("pytest_pyodide", "selenium", "je_site", "je_sharing"),
    "site": ("playwright", "selenium", "je_site", "PIL", "cryptography"),
    "service": ("je_sharing", "schemathesis", "jellyfish", "moto", "playwright"),
}


def _tier_of(item: pytest.Item) -> str:
    """Return the tier of a test: its own mark, or its folder's; doctests are plain."""
    marked = [mark.name for mark in item.iter_markers() if mark.name in _NEEDS]
    folder = item.path.relative_to(_TESTS).parts[0] if _TESTS in item.path.parents else "plain"
    return marked[0] if marked else folder if folder in _NEEDS else "plain"


def _missing(tier: str) -> list[str]:
    return [name for name in _NEEDS[tier] if importlib.util.find_spec(name) is None]


def _deselected(tier: str, expression: str) -> bool:
    """Tell whether ``-m`` leaves out all of a tier, where it speaks of tiers only."""
    names = set(re.findall(r"\w+", expression)) - {"and", "or", "not"}
    if not names or not names <= set(_NEEDS):
        return False
    return not eval(expression, {name: name == tier for name in names})


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Keep away from the folders of tiers that cannot run or were not asked for."""
    if collection_path == _TESTS / "browsers":
        return True  # no tests, and each driver needs a package of its own
    if collection_path in (_TESTS / "lessons" / "corpus", _TESTS / "lessons" / "web"):
        return True  # modules of students, not ours
    if collection_path.parent != _TESTS or collection_path.name not in _NEEDS:
        return None
    tier = collection_path.name
    return True if _deselected(tier, config.option.markexpr) or _missing(tier) else None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long and binary values by their argument: made anew, they would rename the test."""
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 80) else None


def pytest_report_header() -> Iterator[str]:
    """Say which tiers are not there, so that a green run cannot hide it."""
    for tier in _NEEDS:
        if missing := _missing(tier):
            yield f"tier {tier}: NOT COLLECTED, for these are not installed: {', '.join(missing)}"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its tier."""
    for item in items:
        item.add_marker(_tier_of(item))


@pytest.fixture(autouse=True)
def _files_of_examples_go_elsewhere(request: pytest.FixtureRequest) -> None:
    """Let the examples in docstrings write into a folder of their own, not into the project."""
    if isinstance(request.node, pytest.DoctestItem):
        request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Tell a browser's own crash from a failure: it says nothing about what was tested."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:
        return
    failures = [*reporter.stats.get("failed", ()), *reporter.stats.get("error", ())]
    if failures and all(_CRASH.search(report.longreprtext) for report in failures):
        session.exitstatus = BROWSER_CRASHED


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Tell pytest-pyodide, where it is installed, what plain ``pytest tests/kernel`` means."""
    if not hasattr(config.option, "dist_dir"):
        return
    said = [str(argument).partition("=")[0] for argument in config.invocation_params.args]
    if not {"--rt", "--runtime"} & set(said):
        config.option.runtime = "chrome"
    if "--dist-dir" not in said:
        # Only named here: the kernel tier fills it once it is collected.
        config.option.dist_dir = config.rootpath / ".cache" / "tests" / "distribution"
