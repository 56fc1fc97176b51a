"""Which notebooks are taken: nbformat's own schema is the judge."""

import copy
import functools
import json
import time
from pathlib import Path

import fastjsonschema
import nbformat.v4
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from running_service import notebook

from je_sharing.validation import Bounds, NotANotebookError, check_notebook

pytestmark = pytest.mark.service

WIDE = Bounds(500, 10_000, 10_000)
HONEST = json.loads((Path(__file__).parent / "notebooks" / "penguins.json").read_text())


@functools.cache
def schema(minor):
    path = Path(nbformat.v4.__file__).parent / f"nbformat.v4.{minor}.schema.json"
    return fastjsonschema.compile(json.loads(path.read_text()))


def schema_accepts(content):
    value = json.loads(content)
    try:
        schema(value["nbformat_minor"])(value)
    except (fastjsonschema.JsonSchemaValueException, KeyError, TypeError):
        return False
    return value.get("nbformat") == 4 and type(value["nbformat_minor"]) is int


def accepted(content, bounds=WIDE):
    try:
        check_notebook(
            content if isinstance(content, bytes) else json.dumps(content).encode(), bounds
        )
    except NotANotebookError:
        return False
    return True


ODD = st.sampled_from(
    [None, True, 0, -1, 1.0, 2.5, "", "x", "a,b", [], ["x"], ["x", 1], {}, {"a": 1}, [[]], "auto"]
)
KEYS = st.sampled_from(
    [
        "id",
        "cell_type",
        "metadata",
        "source",
        "outputs",
        "execution_count",
        "attachments",
        "name",
        "tags",
        "format",
        "jupyter",
        "execution",
        "collapsed",
        "scrolled",
        "output_type",
        "data",
        "text",
        "ename",
        "evalue",
        "traceback",
        "nbformat",
        "nbformat_minor",
        "cells",
        "kernelspec",
        "language_info",
        "title",
        "authors",
        "orig_nbformat",
        "display_name",
        "codemirror_mode",
        "mimetype",
        "text/plain",
        "image/png",
        "application/json",
        "application/x+json",
        "x",
    ]
)


def containers(value):
    found = [value] if isinstance(value, dict | list) else []
    for item in found and (value.values() if isinstance(value, dict) else value):
        found += containers(item)
    return found


@st.composite
def nearly_valid(draw):
    """A real notebook with a few things changed, removed or added."""
    value = copy.deepcopy(HONEST)
    value["cells"] = value["cells"][:8]
    value["nbformat_minor"] = draw(st.sampled_from([0, 1, 2, 3, 4, 5, 5, 5, 6]))
    if value["nbformat_minor"] < 5 and draw(st.booleans()):
        for cell in value["cells"]:
            del cell["id"]
    value["cells"][0]["attachments"] = {"a.png": {"image/png": "aGk="}}
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.sampled_from(containers(value)))
        if isinstance(place, list):
            place.insert(draw(st.integers(0, len(place))), copy.deepcopy(draw(ODD)))
        elif place and draw(st.booleans()):
            key = draw(st.sampled_from(sorted(place)))
            if draw(st.booleans()):
                del place[key]
            else:
                place[key] = copy.deepcopy(draw(ODD))
        else:
            place[draw(KEYS)] = copy.deepcopy(draw(ODD))
    return json.dumps(value).encode()


@settings(max_examples=300, deadline=None)
@given(nearly_valid())
@example(json.dumps(HONEST).encode())
def test_the_answer_is_the_schemas(content):
    value = json.loads(content)
    major, minor = value.get("nbformat"), value.get("nbformat_minor")
    # True is 1 to Python, but not to the format.
    known = type(major) is type(minor) is int and major == 4 and minor in range(6)
    assert accepted(content) == (known and schema_accepts(content))


def test_a_real_notebook_is_accepted():
    assert accepted(HONEST)


@pytest.mark.parametrize("minor", [0, 1, 2, 3, 4])
def test_real_r_notebooks_of_older_versions_are_accepted(minor):
    cells = [{k: v for k, v in cell.items() if k != "id"} for cell in HONEST["cells"]]
    metadata = {
        "kernelspec": {"display_name": "R", "language": "R", "name": "ir"},
        "language_info": {"name": "R", "codemirror_mode": "r", "version": "4.1.0"},
    }
    content = notebook(cells=cells, nbformat_minor=minor, metadata=metadata)
    assert accepted(content)


@pytest.mark.parametrize("text", [b"", b"{", b"nope", b"\xff", b"[1]", b'"x"', b"NaN", b"1", b"{}"])
def test_what_is_no_notebook_is_refused(text):
    assert not accepted(text)


def test_numbers_that_are_no_json_are_refused():
    assert not accepted(json.dumps(notebook(metadata={"x": float("nan")})).encode())


def test_a_lone_surrogate_is_taken():
    assert accepted(notebook("\ud83d"))


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
@pytest.mark.parametrize("depth", [501, 5_000, 1_000_000])
def test_deep_nesting_is_refused_at_once(opening, depth):
    value = opening * depth + b"1" + (b"]" if opening == b"[" else b"}") * depth
    content = b'{"nbformat":4,"nbformat_minor":5,"cells":[],"metadata":{"x":%b}}' % value
    begun = time.process_time()
    assert not accepted(content)
    assert time.process_time() - begun < 6


@pytest.mark.parametrize("place", ["metadata", "cell", "output metadata", "json output"])
def test_the_same_depth_is_the_limit_everywhere(place):
    def nested(levels):
        value = 1
        for _ in range(levels):
            value = {"a": value}
        content = notebook()
        cell = content["cells"][0]
        data = {"output_type": "display_data", "data": {}, "metadata": {}}
        cell["outputs"] = [data]
        target = {
            "metadata": content["metadata"],
            "cell": cell["metadata"],
            "output metadata": data["metadata"],
            "json output": data["data"],
        }[place]
        target["application/json"] = value
        return json.dumps(content).encode()

    above = {"metadata": 2, "cell": 4, "output metadata": 6, "json output": 6}[place]
    bounds = Bounds(50, 10, 10)
    assert accepted(nested(50 - above), bounds)
    assert not accepted(nested(51 - above), bounds)


def test_too_many_cells_are_refused():
    cell = notebook()["cells"][0]
    assert accepted(notebook(cells=[cell] * 10), Bounds(50, 10, 10))
    assert not accepted(notebook(cells=[cell] * 11), Bounds(50, 10, 10))


def test_too_many_outputs_are_refused():
    cell = notebook()["cells"][0]
    output = {"output_type": "stream", "name": "stdout", "text": ""}
    assert accepted(notebook(cells=[{**cell, "outputs": [output] * 5}] * 2), Bounds(50, 10, 10))
    assert not accepted(notebook(cells=[{**cell, "outputs": [output] * 6}] * 2), Bounds(50, 10, 10))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"nbformat": 3}, "nbformat 3"),
        ({"nbformat_minor": 6}, r"nbformat 4\.6"),
        ({"cells": None}, "no list of cells"),
        ({"cells": [notebook()["cells"][0], {"cell_type": "code"}]}, "Cell 2 .* no metadata"),
        ({"cells": [{**notebook()["cells"][0], "extra": 1}]}, "Cell 1 .*unknown field 'extra'"),
        ({"cells": [{**notebook()["cells"][0], "cell_type": "x"}]}, "Cell 1 .*cell_type"),
        ({"metadata": {"kernelspec": {}}}, "not valid in nbformat 4.5"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(change, words):
    with pytest.raises(NotANotebookError, match=words):
        check_notebook(json.dumps(notebook(**change)).encode(), WIDE)


def test_the_slowest_notebook_there_can_be_is_checked_in_seconds():
    output = {"output_type": "stream", "name": "stdout", "text": [""]}
    cell = {**notebook()["cells"][0], "outputs": [output] * 20, "metadata": {"tags": ["a"]}}
    content = notebook(cells=[cell] * 1000)
    begun = time.process_time()
    assert accepted(content, Bounds())
    assert time.process_time() - begun < 30


def test_a_cell_id_of_other_characters_is_refused():
    content = notebook()
    content["cells"] += [{**content["cells"][0], "id": "b.c"}]
    assert not accepted(content)


_CELL = notebook()["cells"][0]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ({name: part for name, part in _CELL.items() if name != "id"}, "has no id"),
        # What it may have besides is not named as the fault.
        ({**_CELL, "source": 7}, r"nbformat 4\.5 \(code\)"),
        (
            {"id": "a", "cell_type": "raw", "metadata": {}, "source": 7, "attachments": {}},
            r"\(raw\)",
        ),
        ({**_CELL, "x" * 5000: 1}, r"'x{159}…'"),
        (7, "not an object"),
    ],
)
def test_the_fault_of_a_cell_is_told_as_it_is(cell, words):
    with pytest.raises(NotANotebookError, match=words):
        check_notebook(json.dumps(notebook(cells=[cell])).encode(), WIDE)
