"""A module of one's own that hides another says so when something is missing from it."""

from __future__ import annotations

import contextlib
import importlib
import io
import sys

import pytest
from IPython.core.interactiveshell import InteractiveShell

from je_kernel import error_hints
from je_kernel.imports.shadowing import shadowing_hint

BROUGHT = {"pandas": "pandas", "sklearn": "scikit-learn"}


@pytest.fixture
def beside(tmp_path, monkeypatch):
    """Write a module beside the notebook."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    before = dict(sys.modules)

    def write(name, text=""):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        importlib.invalidate_caches()
        sys.modules.pop(name.partition(".")[0].partition("/")[0], None)

    yield write
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]
    sys.modules.update(before)


def hint(code):
    with pytest.raises((ImportError, AttributeError)) as caught:
        exec(code, {})
    error = caught.value
    # CPython itself may have said it; a kernel in a browser does not.
    if " (consider renaming" in str(error):
        assert shadowing_hint(error, BROUGHT) is None
        pytest.skip("Python says it")
    return shadowing_hint(error, BROUGHT)


@pytest.mark.parametrize(
    ("name", "text", "code", "mine", "hidden"),
    [
        ("colorsys.py", "", "import colorsys\ncolorsys.rgb_to_hsv", "colorsys.py", "Python's own"),
        ("sched.py", "import sched\nsched.scheduler", "import sched", "sched.py", "Python's own"),
        ("sched.py", "", "from sched import scheduler", "sched.py", "Python's own module sched"),
        ("pandas.py", "", "import pandas.nothing", "pandas.py", "the package pandas"),
        ("sklearn/__init__.py", "", "import sklearn.svm", "sklearn", "the package sklearn"),
        ("pandas.py", "", "import pandas\npandas.read_csv", "pandas.py", "the package pandas"),
    ],
)
def test_what_hides_another_module_is_named(beside, name, text, code, mine, hidden):
    beside(name, text)
    said = hint(code)
    assert said.startswith(f"Your {mine} has the same name as {hidden}")
    assert said.endswith(f"rename {mine} and restart the kernel.")


@pytest.mark.parametrize(
    "code",
    [
        "import json\njson.lods",
        "from json import lods",
        "import json.nothing",
        "import helper\nhelper.missing",
        "from helper import missing",
        "import no_such_module",
        "''.missing",
    ],
)
def test_other_errors_have_no_such_hint(beside, code):
    beside("helper.py")
    assert hint(code) is None


def test_a_notebook_shows_it_below_the_error(beside):
    beside("colorsys.py")
    shell = InteractiveShell.instance()
    shell.run_line_magic("colors", "nocolor")
    error_hints.install(shell)
    try:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            shell.run_cell("import colorsys\ncolorsys.rgb_to_hsv(1, 1, 1)")
    finally:
        error_hints.uninstall(shell)
        InteractiveShell.clear_instance()
    assert "rename colorsys.py" in " ".join(printed.getvalue().split())


def test_a_module_beside_the_notebook_is_not_proposed_for_itself(beside):
    beside("helper.py")
    sys.path.pop(0)
    shell = InteractiveShell.instance()
    error_hints.install(shell)
    try:
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            shell.run_cell("import helper")
    finally:
        error_hints.uninstall(shell)
        InteractiveShell.clear_instance()
    assert "No module named 'helper'" in printed.getvalue()
    assert "Did you mean" not in printed.getvalue()
