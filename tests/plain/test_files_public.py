"""The public functions of files: what an import brings, their types, and what a cell shows."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, assert_type

import pytest

from je_kernel import files
from je_kernel.files import aio, store_selection

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FUNCTIONS = [*aio.__all__, "list", "zip"]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    store_selection.reset()
    yield
    store_selection.reset()


@pytest.mark.parametrize("module", ["je_kernel.files", "je_kernel.files.aio"])
def test_an_import_of_everything_leaves_the_built_in_functions(module: str) -> None:
    names: dict[str, object] = {}
    exec(f"from {module} import *", names)
    assert {"read", "save", "unzip"} <= names.keys()
    assert not {"list", "open", "zip"} & names.keys()


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_and_its_coroutine_function_have_one_signature(name: str) -> None:
    function, coroutine_function = getattr(files, name), getattr(aio, name)
    signatures = [inspect.signature(one).parameters for one in (function, coroutine_function)]
    assert signatures[0] == signatures[1]
    assert "self" not in signatures[0]
    assert function.__doc__


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_file_is_replaced_by_default_in_every_function_that_can(name: str) -> None:
    overwrite = inspect.signature(getattr(files, name)).parameters.get("overwrite")
    assert overwrite is None or overwrite.default is True


def test_a_file_object_has_the_type_of_its_mode() -> None:
    with assert_type(files.open("x.txt", "w"), files.TextFile) as text:
        text.write("é")
    with assert_type(files.open("x.txt", "rb"), files.BinaryFile) as binary:
        assert binary.read() == "é".encode()


def test_a_cell_shows_a_saved_file_and_the_usage_as_a_line() -> None:
    shown = repr(files.save("x.csv", "a,b\n" * 500))
    assert re.fullmatch(r"x\.csv  table  2\.0 kB  \d{4}-\d\d-\d\d \d\d:\d\d", shown)
    assert re.fullmatch(
        r"2\.0 kB used, [\d.]+ .B available; largest files: 'x\.csv' \(2\.0 kB\)",
        repr(files.usage()),
    )
