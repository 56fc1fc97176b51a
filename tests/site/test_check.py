"""`je-kernel check`, as a teacher runs it on a folder of lessons."""

import json

import pytest

from je_site.command import main


def code(source, *, answers=None, tags=(), outputs=()):
    metadata = {"tags": list(tags)}
    if answers is not None:
        metadata["je-kernel"] = {"answers": answers}
    cell = {"cell_type": "code", "execution_count": None, "source": source}
    return {**cell, "metadata": metadata, "outputs": list(outputs)}


def notebook(*cells, metadata=None):
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": metadata or {}, "cells": list(cells)}


OF_ANOTHER_KERNEL = {"kernelspec": {"name": "conda-school", "display_name": "School"}}
OLD = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": "old"},
    "worksheets": [
        {
            "cells": [
                {
                    "cell_type": "code",
                    "collapsed": False,
                    "input": ["print(1)"],
                    "language": "python",
                    "metadata": {},
                    "outputs": [],
                    "prompt_number": 1,
                }
            ]
        }
    ],
}
ALL = {
    "broken.ipynb": None,
    "cells.ipynb": notebook(
        code("1 + 1"),
        code("print('a')", outputs=[{"output_type": "stream", "name": "stdout", "text": "b"}]),
        code("import nosuchpackage"),
        code("name = input('Name? ')\nprint(name)", answers=["Ada"]),
        code("assert name == 'Ada'"),
        code("1 / 0", tags=["raises-exception"]),
        code("from urllib.request import urlopen\nurlopen('https://data.example.org/x.csv')"),
        code("int('x')"),
        code(
            "from IPython.display import HTML\nHTML('<img src=\"https://late.example.org/x.png\">')"
        ),
        code("from google.colab import files\nassert files.upload() == {}"),
        code(""),
        code("while input('guess? ') != '7':\n    pass"),
        code("2"),
        metadata=OF_ANOTHER_KERNEL,
    ),
    "old.ipynb": OLD,
    "week 1/helped.ipynb": notebook(code("import helper\nassert helper.double(2) == 4")),
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lessons")
    for name, content in ALL.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{nothing" if content is None else json.dumps(content))
    (folder / "week 1" / "helper.py").write_text("def double(x):\n    return 2 * x\n")
    report, site = folder / "report.json", tmp_path_factory.mktemp("site") / "site"
    asked = ["--offline", "--cell-seconds", "30", "--jobs", "2"]
    asked += ["--json", str(report), "--output", str(site)]
    status = main(["check", str(folder), *asked])
    return status, json.loads(report.read_text())


def test_each_cell_is_told_by_what_came_of_it(checked):
    status, report = checked
    assert status == 1
    lessons = {lesson["path"]: lesson for lesson in report["lessons"]}
    assert list(lessons) == sorted(ALL)
    assert [cell["verdict"] for cell in lessons["cells.ipynb"]["cells"]] == [
        *("runs", "differs", "needs a package", "waits for input", "runs", "runs"),
        *("needs the network", "fails", "needs the network", "waits for input", "fails", "not run"),
    ]
    assert "late.example.org" in lessons["cells.ipynb"]["cells"][8]["detail"]
    assert "JupyterLab says" in lessons["broken.ipynb"]["problem"]


@pytest.mark.parametrize("lesson", ["old.ipynb", "week 1/helped.ipynb"])
def test_a_notebook_of_an_old_format_or_without_a_kernels_name_runs(checked, lesson):
    _, report = checked
    found = next(each for each in report["lessons"] if each["path"] == lesson)
    assert not found["problem"]
    assert [cell["verdict"] for cell in found["cells"]] == ["runs"]
