"""The ways to deploy: isolated, built by plain JupyterLite, and on JupyterLite 0.7."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from je_site.server import serve
from tests.browsers.lab import Lab
from tests.site.conftest import write_lite_dir

ROOT = Path(__file__).parents[2]
READ_FRAME = """
import os, pandas as pd
from je_kernel import settings
os.environ["JE_KERNEL_NETWORK_ENGINE"] = {engine!r}
settings.reload()
pd.read_csv({url!r}).to_csv(index=False)
"""
READ = "import urllib.request\nurllib.request.urlopen({url!r}).read()"


def run(*command, cwd=None):
    """Run a program; a failure shows what it said."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}:\n{done.stdout[-4000:]}\n{done.stderr[-4000:]}"


@pytest.mark.engines("chromium", "firefox")
def test_an_isolated_site_has_kernels_that_read_from_the_web_and_the_drive(
    page, site_folder, data_server
):
    url = data_server.put("/isolated.csv", "x\n7\n")
    with serve(site_folder, isolated=True) as site:
        notebook = Lab.open(page, site.url).new_notebook()
        assert page.evaluate("() => typeof SharedArrayBuffer") == "function"
        first = notebook.run(f"import js, pandas as pd\nint(pd.read_csv({url!r}).x[0])")
        assert (first.error, first.value, first.execution_count) == (None, "7", 1)
        assert notebook.run("js.crossOriginIsolated").value == "True"
        drive = notebook.run(
            "import os\nopen('mine.csv', 'w').write('x\\n5\\n')\n"
            "os.getcwd(), int(pd.read_csv('mine.csv').x[0])"
        )
        assert (drive.error, drive.value) == (None, "('/drive', 5)")
    assert not [line for line in page.console() if "ERR_BLOCKED_BY_RESPONSE" in line]


@pytest.fixture
def plain_site(tmp_path):
    """A deployer's own project, built by ``jupyter lite build`` with je-kernel-site installed."""
    project = write_lite_dir(tmp_path / "project", appName="Our School")
    (project / "files").mkdir()
    (project / "files" / "mine.csv").write_text("x\n5\n")
    (project / "files" / "lesson.py").write_text("from tabulate import tabulate\n")
    run(sys.executable, "-m", "jupyterlite_core", "build", cwd=project)
    return project / "_output"


def test_plain_jupyter_lite_build_gives_the_same_kernel(page, plain_site, data_server):
    url = data_server.put("/plain.csv", "x\n7\n")
    with serve(plain_site) as site:
        notebook = Lab.open(page, site.url).new_notebook()
        first = notebook.run(f"import pandas as pd\nint(pd.read_csv({url!r}).x[0])")
        assert (first.error, first.value, first.execution_count) == (None, "7", 1)
        assert notebook.run("int(pd.read_csv('mine.csv').x[0])").value == "5"
        # What a lesson imports and we do not have came from PyPI, with the site.
        assert notebook.run("import tabulate\ntabulate.tabulate([[7]])").error is None
        started = notebook.run(
            "from je_kernel.startup import started\n[step.outcome for step in started().steps]"
        )
        assert set(eval(started.value)) <= {"done", "skipped"}
        assert {address.split("/")[2] for address in page.requests if "://" in address} == {
            site.url.split("/")[2],
            data_server.url.split("/")[2],
        }
    config = json.loads((plain_site / "jupyter-lite.json").read_text())["jupyter-config-data"]
    assert config["appName"] == "Our School"
    locked = json.loads((plain_site.parent / "je-kernel.lock").read_text())
    assert locked["packages"]["tabulate"]["imports"] == ["tabulate"]


@pytest.fixture(scope="session")
def older_jupyterlite(test_cache):
    """The Python of an environment with JupyterLite 0.7 and je-kernel-site."""
    folder = test_cache / "jupyterlite-0.7"
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        venv.create(folder, with_pip=True, clear=True)
        packages = ("jupyterlite-core==0.7.6", "jupyterlite-pyodide-kernel==0.7.2", "hatchling")
        run(python, "-m", "pip", "install", "-q", *packages, "-e", ROOT / "site")
        (folder / "installed").touch()
    return python


@pytest.mark.slow
def test_on_jupyterlite_0_7_it_starts_and_patches(page, older_jupyterlite, tmp_path, data_server):
    read = READ.format(url=data_server.put("/older.txt", "works"))
    project = write_lite_dir(tmp_path / "project")
    run(older_jupyterlite, "-m", "jupyterlite_core", "build", cwd=project)
    with serve(project / "_output") as site:
        notebook = Lab.open(page, site.url).new_notebook()
        first = notebook.run(read)
        assert (first.error, first.value, first.execution_count) == (None, "b'works'", 1)
        assert notebook.run("import pyodide\npyodide.__version__").value.startswith("'0.29")
        assert notebook.run("%who").stdout.strip() == "pyodide\t urllib"
        url = data_server.put("/older.csv", "works\n1\n")
        for engine in ("fetch", "xhr"):
            frame = notebook.run(READ_FRAME.format(engine=engine, url=url))
            assert (frame.error, frame.value) == (None, "'works\\n1\\n'")
