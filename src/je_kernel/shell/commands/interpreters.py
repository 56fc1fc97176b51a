"""Commands that run programs: ``python``, ``bash``, and files with a ``#!`` line."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import runpy
import sys
import traceback
import types
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from je_kernel.shell.calls import encode, program
from je_kernel.shell.options import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from je_kernel.shell.calls import Call, Output, Program, Writer

__all__ = ["script"]


def script(name: str, call: Call) -> Output:
    """Run a file: with Python if it is a Python program, else with the shell."""
    with Path(call.path(name)).open("rb") as file:
        first = file.readline(200)
    runs: Program = bash
    title = "bash"
    if name.endswith(".py") or (first.startswith(b"#!") and b"python" in first):
        runs, title = python, "python"
    elif b"\0" in first:
        raise CommandError("cannot execute: the file is not a script", 126)
    inner = replace(call, name=title, args=[name, *call.args])
    yield from runs(inner)  # type: ignore[misc]
    call.status = inner.status


@program("bash sh", "+ c l i e u x")
def bash(call: Call) -> Output:
    """Run a script of the shell."""
    options, rest = call.options, call.operands
    inside = call.state.copy()
    inside.variables = call.state.environment()
    inside.functions, inside.hidden = {}, []
    inside.options = {each for each in "eux" if each in options}
    if "c" in options:
        if not rest:
            raise CommandError("-c: option requires an argument", 2)
        text, inside.name, inside.arguments = rest[0], (rest[1:2] or ["bash"])[0], rest[2:]
    elif rest:
        path = Path(call.path(rest[0]))
        if not path.exists():
            raise CommandError(f"{rest[0]}: No such file or directory", 127)
        text = path.read_text("utf-8", "surrogateescape")
        inside.name, inside.arguments = rest[0], rest[1:]
    else:
        text = call.stdin.read().decode("utf-8", "surrogateescape")
    call.status = yield from call.script(text, inside, call.streams)


# Python

_NO_MODULES = {
    "venv": "a page has one Python, and needs no other",
    "virtualenv": "a page has one Python, and needs no other",
    "http": "a page cannot be a server",
    "jupyter": "JupyterLab runs already",
    "notebook": "JupyterLab runs already",
    "ipykernel": "the kernel runs already",
}


@program("python", "+ V/version c=! m=! u B b i I E s S O q W= X=", status=2)
def python(call: Call) -> Output:
    """Run Python code in this kernel's Python."""
    options, rest = call.options, call.operands
    if "V" in options:
        yield f"Python {sys.version.split()[0]}\n"
    elif "m" in options:
        module = options.last("m")
        if module in ("pip", "conda", "mamba"):
            call.status = yield from call.run([module, *rest], call.state, call.streams)
            return
        if reason := _NO_MODULES.get(module.partition(".")[0]):
            raise CommandError(f"-m {module} is not known here: {reason}")
        yield from _run(call, [module, *rest], lambda: _module(module))
    elif "c" in options:
        code = options.last("c")
        yield from _run(call, ["-c", *rest], lambda: _code(code, "<string>"))
    elif not rest or rest[0] == "-":
        text = call.stdin.read().decode("utf-8", "replace")
        yield from _run(call, ["-", *rest[1:]], lambda: _code(text, "<stdin>"))
    else:
        path = call.path(rest[0])
        if not os.path.exists(path):
            reason = "[Errno 2] No such file or directory"
            raise CommandError(f"can't open file '{os.path.normpath(path)}': {reason}", 2)
        yield from _run(call, rest, lambda: runpy.run_path(path, run_name="__main__"))


def _module(name: str) -> None:
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _code(text: str, name: str) -> None:
    module = types.ModuleType("__main__")
    before = sys.modules["__main__"]
    sys.modules["__main__"] = module
    try:
        exec(compile(text, name, "exec"), module.__dict__)  # noqa: S102
    finally:
        sys.modules["__main__"] = before


def _run(call: Call, argv: list[str], program: Callable[[], object]) -> Output:
    """Run a program; its output is collected unless it belongs on the page at once."""
    output: list[bytes] = []
    page = sys.stdout
    writer: Writer = output.append
    if call.streams.live:
        writer = lambda data: page.write(data.decode("utf-8", "replace"))  # noqa: E731
    with _process(call, argv), contextlib.redirect_stdout(_Output(writer)):
        call.status = _status(program)
    yield from output


def _status(program: Callable[[], object]) -> int:
    try:
        program()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 255
        print(end.code, file=sys.stderr)
        return 1
    except Exception as error:
        # The traceback begins with the student's program, after the frames of the shell and runpy.
        inner = error.__traceback__
        while inner is not None and inner.tb_frame.f_code.co_filename in _OWN_FILES:
            inner = inner.tb_next
        # A syntax error has no frame; its line is in the error.
        traceback.print_exception(error.with_traceback(inner))
        return 1
    return 0


_OWN_FILES = frozenset((__file__, runpy.__file__, "<frozen runpy>"))


@contextlib.contextmanager
def _process(call: Call, argv: list[str]) -> Iterator[None]:
    """Give a program the state of a new Python, and restore this one's afterwards."""
    folder = call.state.cwd
    home = os.path.dirname(call.path(argv[0])) if argv[0].endswith(".py") else folder
    hidden = {
        name: module
        for name, module in sys.modules.items()
        if _lies_in(module, (home, folder)) and name != "__main__"
    }
    before = os.getcwd(), dict(os.environ), sys.argv, list(sys.path), sys.stdin, sys.stderr
    old_input = builtins.input
    for name in hidden:
        del sys.modules[name]
    names = set(sys.modules)
    # Importing sees modules written a moment ago, and writes no bytecode beside them.
    for each in (home, folder):
        sys.path_importer_cache.pop(each, None)
    no_bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(call.state.environment())
        sys.argv = list(argv)
        # runpy does not, for a file.
        sys.path.insert(0, home)
        sys.stderr = _Output(call.streams.stderr)
        if not call.stdin.is_absent:
            data = io.BytesIO(call.stdin.read())
            sys.stdin = io.TextIOWrapper(data, "utf-8", "replace")
            builtins.input = _read_line
        yield
    finally:
        os.chdir(before[0])
        os.environ.clear()
        os.environ.update(before[1])
        sys.argv, sys.path[:], sys.stdin, sys.stderr = before[2], before[3], before[4], before[5]
        builtins.input = old_input
        sys.dont_write_bytecode = no_bytecode
        for name in set(sys.modules) - names:
            if _lies_in(sys.modules[name], (home, folder)):
                del sys.modules[name]
        sys.modules.update(hidden)


def _lies_in(module: Any, folders: tuple[str, ...]) -> bool:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or "site-packages" in file:
        return False
    return any(os.path.dirname(file) == folder.rstrip("/") for folder in folders)


def _read_line(prompt: object = "") -> str:
    """Replace `input` where the standard input is a pipe."""
    sys.stdout.write(str(prompt))
    line = sys.stdin.readline()
    if not line:
        raise EOFError("EOF when reading a line")
    return line.removesuffix("\n")


class _Raw(io.RawIOBase):
    """The byte stream of a program's output."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._writer(bytes(data))
        return len(data)


class _Output(io.TextIOBase):
    """The text stream of a program's output; closing it does not close that of the page."""

    encoding = "utf-8"

    def __init__(self, writer: Writer) -> None:
        self.buffer = _Raw(writer)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.buffer.write(encode(text))
        return len(text)
