"""The lessons of the corpus, and what their cells leave behind wherever they run."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import nbformat

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    "CORPUS",
    "REFERENCE",
    "Lesson",
    "LessonCell",
    "Outcome",
    "Verdict",
    "read_lessons",
    "read_reference",
    "write_reference",
]

CORPUS = Path(__file__).with_name("corpus")
"""The folder of the lessons, as a teacher has it."""

REFERENCE = Path(__file__).with_name("reference.json")
"""What the cells of the corpus leave behind on CPython: see `reference`."""

Verdict = Literal["runs", "differs", "fails"]

# A text of the reference is cut here: enough to tell two apart, and to read in a diff.
_MOST_TEXT = 600

_ANSI = re.compile("\x1b\\[[0-9;]*m")
_ADDRESS = re.compile(r"\b0x[0-9a-f]{6,}\b")
# All else is more than text: pictures, tables, widgets.
_PLAIN = {"text/plain", "stdout"}


@dataclass(frozen=True)
class LessonCell:
    """One code cell, and what its metadata say about it.

    Attributes
    ----------
    source
        Its code.
    answers
        What a student types, one after the other, where the cell asks for input.
    raises
        Whether the cell shows an error on purpose: the tag ``raises-exception``.
    expected
        Whether it is to run in a site although plain CPython cannot run it, as Colab can.
    varies
        Whether what it prints is another text each time.
    """

    source: str
    answers: tuple[str, ...] = ()
    raises: bool = False
    expected: bool = False
    varies: bool = False

    @property
    def digest(self) -> str:
        """A short hash of the source, by which an outdated reference is noticed."""
        return hashlib.sha256(self.source.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Lesson:
    """A notebook of the corpus.

    Attributes
    ----------
    path
        Where it is in the corpus, with slashes.
    cells
        Its code cells, in order.
    """

    path: str
    cells: tuple[LessonCell, ...]


@dataclass(frozen=True)
class Outcome:
    """What one cell left behind.

    Attributes
    ----------
    error
        The name of the exception that it raised, or None.
    shows
        The kinds of its outputs: media types, ``stdout``, ``stderr``; sorted.
    text
        What it printed and the text of its value, without what differs from run to run.
    """

    error: str | None
    shows: tuple[str, ...] = ()
    text: str = ""

    @classmethod
    def of(cls, outputs: Iterable[Mapping[str, Any]], folder: str = "") -> Outcome:
        """Sum up a cell's outputs.

        Parameters
        ----------
        outputs
            As nbformat has them.
        folder
            The folder that the notebook ran in, which is taken out of texts.

        Examples
        --------
        >>> Outcome.of([{"output_type": "stream", "name": "stdout", "text": "<a at 0x7f00aa11>"}])
        Outcome(error=None, shows=('stdout',), text='<a at 0x…>')
        """
        error, shows, texts = None, set(), []
        for output in outputs:
            match output["output_type"]:
                case "error":
                    # Pyodide's kernel says "<class 'urllib.error.HTTPError'>".
                    error = output["ename"].rstrip("'>").rpartition("'")[2].rpartition(".")[2]
                    # What Python 3.13 calls `re.error`.
                    error = "error" if error == "PatternError" else error
                case "stream":
                    shows.add(output["name"])
                    if output["name"] == "stdout":
                        texts.append(_joined(output["text"]))
                case kind:
                    data = output["data"]
                    # Widgets and figures speak of themselves in numbers of no meaning.
                    shows.update(data)
                    if kind == "execute_result" and set(data) <= {"text/plain", "text/html"}:
                        texts.append(_joined(data.get("text/plain", "")))
        return cls(error, tuple(sorted(shows)), _normal("\n".join(texts), folder))

    def verdict(self, reference: Outcome, cell: LessonCell) -> Verdict | None:
        """Compare with what the same cell left behind on CPython.

        Returns
        -------
        str or None
            None where CPython could not run it either, so that it does not count.

        Examples
        --------
        >>> ran, failed = Outcome(None, ("stdout",), "1"), Outcome("OSError")
        >>> failed.verdict(ran, LessonCell("print(1)"))
        'fails'
        >>> failed.verdict(failed, LessonCell("!ls")) is None
        True
        """
        if cell.expected and reference.error is not None:
            return "runs" if self.error is None else "fails"
        if reference.error is not None and not cell.raises:
            return None
        if self.error != reference.error or self._shows_less_than(reference):
            return "fails"
        same = self.text == reference.text or cell.varies
        return "runs" if same else "differs"

    def _shows_less_than(self, other: Outcome) -> bool:
        """Tell whether there is a picture, or anything at all, only in the other."""
        here, there = set(self.shows) - {"stderr"}, set(other.shows) - {"stderr"}
        if not other.text:
            there -= {"stdout"}  # such as what pip alone says, which is no part of the text
        return bool(there - _PLAIN and not here - _PLAIN) or bool(there and not here)


def read_lessons(folder: Path = CORPUS) -> list[Lesson]:
    """Read every notebook below a folder, of whatever format, in the order of their paths."""
    return [
        _read_lesson(path, path.relative_to(folder).as_posix())
        for path in sorted(folder.rglob("*.ipynb"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]


def read_reference(file: Path = REFERENCE) -> dict[str, list[tuple[str, Outcome]]]:
    """Read the reference: for each lesson, the digest and the outcome of each cell."""
    lessons: dict[str, list[dict[str, Any]]] = json.loads(file.read_text("utf-8"))["lessons"]
    return {
        path: [(c["source"], Outcome(c["error"], tuple(c["shows"]), c["text"])) for c in cells]
        for path, cells in lessons.items()
    }


def write_reference(
    python: str, outcomes: Mapping[Lesson, Sequence[Outcome]], file: Path = REFERENCE
) -> None:
    """Write the reference.

    Parameters
    ----------
    python
        The version of Python that ran the lessons.
    outcomes
        For each lesson what its cells left behind.
    file
        Where.
    """
    lessons = {
        lesson.path: [
            {
                "source": cell.digest,
                "error": o.error,
                "shows": o.shows,
                "text": "" if cell.varies else o.text,
            }
            for cell, o in zip(lesson.cells, found, strict=True)
        ]
        for lesson, found in outcomes.items()
    }
    text = json.dumps({"python": python, "lessons": lessons}, indent=1, ensure_ascii=False)
    file.write_text(text + "\n", "utf-8")


def _read_lesson(path: Path, name: str) -> Lesson:
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    everywhere = notebook.metadata.get("je-kernel", {})
    cells = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        says = {**everywhere, **cell.metadata.get("je-kernel", {})}
        cells.append(
            LessonCell(
                source=cell.source,
                answers=tuple(says.get("answers", ())),
                raises="raises-exception" in cell.metadata.get("tags", ()),
                expected=says.get("expected") == "ok",
                varies=bool(says.get("varies")),
            )
        )
    return Lesson(name, tuple(cells))


def _joined(text: str | Sequence[str]) -> str:
    return text if isinstance(text, str) else "".join(text)


def _normal(text: str, folder: str) -> str:
    if folder:
        text = text.replace(folder, "…")
    text = _ADDRESS.sub("0x…", _ANSI.sub("", text))
    text = "\n".join(line.rstrip() for line in text.splitlines()).strip()
    return text if len(text) <= _MOST_TEXT else f"{text[:_MOST_TEXT]}… {len(text)} characters"
