"""Whatever a public function is given, it returns, or raises an error that is documented.

The functions are those of the public ``__all__`` and of docs/api.md. A parameter
without values below fails the tests: add some that fit.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import importlib
import inspect
import io
import json
import os
import re
import shutil
import types
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import je_kernel
from je_kernel import errors, net, startup
from je_kernel import settings as je_settings
from je_kernel.errors import JeKernelError
from je_kernel.files import store_selection
from je_kernel.net import Request
from je_kernel.sharing import SharedNotebook, protocol
from je_kernel.sharing.protocol import Ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

numpy = pytest.importorskip("numpy")
pandas = pytest.importorskip("pandas")

API = Path(__file__).parents[2] / "docs" / "api.md"
MODULES = ("je_kernel", "je_kernel.files", "je_kernel.files.aio", "je_kernel.net")
MODULES += ("je_kernel.notebook", "je_kernel.sharing")
LEFT_OUT = {
    "je_kernel.notebook.save_in_front_end",  # takes nothing, and waits three seconds for a page
    "je_kernel.errors.combined",  # of the adapters: the other library's class may raise anything
}

NOTEBOOK = {
    "cells": [
        {"cell_type": "code", "id": "a", "metadata": {}, "source": "1", "outputs": []}
        | {"execution_count": None}
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}
SHARED = SharedNotebook(Ids("0d3a9b1e", "brave-quiet-otter"), "https://x.example/s/a", NOTEBOOK)
# Methods that are documented by name, and what they are called on.
INSTANCES = {"ShareCommand": je_kernel.share, "SharedNotebook": SHARED}

ANYTHING: list[Callable[[], Any]] = [
    lambda: None,
    lambda: True,
    lambda: -1,
    lambda: 10**400,
    lambda: float("nan"),
    lambda: b"x.csv",
    lambda: bytearray(b"x"),
    lambda: "",
    lambda: "\ud800",
    lambda: "a\0b",
    lambda: "\\..\\",
    lambda: "[::1",
    lambda: "http://[x",
    lambda: "http://\ud800.example/",
    lambda: "%s{0}{x}%",
    lambda: "x" * 5000,
    lambda: "é\u202e\u0301",
    lambda: Path("x.csv"),
    lambda: object(),
    lambda: object,
    list,
    lambda: ["x.csv", 3],
    lambda: {"a": object()},
    lambda: {1, 2},
    lambda: (letter for letter in "abc"),
    lambda: lambda: None,
    lambda: ValueError("x"),
    lambda: numpy.arange(3),
    lambda: numpy.array([object()], dtype=object),
    lambda: pandas.DataFrame({"a": [1, 2]}),
    lambda: pandas.DataFrame({("a", "b"): [object()]}),
    lambda: pandas.NA,
]

FILES = ("x.csv", "x.json", "x.png", "x.npy", "x.npz", "x.zip", "x.xlsx", "x.ipynb", "x.jsonl")
FILES += ("sub", "sub/y.txt", "new.txt", "new/", "../x", ".", ".je-kernel-x", "torn.zip")
LINKS = ("http://127.0.0.1:9/x.csv", "https://127.0.0.1:9/", "http://127.0.0.1:99999/", "file:///x")
WORDS = {
    "allow_personal_data": (True, False),
    "clear_outputs": (True, False),
    "code": (404, 503, 0, -1),
    "encoding": ("utf-8", "latin-1", "utf-16", "hex", "utf-9"),
    "errors": ("strict", "ignore", "surrogateescape", "wrong"),
    "exist_ok": (True, False),
    "folder": FILES,
    "id_or_link": ("brave quiet otter", "https://x.example/s/brave-quiet-otter", "x:y:z"),
    "if_unchanged": (None,),
    "keep_metadata": (True, False),
    "kind": ("table", "text", "objects", "image", "array", "file", "tabel", None),
    "link": (*LINKS, "https://github.com/a/b/blob/main/x.csv", "https://drive.google.com/file/d/"),
    "mode": ("r", "rb", "w", "wb", "a", "x", "r+", "rw", "z", "rbt"),
    "must_exist": (True, False),
    "name": FILES,
    "names": FILES,
    "new": FILES,
    "newline": (None, "", "\n", "x"),
    "old": FILES,
    "options": ({}, {"sep": ";"}, {"sep": 3}, {"index": "x"}, {"bogus": 1}, {"encoding": "hex"}),
    "overwrite": (True, False),
    "path": ("files/x.csv", "../x", "http://x.example"),
    "pattern": ("*", "[z-a]", "[!", "*" * 50),
    "recursive": (True, False),
    "request": (Request("GET", LINKS[0]), Request("GET", "x"), Request("\0", LINKS[0])),
    "save": (False,),
    "shell": (None,),
    "text": ("brave quiet otter", "https://x.example/s/brave-quiet-otter", "http://[x"),
    "title": ("Rain", None),
    "to": FILES,
    "url": LINKS,
    "value": ("text", [1], [{"a": 1}], {"a": 1}, {"x": numpy.arange(2)}),
}


def public_functions() -> dict[str, Any]:
    """Return what students are told of, by its full name."""
    found = {}
    for module in MODULES:
        for name in importlib.import_module(module).__all__:
            found[f"{module}.{name}"] = getattr(importlib.import_module(module), name)
    text = API.read_text(encoding="utf-8")
    directives = re.findall(
        r"^\.\. auto(function|class|module):: (\S+)\n((?:   :.*\n)*)", text, re.MULTILINE
    )
    assert len(directives) > 20
    for kind, name, options in directives:
        members = re.search(r":members:(.*)", options)
        if kind == "module" and members:
            module = importlib.import_module(name)
            for member in members.group(1).replace(",", " ").split() or module.__all__:
                found[f"{name}.{member}"] = getattr(module, member)
            continue
        if kind == "module":
            continue
        home, _, last = name.rpartition(".")
        target = getattr(importlib.import_module(home), last)
        found[name] = target
        for member in members.group(1).replace(",", " ").split() if members else ():
            if callable(getattr(target, member)):
                found[f"{name}.{member}"] = getattr(INSTANCES[last], member)
    functions = {
        name: value
        for name, value in found.items()
        if callable(value) and not isinstance(value, type) and name not in LEFT_OUT
    }
    # What is to be had from two modules is one function.
    return {
        name: value for value, name in {value: name for name, value in functions.items()}.items()
    }


FUNCTIONS = public_functions()


def calls_of(function: Any) -> st.SearchStrategy[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Draw arguments: each fits, or is anything at all."""
    positional, named, rest = [], {}, st.just({})
    for name, parameter in inspect.signature(function).parameters.items():
        words = WORDS.get(name)
        if words is None:
            pytest.fail(f"{function} has a new parameter {name!r}: give it values in WORDS.")
        one = st.sampled_from(words) | st.sampled_from(ANYTHING).map(lambda make: make())
        if parameter.kind is parameter.VAR_KEYWORD:
            rest = st.sampled_from(words)
        elif parameter.kind is parameter.VAR_POSITIONAL:
            positional = [st.lists(one, max_size=2)]
        elif parameter.default is parameter.empty:
            named[name] = one
        else:
            named[name] = st.just(parameter.default) | one
    spread = positional[0] if positional else st.just([])
    return st.tuples(
        spread.map(tuple),
        st.tuples(st.fixed_dictionaries(named), rest).map(lambda both: {**both[1], **both[0]}),
    )


def documented(name: str, function: Any) -> tuple[type[BaseException], ...]:
    """Return what its ``Raises`` section names; an asynchronous twin refers to the other."""
    text = inspect.getdoc(function if inspect.isroutine(function) else type(function).__call__)
    if twin := re.search(r"See `je_kernel\.files\.(\w+)`", text or ""):
        text = inspect.getdoc(getattr(je_kernel.files, twin.group(1)))
    section = re.search(
        r"^Raises\n-+\n(.*?)(?=^\w+\n-+\n|\Z)", text or "", re.DOTALL | re.MULTILINE
    )
    found = []
    for listed in re.findall(r"^(\S+)$", section.group(1) if section else "", re.MULTILINE):
        last = listed.rpartition(".")[2]
        cls = getattr(builtins, last, None) or getattr(errors, last, None)
        found += [cls] if isinstance(cls, type) else []
    return (JeKernelError, *found)


def make_folder(folder: Path) -> None:
    """Fill a folder with files that are as they should be, and some that are not."""
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "y.txt").write_text("text")
    (folder / "x.csv").write_text("a,b\n1,2\n")
    (folder / "x.json").write_text('[{"a": 1}]')
    (folder / "x.jsonl").write_text("[1")
    (folder / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    (folder / "x.ipynb").write_text(json.dumps(NOTEBOOK))
    for name in ("x.npy", "x.npz", "x.xlsx", "torn.zip"):
        (folder / name).write_bytes(b"PK\3\4" + b"\0" * 30)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("z.txt", "text")
    (folder / "x.zip").write_bytes(packed.getvalue())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder to work in, a service that does not answer, and nothing of it left behind."""
    with pytest.MonkeyPatch.context() as patch:
        place = tmp_path_factory.mktemp("any")
        patch.chdir(place)
        patch.setenv("JE_KERNEL_SHARING_URL", "http://127.0.0.1:9")
        je_settings.reload()
        patch.setattr(protocol, "_FIRST_PAUSE", 0.0)
        patch.setattr(os, "fsync", lambda _handle: None)  # as slow as the disk, 2,000 times
        yield place
    net.uninstall()
    je_settings.reload()
    store_selection.reset()


def use(function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    """Call a function, and use what it gives as a student would."""
    result = function(*arguments, **named)
    if inspect.isawaitable(result):
        asyncio.run(_awaited(result))
    elif isinstance(result, contextlib.AbstractAsyncContextManager):
        asyncio.run(_entered(result))
    elif isinstance(result, contextlib.AbstractContextManager):
        with result:
            pass
    elif not isinstance(result, types.ModuleType):
        repr(result)


async def _awaited(result: Any) -> None:
    repr(await result)


async def _entered(result: Any) -> None:
    async with result:
        pass


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_returns_or_raises_what_is_documented(name, folder):
    function = FUNCTIONS[name]
    allowed = documented(name, function)
    number = iter(range(10**6))

    @settings(
        derandomize=True,
        max_examples=20,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(calls_of(function))
    def whatever_it_is_given(call: tuple[tuple[Any, ...], dict[str, Any]]) -> None:
        place = folder / f"{next(number)}"
        make_folder(place)
        os.chdir(place)
        store_selection.reset()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                use(function, *call)
        except allowed as error:
            said = str(error)
            assert said.strip()
            assert len(said) < 3000
            assert str(place) not in said
        finally:
            startup.stop()
            os.chdir(folder)
            shutil.rmtree(place)

    whatever_it_is_given()


@settings(derandomize=True, max_examples=100, deadline=None, database=None)
@given(
    st.dictionaries(
        st.sampled_from([*map(je_settings.variable_name, je_settings.Settings._fields)]),
        st.sampled_from(["", "0", "-1", "nan", "1e999", "x y", "é", "http://[x", "on", "9" * 5000]),
    )
)
def test_settings_of_any_text_are_read_or_a_problem_is_named(values):
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in values.items():
            patch.setenv(variable, value)
        je_settings.reload()
        assert all(str(problem) for problem in je_settings.problems())
        assert str(je_kernel.doctor())
    je_settings.reload()
