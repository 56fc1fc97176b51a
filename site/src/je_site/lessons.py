"""Reads the imports and requirements of lessons, without running them.

A lesson is a notebook, of any version of the format, or a Python module. The code of a
notebook is IPython: IPython's own transformer turns magics and shell lines into Python
before it is parsed. The place of each import and requirement is kept for messages.
"""

from __future__ import annotations

import ast
import os
import shlex
import tokenize
import tomllib
import warnings
import zipfile
from argparse import ArgumentError, ArgumentParser
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "PYTHON",
    "SHELL_CELLS",
    "CodeCell",
    "LessonImport",
    "LessonRequirement",
    "Lessons",
    "call_name",
    "code_cells",
    "files_in",
    "imports_of",
    "parse_cell",
    "place_of",
    "read_lessons",
]

#: In bytes. Notebooks with pictures are large, but not larger than this.
_MAX_LESSON_SIZE = 200_000_000
_REQUIREMENTS = "requirements.txt"
#: Depth to which requirements files may include each other.
_MAX_REQUIREMENTS_DEPTH = 8
#: Limit for names of files and addresses, in characters.
_MAX_NAME_LENGTH = 1000

PYTHON = "python"

#: Cell magics whose body is not Python.
_OTHER_LANGUAGES = frozenset(
    {
        *("HTML", "R", "SVG", "html", "javascript", "js", "latex", "markdown", "perl"),
        *("python2", "ruby", "sql", "svg"),
    }
)
#: Cell magics whose body is lines of the shell.
SHELL_CELLS = frozenset({"!", "bash", "script", "sh", "shell", "system", "sx"})
_INSTALLERS = frozenset({"je_kernel", "micropip", "piplite"})
_CATCHES_IMPORT_ERROR = frozenset(
    {"BaseException", "Exception", "ImportError", "ModuleNotFoundError"}
)


@dataclass(frozen=True, order=True)
class LessonImport:
    """A module that a lesson imports.

    Attributes
    ----------
    lesson
        Path of the notebook or module in its folder, with slashes.
    cell
        The cell's place among all cells of the notebook, from 1; 0 in a module.
    module
        Its full name, such as ``sklearn.linear_model``.
    optional
        Whether the lesson continues without it: it catches the `ImportError`, or the cell
        is expected to raise (it has the tag ``raises-exception``).
    """

    lesson: str
    cell: int
    module: str
    optional: bool = False

    @property
    def place(self) -> str:
        """The place, for messages."""
        return place_of(self.lesson, self.cell)


@dataclass(frozen=True, order=True)
class LessonRequirement:
    """A requirement that a lesson states.

    Attributes
    ----------
    lesson, cell
        As in `LessonImport`; the lesson may also be a requirements file.
    text
        As pip understands it, such as ``plotly>=6``.
    """

    lesson: str
    cell: int
    text: str

    @property
    def place(self) -> str:
        """The place, for messages."""
        return place_of(self.lesson, self.cell)


@dataclass(frozen=True)
class Lessons:
    """The imports and requirements of lessons.

    Attributes
    ----------
    imports
        Sorted, without modules beside the lessons and those that a lesson writes or
        downloads.
    requirements
        Sorted.
    problems
        Sentences on lessons that could not be read.
    """

    imports: tuple[LessonImport, ...] = ()
    requirements: tuple[LessonRequirement, ...] = ()
    problems: tuple[str, ...] = ()


def imports_of(folder: Path) -> tuple[LessonImport, ...]:
    """Return the imports of the lessons of a folder.

    Parameters
    ----------
    folder
        A folder, or one notebook or module.

    Returns
    -------
    tuple of LessonImport
        Sorted; each module once for each cell, without modules beside the lessons.
    """
    return read_lessons([folder]).imports


def read_lessons(paths: Iterable[Path]) -> Lessons:
    """Read lessons.

    Parameters
    ----------
    paths
        Folders, notebooks and modules.

    Returns
    -------
    Lessons
        Of all of them together.
    """
    read = [_LessonReader(path).run() for path in paths]
    return Lessons(
        imports=tuple(sorted({each for lessons in read for each in lessons.imports})),
        requirements=tuple(sorted({each for lessons in read for each in lessons.requirements})),
        problems=tuple(problem for lessons in read for problem in lessons.problems),
    )


def place_of(lesson: str, cell: int) -> str:
    """Return the place of something in a lesson, for messages.

    Parameters
    ----------
    lesson, cell
        As in `LessonImport`.

    Returns
    -------
    str
        Such as ``week 1/a.ipynb, cell 3``.
    """
    return f"{lesson}, cell {cell}" if cell else lesson


@dataclass
class _Usage:
    """The imports and installations of one cell or module."""

    #: Module, names imported from it, and whether the import is optional.
    imports: list[tuple[str, tuple[str, ...], bool]] = field(default_factory=list)
    #: Arguments of ``pip install``.
    installs: list[list[str]] = field(default_factory=list)
    #: Names of modules that the cell writes, downloads or unpacks.
    written: list[str] = field(default_factory=list)


class _LessonReader:
    """Reads one folder of lessons."""

    def __init__(self, path: Path) -> None:
        self.root = path if path.is_dir() else path.parent
        self.files = sorted(files_in(path))
        beside = tuple(files_in(self.root, deep=path.is_dir()))
        self.modules = {file.relative_to(self.root) for file in beside if file.suffix == ".py"}
        own = [PurePosixPath(path.as_posix()) for path in self.modules]
        own += [each for file in beside if file.suffix == ".zip" for each in _modules_in_zip(file)]
        self.own = {path.stem for path in own}
        self.own |= {path.parent.name for path in own if path.name == "__init__.py"}
        self.imports: list[tuple[LessonImport, tuple[str, ...]]] = []
        self.requirements: list[LessonRequirement] = []
        self.problems: list[str] = []

    def run(self) -> Lessons:
        for file in self.files:
            name = file.relative_to(self.root).as_posix()
            try:
                if file.suffix in (".ipynb", ".py") and file.stat().st_size > _MAX_LESSON_SIZE:
                    self.problems.append(f"{name} is too large for a lesson, and was not read.")
                elif file.suffix == ".ipynb":
                    self._notebook(file, name)
                elif file.suffix == ".py":
                    self._module(file, name)
                elif file.name == _REQUIREMENTS:
                    self._requirements_file(file, name, 0)
            except OSError as error:
                self.problems.append(f"{name} could not be read: {error.strerror}.")
        kept = (each for each, names in self.imports if not self._is_own(each, names))
        return Lessons(tuple(kept), tuple(self.requirements), tuple(self.problems))

    def _notebook(self, file: Path, name: str) -> None:
        try:
            cells = code_cells(file)
        except ValueError as error:
            self.problems.append(f"{name} is not a notebook that can be read: {error}.")
            return
        for cell in cells:
            if cell.language == PYTHON:
                self._add_usage(_cell_usage(cell.source), name, cell.number, raises=cell.raises)

    def _module(self, file: Path, name: str) -> None:
        try:
            with tokenize.open(file) as opened:
                source = opened.read()
        except (SyntaxError, UnicodeDecodeError) as error:
            self.problems.append(f"{name} is not Python that can be read: {error}.")
            return
        usage = _Usage()
        _collect(_parse_leniently(source), usage)
        self._add_usage(usage, name, 0)
        for text in _script_dependencies(source):
            self._require(text, name, 0)

    def _add_usage(self, usage: _Usage, lesson: str, cell: int, *, raises: bool = False) -> None:
        for module, names, optional in usage.imports:
            self.imports.append((LessonImport(lesson, cell, module, optional or raises), names))
        for arguments in usage.installs:
            self._install(arguments, lesson, cell)
        self.own.update(usage.written)

    def _install(self, arguments: list[str], lesson: str, cell: int) -> None:
        try:
            options, _ = _pip_install_parser().parse_known_args(arguments)
        except ArgumentError as error:
            self.problems.append(f"{place_of(lesson, cell)}: pip would not understand it: {error}.")
            return
        for text in options.requirements:
            self._require(text, lesson, cell)
        for text in options.files:
            file = (self.root / lesson).parent / text
            if file.is_file() and file.resolve().is_relative_to(self.root.resolve()):
                self._requirements_file(file, lesson, cell)
            else:
                self.problems.append(f"{place_of(lesson, cell)}: there is no {text} beside it.")

    def _requirements_file(self, file: Path, lesson: str, cell: int, depth: int = 0) -> None:
        text = file.read_text(encoding="utf-8", errors="replace").replace("\\\n", " ")
        for line in text.splitlines():
            words = shlex.split(line.partition(" #")[0]) if line.startswith("-") else []
            if len(words) == 2 and words[0] in ("-r", "--requirement"):
                further = file.parent / words[1]
                inside = further.resolve().is_relative_to(self.root.resolve())
                if depth < _MAX_REQUIREMENTS_DEPTH and inside and further.is_file():
                    self._requirements_file(further, lesson, cell, depth + 1)
            stated = line.partition("#")[0].partition(" --hash")[0].strip()
            if stated and not stated.startswith("-"):
                self._require(stated, lesson, cell)

    def _require(self, text: str, lesson: str, cell: int) -> None:
        try:
            requirement = Requirement(text)
            if requirement.url is None:
                self.requirements.append(LessonRequirement(lesson, cell, str(requirement)))
                return
        except InvalidRequirement:
            pass
        self.problems.append(
            f"{place_of(lesson, cell)}: {text!r} is no package of PyPI by name; if the lesson "
            "needs it, give its wheel with --wheel."
        )

    def _is_own(self, imported: LessonImport, names: Sequence[str]) -> bool:
        """Tell whether a module lies beside the lessons, or a lesson writes it."""
        top = imported.module.partition(".")[0]
        if top in self.own:
            return True
        # A folder without __init__.py counts only if it has the imported names: folders of
        # lessons often have the name of the package that they are about.
        folder = PurePosixPath(imported.lesson).parent
        wanted = [PurePosixPath(*imported.module.split("."))]
        wanted += [wanted[0] / name for name in names if name != "*"]
        return any(
            Path(base / path).with_suffix(".py") in self.modules
            for path in wanted
            for base in (folder, PurePosixPath())
        )


def files_in(root: Path, *, deep: bool = True) -> Iterator[Path]:
    """List files, except hidden ones and those that JupyterLite ignores.

    Parameters
    ----------
    root
        A folder, or one file.
    deep
        Whether to list the files of folders in it.

    Yields
    ------
    pathlib.Path
        In the order of their names.
    """
    if root.is_file():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if deep and f[0] not in "._" and f != "node_modules")
        yield from (Path(folder) / name for name in sorted(names) if name[0] != ".")


def _modules_in_zip(file: Path) -> tuple[PurePosixPath, ...]:
    """List the modules in an archive that a lesson may unpack."""
    try:
        with zipfile.ZipFile(file) as archive:
            paths = map(PurePosixPath, archive.namelist())
            return tuple(path for path in paths if path.suffix == ".py")
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return ()


@dataclass(frozen=True)
class CodeCell:
    """A code cell of a notebook.

    Attributes
    ----------
    number
        Its place among all cells of the notebook, from 1.
    source
        Its code.
    language
        Of the notebook's kernel, in lower case; ``python`` where the notebook names none.
    raises
        Whether it is expected to raise: it has the tag ``raises-exception``.
    """

    number: int
    source: str
    language: str
    raises: bool


def code_cells(file: Path) -> tuple[CodeCell, ...]:
    """Return the code cells of a notebook.

    Parameters
    ----------
    file
        A notebook, of any version of the format.

    Returns
    -------
    tuple of CodeCell
        In their order.

    Raises
    ------
    ValueError
        Where it is no notebook.
    """
    import nbformat

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # What is missing is added; nothing is written back.
        try:
            text = file.read_text(encoding="utf-8")
            notebook: Any = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
            metadata = notebook.metadata
            language = metadata.get("language_info", {}).get("name") or metadata.get(
                "kernelspec", {}
            ).get("language", PYTHON)
            name = str(language).lower()
            name = PYTHON if name in ("ipython", "python3") else name
            return tuple(
                CodeCell(
                    number,
                    str(cell.source),
                    name,
                    "raises-exception" in cell.metadata.get("tags", ()),
                )
                for number, cell in enumerate(notebook.cells, 1)
                if cell.cell_type == "code"
            )
        except OSError:
            raise
        except Exception as error:  # Any error of nbformat in a damaged file.
            reason = str(error).strip() or type(error).__name__
            raise ValueError(reason.splitlines()[0][:200].rstrip(".")) from error


def parse_cell(source: str) -> ast.Module:
    """Parse a cell. Magics and shell lines become calls of ``get_ipython()``.

    Parameters
    ----------
    source
        Its code.

    Returns
    -------
    ast.Module
        The code that IPython would run.

    Raises
    ------
    SyntaxError
        Where it is not Python of this version.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Invalid escapes, in the lessons' own strings.
        try:
            return ast.parse(_transformer()(source))
        except (ValueError, RecursionError, MemoryError) as error:
            raise SyntaxError(str(error) or "too deeply nested") from error


def _cell_usage(source: str) -> _Usage:
    usage = _Usage()
    try:
        transformed = _transformer()(source)
    except (SyntaxError, ValueError, RecursionError):
        transformed = source
    _collect(_parse_leniently(transformed), usage)
    return usage


@lru_cache(maxsize=1)
def _transformer() -> Callable[[str], str]:
    from IPython.core.inputtransformer2 import TransformerManager

    manager: Any = TransformerManager
    transform: Callable[[str], str] = manager().transform_cell
    return transform


def _parse_leniently(source: str) -> ast.Module:
    """Parse Python; where that fails, only the lines that import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Invalid escapes, in the lessons' own strings.
        try:
            return ast.parse(source)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            tree = ast.Module(body=[], type_ignores=[])
        for line in map(str.strip, source.splitlines()):
            if line.startswith(("import ", "from ")):
                try:
                    tree.body += ast.parse(line).body
                except (SyntaxError, ValueError, RecursionError, MemoryError):
                    continue
    return tree


def _collect(tree: ast.AST, usage: _Usage) -> None:
    pending: list[tuple[ast.AST, bool]] = [(tree, False)]
    while pending:
        node, optional = pending.pop()
        if isinstance(node, ast.Import):
            usage.imports += [(alias.name, (), optional) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = tuple(alias.name for alias in node.names)
            usage.imports.append((node.module, names, optional))
        elif isinstance(node, ast.Call):
            _collect_call(node, usage, optional=optional)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            usage.written += _module_names([node.value])
        if isinstance(node, ast.Try):
            guarded = optional or any(map(_catches_import_error, node.handlers))
            pending += [(child, guarded) for child in node.body]
            rest = (*node.handlers, *node.orelse, *node.finalbody)
            pending += [(child, optional) for child in rest]
        else:
            pending += [(child, optional) for child in ast.iter_child_nodes(node)]


def _module_names(words: Iterable[str]) -> Iterator[str]:
    """Return the names of the modules among names of files and addresses."""
    for word in words:
        name = word.partition("?")[0].rpartition("/")[2] if len(word) < _MAX_NAME_LENGTH else ""
        if name.endswith(".py") and name[:-3].isidentifier():
            yield name[:-3]


def _catches_import_error(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    types = handler.type.elts if isinstance(handler.type, ast.Tuple) else [handler.type]
    return any(isinstance(each, ast.Name) and each.id in _CATCHES_IMPORT_ERROR for each in types)


def _collect_call(call: ast.Call, usage: _Usage, *, optional: bool) -> None:
    texts = [
        argument.value
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    ]
    name, owner = call_name(call.func)
    if name in ("import_module", "__import__") and texts and not texts[0].startswith("."):
        usage.imports.append((texts[0], (), optional))
    elif name == "install" and owner in _INSTALLERS and call.args:
        listed = call.args[0]
        elements = listed.elts if isinstance(listed, (ast.List, ast.Tuple)) else [listed]
        named = [each.value for each in elements if isinstance(each, ast.Constant)]
        usage.installs.append([str(text) for text in named])
    elif owner == "get_ipython()" and texts and len(texts) == len(call.args):
        _collect_magic(name, texts, usage)


def call_name(function: ast.expr) -> tuple[str, str]:
    """Return the name of a called function, and of its owner.

    Parameters
    ----------
    function
        The function of a call.

    Returns
    -------
    name, owner : str
        ``("plot", "plt")`` for ``plt.plot(…)``. The owner may be a call, such as
        ``get_ipython()``; it is empty for functions, and for other expressions.
    """
    if isinstance(function, ast.Name):
        return function.id, ""
    if not isinstance(function, ast.Attribute):
        return "", ""
    owner = function.value
    if isinstance(owner, ast.Call) and isinstance(owner.func, ast.Name):
        return function.attr, f"{owner.func.id}()"
    return function.attr, owner.id if isinstance(owner, ast.Name) else ""


def _collect_magic(method: str, arguments: Sequence[str], usage: _Usage) -> None:
    if method in ("system", "getoutput"):
        _collect_shell_line(arguments[0], usage)
    elif method == "run_line_magic" and len(arguments) == 2:
        _collect_line_magic(arguments[0], arguments[1], usage)
    elif method == "run_cell_magic" and len(arguments) == 3:
        _collect_cell_magic(arguments[0], arguments[1], arguments[2], usage)


def _collect_line_magic(name: str, line: str, usage: _Usage) -> None:
    words = line.split()
    if name in ("pip", "uv", "sx", "system"):
        _collect_shell_line(f"{name} {line}" if name in ("pip", "uv") else line, usage)
    elif name == "load_ext" and words and words[0] not in ("autoreload", "storemagic"):
        usage.imports.append((words[0], (), False))
    elif name in ("matplotlib", "pylab"):
        usage.imports.append(("matplotlib", (), False))
        if words[:1] in (["widget"], ["ipympl"]):
            usage.imports.append(("ipympl", (), False))


def _collect_cell_magic(name: str, line: str, body: str, usage: _Usage) -> None:
    if name in _OTHER_LANGUAGES:
        return
    if name in SHELL_CELLS:
        for each in body.splitlines():
            _collect_shell_line(each, usage)
    elif name in ("writefile", "file"):
        target = PurePosixPath(line.split()[-1] if line.split() else "")
        if target.suffix == ".py":
            usage.written += [target.stem, *target.parts[:-1]]
            _collect(_parse_leniently(body), usage)
    else:
        inner = _cell_usage(body)
        usage.imports += inner.imports
        usage.installs += inner.installs
        usage.written += inner.written


def _collect_shell_line(line: str, usage: _Usage) -> None:
    usage.installs += _pip_installs(line)
    usage.written += _module_names(word.strip("\"'") for word in line.split())


def _pip_installs(line: str) -> Iterator[list[str]]:
    """Return the arguments of each ``pip install`` of a shell line."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # An unclosed quote.
        return
    command: list[str] = []
    for word in [*words, ";"]:
        if set(word) <= set(";&|"):
            yield from _pip_install(command)
            command = []
        else:
            command.append(word)


def _pip_install(command: Sequence[str]) -> Iterator[list[str]]:
    for number, word in enumerate(command):
        before = command[number - 1] if number else "sudo"
        if PurePosixPath(word).name.startswith("pip") and before in ("sudo", "uv", "-m"):
            if command[number + 1 : number + 2] == ["install"]:
                yield list(_without_redirections(command[number + 2 :]))
            return


def _without_redirections(words: Sequence[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if word in (">", ">>", "1>", "2>"):
            next(rest, None)
        elif not word.startswith((">", "1>", "2>")):
            yield word


@lru_cache(maxsize=1)
def _pip_install_parser() -> ArgumentParser:
    """Return a parser of the options of pip that take a value."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("requirements", nargs="*")
    parser.add_argument("-r", "--requirement", action="append", default=[], dest="files")
    for options in (
        ("-c", "--constraint"),
        ("-e", "--editable"),
        ("-f", "--find-links"),
        ("-i", "--index-url"),
        ("-t", "--target"),
        ("--extra-index-url",),
        ("--progress-bar",),
        ("--timeout",),
        ("--trusted-host",),
    ):
        parser.add_argument(*options)
    return parser


def _script_dependencies(source: str) -> Iterator[str]:
    """Return the dependencies in a script's inline metadata (PEP 723)."""
    lines = source.splitlines()
    if "# /// script" not in lines:
        return
    start = lines.index("# /// script") + 1
    block = []
    for line in lines[start:]:
        if line == "# ///" or not line.startswith("#"):
            break
        block.append(line[2:])
    try:
        stated = tomllib.loads("\n".join(block)).get("dependencies", [])
    except tomllib.TOMLDecodeError:
        return
    if isinstance(stated, list):
        yield from (text for text in stated if isinstance(text, str))
