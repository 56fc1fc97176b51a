"""Finding the notebook of a running cell in what is saved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

from je_kernel import notebook
from je_kernel.files import MissingFileError, store_selection
from je_kernel.notebook import (
    AmbiguousNotebookError,
    UnknownNotebookError,
    UnreadableNotebookError,
)
from je_kernel.notebook.discovery import find


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    (tmp_path / "lesson").mkdir()
    monkeypatch.chdir(tmp_path)
    store_selection.reset()
    store_selection.select()
    monkeypatch.chdir(tmp_path / "lesson")
    yield tmp_path
    store_selection.reset()


@pytest.fixture
def running(monkeypatch):
    """A real shell that runs a cell, as a front end that says its id does."""
    shell = InteractiveShell.instance()

    def begin(cell_id, source="share()"):
        monkeypatch.setattr(
            shell, "get_parent", lambda: {"metadata": {"cellId": cell_id}}, raising=False
        )
        shell.history_manager.store_inputs(1, source.strip(), source)

    yield begin
    InteractiveShell.clear_instance()


def write(name, *cells):
    """Write a notebook whose cells are given as id and source."""
    made = [
        {"id": i, "cell_type": "code", "source": s, "metadata": {}, "outputs": []} for i, s in cells
    ]
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    content = {"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    Path(name).write_text(json.dumps(content), "utf-8")


def current(name=None):
    return notebook.current(name, save=False)


def test_the_notebook_is_the_one_that_holds_the_running_cell(running):
    write("rain.ipynb", ("aaa", "x"), ("bbb", "share()"))
    write("snow.ipynb", ("ccc", "x"))
    running("bbb")
    found = current()
    assert (found.name, found.cell_id, found.unsaved) == ("rain.ipynb", "bbb", False)
    assert [cell["id"] for cell in found.content["cells"]] == ["aaa", "bbb"]


def test_magics_and_empty_lines_are_compared_as_they_were_written(running):
    source = "\n\n%time share()\n!ls\n"
    write("rain.ipynb", ("bbb", source))
    running("bbb", source)
    assert not current().unsaved


def test_a_cell_that_says_something_else_than_what_is_saved_is_unsaved(running):
    write("rain.ipynb", ("bbb", "share('old')"))
    running("bbb", "share('new')")
    assert current().unsaved


def test_an_id_that_is_only_mentioned_is_no_cell(running):
    write("rain.ipynb", ("aaa", "print('bbb')"))
    running("bbb")
    with pytest.raises(UnknownNotebookError, match=r"Ctrl\+S"):
        current()


def test_two_copies_are_not_guessed_between(running):
    for name in ("rain.ipynb", "rain-Copy1.ipynb"):
        write(name, ("bbb", "share()"))
    running("bbb")
    with pytest.raises(AmbiguousNotebookError, match=r"rain-Copy1\.ipynb.*copies of each other"):
        current()
    assert current("rain.ipynb").name == "rain.ipynb"


def test_the_copy_in_the_kernels_own_folder_is_meant(running):
    write("rain.ipynb", ("bbb", "share()"))
    write("../old/rain.ipynb", ("bbb", "share()"))
    running("bbb")
    assert current().path == "lesson/rain.ipynb"


def test_a_notebook_elsewhere_is_found_if_the_kernel_has_moved(running):
    write("../other/rain.ipynb", ("bbb", "share()"))
    running("bbb")
    assert current().path == "other/rain.ipynb"


def test_the_copies_that_jupyter_server_keeps_are_not_meant(running):
    write("../other/rain.ipynb", ("a", "share()"))
    write("../other/.ipynb_checkpoints/rain-checkpoint.ipynb", ("a", "share()"))
    running("a")
    assert current().path == "other/rain.ipynb"


def test_the_copy_that_jupyter_server_has_while_it_writes_is_not_meant(running):
    write("rain.ipynb", ("bbb", "share()"))
    write(".~rain.ipynb", ("bbb", "share()"))
    running("bbb")
    assert current().path == "lesson/rain.ipynb"


def test_a_notebook_whose_cells_have_no_ids_is_the_one_that_was_just_saved(running):
    write("old.ipynb", (None, "share()"))
    write("rain.ipynb", (None, "share()"), (None, "<script id='0123abcd'>"))
    operations = store_selection.current()
    assert operations.folder == "lesson"
    assert operations.run(find(operations, "a", "0123abcd")).path == "lesson/rain.ipynb"
    with pytest.raises(UnknownNotebookError, match="give its name"):
        operations.run(find(operations, "a"))


class SlowFrontEnd:
    """A front end that is asked to save, and writes the file in pieces, as a server may."""

    def __init__(self, name, cells, *, minor):
        self.name = name
        self.content = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": minor}
        self.pieces = []

    def publish(self, data, *_, update=False, **__):
        if update:
            return
        shown = {"output_type": "display_data", "data": data, "metadata": {}}
        self.content["cells"][-1]["outputs"] = [shown]
        whole = json.dumps(self.content)
        end = whole.index("data-je-save") + 200  # the mark is in it, and the end is not
        self.pieces = ["", whole[:40], whole[:end], whole[:-1], whole]

    def write_some(self, _seconds):
        """Write the next piece, while the kernel lets time pass."""
        if self.pieces:
            Path(self.name).write_text(self.pieces.pop(0), "utf-8")


@pytest.mark.parametrize("minor", [0, 4, 5])
def test_a_notebook_that_is_half_written_is_waited_for(running, monkeypatch, minor):
    running("bbb")
    write("other.ipynb", (None, "share()"))
    write("rain.ipynb", (None, "old = 1"))
    made = {"cell_type": "code", "source": "share()", "metadata": {}}
    cells = [{**made, "outputs": [], **({"id": "bbb"} if minor == 5 else {})}]
    page = SlowFrontEnd("rain.ipynb", cells, minor=minor)
    monkeypatch.setattr(InteractiveShell.instance(), "display_pub", page)
    monkeypatch.setattr("je_kernel.notebook.autosave.pause", page.write_some)
    found = notebook.current()
    assert page.pieces == []
    assert found.name == "rain.ipynb"
    assert found.content["cells"][0]["source"] == "share()"


def test_a_front_end_that_never_finishes_writing_is_not_waited_for_for_ever(running, monkeypatch):
    running("bbb")
    write("rain.ipynb", (None, "old = 1"))
    page = SlowFrontEnd("rain.ipynb", [{"cell_type": "code", "source": "share()"}], minor=4)
    monkeypatch.setattr(InteractiveShell.instance(), "display_pub", page)
    moments = iter(range(1000))
    monkeypatch.setattr("je_kernel.notebook.autosave.time.monotonic", lambda: float(next(moments)))

    def stop_before_the_end(seconds):
        if len(page.pieces) > 1:
            page.write_some(seconds)

    monkeypatch.setattr("je_kernel.notebook.autosave.pause", stop_before_the_end)
    with pytest.raises(UnknownNotebookError, match=r"Ctrl\+S"):
        notebook.current()
    assert next(moments) < 20


def test_without_a_front_end_that_says_the_cell_the_name_is_asked_for():
    write("rain.ipynb", ("bbb", "share()"))
    with pytest.raises(UnknownNotebookError, match=r'share\("homework\.ipynb"\)'):
        current()
    assert current("rain").name == "rain.ipynb"


def test_a_name_that_does_not_exist_says_which_one_may_be_meant():
    write("rain.ipynb", ("bbb", "share()"))
    with pytest.raises(MissingFileError, match=r"Did you mean 'rain\.ipynb'"):
        current("rian.ipynb")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"cells": 7}', '{"worksheets": []}', "\ufeff"]
)
def test_a_file_that_is_no_notebook_says_so(text):
    Path("broken.ipynb").write_text(text, "utf-8")
    with pytest.raises(UnreadableNotebookError, match="is not a notebook"):
        current("broken")


def test_a_broken_notebook_beside_it_does_not_disturb(running):
    Path("broken.ipynb").write_text('{"bbb', "utf-8")
    write("rain.ipynb", ("bbb", "share()"))
    running("bbb")
    assert current().name == "rain.ipynb"


def test_a_byte_order_mark_is_no_trouble():
    write("rain.ipynb", ("bbb", "é"))
    Path("rain.ipynb").write_bytes(b"\xef\xbb\xbf" + Path("rain.ipynb").read_bytes())
    assert current("rain").content["cells"][0]["source"] == "é"
