"""What is said of a kernel's memory, with the numbers of one."""

import sys

import numpy as np
import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from je_kernel import error_hints, memory_limit, settings
from je_kernel.memory_limit import Memory, explain, size_of


@pytest.fixture
def little(monkeypatch):
    """A kernel that has used most of its memory."""
    held = Memory(used=900_000_000, heap=950_000_000, limit=1_000_000_000, device=2 * 2**30)
    monkeypatch.setattr(memory_limit, "probe", lambda: held)
    monkeypatch.setattr(memory_limit, "free_reserve", lambda: None)
    monkeypatch.setattr(memory_limit, "keep_reserve", lambda: None)


@pytest.mark.parametrize(
    ("value", "megabytes"),
    [
        (np.zeros(10**6), 8),
        (np.zeros((10, 10**6))[:, :10], 0),
        (pd.DataFrame({"a": np.zeros(10**6), "b": np.zeros(10**6)}), 16),
        (pd.Series([f"{n:100}" for n in range(10_000)], dtype=object), 1),
        ([f"{n:100}" for n in range(10_000)], 1),
        ({n: f"{n:100}" for n in range(10_000)}, 2),
        ([[n + 1000] * 100 for n in range(10_000)], 8),
        ([], 0),
    ],
)
def test_the_size_of_a_value_is_near_what_it_takes(value, megabytes):
    assert round(size_of(value) / 1e6) == pytest.approx(megabytes, abs=1)


def test_a_value_that_contains_itself_and_one_that_fails_have_a_size():
    endless = []
    endless.append(endless)

    class Broken:
        def __sizeof__(self):
            raise RuntimeError

    assert 0 < size_of(endless) < 1000
    assert size_of(Broken()) == 0


def test_the_largest_values_are_named_with_what_frees_them(little):
    shown = np.zeros(50_000_000)
    alone = np.zeros(20_000_000)
    names = {"kept": np.zeros(10_000_000), "shown": shown, "small": 1, "_": alone, "np": np}
    said = " ".join(explain(MemoryError(), {**names, "Out": {1: shown, 2: alone}}).split())
    assert "can have 1.0 GB, and 900 MB are in use" in said
    assert "The largest: shown (400 MB), Out[2] (160 MB), kept (80 MB)." in said
    assert "`%xdel shown` or `%reset -f out` or `del kept`" in said
    assert "usecols=" in said


@pytest.mark.parametrize(
    ("code", "explained"),
    [
        ("raise MemoryError", True),
        ("raise ValueError('array is too big; `arr.size`')", True),
        ("raise OverflowError(\"cannot fit 'int' into an index-sized integer\")", True),
        ("int('x')", False),
        ("raise OverflowError('math range error')", False),
    ],
)
def test_only_what_is_too_large_is_explained_and_shown_with_the_error(
    little, capsys, code, explained
):
    shell = InteractiveShell()
    error_hints.install(shell)
    shell.run_cell(code)
    shell.history_manager.end_session()
    assert ("Take less at once" in capsys.readouterr().out) == explained


def test_what_a_function_had_made_is_freed_with_the_error(little):
    shell = InteractiveShell()
    error_hints.install(shell)
    shell.run_cell("def f():\n    big = bytes(1000)\n    raise MemoryError\nf()")
    frame = sys.last_value.__traceback__
    while frame.tb_next:
        frame = frame.tb_next
    shell.history_manager.end_session()
    assert "big" not in frame.tb_frame.f_locals


@pytest.mark.parametrize(
    ("device", "setting", "limit"),
    [(None, 0, 2**31), (2, 0, 2**30), (16, 0, 2**31), (4, 500, 5 * 10**8), (4, 9000, 2**31)],
)
def test_the_limit_is_half_of_the_computers_memory_or_what_the_site_says(
    monkeypatch, device, setting, limit
):
    monkeypatch.setattr(settings, "_in_force", (settings.Settings(memory_limit_mb=setting), ()))
    assert memory_limit._limit(device and device * 2**30) == limit


def test_where_the_computers_memory_is_pythons_nothing_is_said():
    assert memory_limit.probe() is None
    assert explain(MemoryError(), {}) is None
