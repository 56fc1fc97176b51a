"""A notebook's kernel starts while JupyterLab is still being loaded, and is like any other."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from je_site.server import serve
from tests.browsers.lab import Lab
from tests.site.test_files_stores import run, value
from tests.site.test_interrupts import stop
from tests.site.test_service_worker import SLOW

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browsers.lab import Notebook
    from tests.browsers.page import Page

ENGINES = ("chromium", "firefox", "webkit")
LESSON = "lesson.ipynb"
EARLY = "je_kernel.runtime.began_early()"
MEMORY_SNAPSHOT = "print(je_kernel.runtime.memory_snapshot())"
LOADED = "sorted(__import__('js').Object.keys(__import__('pyodide_js').loadedPackages))"


def lesson(*cells: str) -> dict[str, object]:
    """Return a notebook of these cells."""
    common = {"cell_type": "code", "metadata": {}, "outputs": [], "execution_count": None}
    return {
        "cells": [{**common, "id": f"cell{n}", "source": code} for n, code in enumerate(cells)],
        "metadata": {"kernelspec": {"name": "python", "display_name": "Python (Pyodide)"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def with_lesson(site: Path, copy: Path, *cells: str) -> Path:
    """Copy a site, with a lesson in it."""
    shutil.copytree(site, copy, copy_function=os.link)
    (copy / "files" / LESSON).write_text(json.dumps(lesson(*cells)))
    listing = copy / "api" / "contents" / "all.json"
    said = json.loads(listing.read_text())
    (entry,) = [each for each in said["content"] if each["path"] == "Files.ipynb"]
    said["content"].append({**entry, "name": LESSON, "path": LESSON})
    listing.unlink()
    listing.write_text(json.dumps(said))
    return copy


def follow_link(page: Page, url: str, path: str = LESSON) -> Notebook:
    """Go to a notebook's address."""
    page.open(f"{url}lab/index.html?path={path}")
    return Lab.attached(page).open_notebook(path)


@pytest.mark.engines(*ENGINES)
def test_it_has_the_drive_and_stops_and_restarts(page, site):
    for visit in range(2):
        notebook = follow_link(page, site.url, "Files.ipynb")
        assert value(notebook, EARLY) is True
        assert "began                          with the page" in run(
            notebook, "print(je_kernel.doctor())"
        )
        run(notebook, f"with open('visit{visit}.txt', 'w') as file: file.write('here')")
        assert value(notebook, "__import__('os').getcwd()") == "/drive"
        assert value(notebook, f"open('visit{visit}.txt').read()") == "here"
        assert value(notebook, "je_kernel.site_url()") == site.url
        run(notebook, "def begun(): print('begun', flush=True)")
        name, _ = stop(page, "begun()\nwhile True: pass")
        assert "KeyboardInterrupt" in name
    notebook.restart_kernel()
    assert value(notebook, EARLY) is False
    assert value(notebook, "open('visit0.txt').read()") == "here"


@pytest.mark.engines(*ENGINES)
def test_it_has_the_drive_however_late_the_service_worker_is(page, site_folder, tmp_path):
    copy = tmp_path / "site"
    shutil.copytree(site_folder, copy, copy_function=os.link)
    script = copy / "service-worker.js"
    stock = script.read_text()
    script.unlink()
    script.write_text(SLOW + stock)
    with serve(copy) as served:
        for _ in range(2):
            notebook = follow_link(page, served.url, "Files.ipynb")
            assert value(notebook, EARLY) is True
            assert value(notebook, "__import__('os').getcwd()") == "/drive"
            assert value(notebook, "len(__import__('os').listdir('.')) > 3") is True


def test_a_site_in_a_folder_has_it(page, site_folder, tmp_path):
    shutil.copytree(site_folder, tmp_path / "lite" / "a", copy_function=os.link)
    with serve(tmp_path) as served:
        url = f"{served.url}lite/a/"
        notebook = follow_link(page, url, "Files.ipynb")
        assert value(notebook, EARLY) is True
        assert value(notebook, "je_kernel.site_url()") == url


@pytest.mark.engines("chromium", "firefox")
def test_an_isolated_page_has_it(page, site_folder):
    with serve(site_folder, isolated=True) as served:
        notebook = follow_link(page, served.url, "Files.ipynb")
        assert value(notebook, EARLY) is True
        assert value(notebook, "__import__('os').getcwd()") == "/drive"


@pytest.mark.engines(*ENGINES)
def test_the_packages_of_a_notebook_come_before_its_first_cell(page, site_folder, tmp_path):
    cells = "%matplotlib inline", "import bs4\nfrom sympy import *", "import no_such_module"
    with serve(with_lesson(site_folder, tmp_path / "site", *cells)) as served:
        notebook = follow_link(page, served.url)
        loaded = f"while 'sympy' not in {LOADED}: await __import__('asyncio').sleep(0.05)"
        run(notebook, loaded)
        assert value(notebook, "'bs4' in __import__('sys').modules") is False
        assert value(notebook, f"'beautifulsoup4' in {LOADED}") is True
        # A student's own copy counts.
        notebook.lab.call("append", notebook.id, "import networkx")
        notebook.save()
        notebook = follow_link(page, served.url)
        run(notebook, loaded.replace("sympy", "networkx"))


@pytest.mark.engines(*ENGINES)
def test_a_first_visit_to_a_notebook_that_begins_with_pandas_starts_with_it(
    page, site_folder, tmp_path
):
    cells = "# numbers\nn = 1", "  from random import choice\nimport numpy, pandas.api as p"
    with serve(with_lesson(site_folder, tmp_path / "site", *cells)) as served:
        notebook = follow_link(page, served.url)
        assert run(notebook, MEMORY_SNAPSHOT) == "used, with packages\n"
        assert value(notebook, "'pandas' in __import__('sys').modules") is True
        run(notebook, "import pandas as pd\npd.Series([1]).sum()")


@pytest.mark.parametrize("cells", [("import math", "import pandas"), ("text = 'import pandas'",)])
def test_a_first_visit_to_another_notebook_starts_without_pandas(
    page, site_folder, tmp_path, cells
):
    with serve(with_lesson(site_folder, tmp_path / "site", *cells)) as served:
        notebook = follow_link(page, served.url)
        assert run(notebook, MEMORY_SNAPSHOT) == "used\n"
        assert value(notebook, "'pandas' in __import__('sys').modules") is False
        run(notebook, "import pandas as pd\npd.Series([1]).sum()")


def test_one_worker_is_made_for_it(page, site):
    notebook = follow_link(page, site.url, "Files.ipynb")
    assert value(notebook, EARLY) is True
    assert len(page.playwright.workers) == 1


def test_a_page_that_names_no_notebook_makes_none(page, site):
    Lab.open(page, site.url).call("ready")
    assert page.playwright.workers == []


def test_it_ends_where_nobody_asks_for_it(page, site):
    playwright = page.playwright
    playwright.clock.install()
    Lab.open(page, site.url, query="?path=nowhere.ipynb")
    assert len(playwright.workers) == 1
    (worker,) = playwright.workers
    with worker.expect_event("close"):
        page.evaluate("() => window.jupyterapp.restored.then(() => {})")
        playwright.clock.fast_forward(61_000)


# What an extension of the deployer's may do.
OTHER_OPTIONS = """<script>
const { postMessage } = Worker.prototype;
Worker.prototype.postMessage = function (message, ...more) {
  const { path, argumentList } = message;
  if (path?.[0] === 'initialize') argumentList[0].value.loadPyodideOptions.env = { OTHER: 'yes' };
  return postMessage.call(this, message, ...more);
};
</script>"""


def test_with_other_options_python_starts_anew(page, site_folder, tmp_path):
    copy = tmp_path / "site"
    shutil.copytree(site_folder, copy, copy_function=os.link)
    lab = copy / "lab" / "index.html"
    text = lab.read_text()
    lab.unlink()
    lab.write_text(text.replace("<title>", f"{OTHER_OPTIONS}<title>"))
    with serve(copy) as served:
        notebook = follow_link(page, served.url, "Files.ipynb")
        assert value(notebook, EARLY) is False
        assert value(notebook, "__import__('os').environ['OTHER']") == "yes"
