"""What of a notebook is sent."""

from __future__ import annotations

import copy
import json

import nbformat
import pytest

from je_kernel.sharing import snapshot
from je_kernel.sharing.errors import InvalidNotebookError


def cell(kind="code", **parts):
    code = {"execution_count": 1, "outputs": []} if kind == "code" else {}
    return {"cell_type": kind, "id": "a1", "metadata": {}, "source": "1", **code, **parts}


def notebook(*cells, **parts):
    return {"cells": list(cells), "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **parts}


def stream(text):
    return {"output_type": "stream", "name": "stdout", "text": text}


def shown(**data):
    return {"output_type": "display_data", "metadata": {}, "data": data}


def test_what_the_format_does_not_know_is_left_out_and_the_rest_is_valid():
    own = notebook(
        cell(userName="Mia", attachments={}),
        cell("markdown", id="b2", outputs=[], execution_count=None, **{"x-seen-by": ["Mia"]}),
        orig_nbformat=4,
        owner={"name": "Mia Lund"},
    )
    taken = snapshot.take("rain.ipynb", own)
    assert b"Mia" not in taken.data
    nbformat.validate(json.loads(taken.data), relax_add_props=False)


@pytest.mark.parametrize("minor", [0, 2, 4])
def test_an_older_notebook_is_sent_without_the_ids_that_its_format_does_not_have(minor):
    own = notebook(cell(), nbformat_minor=minor)
    taken = snapshot.take("rain.ipynb", own)
    assert "id" not in taken.content["cells"][0]
    snapshot.check(taken)


def test_what_the_running_cell_showed_is_left_out_of_an_older_notebook_too():
    own = notebook(cell(id="run", outputs=[stream("half")]), nbformat_minor=4)
    assert snapshot.take("x.ipynb", own, running="run").content["cells"][0]["outputs"] == []


def test_the_notebook_itself_stays_as_it_was():
    own = notebook(cell(outputs=[stream("1")]), metadata={"authors": [{"name": "Mia"}]})
    before = copy.deepcopy(own)
    snapshot.take("rain.ipynb", own, title="Rain", clear_outputs=True)
    assert own == before


@pytest.mark.parametrize("key", ["execution", "collapsed_by", "id", "vscode", "colab", "user"])
def test_metadata_of_programs_stay_at_home(key):
    own = notebook(cell(metadata={key: {"user": "Mia"}, "tags": ["x"]}))
    assert snapshot.take("x.ipynb", own).content["cells"][0]["metadata"] == {"tags": ["x"]}


def test_widgets_leave_words_and_not_their_state():
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "m1"}}
    own = notebook(cell(outputs=[shown(**view), shown(**view, **{"text/plain": "Slider(7)"})]))
    first, second = snapshot.take("x.ipynb", own).content["cells"][0]["outputs"]
    assert first["data"] == {"text/plain": "(A widget. Run the notebook to use it.)"}
    assert second["data"] == {"text/plain": "Slider(7)"}


def test_the_same_content_has_the_same_fingerprint_and_other_content_another():
    one, same, other = (
        snapshot.take("x.ipynb", notebook(cell(source=source))).fingerprint for source in "112"
    )
    assert one == same != other


def test_half_a_character_is_sent_as_a_question_mark():
    taken = snapshot.take("x.ipynb", notebook(cell(source="\ud83d")))
    assert json.loads(taken.data)["cells"][0]["source"] == "?"


def test_what_json_does_not_have_is_refused_in_words():
    with pytest.raises(InvalidNotebookError, match="no notebook may hold"):
        snapshot.take("x.ipynb", notebook(cell(), metadata={"title": float("nan")}))


def test_the_running_cell_is_known_without_an_id_by_what_asked_for_the_save():
    asked = shown(**{"text/html": ["<script data-je-save='1'", " id='0123'>press()</script>"]})
    own = notebook(
        cell(id="x", outputs=[stream("whole")]),
        cell(id="y", outputs=[stream("half"), asked]),
        nbformat_minor=4,
    )
    first, second = snapshot.take("x.ipynb", own, running="unknown").content["cells"]
    assert (len(first["outputs"]), second["outputs"]) == (1, [])


def test_a_service_that_names_no_limit_is_told_of_by_the_largest_cells():
    cells = [{"cell_type": "raw", "id": c, "metadata": {}, "source": c * 30_000} for c in "ab"]
    small = {**cells[0], "id": "c", "source": "c"}
    content = {"cells": [*cells, small], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    error = snapshot.too_large(snapshot.take("rain.ipynb", content), None)
    assert "it has 61 KB, and that is more than the service takes" in str(error)
    assert [f"cell {number}: 31 KB" in str(error) for number in (1, 2)] == [True, True]
    assert "cell 3" not in str(error)
    assert error.limit is None


@pytest.mark.parametrize("markup", ["", [], [""]])
@pytest.mark.parametrize("other", [{"text/plain": "42"}, {"image/png": "QUJD"}])
def test_an_output_whose_html_is_empty_is_sent_with_its_other_forms(markup, other):
    own = notebook(cell(outputs=[shown(**{"text/html": markup, **other})]))
    sent = snapshot.take("rain.ipynb", own).content["cells"][0]["outputs"]
    assert [output["data"] for output in sent] == [{"text/html": markup, **other}]


def test_the_empty_place_of_the_script_that_saved_is_not_sent():
    own = notebook(cell(outputs=[shown(**{"text/html": "", "text/plain": ""}), stream("1")]))
    sent = snapshot.take("rain.ipynb", own).content["cells"][0]["outputs"]
    assert sent == [stream("1")]
