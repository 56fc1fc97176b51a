"""Modules of one's own on a real drive, and files that are mapped into memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.browsers.lab import Lab
from tests.site.test_drive import asked_of_drive, hear_the_drive
from tests.site.test_files_stores import (
    files_site,
    files_site_folder,
    put,
    run,
    value,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_site.server import Served
    from tests.browsers.lab import Notebook
    from tests.browsers.page import Browser, Page

__all__ = ["files_site", "files_site_folder"]

pytestmark = pytest.mark.engines("chromium", "firefox", "webkit")

NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "abcdef",
            "metadata": {},
            "outputs": [],
            "source": "from_the_other = 6 * 7",
        }
    ],
    "metadata": {"kernelspec": {"name": "python", "display_name": "Python (Pyodide)"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


@pytest.fixture(scope="module")
def notebook(browser: Browser, files_site: Served) -> Iterator[Notebook]:
    """A notebook in a folder, with the one kernel that all these tests use."""
    page = browser.new_page()
    lab = Lab.open(page, files_site.url)
    put(page, "lesson", type="directory")
    for name in ("lesson/lesson.ipynb", "lesson/other.ipynb"):
        put(page, name, type="notebook", format="json", content=NOTEBOOK)
    opened = lab.open_notebook("lesson/lesson.ipynb")
    run(opened, "import colorsys  # the folder is listed")
    yield opened
    page.close()


@pytest.fixture
def page(notebook: Notebook) -> Page:
    return notebook.lab.page


def write(page: Page, name: str, text: str) -> None:
    """Save a text file as JupyterLab's editor does."""
    put(page, f"lesson/{name}", type="file", format="text", content=text)


def test_importlib_alone_does_not_find_it(notebook):
    run(notebook, "from je_kernel.imports import drive_modules as ours")
    run(notebook, "ours.uninstall(get_ipython())\nimport tabnanny")
    run(notebook, "%%writefile early.py\nvalue = 1")
    result = notebook.run("import early")
    run(notebook, "ours.install(get_ipython())")
    assert result.error is not None
    assert "No module named 'early'" in result.error.message
    run(notebook, "import early")


def test_a_module_is_found_in_the_cell_after_it_was_written(notebook):
    run(notebook, "%%writefile helper.py\ndef double(x):\n    return 2 * x")
    assert value(notebook, "__import__('helper').double(4)") == 8
    run(notebook, "open('fetched.py', 'w').write('value = 3')")
    assert value(notebook, "__import__('fetched').value") == 3
    run(notebook, "from je_kernel import files\nfiles.save('saved.py', 'value = 4')\nimport saved")
    assert value(notebook, "saved.value") == 4


def test_a_module_that_the_page_made_is_found(notebook, page):
    write(page, "uploaded.py", "value = 1")
    assert value(notebook, "__import__('uploaded').value") == 1


def test_each_edit_is_seen_by_a_reload(notebook, page):
    write(page, "edited.py", "value = 1")
    run(notebook, "import edited, importlib")
    for number in range(2, 5):
        write(page, "edited.py", f"value = {number}")
        assert value(notebook, "importlib.reload(edited).value") == number


def test_autoreload_sees_edits_and_deletions(notebook, page):
    write(page, "automatic.py", "def answer():\n    return 1")
    run(notebook, "%load_ext autoreload\n%autoreload 2\nfrom automatic import answer")
    assert value(notebook, "answer()") == 1
    for number in range(2, 4):
        write(page, "automatic.py", f"def answer():\n    return {number}")
        assert value(notebook, "answer()") == number
    page.evaluate("() => window.jupyterapp.serviceManager.contents.delete('lesson/automatic.py')")
    assert value(notebook, "answer()") == 3
    run(notebook, "%autoreload 1\n%aimport edited")
    write(page, "edited.py", "value = 'imported'")
    assert value(notebook, "edited.value") == "imported"
    run(notebook, "%autoreload 0")


def test_what_the_page_deleted_is_not_there(notebook, page):
    write(page, "gone.txt", "1")
    put(page, "lesson/gone", type="directory")
    assert value(notebook, "[__import__('os').path.exists(p) for p in ('gone.txt', 'gone')]") == [
        True,
        True,
    ]
    page.evaluate(
        """async () => {
          const { contents } = window.jupyterapp.serviceManager;
          await contents.delete('lesson/gone.txt');
          await contents.delete('lesson/gone');
        }"""
    )
    assert value(notebook, "[__import__('os').path.exists(p) for p in ('gone.txt', 'gone')]") == [
        False,
        False,
    ]


def test_packages_and_namespace_packages_grow(notebook, page):
    put(page, "lesson/pack", type="directory")
    write(page, "pack/__init__.py", "from .one import value")
    write(page, "pack/one.py", "value = 1")
    assert value(notebook, "__import__('pack').value") == 1
    write(page, "pack/two.py", "from .one import value\nvalue += 1")
    assert value(notebook, "__import__('pack.two').two.value") == 2
    put(page, "lesson/space", type="directory")
    write(page, "space/near.py", "value = 3")
    assert value(notebook, "__import__('space.near').near.value") == 3
    run(notebook, "%%writefile space/late.py\nvalue = 4")
    assert value(notebook, "__import__('space.late').late.value") == 4
    put(page, "above.py", type="file", format="text", content="value = 5")
    run(notebook, "import sys\nsys.path.append('..')")
    assert value(notebook, "__import__('above').value") == 5


def test_scripts_and_notebooks_run_as_they_are_now(notebook, page):
    for number in (1, 2):
        write(page, "script.py", f"import colorsys\nfrom_the_script = {number}")
        run(notebook, "%run script.py")
        assert value(notebook, "from_the_script") == number
    run(notebook, "%load script.py")


def test_a_notebook_runs_another(notebook):
    if not value(notebook, "bool(__import__('importlib.util').util.find_spec('nbformat'))"):
        pytest.skip("IPython reads notebooks with nbformat, which this site lacks")
    run(notebook, "%run other.ipynb")
    assert value(notebook, "from_the_other") == 42


def test_no_bytecode_lies_on_the_drive(notebook):
    assert value(notebook, "__import__('os').path.exists('__pycache__')") is False
    assert value(notebook, "__import__('os').path.exists('pack/__pycache__')") is False


def test_imports_of_python_ask_nothing_and_those_of_a_package_list_the_folder_once(notebook, page):
    run(notebook, "import sys")
    hear_the_drive(page)
    run(notebook, "import sys, json, helper, colorsys")
    assert asked_of_drive(page) == []
    run(notebook, "import sched, tabnanny, modulefinder, quopri, zipapp, filecmp")
    assert asked_of_drive(page) == []
    run(notebook, "import numpy")  # the kernel loads the package, and has importlib look again
    asked = [request.split()[0] for request in asked_of_drive(page)]
    assert asked in ([], ["lookup", "readdir"])


def test_a_module_that_hides_another_says_so(notebook):
    run(notebook, "%%writefile wave.py\nlength = 1")
    for code in ("import wave\nwave.open", "from wave import open"):
        result = notebook.run(code)
        assert "rename wave.py and restart" in " ".join(result.error.traceback.split())


def test_files_are_mapped_into_memory(notebook):
    run(
        notebook,
        "import numpy as np\n"
        "np.save('numbers.npy', np.arange(1000))\n"
        "mapped = np.load('numbers.npy', mmap_mode='r')\n"
        "own = np.load('numbers.npy', mmap_mode='c')\nown[0] = 5",
    )
    assert value(notebook, "(type(mapped).__name__, int(mapped.sum()))") == ["memmap", 499500]
    assert value(notebook, "(int(own[0]), int(mapped[0]))") == [5, 0]
    assert value(notebook, "int(np.load('numbers.npy')[0])") == 0
    run(
        notebook,
        "import mmap\nopen('text.csv', 'w').write('a,b\\n1,2\\n')\n"
        "with open('text.csv', 'rb') as file:\n"
        "    view = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)\n"
        "    part = mmap.mmap(file.fileno(), 3, access=mmap.ACCESS_COPY)",
    )
    assert value(notebook, "(view[:].decode(), view.find(b'1'), part[:].decode())") == [
        "a,b\n1,2\n",
        4,
        "a,b",
    ]
    run(notebook, "view.close()\npart.close()\nimport pandas as pd")
    assert value(notebook, "int(pd.read_csv('text.csv', memory_map=True)['b'][0])") == 2


def test_a_map_that_would_be_written_back_is_refused(notebook):
    result = notebook.run("np.load('numbers.npy', mmap_mode='r+')")
    assert result.error is not None
    assert "Not supported" in result.error.message
