"""Installing packages from a cell, and failed imports, in JupyterLite's own kernel."""

import pytest
from pytest_pyodide import run_in_pyodide

from tests.kernel.cross_origin import CrossOriginServer

KERNEL = [
    "je-kernel",
    "pyodide-kernel",
    "ipykernel",
    "comm",
    "ipython",
    "jedi",
    "micropip",
    "piplite",
]


@pytest.fixture
def index():
    with CrossOriginServer() as server:
        yield server


@run_in_pyodide(packages=["je-kernel", "micropip", "piplite"])
def install(selenium, name, index_url=None, closed=False):
    """Install as a cell does; return what is shown or the error's text."""
    import micropip
    import piplite.piplite as lite

    from je_kernel.errors import InstallError
    from je_kernel.package_install import install

    before = micropip._package_manager_singleton.index_urls
    if index_url is not None:
        micropip.set_index_urls([index_url])
    lite._PIPLITE_DISABLE_PYPI = closed
    try:
        return repr(install(name))
    except InstallError as error:
        return str(error)
    finally:
        lite._PIPLITE_DISABLE_PYPI = False
        micropip.set_index_urls(before)


@run_in_pyodide(packages=["je-kernel", "micropip", "piplite"])
def test_what_the_site_brings_is_installed_by_its_own_or_its_modules_name(selenium):
    import importlib

    from je_kernel.package_install import install

    installed = install("bs4")
    assert installed.packages[0][0] == "beautifulsoup4"
    assert ("soupsieve" in dict(installed.packages)) is True
    assert importlib.import_module("bs4").BeautifulSoup("<p>x</p>", "html.parser").p.text == "x"
    assert repr(install("beautifulsoup4")).startswith("Nothing to install")


def test_a_version_without_a_wheel_is_told_with_the_nearest(selenium, index):
    text = install(selenium, "oldpure==2.0", f"{index.url}/simple")
    assert text.endswith('\n\n    je_kernel.install("oldpure==1.0")')


def test_a_compiled_package_is_told_with_the_systems_it_is_for(selenium, index):
    text = install(selenium, "compiled", f"{index.url}/simple")
    assert "only for Windows and macOS" in text


def test_a_package_that_is_only_source_is_told(selenium, index):
    assert "only as source code" in install(selenium, "onlysource", f"{index.url}/simple")


def test_a_package_that_does_not_exist_is_told(selenium, index):
    text = install(selenium, "nosuchpackage", f"{index.url}/simple")
    assert text == (
        "Could not install 'nosuchpackage': there is no package of that name. Check the spelling."
    )


def test_an_index_that_does_not_answer_is_told(selenium, index):
    index.stop()
    assert "does not answer" in install(selenium, "nosuchpackage", f"{index.url}/simple")


def test_a_site_that_allows_no_index_is_told(selenium):
    assert "does not let notebooks install others" in install(selenium, "nosuch", closed=True)


def test_another_version_than_the_one_that_is_here_is_told(selenium):
    text = install(selenium, "micropip==0.0.1")
    assert "another version of it is in this kernel already" in text


@run_in_pyodide(packages=KERNEL)
def displayed_url(selenium, code):
    """Run a cell in JupyterLite's shell; return the traceback it shows, without colours."""
    import re

    import pyodide_kernel

    from je_kernel import error_hints

    shell = pyodide_kernel.ipython_shell
    error_hints.install(shell)
    shell._last_traceback = None
    shell.run_cell(code)
    trace = shell._last_traceback
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(trace["traceback"])).rstrip() if trace else None


def test_a_failed_import_ends_with_the_line_that_installs_it(selenium):
    text = displayed_url(selenium, "import importlib; importlib.import_module('docx')")
    assert text.endswith('installs it:\n\n    je_kernel.install("python-docx")')


def test_tkinter_is_told_with_what_to_use_instead(selenium):
    assert "matplotlib" in displayed_url(selenium, "import tkinter").splitlines()[-1]


def test_in_the_kernel_an_error_of_ours_ends_the_traceback_and_no_frame_of_ours_is_shown(selenium):
    text = displayed_url(
        selenium,
        "import urllib.request\nurllib.request.urlopen('http://no-such-host.invalid/a.csv')",
    )
    lines = text.splitlines()
    assert text.count("----> 2") == 1
    assert not [line for line in lines if "je_kernel/" in line or "urllib/request.py" in line]
    assert any(line.startswith("UnreachableError: Could not read") for line in lines)
    # Long lines are broken between words.
    assert "Check the spelling of the address. If it opens" in " ".join(lines[-6:])
    assert all(len(line) <= 80 for line in lines)


@run_in_pyodide(packages=KERNEL)
async def run_in_the_kernel(selenium, code):
    """Run a cell as JupyterLite does; return the reply's status and what it says was raised."""
    import pyodide_kernel

    kernel = pyodide_kernel.ipython_shell.kernel
    kernel._parent_header = {}
    reply = await kernel.run(code)
    return reply["status"], reply.get("evalue")


def test_a_failure_that_the_lesson_catches_leaves_no_error_under_the_cell(selenium):
    code = (
        "import urllib.request\n"
        "try:\n    urllib.request.urlopen('http://no-such-host.invalid/a.csv')\n"
        "except OSError:\n    pass"
    )
    assert run_in_the_kernel(selenium, code) == ("ok", None)
