"""What is said of packages that do not come, and of imports that find nothing."""

import contextlib
import io

import pandas as pd
import pytest
from IPython.core.interactiveshell import InteractiveShell

from je_kernel import error_hints, runtime
from je_kernel.error_hints import hint_for
from je_kernel.errors import InstallError, NotInBrowserError, PackageNotLoadedError
from je_kernel.package_install import (
    Installed,
    Offer,
    _blamed,
    _name_in,
    _nearest,
    _ordered,
    install,
    why_not_installed,
)


def test_in_ordinary_python_install_names_the_command_for_it():
    with pytest.raises(NotInBrowserError, match="`pip install scikit-learn seaborn`"):
        install("sklearn", "seaborn")


@pytest.mark.parametrize("names", [(), ("",), ("seaborn", " ")])
def test_a_package_must_be_named(names):
    with pytest.raises(InstallError, match=r'je_kernel\.install\("seaborn"\)'):
        install(*names)


def test_where_the_browser_cannot_wait_the_line_that_works_is_given(monkeypatch):
    monkeypatch.setattr(runtime, "in_browser", lambda: True)
    monkeypatch.setattr(runtime, "can_run_sync", lambda: False)
    with pytest.raises(InstallError) as caught:
        install("plotnine", "bs4")
    assert str(caught.value).endswith("\n\n    %pip install plotnine beautifulsoup4")


WHEELS = (
    Offer("1.0", "lib-1.0-py3-none-any.whl", fits=True),
    Offer("2.0", "lib-2.0-py3-none-any.whl", fits=True),
    Offer("3.0", "lib-3.0-cp314-cp314-win_amd64.whl", fits=False),
    Offer("3.0", "lib-3.0.tar.gz", fits=False),
)


def test_a_missing_version_is_told_with_the_nearest_that_works():
    text = why_not_installed("lib==3.0", "", "listed", WHEELS)
    assert text.startswith("Could not install 'lib==3.0': ")
    assert text.endswith('\n\n    je_kernel.install("lib==2.0")')


def test_compiled_wheels_are_told_with_the_systems_they_are_for():
    offers = (
        Offer("3.0", "lib-3.0-cp314-cp314-win_amd64.whl", fits=False),
        Offer("3.0", "lib-3.0-cp314-cp314-manylinux_2_28_x86_64.whl", fits=False),
        Offer("3.0", "lib-3.0-cp314-cp314-macosx_11_0_arm64.whl", fits=False),
    )
    text = why_not_installed("lib", "", "listed", offers)
    assert "only for Windows and macOS and Linux" in text


def test_a_package_that_is_only_source_is_told():
    offers = (Offer("3.0", "lib-3.0.tar.gz", fits=False),)
    assert "only as source code" in why_not_installed("lib", "", "listed", offers)


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        ("unknown", "no package of that name"),
        ("offline", "Check the Wi-Fi"),
        ("closed", "Ask whoever runs the site"),
        ("conflict", "Restart the kernel"),
    ],
)
def test_each_outcome_is_told(outcome, words):
    assert words in why_not_installed("lib", "Requested x.", outcome, ())


def test_a_misspelt_name_is_guessed(monkeypatch):
    text = why_not_installed("scikit-lern", "", "unknown", ())
    assert text.endswith('Did you mean "scikit-learn"?')


@pytest.mark.parametrize(
    ("text", "blamed"),
    [
        ("Can't find a pure Python 3 wheel for 'b>=2'.\nSee: x", "b>=2"),
        ("Can't fetch metadata for 'a'. Please make sure", "a"),
        ("Requested 'numpy>3', but numpy==2.4 is already installed.", "numpy>3"),
        ("tinyhtml could not be installed: PyPI fallback is disabled", "tinyhtml"),
        ("something of b went wrong", "b"),
        ("something", "a"),
    ],
)
def test_the_package_at_fault_is_read_from_the_installers_words(text, blamed):
    assert _blamed(["a", "b"], text) == blamed


@pytest.mark.parametrize(
    ("requirement", "versions", "nearest"),
    [
        ("lib", ["0.9", "0.10"], "0.10"),
        ("lib==0.9.5", ["0.9", "0.10"], "0.9"),
        ("lib>=0.1", ["0.9", "0.10"], "0.9"),
        ("lib[x]==2.0", ["1.0", "2.0.1"], "1.0"),
        ("lib2==1.5", ["1.0", "2.0"], "1.0"),
        ("lib==1.0", ["1.0+local", "2.0"], "1.0+local"),
    ],
)
def test_the_nearest_version(requirement, versions, nearest):
    assert _nearest(requirement, versions) == nearest


def test_what_was_asked_for_is_named_first():
    news = [("A", "1"), ("seaborn_x", "2"), ("Z", "3")]
    packages = _ordered(news, ["seaborn-x==2"])
    assert repr(Installed(packages)) == "Installed seaborn_x 2, A 1, Z 3"
    assert repr(Installed(())) == "Nothing to install: everything is here already."


def test_the_name_in_a_requirement():
    assert _name_in("https://a.org/b_c-1.0-py3-none-any.whl?sha256=1") == "b_c"
    assert _name_in("a-b[x,y]>=1; python_version>'3'") == "a-b"


# Imports.


def missing(name):
    return ModuleNotFoundError(f"No module named {name!r}", name=name)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (missing("yaml"), 'je_kernel.install("pyyaml")'),
        (missing("skimage.filters"), 'je_kernel.install("scikit-image")'),
        (missing("plotnine"), 'je_kernel.install("plotnine")'),
        (
            ImportError("Missing optional dependency 'xlrd'. Use pip or conda to install xlrd."),
            'je_kernel.install("xlrd")',
        ),
        (
            ImportError("`Import tables` failed.  Use pip or conda to install the tables package."),
            'je_kernel.install("tables")',
        ),
        (
            ImportError(
                "`Import xlrd` failed. Use pip, conda, or your preferred package management tool"
                " to install the xlrd package."
            ),
            'je_kernel.install("xlrd")',
        ),
    ],
)
def test_a_missing_package_is_told_with_the_line_that_installs_it(error, line):
    hint = hint_for(error, can_wait=True, imported=[])
    assert hint.endswith(f"\n\n    {line}")


def test_pandas_without_an_engine_for_parquet_is_told_with_what_to_do():
    # Not the message of one version of pandas: whatever the installed one says.
    with pytest.raises(ImportError) as caught:
        pd.read_parquet("https://data.example/rain.parquet")
    hint = hint_for(caught.value, can_wait=True, imported=[])
    assert hint.startswith("Tables in the formats Parquet, Feather and ORC are read by pyarrow")
    assert "as CSV or JSON" in hint


def test_where_the_browser_cannot_wait_the_line_is_pips():
    assert hint_for(missing("yaml"), can_wait=False, imported=[]).endswith(
        "\n\n    %pip install pyyaml"
    )


def test_a_module_beside_the_notebook_with_nearly_that_name_is_suggested():
    hint = hint_for(
        missing("my_helper"), can_wait=True, neighbours=["my_helpers", "other"], imported=[]
    )
    assert hint.endswith("Did you mean: import my_helpers")


def test_a_wheel_that_is_compiled_for_another_system_is_told():
    # As Pyodide says it of a library of Linux.
    error = ImportError("could not load dynamic lib: /lib/python3.14/site-packages/a.so")
    assert "made for another system" in hint_for(error, can_wait=True)


@pytest.mark.parametrize(("name", "meant"), [("Seaborn", "seaborn"), ("scipi.stats", "scipy")])
def test_a_misspelt_module_of_the_site_is_guessed(name, meant):
    hint = hint_for(missing(name), can_wait=True, site_modules=["scipy", "seaborn"], imported=[])
    assert hint == f"Did you mean: import {meant}"


def test_a_package_of_the_site_that_did_not_come_is_told_once():
    reason = PackageNotLoadedError("Could not load lxml: no network.", name="lxml")
    assert hint_for(reason, can_wait=True, imported=[]) is None
    pandas_says = ImportError("Missing optional dependency 'lxml'. Use pip to install lxml.")
    pandas_says.__cause__ = reason
    assert hint_for(pandas_says, can_wait=True, imported=[]) == "Could not load lxml: no network."


@pytest.mark.parametrize("name", ["turtledemo", "tkinter", "tkinter.ttk"])
def test_what_draws_windows_is_told_with_what_to_use_instead(name):
    assert "matplotlib" in hint_for(missing(name), can_wait=True, imported=[])


def test_other_missing_parts_of_python_are_told():
    assert "cannot work in a browser" in hint_for(missing("dbm"), can_wait=True, imported=[])


@pytest.mark.parametrize(
    "error",
    [
        missing("json.nosuch"),
        ImportError("cannot import name 'x' from 'json'", name="json"),
        ModuleNotFoundError("made by hand"),
    ],
)
def test_where_there_is_nothing_to_install_nothing_is_said(error):
    assert hint_for(error, can_wait=True, imported=["json"]) is None


@pytest.fixture(scope="module")
def shell():
    shell = InteractiveShell.instance()
    shell.run_line_magic("colors", "nocolor")
    yield shell
    InteractiveShell.clear_instance()


def show(shell, code):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        shell.run_cell(code)
    return printed.getvalue().rstrip()


def test_in_ipython_the_hint_is_the_last_thing_shown(shell):
    error_hints.install(shell)
    error_hints.install(shell)
    try:
        shown = show(shell, "import no_such_package_at_all")
    finally:
        error_hints.uninstall(shell)
    assert shown.count("If it is a published package") == 1
    # There is no browser here that could wait.
    assert shown.endswith("    %pip install no_such_package_at_all")


def test_code_that_catches_the_error_sees_it_as_it_was(shell):
    error_hints.install(shell)
    try:
        code = (
            "try:\n    import nosuch\nexcept ImportError as error:\n"
            "    print(error, hasattr(error, '__notes__'))"
        )
        assert show(shell, code) == "No module named 'nosuch' False"
    finally:
        error_hints.uninstall(shell)


def test_other_errors_are_shown_as_ever(shell):
    error_hints.install(shell)
    try:
        assert show(shell, "1 / 0").endswith("ZeroDivisionError: division by zero")
    finally:
        error_hints.uninstall(shell)


def test_hints_are_taken_back_exactly(shell):
    before = dict(vars(shell))
    error_hints.install(shell)
    assert vars(shell) != before
    error_hints.uninstall(shell)
    error_hints.uninstall(shell)
    assert vars(shell) == before
    assert "published package" not in show(shell, "import no_such_package_at_all")
