"""Lessons: how much of a corpus written for a laptop or for Colab runs, and how quickly.

Every notebook of ``tests/lessons/corpus`` runs from top to bottom in a site of ours, in a stock
JupyterLite with the same Pyodide and the same wheels, and on CPython. A cell counts if it runs on
CPython, where ``tests/lessons/reference.json`` says so, or if Colab alone can run it. It runs in a
site if it raises what it raises on CPython, mostly nothing, if it shows a picture where CPython
shows one, and if it asks no host but those that the lesson names.

Neither site reaches a package index: what a lesson imports has to be in the site.
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import Measurements, Report
from benchmarks.sites import build_ours, build_stock
from je_site.check.lesson_browser import CellRun, lesson_browser
from je_site.server import serve
from tests.lessons.lesson_web import HOSTS, LessonWeb
from tests.lessons.lessons import (
    CORPUS,
    Lesson,
    LessonCell,
    Outcome,
    Verdict,
    read_lessons,
    read_reference,
)
from tests.lessons.reference import laptop

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["CellVerdict", "LessonVerdict", "run", "run_in_site"]

CPYTHON, STOCK, OURS = "cpython", "stock", "je-kernel"

_ALL = "all lessons"


@dataclass(frozen=True)
class CellVerdict:
    """What came of one cell, and why it fails if it does."""

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
        return sum(cell.verdict != "fails" for cell in self.cells)

    @property
    def is_whole(self) -> bool:
        """Whether every cell that counts runs."""
        return self.running == len(self.cells)


def run(rounds: int) -> Report:
    """Run all lessons on all three sides.

    Parameters
    ----------
    rounds
        How often.

    Returns
    -------
    Report
        Cells and notebooks that run on each side; seconds of the lessons that run whole in our
        site, there and on CPython; and the ratios.
    """
    lessons = read_lessons()
    measured = Measurements()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        sites = {
            STOCK: build_stock(folder / STOCK, CORPUS),
            OURS: build_ours(folder / OURS, CORPUS),
        }
        for _ in range(rounds):
            with laptop() as machine:
                on_cpython = {lesson: machine.run(lesson).seconds for lesson in lessons}
            found = {side: list(run_in_site(site, lessons)) for side, site in sites.items()}
            _count(measured, found, on_cpython)
    return Report(measured.rows(), _ratios(measured))


def run_in_site(site: Path, lessons: Sequence[Lesson]) -> Iterator[LessonVerdict]:
    """Run lessons in a built site, and say on the standard error stream what fails.

    Parameters
    ----------
    site
        The site's folder; its contents are the corpus.
    lessons
        Which of the corpus, in this order.

    Yields
    ------
    LessonVerdict
        For each lesson.
    """
    reference = read_reference()
    with (
        tempfile.TemporaryDirectory() as folder,
        LessonWeb(Path(folder)) as web,
        serve(site) as served,
        lesson_browser(served.url, flags=web.chromium_flags) as browser,
    ):
        for lesson in lessons:
            ran = browser.run(lesson.path)
            cells = ran.cells or [CellRun(0, cell.source) for cell in lesson.cells]
            verdicts = [
                _verdict(cell, outcome, there, ran.problem)
                for cell, (_, outcome), there in zip(
                    lesson.cells, reference[lesson.path], cells, strict=True
                )
            ]
            counted = tuple(each for each in verdicts if each.verdict is not None)
            for each in counted:
                if each.verdict == "fails":
                    line = next(iter(each.cell.source.splitlines()), "")
                    sys.stderr.write(f"{site.parent.name}: {lesson.path}: {line}: {each.reason}\n")
            yield LessonVerdict(lesson, counted, sum(cell.seconds for cell in cells))


def _verdict(cell: LessonCell, on_cpython: Outcome, ran: CellRun, problem: str) -> CellVerdict:
    if ran.outputs is None and cell.source.strip():
        outcome, reason = Outcome("NotRun"), problem or "not run, for a cell before did not end"
    elif ran.outputs is not None and not ran.ended:
        outcome, reason = Outcome("Timeout"), "did not end"
    else:
        outcome = Outcome.of(ran.outputs or ())
        reason = _error(ran) if outcome.error else "shows nothing"
    verdict = outcome.verdict(on_cpython, cell)
    strangers = sorted(set(ran.hosts) - HOSTS)
    if strangers and verdict in ("runs", "differs"):
        verdict, reason = "fails", f"asks {', '.join(strangers)}"
    return CellVerdict(cell, verdict, reason if verdict == "fails" else "")


def _error(ran: CellRun) -> str:
    error = next(each for each in ran.outputs or () if each["output_type"] == "error")
    return f"{error['ename']}: {error['evalue']}".partition("\n")[0][:200]


def _count(
    measured: Measurements,
    found: Mapping[str, Sequence[LessonVerdict]],
    on_cpython: Mapping[Lesson, float],
) -> None:
    for side, lessons in found.items():
        same = sum(cell.verdict == "runs" for each in lessons for cell in each.cells)
        measured.add(_ALL, side, "cells", "", sum(each.running for each in lessons))
        measured.add(_ALL, side, "cells_same_text", "", same)
        measured.add(_ALL, side, "notebooks", "", sum(each.is_whole for each in lessons))
    ours = found[OURS]
    cells = sum(len(each.cells) for each in ours)
    measured.add(_ALL, CPYTHON, "cells", "", cells)
    measured.add(_ALL, CPYTHON, "cells_same_text", "", cells)
    measured.add(_ALL, CPYTHON, "notebooks", "", len(ours))
    whole = [each for each in ours if each.is_whole]
    measured.add(_ALL, OURS, "run_all", "s", sum(each.seconds for each in whole))
    seconds = sum(on_cpython[each.lesson] for each in whole)
    measured.add(_ALL, CPYTHON, "run_all", "s", seconds)


def _ratios(measured: Measurements) -> dict[str, float]:
    ratios = {
        f"{metric}.{name}_vs_cpython": measured.ratio(_ALL, metric, side, CPYTHON)
        for metric in ("cells", "cells_same_text", "notebooks")
        for side, name in ((OURS, "ours"), (STOCK, "stock"))
    }
    return {**ratios, "run_all.ours_vs_cpython": measured.ratio(_ALL, "run_all", OURS, CPYTHON)}
