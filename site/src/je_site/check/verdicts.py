"""Judges the run of a lesson: a verdict on each cell, and an explanation for the teacher."""

from __future__ import annotations

import enum
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from je_site.check.lesson_browser import CellRun, LessonRun

__all__ = ["CellVerdict", "LessonVerdict", "Verdict", "judge", "judge_cell"]


class Verdict(enum.StrEnum):
    """The outcome of a cell."""

    RUNS = "runs"
    DIFFERS = "differs"
    """It runs, and its output differs from the saved one."""
    NETWORK = "needs the network"
    PACKAGE = "needs a package"
    INPUT = "waits for input"
    FAILS = "fails"
    NOT_RUN = "not run"

    @property
    def is_failure(self) -> bool:
        """Whether the cell does not work in this site."""
        return self in (Verdict.PACKAGE, Verdict.FAILS, Verdict.NOT_RUN)


@dataclass(frozen=True)
class CellVerdict:
    """The verdict on one cell.

    Attributes
    ----------
    number
        Its place among all cells of the notebook, from 1.
    verdict
        The category.
    detail
        A sentence, or empty.
    seconds
        How long it took.
    """

    number: int
    verdict: Verdict
    detail: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class LessonVerdict:
    """The verdict on one lesson.

    Attributes
    ----------
    path
        Where it is in the site's contents.
    cells
        A verdict for each of its code cells.
    problem
        Why it could not be run to its end; empty where it was.
    """

    path: str
    cells: tuple[CellVerdict, ...]
    problem: str = ""

    @property
    def is_failure(self) -> bool:
        """Whether any of its cells fails."""
        return bool(self.problem) or any(cell.verdict.is_failure for cell in self.cells)


def judge(run: LessonRun) -> LessonVerdict:
    """Judge the run of a lesson.

    Parameters
    ----------
    run
        The run.

    Returns
    -------
    LessonVerdict
        With a verdict on each code cell that is not empty.
    """
    cells = tuple(judge_cell(cell) for cell in run.cells if cell.source.strip())
    return LessonVerdict(run.path, cells, run.problem)


def judge_cell(cell: CellRun) -> CellVerdict:
    """Judge the run of a cell.

    Parameters
    ----------
    cell
        The run.

    Returns
    -------
    CellVerdict
        The most serious one: an error, then a need for the network or input, then a
        difference.
    """
    verdict, detail = _verdict(cell)
    return CellVerdict(cell.number, verdict, detail, cell.seconds)


def _verdict(cell: CellRun) -> tuple[Verdict, str]:
    if cell.outputs is None:
        return Verdict.NOT_RUN, "A cell above did not come to its end."
    if not cell.ended:
        why = f"It asked {cell.prompts[-1]!r} again and again." if cell.prompts else ""
        return Verdict.FAILS, why or f"It did not end within {cell.seconds:.0f} s."
    error = next((each for each in cell.outputs if each.get("output_type") == "error"), None)
    if _waits_for_file(cell.outputs):
        without = "" if error is None else f"; without one it raises {_error_name(error)}"
        return Verdict.INPUT, f"It waits for a file that somebody chooses{without}."
    if error is not None and "raises-exception" not in cell.tags:
        return _error_verdict(_error_name(error), str(error.get("evalue")), cell)
    if cell.hosts:
        return Verdict.NETWORK, f"It reads from {', '.join(cell.hosts)}."
    if cell.prompts:
        return Verdict.INPUT, f"It asks {', '.join(repr(each) for each in cell.prompts[:3])}."
    if difference := _difference(cell.saved, cell.outputs):
        return Verdict.DIFFERS, difference
    return Verdict.RUNS, ""


def _waits_for_file(outputs: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a cell shows the button of ``google.colab.files.upload()``."""
    shown = (output["data"] for output in outputs if isinstance(output.get("data"), dict))
    return any("je-kernel-upload" in _text(data.get("text/html", "")) for data in shown)


# Errors that the kernel's networking raises when a host cannot be reached.
_NETWORK_ERRORS = frozenset(
    {
        *("SiteForbidsError", "InsecureAddressError", "OfflineError", "UnreachableError"),
        *("TimedOutError", "BrokenOffError", "URLError", "ConnectionError", "ConnectError"),
    }
)


def _error_verdict(name: str, message: str, cell: CellRun) -> tuple[Verdict, str]:
    said = f"{name}: {_first_line(message)}"
    if name in ("ModuleNotFoundError", "InstallError"):
        return Verdict.PACKAGE, said
    if cell.hosts or name in _NETWORK_ERRORS:
        return Verdict.NETWORK, said
    return Verdict.FAILS, said


def _error_name(output: Mapping[str, Any]) -> str:
    """Return the name of an error's class, which JupyterLite's kernel wraps.

    Examples
    --------
    >>> _error_name({"ename": "<class 'je_kernel.errors.OfflineError'>"})
    'OfflineError'
    """
    name = str(output.get("ename")).removeprefix("<class '").removesuffix("'>")
    return name.rpartition(".")[2]


def _first_line(text: str) -> str:
    line = text.strip().partition("\n")[0]
    return line if len(line) <= 200 else f"{line[:200]}…"


def _difference(
    saved: Sequence[Mapping[str, Any]], shown: Sequence[Mapping[str, Any]]
) -> str | None:
    """Describe how outputs differ from the saved ones, if there are any."""
    if not saved:
        return None
    before, after = list(_shown(saved)), list(_shown(shown))
    if len(before) != len(after):
        return f"It shows {_counted(len(after))}; {_counted(len(before))} are saved."
    for (kind, text), (other_kind, other_text) in zip(before, after, strict=True):
        if kind != other_kind:
            return f"It shows {other_kind}; {kind} is saved."
        if not _same(text, other_text):
            return f"It shows {_excerpt(other_text)}; {_excerpt(text)} is saved."
    return None


def _counted(number: int) -> str:
    return "1 output" if number == 1 else f"{number} outputs"


def _excerpt(text: str) -> str:
    words = " ".join(text.split())
    return repr(words if len(words) <= 60 else f"{words[:60]}…")


def _shown(outputs: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Yield the visible outputs: the printed text in one piece, then the others.

    A picture has no text to compare: no two machines draw the same bytes.
    """
    printed = [
        _text(output.get("text", ""))
        for output in outputs
        if output.get("output_type") == "stream" and output.get("name") == "stdout"
    ]
    if printed:
        yield "text", "".join(printed)
    for output in outputs:
        if output.get("output_type") == "error":
            yield "an error", _error_name(output)
        data = output.get("data")
        if not isinstance(data, dict) or not data:
            continue  # A removed progress bar leaves an empty output.
        if any(kind.startswith(("image/", "application/", "text/html")) for kind in data):
            yield "a picture, a table or a widget", ""
        else:
            yield "a value", _text(data.get("text/plain", ""))


def _text(value: object) -> str:
    return "".join(map(str, value)) if isinstance(value, list) else str(value)


_ADDRESS = re.compile(r"\bat 0x[0-9a-fA-F]+")


def _same(text: str, other: str) -> bool:
    """Tell whether two texts are equal, except for spaces, addresses and last digits.

    Examples
    --------
    >>> _same("mean  0.30000000000000004", "mean 0.3"), _same("42", "43")
    (True, False)
    """
    words = _ADDRESS.sub("at …", text).split()
    others = _ADDRESS.sub("at …", other).split()
    return len(words) == len(others) and all(map(_same_word, words, others))


def _same_word(word: str, other: str) -> bool:
    if word == other:
        return True
    try:
        return math.isclose(float(word), float(other), rel_tol=1e-6)
    except ValueError:
        return False
