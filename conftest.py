"""The tiers of the tests: each is a folder, and runs alone.

``pytest tests/kernel`` and ``pytest -m kernel`` are the same. A tier that is
not selected costs nothing: its modules are not even imported.
"""

from __future__ import annotations

import importlib.util
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT = Path(__file__).parent
_TESTS = _ROOT / "tests"
_SOURCES = (_ROOT / "src", _ROOT / "site" / "src", _ROOT / "service" / "src")

BROWSER_CRASHED = 75
"""The exit status of a run whose every failure is the crash of a browser: see `tools/test`."""

# What the drivers of Chromium (Selenium's, Playwright's) and of WebKit say when the process
# of a page has died (Firefox has no such words).
_CRASH = re.compile(
    "tab crashed|Target crashed|page crash or hang|Could not parse script result", re.IGNORECASE
)


class Tier(NamedTuple):
    """A tier of the tests.

    Attributes
    ----------
    seconds
        How long it may take on two cores; a run that takes longer says so.
    needs
        The packages that it imports, besides pytest.
    """

    seconds: int
    needs: tuple[str, ...] = ()


TIERS = {
    "plain": Tier(200),
    "kernel": Tier(100, ("pytest_pyodide", "selenium", "je_site", "je_sharing")),
    "site": Tier(1000, ("playwright", "selenium", "je_site", "PIL", "cryptography")),
    "service": Tier(200, ("je_sharing", "schemathesis", "jellyfish", "moto", "playwright")),
}
# A test is slow or has no such mark.
_COSTS = ("slow", "")
_STARTED = pytest.StashKey[float]()


def _tier_of(item: pytest.Item) -> str:
    """Return the tier of a test: its own mark, or its folder's; doctests are plain."""
    marked = [mark.name for mark in item.iter_markers() if mark.name in TIERS]
    folder = item.path.relative_to(_TESTS).parts[0] if _TESTS in item.path.parents else "plain"
    return marked[0] if marked else folder if folder in TIERS else "plain"


def _missing(tier: str) -> list[str]:
    return [name for name in TIERS[tier].needs if importlib.util.find_spec(name) is None]


def _selected(expression: str) -> list[str]:
    """Return the tiers that ``-m`` leaves any test of; all, if it names other marks than these."""
    names = set(re.findall(r"\w+", expression)) - {"and", "or", "not"}
    if not names or not names <= {*TIERS, "slow"}:
        return list(TIERS)
    return [tier for tier in TIERS if any(_matches(expression, tier, cost) for cost in _COSTS)]


def _matches(expression: str, tier: str, cost: str) -> bool:
    return bool(eval(expression, {name: name in (tier, cost) for name in (*TIERS, "slow")}))


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Keep away from the folders of tiers that cannot run or were not asked for."""
    if collection_path == _TESTS / "browsers":
        return True  # no tests, and each driver needs a package of its own
    if collection_path in (_TESTS / "lessons" / "corpus", _TESTS / "lessons" / "web"):
        return True  # modules of students, not ours
    selected = _selected(config.option.markexpr)
    if collection_path in _SOURCES and "plain" not in selected:
        return True  # examples in docstrings
    if collection_path == _TESTS / "conformance" and not {"plain", "site"} & set(selected):
        return True  # 2,000 tests
    if collection_path.parent != _TESTS or collection_path.name not in TIERS:
        return None
    tier = collection_path.name
    return True if tier not in selected or _missing(tier) else None


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name long and binary values by their argument: made anew, they would rename the test."""
    return argname if isinstance(val, bytes) or (isinstance(val, str) and len(val) > 80) else None


def pytest_report_header() -> Iterator[str]:
    """Say which tiers are not there, so that a green run cannot hide it."""
    for tier in TIERS:
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
    config.stash[_STARTED] = time.monotonic()
    if not hasattr(config.option, "dist_dir"):
        return
    arguments = [str(each).partition("=")[0] for each in config.invocation_params.args]
    if not {"--rt", "--runtime"} & set(arguments):
        config.option.runtime = "chrome"
    if "--dist-dir" not in arguments:
        # Only named here: the kernel tier fills it once it is collected.
        config.option.dist_dir = config.rootpath / ".cache" / "tests" / "distribution"


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Compare how long a whole tier took with its budget."""
    tier = config.option.markexpr.removesuffix(" and not slow")
    if tier not in TIERS or config.option.keyword or getattr(config.option, "lf", False):
        return
    seconds, budget = time.monotonic() - config.stash[_STARTED], TIERS[tier].seconds
    past = ": WARNING, past its budget" if seconds > budget else ""
    terminalreporter.write_line(f"tier {tier}: {seconds:.0f} s of {budget} s{past}")
