"""The configuration file that starts us, read by a real IPython application."""

import shutil
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


def extensions(*folders):
    """The extensions that are loaded, of configuration folders from strongest to weakest."""
    app = Application()
    app.config_file_paths = [str(folder) for folder in folders]
    app.load_config_file(suppress_errors=False)
    return app.extensions


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
