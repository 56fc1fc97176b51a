"""Run the lessons of the corpus in a built site, and compare with what they do on CPython."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from je_site.check.runner import run_lessons
from je_site.progress import Reporter
from je_site.server import serve
from tests.lessons.lesson_web import HOSTS, LessonWeb
from tests.lessons.lessons import Lesson, LessonCell, Outcome, Verdict, read_reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from je_site.check.lesson_browser import CellRun, LessonRun

__all__ = ["CellVerdict", "LessonVerdict", "run_in_site"]


@dataclass(frozen=True)
class CellVerdict:
    """What came of one cell.

    Attributes
    ----------
    number
        Its place among all cells of the notebook, from 1.
    cell
        What it is.
    verdict
        None where it does not count, for CPython cannot run it either.
    reason
        Why it fails, if it does.
    """

    number: int
    cell: LessonCell
    verdict: Verdict | None
    reason: str


@dataclass(frozen=True)
class LessonVerdict:
    """What came of one lesson in a site.

    Attributes
    ----------
    lesson
        Which.
    cells
        What came of each cell that counts.
    seconds
        What its cells took, all together.
    """

    lesson: Lesson
    cells: tuple[CellVerdict, ...]
    seconds: float

    @property
    def running(self) -> int:
        """How many cells run."""
        return len(self.cells) - len(self.failing)

    @property
    def failing(self) -> tuple[CellVerdict, ...]:
        """The cells that fail."""
        return tuple(cell for cell in self.cells if cell.verdict == "fails")

    @property
    def is_whole(self) -> bool:
        """Whether every cell that counts runs."""
        return not self.failing


def run_in_site(site: Path, lessons: Sequence[Lesson], *, jobs: int = 1) -> Iterator[LessonVerdict]:
    """Run lessons in a built site.

    Parameters
    ----------
    site
        The site's folder; its contents are the corpus.
    lessons
        Which of the corpus.
    jobs
        How many folders of them to run at the same time.

    Yields
    ------
    LessonVerdict
        For each lesson, in the order in which they end.
    """
    reference = read_reference()
    by_path = {lesson.path: lesson for lesson in lessons}
    with (
        tempfile.TemporaryDirectory() as folder,
        LessonWeb(Path(folder)) as web,
        serve(site) as served,
    ):
        for run in run_lessons(
            served.url, by_path, Reporter(), flags=web.chromium_flags, jobs=jobs
        ):
            yield _judged(by_path[run.path], [each for _, each in reference[run.path]], run)


def _judged(lesson: Lesson, on_cpython: Sequence[Outcome], run: LessonRun) -> LessonVerdict:
    there: Sequence[CellRun | None] = run.cells
    problem = run.problem
    if len(there) != len(lesson.cells):
        # Did not open, or has one empty cell, as where nobody has brought its format up to date.
        there = [None] * len(lesson.cells)
        problem = problem or "opens without its cells"
    verdicts = (
        _verdict(cell, outcome, ran, problem)
        for cell, outcome, ran in zip(lesson.cells, on_cpython, there, strict=True)
    )
    counted = tuple(each for each in verdicts if each.verdict is not None)
    return LessonVerdict(lesson, counted, sum(cell.seconds for cell in run.cells))


def _verdict(
    cell: LessonCell, on_cpython: Outcome, ran: CellRun | None, problem: str
) -> CellVerdict:
    if ran is None or (ran.outputs is None and cell.source.strip()):
        outcome, reason = Outcome("NotRun"), problem or "not run, for a cell before did not end"
    elif ran.outputs is not None and not ran.ended:
        outcome, reason = Outcome("Timeout"), "did not end"
    else:
        outcome = Outcome.of(ran.outputs or ())
        reason = _error(ran) if outcome.error else "shows nothing"
    verdict = outcome.verdict(on_cpython, cell)
    strangers = sorted(set(ran.hosts if ran else ()) - HOSTS)
    if strangers and verdict in ("runs", "differs"):
        verdict, reason = "fails", f"asks {', '.join(strangers)}"
    number = ran.number if ran else 0
    return CellVerdict(number, cell, verdict, reason if verdict == "fails" else "")


def _error(ran: CellRun) -> str:
    error = next(each for each in ran.outputs or () if each["output_type"] == "error")
    return f"{error['ename']}: {error['evalue']}".partition("\n")[0][:200]
