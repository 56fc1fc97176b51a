"""What `je-kernel check` says of cells that were run, and which notebooks it takes."""

import json

import pytest

from je_site.check import report
from je_site.check.lesson_browser import CellRun, LessonRun
from je_site.check.runner import lessons_in
from je_site.check.verdicts import Verdict, judge, judge_cell
from je_site.command import main
from je_site.errors import CheckError
from je_site.site_lock import SiteLock, write_site_lock


def printed(text, name="stdout"):
    return {"output_type": "stream", "name": name, "text": text}


def value(text, **more):
    return {"output_type": "execute_result", "data": {"text/plain": text, **more}, "metadata": {}}


def error(name, message):
    return {"output_type": "error", "ename": name, "evalue": message, "traceback": []}


UPLOAD = {
    "output_type": "display_data",
    "data": {"text/plain": "Choose", "text/html": ['<div class="je-kernel-upload" id="x">\n', "a"]},
    "metadata": {},
}


def cell(*outputs, saved=(), **more):
    return CellRun(3, "x", outputs=outputs, saved=saved, **{"ended": True, **more})


@pytest.mark.parametrize(
    ("run", "verdict", "words"),
    [
        (cell(), Verdict.RUNS, ""),
        (cell(printed("1")), Verdict.RUNS, ""),
        (cell(printed("1"), saved=[printed("1\n")]), Verdict.RUNS, ""),
        (cell(printed("1"), saved=[printed("2")]), Verdict.DIFFERS, "'1'; '2' is saved"),
        (cell(saved=[printed("2")]), Verdict.DIFFERS, "0 outputs; 1 output"),
        (cell(value("0.30000000000000004"), saved=[value("0.3")]), Verdict.RUNS, ""),
        (cell(value("<A at 0x7f>"), saved=[value("<A at 0x1b>")]), Verdict.RUNS, ""),
        (
            cell(value("F", **{"image/png": "a"}), saved=[value("F", **{"image/png": "b"})]),
            Verdict.RUNS,
            "",
        ),
        (cell(value("F"), saved=[value("F", **{"image/png": "b"})]), Verdict.DIFFERS, "picture"),
        (cell(printed("warned", "stderr"), saved=[]), Verdict.RUNS, ""),
        (cell(error("ValueError", "no")), Verdict.FAILS, "ValueError: no"),
        (cell(error("ValueError", "no"), tags=("raises-exception",)), Verdict.RUNS, ""),
        (cell(error("ModuleNotFoundError", "No module x")), Verdict.PACKAGE, "No module x"),
        (cell(error("<class 'ModuleNotFoundError'>", "No x")), Verdict.PACKAGE, "Error: No x"),
        (cell(error("<class 'a.OfflineError'>", "no")), Verdict.NETWORK, "OfflineError: no"),
        (cell(error("OfflineError", "no Wi-Fi\nmore")), Verdict.NETWORK, "OfflineError: no Wi-Fi"),
        (cell(error("KeyError", "a"), hosts=("data.example.org",)), Verdict.NETWORK, "KeyError"),
        (cell(printed("1"), hosts=("data.example.org",)), Verdict.NETWORK, "data.example.org"),
        (cell(prompts=("Name? ",)), Verdict.INPUT, "'Name? '"),
        (cell(UPLOAD), Verdict.INPUT, "It waits for a file that somebody chooses."),
        (cell(UPLOAD, error("<class 'KeyError'>", "a")), Verdict.INPUT, "it raises KeyError."),
        (cell(ended=False, seconds=120.0), Verdict.FAILS, "within 120 s"),
        (cell(ended=False, prompts=("Guess: ",)), Verdict.FAILS, "'Guess: ' again and again"),
        (CellRun(3, "x"), Verdict.NOT_RUN, "did not come to its end"),
    ],
)
def test_each_cell_gets_one_verdict(run, verdict, words):
    judged = judge_cell(run)
    assert (judged.verdict, judged.number) == (verdict, 3)
    assert words in judged.detail
    assert bool(words) == bool(judged.detail)


def test_what_fails_is_an_error_of_the_lesson_and_what_it_needs_is_not():
    assert {verdict for verdict in Verdict if verdict.is_failure} == {
        *(Verdict.PACKAGE, Verdict.FAILS, Verdict.NOT_RUN)
    }


def lessons():
    good = judge(LessonRun("a.ipynb", (cell(printed("1")), CellRun(4, "  "))))
    bad = judge(LessonRun("b [draft].ipynb", (cell(error("ValueError", "no [bold]")),)))
    shut = judge(LessonRun("c.ipynb", (CellRun(1, "x"),), "JupyterLab cannot open c.ipynb."))
    return good, bad, shut


def test_an_empty_cell_is_none():
    assert [len(lesson.cells) for lesson in lessons()] == [1, 1, 1]
    assert [lesson.is_failure for lesson in lessons()] == [False, True, True]


def test_the_report_for_a_program():
    document = json.loads(report.as_json(lessons()))
    assert document["cells"] == {"fails": 1, "not run": 1, "runs": 1}
    assert document["lessons"][1]["cells"] == [
        {"number": 3, "verdict": "fails", "detail": "ValueError: no [bold]", "seconds": 0.0}
    ]


def test_the_report_for_a_person(capsys):
    report.show(lessons())
    shown = capsys.readouterr().out
    assert "b [draft].ipynb\n  cell 3 fails: ValueError: no [bold]\n" in shown
    assert "c.ipynb\n  JupyterLab cannot open c.ipynb.\n" in shown
    assert "1 of 3 lessons run from top to bottom." in shown


def test_lessons_are_found_in_folders_and_what_is_hidden_is_left_out(tmp_path):
    for name in ("b.ipynb", "week 1/a.ipynb", ".ipynb_checkpoints/b.ipynb", "_old/c.ipynb", "d.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    assert lessons_in(tmp_path) == (tmp_path, ("b.ipynb", "week 1/a.ipynb"))
    assert lessons_in(tmp_path / "b.ipynb") == (tmp_path, ("b.ipynb",))


@pytest.mark.parametrize("name", ["", "nothing", "d.py"])
def test_without_a_lesson_it_says_so(tmp_path, name, capsys):
    (tmp_path / "d.py").write_text("1")
    with pytest.raises(CheckError, match="no notebook"):
        lessons_in(tmp_path / name)
    assert main(["check", str(tmp_path / name)]) == 1
    assert "There is no notebook in" in capsys.readouterr().err


CELLS = [
    ("import numpy as np\nnp.mean([1])", "runs", ""),
    (
        "import torch",
        "needs a package",
        "It imports torch: compiled; instead there is",
    ),
    ("from nosuch.part import x", "needs a package", "nosuch.part: the site does not have it"),
    ("%pip install tensorflow", "needs a package", "It asks for tensorflow: "),
    ("try:\n    import torch\nexcept ImportError:\n    torch = None", "runs", ""),
    ("%%writefile helper.py\nx = 1", "runs", ""),
    ("import helper, beside\nfrom google.colab import drive", "runs", ""),
    ("for i in range(3)\n    print(i)", "fails", "SyntaxError: expected ':' (line 1)"),
    ("%time 1\nprint 'Python 2'", "fails", "SyntaxError: Missing parentheses"),
    ("%%time\nreturn 1", "fails", "SyntaxError: 'return' outside function (line 1)"),
    ("await x\nd?\n!ls", "runs", ""),
    ("%%ruby\nputs 1", "fails", "%%ruby needs a program that no browser has."),
    ("%%html\n<b>no Python</b>", "runs", ""),
    ("%%latex\nx^2", "runs", ""),
    ("URL = 'https://data.example.org/x.csv'", "runs", ""),
    ("pd.read_csv(URL)", "needs the network", "It reads from data.example.org."),
    ("base = 'https://a.example.org/v1' + path; f = f'https://b.example.org/{x}'", "runs", ""),
    ("get(base); get(f)", "needs the network", "a.example.org"),
    ("!wget -q 'https://c.example.org/x.zip'", "needs the network", "c.example.org"),
    ("%%bash\ncurl -O https://c.example.org/x.zip", "needs the network", "c.example.org"),
    ("%%shell\necho 1", "runs", ""),
    ("%%time\nget('https://d.example.org')", "needs the network", "d.example.org"),
    ("'https://no.example.org'\nprint('https://no.example.org')", "runs", ""),
    ("find({'x': 'http://www.w3.org/2000/svg'}); get('https://[broken')", "runs", ""),
    ("sns.load_dataset('x')", "needs the network", "It calls sns.load_dataset."),
    ("x = int(input('How old? '))", "waits for input", "It asks 'How old? '."),
    ("while input() != 'q': pass", "waits for input", "It asks a question."),
    ("getpass.getpass('Key: ')", "waits for input", "'Key: '"),
    ("files.upload()", "waits for input", "It waits for a file"),
    ("(" * 5000, "fails", "SyntaxError: "),
]


def written(folder, name, *cells, language="python", tags=()):
    kernel = {"kernelspec": {"name": "k", "display_name": "k", "language": language}}
    content = {"nbformat": 4, "nbformat_minor": 2, "metadata": kernel, "cells": []}
    for source in cells:
        cell = {"cell_type": "code", "source": source, "outputs": [], "execution_count": None}
        content["cells"].append({**cell, "metadata": {"tags": list(tags)}})
    (folder / name).write_text(json.dumps(content))


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lessons")
    written(folder, "cells.ipynb", *(source for source, *_ in CELLS))
    written(folder, "errors.ipynb", "import torch", "x = ", tags=["raises-exception"])
    written(folder, "in_r.ipynb", "x <- 1", language="R")
    (folder / "damaged.ipynb").write_text("{")
    (folder / "beside.py").write_text("import torch.nn")
    unavailable = {"torch": "compiled; instead there is scikit-learn"}
    write_site_lock(folder / "je-kernel.lock", SiteLock("314", unavailable=unavailable))
    status = main(["check", "--fast", str(folder), "--json", str(folder / "report.json")])
    assert status == 1
    document = json.loads((folder / "report.json").read_text())
    return {lesson["path"]: lesson for lesson in document["lessons"]}


@pytest.mark.parametrize(
    ("number", "source", "verdict", "words"),
    [(number, *cell) for number, cell in enumerate(CELLS, 1)],
    ids=range(1, len(CELLS) + 1),
)
def test_a_cell_is_judged_by_reading_it(read, number, source, verdict, words):
    cell = read["cells.ipynb"]["cells"][number - 1]
    assert (cell["number"], cell["verdict"]) == (number, verdict), cell["detail"]
    assert words in cell["detail"]
    assert bool(words) == bool(cell["detail"])


def test_a_lesson_about_errors_is_right_as_it_is(read):
    assert [cell["verdict"] for cell in read["errors.ipynb"]["cells"]] == ["runs", "runs"]


def test_a_lesson_of_another_kernel_fails_and_a_damaged_one_is_said(read):
    (cell,) = read["in_r.ipynb"]["cells"]
    assert (cell["verdict"], "a kernel of r" in cell["detail"]) == ("fails", True)
    assert "not a notebook that can be read" in read["damaged.ipynb"]["problem"]


def test_a_module_beside_the_lessons_that_needs_a_package_is_said(read):
    assert read["beside.py"]["problem"].startswith("It imports torch.nn: compiled;")
    assert list(read)[-1] == "beside.py"
