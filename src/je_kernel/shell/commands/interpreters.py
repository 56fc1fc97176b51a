"""Commands that run programs in files: Python's and the shell's own."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import runpy
import sys
import traceback
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

from je_kernel.shell.calls import CommandError
from je_kernel.shell.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from je_kernel.shell.calls import Call, Program, Running, Writer

__all__ = ["PROGRAMS", "file_at"]


def file_at(name: str) -> Program:
    """Return the command that runs a file: with Python if it says so, else with the shell."""

    def run(call: Call) -> Running:
        with Path(call.path(name)).open("rb") as file:
            first = file.readline(200)
        from dataclasses import replace

        args = replace(call, args=[name, *call.args])
        if name.endswith(".py") or (first.startswith(b"#!") and b"python" in first):
            return (yield from python(replace(args, name="python")))
        if b"\0" in first:
            raise CommandError("cannot execute: it is no script", 126)
        return (yield from bash(replace(args, name="bash")))

    return run


_BASH = Options("c l i e u x")


def bash(call: Call) -> Running:
    """Run a script of the shell."""
    given = _BASH.read(call, leading=True)
    rest = given.operands
    inside = call.state.copy()
    inside.variables = call.state.environment()
    inside.functions, inside.hidden = {}, []
    inside.options = {each for each in "eux" if each in given}
    if "c" in given:
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
    return (yield from call.script(text, inside, call.streams))


# Python

_PYTHON = Options("V/version c= m= u B b i I E s S O q W= X=", status=2)
_NO_MODULES = {
    "venv": "a page has one Python, and needs no other",
    "virtualenv": "a page has one Python, and needs no other",
    "http": "a page cannot be a server",
    "jupyter": "JupyterLab runs already",
    "notebook": "JupyterLab runs already",
    "ipykernel": "the kernel runs already",
}


def python(call: Call) -> Running:
    """Run Python code in this kernel's Python."""
    head, rest = _python_arguments(call.args)
    given = _PYTHON.split(head)
    if "V" in given:
        yield f"Python {sys.version.split()[0]}\n".encode()
        return 0
    if "m" in given:
        module = given.last("m")
        if module in ("pip", "conda", "mamba"):
            return (yield from call.run([module, *rest], call.state, call.streams))
        if reason := _NO_MODULES.get(module.partition(".")[0]):
            raise CommandError(f"-m {module} is not known here: {reason}")
        return (yield from _run(call, [module, *rest], lambda: _module(module)))
    if "c" in given:
        code = given.last("c")
        return (yield from _run(call, ["-c", *rest], lambda: _code(code, "<string>")))
    if not rest or rest[0] == "-":
        text = call.stdin.read().decode("utf-8", "replace")
        return (yield from _run(call, ["-", *rest[1:]], lambda: _code(text, "<stdin>")))
    path = call.path(rest[0])
    if not os.path.exists(path):
        raise CommandError(
            f"can't open file '{os.path.normpath(path)}': [Errno 2] No such file or directory", 2
        )
    return (yield from _run(call, rest, lambda: runpy.run_path(path, run_name="__main__")))


def _python_arguments(args: list[str]) -> tuple[list[str], list[str]]:
    """Part Python's own options from what belongs to the program."""
    at = 0
    while at < len(args) and args[at].startswith("-") and args[at] != "-":
        ends = args[at][1:2] != "-" and any(letter in args[at][1:] for letter in "cm")
        values = args[at][1:] in ("W", "X") or (ends and args[at][-1] in "cm")
        at += 2 if values else 1
        if ends:
            break
    return args[:at], args[at:]


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


def _run(call: Call, argv: list[str], program: Callable[[], object]) -> Running:
    """Run a program; what it prints is caught if it does not belong on the page at once."""
    caught: list[bytes] = []
    page = sys.stdout
    writer: Writer = caught.append
    if call.streams.live:
        writer = lambda data: page.write(data.decode("utf-8", "replace"))  # noqa: E731
    with _process(call, argv), contextlib.redirect_stdout(_Output(writer)):
        status = _status(program)
    yield from caught
    return status


def _status(program: Callable[[], object]) -> int:
    try:
        program()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 255
        print(end.code, file=sys.stderr)
        return 1
    except Exception as error:
        # Without the lines of the shell and of runpy: those begin with the student's program.
        inner = error.__traceback__
        while inner is not None and inner.tb_frame.f_code.co_filename in _OWN_FILES:
            inner = inner.tb_next
        # What cannot be parsed has no line of its own but in the error.
        traceback.print_exception(error.with_traceback(inner))
        return 1
    return 0


_OWN_FILES = frozenset((__file__, runpy.__file__, "<frozen runpy>"))


@contextlib.contextmanager
def _process(call: Call, argv: list[str]) -> Iterator[None]:
    """Make this Python look like a new one to a program, and put everything back."""
    folder = call.state.cwd
    home = os.path.dirname(call.path(argv[0])) if argv[0].endswith(".py") else folder
    kept = {
        name: module
        for name, module in sys.modules.items()
        if _lies_in(module, (home, folder)) and name != "__main__"
    }
    before = os.getcwd(), dict(os.environ), sys.argv, list(sys.path), sys.stdin, sys.stderr
    told = builtins.input
    for name in kept:
        del sys.modules[name]
    names = set(sys.modules)
    # A module that was written a moment ago is found, and its bytes are not kept beside it.
    for each in (home, folder):
        sys.path_importer_cache.pop(each, None)
    writes_none, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(call.state.environment())
        sys.argv = list(argv)
        # For a file, runpy does it not: it lies no package there.
        sys.path.insert(0, home)
        sys.stderr = _Output(call.streams.stderr)
        if not call.stdin.nothing:
            data = io.BytesIO(call.stdin.read())
            sys.stdin = io.TextIOWrapper(data, "utf-8", "replace")
            builtins.input = _read_line
        yield
    finally:
        os.chdir(before[0])
        os.environ.clear()
        os.environ.update(before[1])
        sys.argv, sys.path[:], sys.stdin, sys.stderr = before[2], before[3], before[4], before[5]
        builtins.input = told
        sys.dont_write_bytecode = writes_none
        for name in set(sys.modules) - names:
            if _lies_in(sys.modules[name], (home, folder)):
                del sys.modules[name]
        sys.modules.update(kept)


def _lies_in(module: Any, folders: tuple[str, ...]) -> bool:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or "site-packages" in file:
        return False
    return any(os.path.dirname(file) == folder.rstrip("/") for folder in folders)


def _read_line(prompt: object = "") -> str:
    """Read as `input` does from a pipe."""
    sys.stdout.write(str(prompt))
    line = sys.stdin.readline()
    if not line:
        raise EOFError("EOF when reading a line")
    return line.removesuffix("\n")


class _Raw(io.RawIOBase):
    """Bytes that a program prints."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._writer(bytes(data))
        return len(data)


class _Output(io.TextIOBase):
    """Text that a program prints; it may close this without closing the page's own."""

    encoding = "utf-8"

    def __init__(self, writer: Writer) -> None:
        self.buffer = _Raw(writer)

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.buffer.write(text.encode("utf-8", "surrogateescape"))
        return len(text)


PROGRAMS: dict[str, Program] = {"bash": bash, "python": python, "sh": bash}
