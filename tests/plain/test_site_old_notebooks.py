"""Notebooks of old formats are brought up to the one that JupyterLab reads."""

import json

import nbformat
import pytest

from je_site.old_notebooks import upgrade_notebooks
from je_site.progress import Reporter

OLD = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": "dice"},
    "worksheets": [
        {
            "cells": [
                {"cell_type": "heading", "level": 1, "metadata": {}, "source": ["Dice"]},
                {
                    "cell_type": "code",
                    "collapsed": False,
                    "input": ["print(6)"],
                    "language": "python",
                    "metadata": {},
                    "outputs": [{"output_type": "stream", "stream": "stdout", "text": "6"}],
                    "prompt_number": 1,
                },
            ]
        }
    ],
}


@pytest.fixture
def site(tmp_path):
    (tmp_path / "files" / "week 1").mkdir(parents=True)
    return tmp_path


def test_a_notebook_of_format_3_keeps_its_cells_and_outputs(site):
    path = site / "files" / "week 1" / "dice.ipynb"
    path.write_text(json.dumps(OLD))
    upgrade_notebooks(site, Reporter())
    notebook = json.loads(path.read_text())
    nbformat.validate(notebook)
    assert [cell["cell_type"] for cell in notebook["cells"]] == ["markdown", "code"]
    assert "".join(notebook["cells"][1]["source"]) == "print(6)"
    assert notebook["cells"][1]["outputs"][0]["name"] == "stdout"


@pytest.mark.parametrize("minor", [0, 2, 5])
def test_a_notebook_of_format_4_stays_as_it_is(site, minor):
    path = site / "files" / "new.ipynb"
    text = json.dumps({"nbformat": 4, "nbformat_minor": minor, "metadata": {}, "cells": []})
    path.write_text(text)
    upgrade_notebooks(site, Reporter())
    assert path.read_text() == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "{nothing", "[]", "7", '"text"', "{}", '{"nbformat": 3}', '{"nbformat": 2}'),
        *('{"nbformat": 3, "worksheets": 7}', '{"nbformat": "3"}', "[" * 9_000),
    ],
    ids=lambda text: text[:20],
)
def test_what_is_no_notebook_ends_no_build(site, text):
    (site / "files" / "broken.ipynb").write_text(text)
    upgrade_notebooks(site, Reporter())
    assert (site / "files" / "broken.ipynb").is_file()
