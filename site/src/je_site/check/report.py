"""Reports the verdicts on lessons: a table for people, JSON for programs."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from je_site.check.verdicts import Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from je_site.check.verdicts import LessonVerdict

__all__ = ["as_json", "show"]

#: Width of the table where the output is no terminal, in characters.
_WIDTH = 120

_COLUMNS = (Verdict.RUNS, Verdict.DIFFERS, Verdict.NETWORK, Verdict.INPUT)


def as_json(lessons: Sequence[LessonVerdict]) -> str:
    """Return the verdicts as JSON.

    Parameters
    ----------
    lessons
        The verdicts.

    Returns
    -------
    str
        ``{"lessons": [{"path", "problem", "cells": [{"number", "verdict", "detail",
        "seconds"}]}], "cells": {verdict: count}}``.
    """
    document: dict[str, Any] = {
        "lessons": [
            {
                "path": lesson.path,
                "problem": lesson.problem,
                "cells": [
                    {
                        "number": cell.number,
                        "verdict": str(cell.verdict),
                        "detail": cell.detail,
                        "seconds": round(cell.seconds, 2),
                    }
                    for cell in lesson.cells
                ],
            }
            for lesson in lessons
        ],
        "cells": _counts(lessons),
    }
    return json.dumps(document, ensure_ascii=False, indent=1) + "\n"


def show(lessons: Sequence[LessonVerdict], closing: str = "lessons run from top to bottom") -> None:
    """Print the verdicts as a table, and below it what is to be done.

    Parameters
    ----------
    lessons
        The verdicts.
    closing
        The end of the last line, on the lessons that do not fail.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH
    table = Table(box=None, pad_edge=False)
    table.add_column("lesson", no_wrap=True)
    for column in ("cells", *_COLUMNS, "fails"):
        table.add_column(str(column), justify="right")
    for lesson in lessons:
        counts = Counter(cell.verdict for cell in lesson.cells)
        failing = sum(counts[verdict] for verdict in Verdict if verdict.is_failure)
        numbers = (len(lesson.cells), *(counts[verdict] for verdict in _COLUMNS), failing)
        # A text, not markup: a lesson's name may hold brackets.
        table.add_row(
            Text(lesson.path),
            *(str(number or "") for number in numbers),
            style="red" if lesson.is_failure else None,
        )
    console.print(table)
    for lesson in lessons:
        details = [cell for cell in lesson.cells if cell.detail]
        if lesson.problem or details:
            console.print()
            console.print(Text(lesson.path, style="bold"))
        if lesson.problem:
            console.print(Text(f"  {lesson.problem}"), soft_wrap=True)
        for cell in details:
            said = f"  cell {cell.number} {cell.verdict}: {cell.detail}"
            console.print(Text(said), soft_wrap=True)
    good = sum(not lesson.is_failure for lesson in lessons)
    console.print(f"\n{good} of {len(lessons)} {closing}.")


def _counts(lessons: Sequence[LessonVerdict]) -> dict[str, int]:
    counts = Counter(str(cell.verdict) for lesson in lessons for cell in lesson.cells)
    return dict(sorted(counts.items()))
