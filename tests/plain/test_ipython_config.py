"""The configuration file that starts us, read by a real IPython application."""

import shutil
import sys
from pathlib import Path

import pytest
from IPython.core.application import BaseIPythonApplication
from IPython.core.shellapp import InteractiveShellApp

CONFIG = Path(__file__).parents[2] / "src" / "je_kernel" / "ipython_config.py"
OTHERS = {
    "py-assigns": ("ipython_config.py", "c.InteractiveShellApp.extensions = ['theirs']"),
    "py-appends": ("ipython_config.py", "c.InteractiveShellApp.extensions.append('theirs')"),
    "json": ("ipython_config.json", '{"InteractiveShellApp": {"extensions": ["theirs"]}}'),
}


class Application(BaseIPythonApplication, InteractiveShellApp):
    """The shape of the application that a kernel in the browser is."""


@pytest.fixture(autouse=True)
def no_ipython_of_the_developers(tmp_path, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "profiles"))


def configured(*folders):
    """An application with configuration folders, from strongest to weakest."""
    app = Application()
    app.config_file_paths = [str(folder) for folder in folders]
    app.load_config_file(suppress_errors=False)
    return app


def extensions(*folders):
    return configured(*folders).extensions


@pytest.fixture
def ours(tmp_path):
    folder = tmp_path / "ours"
    folder.mkdir()
    shutil.copy(CONFIG, folder / "ipython_config.py")
    return folder


@pytest.fixture(params=OTHERS.values(), ids=OTHERS.keys())
def theirs(request, tmp_path):
    folder = tmp_path / "theirs"
    folder.mkdir()
    name, text = request.param
    (folder / name).write_text(text)
    return folder


def test_alone_it_names_us(ours):
    assert extensions(ours) == ["je_kernel"]


def test_what_a_weaker_configuration_set_is_kept(ours, theirs):
    assert sorted(extensions(ours, theirs)) == ["je_kernel", "theirs"]


@pytest.mark.parametrize("theirs", [OTHERS["py-appends"]], indirect=True)
def test_what_a_stronger_configuration_appends_is_kept(ours, theirs):
    assert sorted(extensions(theirs, ours)) == ["je_kernel", "theirs"]


@pytest.mark.parametrize("theirs", [OTHERS["py-assigns"], OTHERS["json"]], indirect=True)
def test_a_stronger_configuration_that_assigns_the_list_has_the_last_word(ours, theirs):
    assert extensions(theirs, ours) == ["theirs"]


@pytest.fixture
def path_without_the_folder(monkeypatch):
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])


def test_in_a_browser_the_folder_that_the_site_took_off_the_path_comes_back_last(
    ours, path_without_the_folder, monkeypatch
):
    monkeypatch.setattr(sys, "platform", "emscripten")
    app = configured(ours)
    assert app.ignore_cwd is True
    for line in app.exec_lines:
        exec(line, {})
    assert sys.path[0] == ""


def test_in_a_browser_a_path_that_has_the_folder_is_left_as_it_is(ours, monkeypatch):
    monkeypatch.setattr(sys, "platform", "emscripten")
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    app = configured(ours)
    assert (app.ignore_cwd, app.exec_lines) == (False, [])


def test_elsewhere_the_path_is_left_to_ipython(ours, path_without_the_folder):
    app = configured(ours)
    assert (app.ignore_cwd, app.exec_lines) == (False, [])
