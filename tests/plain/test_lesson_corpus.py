"""The corpus of lessons is what it claims to be, and so is the web that it speaks of."""

import json
import re
import ssl
import urllib.error
import urllib.request

import nbformat
import pytest

from je_site.lessons import code_cells
from tests.lessons.failing import FAILING, NEEDING
from tests.lessons.lesson_web import LessonWeb
from tests.lessons.lessons import (
    CORPUS,
    LessonCell,
    Outcome,
    read_lessons,
    read_reference,
    write_reference,
)

LESSONS = read_lessons()

# What notebooks of schools contain and fail on in a browser: each is in several lessons.
KINDS = {
    "plotly": r"plotly",
    "a picture of matplotlib": r"\bplt\.",
    "altair": r"altair",
    "a map": r"folium",
    "networkx": r"networkx",
    "a magic before the first import": r"\A%[a-z]",
    "an optional part of pandas": r"read_html|_excel|\.style\b",
    "a module written by the lesson": r"%%writefile|urlretrieve|reload\(",
    "a module beside the notebook": r"^%run|import orbits|import shapes|from shapes",
    "pip": r"^[!%]pip|-m pip",
    "a line of the shell": r"^!",
    "the shell's answer in a variable": r"= !",
    "a cell of the shell": r"^%%(bash|sh)",
    "a process": r"subprocess",
    "figures that react": r"%matplotlib (notebook|widget)",
    "memory-mapped reading": r"memory_map|mmap",
    "threads and pools": r"ThreadPool|Pool\(|Parallel\(|n_jobs",
    "a page in a new tab": r"webbrowser",
    "Colab's own modules": r"google\.colab",
    "Colab's folder": r"/content/",
    "Colab's forms": r"#@(title|param)",
    "turtles": r"turtle",
    "questions": r"\binput\(",
    "widgets": r"ipywidgets",
    "an animation": r"FuncAnimation|\.gif",
    "data from the web": r"https://",
}


def test_the_corpus_has_lessons_of_many_subjects() -> None:
    assert len(LESSONS) >= 60
    assert len({lesson.path.partition("/")[0] for lesson in LESSONS}) >= 10


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_trouble_is_in_several_lessons(kind) -> None:
    pattern = re.compile(KINDS[kind], re.MULTILINE)
    having = [le.path for le in LESSONS if any(pattern.search(c.source) for c in le.cells)]
    assert len(having) >= 3


def test_the_corpus_has_notebooks_of_old_formats() -> None:
    written = [json.loads(path.read_text("utf-8")) for path in CORPUS.rglob("*.ipynb")]
    assert {(n["nbformat"], n["nbformat_minor"]) for n in written} >= {
        (3, 0),
        (4, 0),
        (4, 2),
        (4, 5),
    }
    assert any("colab" in n["metadata"] for n in written)


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.path)
def test_a_lesson_is_a_valid_notebook_of_its_format(lesson) -> None:
    document = json.loads((CORPUS / lesson.path).read_text("utf-8"))
    nbformat.validate(
        document, version=document["nbformat"], version_minor=document["nbformat_minor"]
    )


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for path in CORPUS.rglob("*") if path.is_file()) < 3_000_000


def test_the_reference_is_of_the_lessons_as_they_are() -> None:
    reference = read_reference()
    assert {lesson.path for lesson in LESSONS} == set(reference)
    outdated = [
        lesson.path
        for lesson in LESSONS
        if [cell.digest for cell in lesson.cells]
        != [digest for digest, _ in reference[lesson.path]]
    ]
    assert not outdated, "run: python -m tests.lessons.reference"


def test_on_cpython_only_those_cells_fail_that_are_meant_to() -> None:
    reference = read_reference()
    wrong = [
        (lesson.path, cell.source, outcome.error)
        for lesson in LESSONS
        for cell, (_, outcome) in zip(lesson.cells, reference[lesson.path], strict=True)
        if bool(outcome.error) != cell.raises and not cell.expected
    ]
    assert not wrong


def test_the_cells_that_fail_in_a_site_are_those_of_the_corpus() -> None:
    said = [(path, number) for path, numbers in FAILING.items() for number in numbers]
    said += [(p, n) for lessons in NEEDING.values() for p, ns in lessons.items() for n in ns]
    code = {
        (path, cell.number)
        for path in {path for path, _ in said}
        for cell in code_cells(CORPUS / path)
    }
    assert set(said) <= code


PRINTS = Outcome(None, ("stdout",), "1")
PICTURE = Outcome(None, ("image/png", "text/plain"))
RAISES = Outcome("ValueError")
CELL = LessonCell("…")


@pytest.mark.parametrize(
    ("here", "on_cpython", "cell", "verdict"),
    [
        (PRINTS, PRINTS, CELL, "runs"),
        (Outcome(None, ("stdout",), "2"), PRINTS, CELL, "differs"),
        (Outcome(None, ("stdout",), "2"), PRINTS, LessonCell("…", varies=True), "runs"),
        (RAISES, PRINTS, CELL, "fails"),
        (Outcome(None, ("text/plain",)), PICTURE, CELL, "fails"),
        (Outcome(None, ("stderr",)), PRINTS, CELL, "fails"),
        (PICTURE, PICTURE, CELL, "runs"),
        (RAISES, RAISES, CELL, None),
        (RAISES, RAISES, LessonCell("…", raises=True), "runs"),
        (Outcome("OSError"), RAISES, LessonCell("…", raises=True), "fails"),
        (PRINTS, RAISES, LessonCell("…", expected=True), "runs"),
        (RAISES, RAISES, LessonCell("…", expected=True), "fails"),
    ],
)
def test_a_verdict_compares_with_cpython(here, on_cpython, cell, verdict) -> None:
    assert here.verdict(on_cpython, cell) == verdict


def test_an_outcome_is_without_what_differs_from_run_to_run() -> None:
    shown = {
        "output_type": "execute_result",
        "data": {"text/plain": "/tmp/a/b <x at 0x7f1234>  \n"},
    }
    raised = {"output_type": "error", "ename": "OSError", "evalue": "", "traceback": []}
    assert Outcome.of([shown, raised], "/tmp/a") == Outcome(
        "OSError", ("text/plain",), "…/b <x at 0x…>"
    )


@pytest.mark.parametrize("name", ["HTTPError", "<class 'urllib.error.HTTPError'>"])
def test_an_error_has_the_same_name_in_every_kernel(name) -> None:
    raised = {"output_type": "error", "ename": name, "evalue": "", "traceback": []}
    assert Outcome.of([raised]) == Outcome("HTTPError")


def test_a_reference_is_read_as_it_was_written(tmp_path) -> None:
    lesson = LESSONS[0]
    outcomes = [PICTURE for _ in lesson.cells]
    write_reference("Python 3", {lesson: outcomes}, tmp_path / "reference.json")
    read = read_reference(tmp_path / "reference.json")
    assert read == {lesson.path: [(cell.digest, PICTURE) for cell in lesson.cells]}


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    with LessonWeb(tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture
def fetch(web):
    trust = ssl.create_default_context(cafile=str(web.certificate))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"https": web.url, "http": web.url}),
        urllib.request.HTTPSHandler(context=trust),
    )
    return opener.open


def test_the_web_of_the_lessons_lets_every_page_read_its_data(fetch) -> None:
    with fetch("https://api.example.org/v1/forecast?city=Bern") as answer:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Content-Type"] == "application/json"
        assert json.load(answer)["city"] == "Bern"


@pytest.mark.parametrize("path", ["nothing.csv", "../reference.json", "%2e%2e/%2e%2e/lessons.py"])
def test_the_web_of_the_lessons_has_nothing_else(fetch, path) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        fetch(f"https://data.example.org/{path}")


@pytest.mark.parametrize("address", ["https://example.net/", "http://example.net/"])
def test_the_web_of_the_lessons_refuses_other_hosts(fetch, web, address) -> None:
    web.refused.clear()
    with pytest.raises(OSError, match="403"):
        fetch(address)
    assert web.refused == ["example.net"]
