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
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.results import Measurements, Report
from benchmarks.sites import build_ours, build_stock
from tests.lessons.in_site import LessonVerdict, run_in_site
from tests.lessons.lessons import CORPUS, Lesson, read_lessons
from tests.lessons.reference import laptop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["run"]

CPYTHON, STOCK, OURS = "cpython", "stock", "je-kernel"

_ALL = "all lessons"

#: Folders of lessons at the same time. Of stock, nobody asks how long it takes, and cells of it
#: wait in vain.
_JOBS = {STOCK: 4, OURS: 1}


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
            found = {
                side: list(run_in_site(site, lessons, jobs=_JOBS[side]))
                for side, site in sites.items()
            }
            _say_what_fails(found)
            _count(measured, found, on_cpython)
    return Report(measured.rows(), _ratios(measured))


def _say_what_fails(found: Mapping[str, Sequence[LessonVerdict]]) -> None:
    """Say on the standard error stream what fails."""
    for side, lessons in found.items():
        for each in lessons:
            for cell in each.failing:
                path = each.lesson.path
                sys.stderr.write(f"{side}: {path}, cell {cell.number}: {cell.reason}\n")


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
