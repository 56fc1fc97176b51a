"""Predicts the verdict on each cell of a lesson, without running it.

The imports of a cell are compared with the packages of the site. Addresses and calls in its code
suggest whether it uses the network or waits for input.
"""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from je_site.check.verdicts import CellVerdict, LessonVerdict, Verdict
from je_site.lesson_packages import missing_by_place, site_lock_for_build
from je_site.lessons import (
    PYTHON,
    SHELL_CELLS,
    call_name,
    code_cells,
    parse_cell,
    place_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from je_site.build import BuildOptions
    from je_site.lessons import CodeCell
    from je_site.progress import Reporter

__all__ = ["check_without_running"]

#: Cell magics that run programs which a browser does not have.
_UNAVAILABLE_MAGICS = frozenset({"R", "perl", "python2", "ruby"})

#: Cell magics whose body is Python.
_PYTHON_CELLS = frozenset({"capture", "debug", "prun", "python", "python3", "time", "timeit"})

#: Functions that fetch files.
_FETCH_FUNCTIONS = frozenset({"load_dataset", "urlopen", "urlretrieve"})

_INPUT_FUNCTIONS = frozenset({"input", "raw_input", "getpass"})

#: In characters.
_MAX_ADDRESS_LENGTH = 2000


def check_without_running(
    folder: Path, lessons: Iterable[str], options: BuildOptions, reporter: Reporter
) -> tuple[LessonVerdict, ...]:
    """Predict the verdicts on the cells of lessons in a site.

    The site's own lock is made if there is none, as a build does.

    Parameters
    ----------
    folder
        The folder of lessons.
    lessons
        Paths of notebooks in it.
    options
        What the site is built of, the folder among its contents.
    reporter
        Where to show progress and warnings.

    Returns
    -------
    tuple of LessonVerdict
        In the order of `lessons`, followed by modules and requirements files beside them
        that need packages which the site lacks.
    """
    site_lock = site_lock_for_build(options.site_lock_path, options.needs, reporter)
    missing = missing_by_place(options.needs, site_lock)
    beside = (place for place in sorted(missing) if place.endswith((".py", ".txt")))
    return (
        *(_read_lesson(folder, lesson, missing) for lesson in lessons),
        *(LessonVerdict(place, (), " ".join(missing[place])) for place in beside),
    )


def _read_lesson(folder: Path, lesson: str, missing: Mapping[str, list[str]]) -> LessonVerdict:
    try:
        cells = code_cells(folder / lesson)
    except (OSError, ValueError) as error:
        return LessonVerdict(lesson, (), f"It is not a notebook that can be read: {error}.")
    hosts: dict[str, str] = {}
    return LessonVerdict(
        lesson,
        tuple(
            CellVerdict(
                cell.number,
                *_verdict(cell, missing.get(place_of(lesson, cell.number), ()), hosts),
            )
            for cell in cells
            if cell.source.strip()
        ),
    )


def _verdict(cell: CodeCell, missing: Sequence[str], hosts: dict[str, str]) -> tuple[Verdict, str]:
    """Return the verdict on a cell; add the names that it assigns addresses to."""
    if cell.language != PYTHON:
        return Verdict.FAILS, f"It is written for a kernel of {cell.language}, and not of Python."
    reader = _CellReader(hosts)
    problem = reader.read(cell.source)
    if not cell.raises:
        if missing:
            return Verdict.PACKAGE, " ".join(dict.fromkeys(missing))
        if problem:
            return Verdict.FAILS, problem
    if reader.hosts_in_use:
        return Verdict.NETWORK, f"It reads from {', '.join(dict.fromkeys(reader.hosts_in_use))}."
    if reader.fetch_calls:
        return Verdict.NETWORK, f"It calls {', '.join(dict.fromkeys(reader.fetch_calls))}."
    if reader.input_reason:
        return Verdict.INPUT, reader.input_reason
    return Verdict.RUNS, ""


@dataclass
class _CellReader:
    """Reads the code of a cell."""

    #: Hosts of the addresses that names were assigned, also in cells above.
    hosts: dict[str, str]
    hosts_in_use: list[str] = field(default_factory=list)
    fetch_calls: list[str] = field(default_factory=list)
    input_reason: str = ""

    def read(self, source: str) -> str:
        """Read code; return why it cannot run, if that is certain."""
        try:
            tree = parse_cell(source)
            compile(tree, "cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        except SyntaxError as error:
            return "" if _is_newer(error) else f"SyntaxError: {error.msg} (line {error.lineno})"
        problem = ""
        pending: list[ast.AST] = [tree]
        while pending:
            node = pending.pop()
            pending += _children(node)
            if isinstance(node, ast.Assign) and (host := _leading_host(node.value)):
                names = [target.id for target in node.targets if isinstance(target, ast.Name)]
                self.hosts.update(dict.fromkeys(names, host))
            elif isinstance(node, ast.Call):
                problem = self._call(node) or problem
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self.hosts_in_use += [self.hosts[node.id]] if node.id in self.hosts else []
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                self.hosts_in_use += filter(None, [_host_of(node.value)])
        return problem

    def _call(self, call: ast.Call) -> str:
        name, owner = call_name(call.func)
        whole = f"{owner}.{name}" if owner else name
        texts = [arg.value for arg in call.args if isinstance(arg, ast.Constant)]
        if owner == "get_ipython()":
            return self._magic(name, [str(text) for text in texts])
        if name in _INPUT_FUNCTIONS and owner in ("", "getpass"):
            self.input_reason = f"It asks {texts[0]!r}." if texts else "It asks a question."
        elif whole == "files.upload":
            self.input_reason = "It waits for a file that somebody chooses."
        elif name in _FETCH_FUNCTIONS or name.startswith("fetch_") or whole == "nltk.download":
            self.fetch_calls.append(whole)
        return ""

    def _magic(self, method: str, arguments: Sequence[str]) -> str:
        if method != "run_cell_magic" or len(arguments) != 3:
            self._shell(" ".join(arguments))
            return ""
        name, _, body = arguments
        if name in _UNAVAILABLE_MAGICS:
            return f"%%{name} needs a program that no browser has."
        if name in SHELL_CELLS:
            self._shell(body)
        elif name in _PYTHON_CELLS:
            return self.read(body)
        return ""

    def _shell(self, text: str) -> None:
        self.hosts_in_use += filter(None, (_host_of(word.strip("\"'")) for word in text.split()))


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Return the parts of a node, except texts that are not addresses to fetch."""
    if isinstance(node, ast.Assign) and _leading_host(node.value):
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return
    if isinstance(node, ast.Dict):  # Mostly of XML namespaces, which are not fetched.
        yield from (each for each in node.values if not _is_plain_address(each))
        return
    if isinstance(node, ast.Call):
        name, owner = call_name(node.func)
        # Texts of magics are read on their own; the others are for a person.
        if owner == "get_ipython()" or name == "print" or owner == "webbrowser":
            yield from (each for each in node.args if not isinstance(each, ast.Constant))
            return
    yield from ast.iter_child_nodes(node)


def _leading_host(value: ast.expr) -> str:
    """Return the host of an expression that begins with an address."""
    while isinstance(value, ast.BinOp):
        value = value.left
    if isinstance(value, ast.JoinedStr) and value.values:
        value = value.values[0]
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return _host_of(value.value)
    return ""


def _host_of(text: str) -> str:
    if not text.startswith(("http://", "https://", "ftp://")) or len(text) > _MAX_ADDRESS_LENGTH:
        return ""
    try:
        return urlsplit(text).hostname or ""
    except ValueError:
        return ""


def _is_plain_address(value: ast.expr) -> bool:
    return isinstance(value, ast.Constant) and str(value.value).startswith("http:")


def _is_newer(error: SyntaxError) -> bool:
    """Tell whether the code may be newer Python: quotes inside f-strings."""
    return sys.version_info < (3, 12) and str(error.msg).startswith("f-string")
