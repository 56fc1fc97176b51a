"""How the tests are run: crashes of a browser, slow tests, and the time of a tier."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
pytest_plugins = "pytester"

_ROOT = Path(__file__).parents[2]
CONFTEST = (_ROOT / "conftest.py").read_text("utf-8")
BUDGETS = {tier: int(seconds) for tier, seconds in re.findall(r'"(\w+)": Tier\((\d+)', CONFTEST)}
CRASHED = 75


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch):
    """Run tests that fail with these words, and return pytest's exit status."""
    # None is needed, and loading them takes longer than all the rest.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeconftest(CONFTEST)

    def run(*failures: str, options: tuple[str, ...] = ()) -> int:
        tests = [
            f"def test_{number}():\n    raise RuntimeError({words!r})"
            for number, words in enumerate(failures)
        ]
        pytester.makepyfile("\n\n".join(["def test_good():\n    pass", *tests]))
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", *options).ret

    return run


@pytest.mark.parametrize(
    "words",
    [
        "Message: tab crashed\n  (Session info: chrome=156)",
        "Page.evaluate: Target crashed",
        "Message: session deleted because of page crash or hang.",
    ],
)
def test_a_run_in_which_only_browsers_crashed_has_a_status_of_its_own(run, words):
    assert run(words, words) == CRASHED


def test_the_same_is_told_of_tests_that_ran_side_by_side(run):
    side_by_side = ("-p", "xdist", "--numprocesses", "2")
    assert run("Page.evaluate: Target crashed", "tab crashed", options=side_by_side) == CRASHED
    failed = run("Page.evaluate: Target crashed", "assert 1 == 2", options=side_by_side)
    assert failed == pytest.ExitCode.TESTS_FAILED


def test_one_failure_beside_a_crash_is_a_failure(run):
    assert run("Page.evaluate: Target crashed", "assert 1 == 2") == pytest.ExitCode.TESTS_FAILED


def test_a_page_that_stands_still_is_a_failure(run):
    assert run("Gave up after 300 s waiting for a new notebook.") == pytest.ExitCode.TESTS_FAILED


def test_a_run_without_failures_is_one(run):
    assert run() == pytest.ExitCode.OK


def test_a_tier_that_takes_longer_than_its_budget_warns(pytester):
    pytester.makeini("[pytest]\nmarkers = plain: .\n slow: .")
    pytester.makepyfile("def test_good(): pass")
    for budget, warns in ((100_000, False), (0, True)):
        conftest = re.sub(r'"plain": Tier\(\d+\)', f'"plain": Tier({budget})', CONFTEST)
        pytester.makeconftest(conftest)
        result = pytester.runpytest_subprocess("-p", "no:cacheprovider", "-m", "plain and not slow")
        result.assert_outcomes(passed=1)
        (line,) = [each for each in result.outlines if each.startswith("tier plain:")]
        assert line.endswith("WARNING, past its budget") is warns


def test_contributors_are_told_the_budgets():
    text = (_ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert BUDGETS
    assert {
        t: int(s) for t, s in re.findall(r"^\| (\w+) \|.*\| (\d+) s \|$", text, re.M)
    } == BUDGETS


def test_the_script_that_runs_the_tests_knows_the_status():
    assert f"\ncrashed={CRASHED}\n" in (_ROOT / "tools/test").read_text()
