"""What `je-kernel check` says of cells that were run, and which notebooks it takes."""

import json

import pytest

from je_site.check import report
from je_site.check.checking import lessons_in
from je_site.check.lesson_browser import CellRun, LessonRun
from je_site.check.verdicts import Verdict, judge, judge_cell
from je_site.command import main
from je_site.errors import CheckError


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
