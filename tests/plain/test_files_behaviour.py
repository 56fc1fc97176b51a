"""The behavioural suite on a plain folder of the disk."""

from __future__ import annotations

import importlib.util

import pytest

from je_kernel.files import store_selection
from tests.files_behaviour import CASES, SPEED, Case

pytestmark = pytest.mark.plain


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    (tmp_path / "lesson").mkdir()
    monkeypatch.chdir(tmp_path / "lesson")
    store_selection.reset()
    yield
    store_selection.reset()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_behaviour(case: Case) -> None:
    for package in set(case.needs) - {SPEED}:
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"needs {package}")
    case.run()


def test_the_suite_is_as_large_as_it_says() -> None:
    assert len(CASES) >= 150
    assert len({case.name for case in CASES}) == len(CASES)
