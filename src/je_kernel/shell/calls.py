"""The call of a command: its arguments, its streams, the state of its shell, and its limits."""

from __future__ import annotations

import contextlib
import functools
import os
import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from je_kernel.shell.options import CommandError, OptionParser, Options

if TYPE_CHECKING:
    from je_kernel.shell.grammar import Command

__all__ = [
    "PROGRAMS",
    "Break",
    "ByteCounter",
    "Call",
    "Continue",
    "Exit",
    "Input",
    "LimitExceeded",
    "Output",
    "Program",
    "Return",
    "Running",
    "State",
    "Streams",
    "Writer",
    "encode",
    "program",
]

Running: TypeAlias = Generator[bytes, None, int]
"""A running command: yields its output, returns its exit status."""
Output: TypeAlias = Iterator[bytes | str]
"""The output of a program; its exit status is that of the call."""
Writer: TypeAlias = Callable[[bytes], object]

MOST_COMMANDS = 500_000
"""Limit of commands in one script: it ends infinite loops."""
MOST_BYTES = 500_000_000
"""Limit of bytes through one pipe, into one file or one variable: it ends ``yes > file``."""
_CHUNK = 65536


def encode(text: str) -> bytes:
    """Return text as bytes; file names that are not UTF-8 stay what they are."""
    return text.encode("utf-8", "surrogateescape")


class Return(Exception):  # noqa: N818
    """``return``: ends a function."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Exit(Return):
    """``exit``: ends a shell."""


class LimitExceeded(Exception):  # noqa: N818
    """Ends the whole script; the text names the limit."""


class ByteCounter:
    """Counts bytes; raises `LimitExceeded` for more than `MOST_BYTES`.

    Parameters
    ----------
    target
        The pipe, file or variable, for the message.
    """

    def __init__(self, target: str) -> None:
        self._target = target
        self._left = MOST_BYTES

    def add(self, data: bytes) -> bytes:
        """Count bytes, and return them."""
        self._left -= len(data)
        if self._left < 0:
            raise LimitExceeded(f"stopped: more than {MOST_BYTES:,} bytes went into {self._target}")
        return data


class Break(Exception):  # noqa: N818
    """``break``: ends this many loops."""

    def __init__(self, loops: int = 1) -> None:
        super().__init__(loops)
        self.loops = loops


class Continue(Break):
    """``continue``: starts the next round of a loop, after ending those inside it."""


@dataclass
class State:
    """The state of a shell; a subshell has a copy."""

    cwd: str
    variables: dict[str, str]
    exported: set[str]
    functions: dict[str, Command] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    name: str = "bash"
    status: int = 0
    options: set[str] = field(default_factory=set)
    # Whether a condition tests the status, so that "set -e" does not end the shell.
    checked: bool = False
    # For each function call, the values that its local variables hide.
    hidden: list[dict[str, str | None]] = field(default_factory=list)
    # The number of commands so far; shared with every subshell.
    commands: list[int] = field(default_factory=lambda: [0])
    # The depth of calls of functions, scripts and substitutions; shared as well.
    depth: list[int] = field(default_factory=lambda: [0])

    @classmethod
    def of_process(cls, cwd: str | None = None, env: dict[str, str] | None = None) -> State:
        """Return the state of a shell with the folder and environment of this process."""
        folder = os.path.abspath(cwd) if cwd else os.getcwd()
        variables = dict(os.environ if env is None else env) | {"PWD": folder}
        return cls(folder, variables, set(variables))

    def copy(self) -> State:
        """Return the state of a subshell."""
        return replace(
            self,
            variables=dict(self.variables),
            exported=set(self.exported),
            functions=dict(self.functions),
            arguments=list(self.arguments),
            options=set(self.options),
            hidden=[dict(each) for each in self.hidden],
        )

    def count_command(self) -> None:
        """Count a command; raise `LimitExceeded` when a script runs too many."""
        self.commands[0] += 1
        if self.commands[0] > MOST_COMMANDS:
            raise LimitExceeded(f"stopped after {MOST_COMMANDS:,} commands: does a loop never end?")

    def set(self, name: str, value: str | None) -> None:
        """Set a variable; None unsets it."""
        if value is None:
            self.variables.pop(name, None)
        else:
            self.variables[name] = value

    def environment(self) -> dict[str, str]:
        """Return the exported variables."""
        return {name: value for name, value in self.variables.items() if name in self.exported}

    def value(self, name: str) -> str | None:
        """Return the value of a variable, or of a special parameter such as ``?``."""
        if name in self.variables:
            return self.variables[name]
        if name.isdecimal():
            index = int(name)
            if index == 0:
                return self.name
            return self.arguments[index - 1] if index <= len(self.arguments) else None
        if name in "@*":
            separator = self.variables.get("IFS", " ")[:1]
            return separator.join(self.arguments)
        special = {
            "?": str(self.status),
            "#": str(len(self.arguments)),
            "$": str(os.getpid()),
            "-": "".join(sorted(self.options)),
            "!": "",
            "RANDOM": str(random.randrange(32768)),  # noqa: S311
        }
        return special.get(name)

    def path(self, name: str) -> str:
        """Return the path of a file whose name is relative to this shell's folder."""
        return os.path.join(self.cwd, name)


class Input:
    """A stream to read from; the commands that read it share one position."""

    def __init__(self, chunks: Iterator[bytes] | None = None) -> None:
        self._chunks: Iterator[bytes] = iter(()) if chunks is None else chunks
        self.is_absent = chunks is None
        """Whether there is no stream, so that ``input()`` of Python code asks on the page."""
        self._buffer = b""
        self._counted = ByteCounter("a pipe")

    @classmethod
    def of(cls, data: bytes) -> Input:
        """Return a stream of these bytes."""
        return cls(iter((data,)))

    @classmethod
    def of_file(cls, path: str) -> Input:
        """Return a stream of a file's bytes; raises OSError at once if there is no file."""
        file = Path(path).open("rb")  # noqa: SIM115

        def chunks() -> Iterator[bytes]:
            with file:
                while chunk := file.read(_CHUNK):
                    yield chunk

        return cls(chunks())

    def chunks(self) -> Iterator[bytes]:
        """Yield the rest in chunks of any size."""
        while True:
            if self._buffer:
                chunk, self._buffer = self._buffer, b""
                yield chunk
            if not self._more():
                return

    def lines(self) -> Iterator[bytes]:
        """Yield the rest line by line, each with its line end, if it has one."""
        while line := self.line():
            yield line

    def line(self) -> bytes:
        """Return the next line; empty at the end."""
        pieces = []
        while True:
            if self._buffer:
                line, mark, self._buffer = self._buffer.partition(b"\n")
                pieces.append(line + mark)
                if mark:
                    break
            if not self._more():
                break
        return b"".join(pieces)

    def _more(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._counted.add(chunk)
        self._buffer = chunk
        return True

    def read(self) -> bytes:
        """Return the rest."""
        return b"".join(self.chunks())


@dataclass(frozen=True)
class Streams:
    """The streams of a command; its standard output is what it yields.

    Parameters
    ----------
    stdin
        The standard input.
    stderr
        Writes to the standard error.
    terminal
        Whether the output is shown as text, as on a terminal: `ls` then prints columns.
    live
        Whether the output appears in the cell at once: Python code then prints directly.
    """

    stdin: Input
    stderr: Writer
    terminal: bool = False
    live: bool = False


@dataclass
class Call:
    """One run of a command.

    Parameters
    ----------
    name
        The name of the command, with which its messages begin.
    args
        Its arguments.
    state
        The state of the shell that runs it.
    streams
        Its streams.
    run
        Runs another command with these words.
    script
        Runs a script in the given state.
    options
        The parsed arguments, if `program` declares options.
    failure
        The exit status after a complaint.
    status
        The exit status so far.
    """

    name: str
    args: list[str]
    state: State
    streams: Streams
    run: Callable[[list[str], State, Streams], Running]
    script: Callable[[str, State, Streams], Running]
    options: Options = field(default_factory=Options)
    failure: int = 1
    status: int = 0

    @property
    def operands(self) -> list[str]:
        """The arguments that are not options."""
        return self.options.operands

    @property
    def stdin(self) -> Input:
        """The standard input."""
        return self.streams.stdin

    def path(self, name: str) -> str:
        """Return the path of a file whose name is an argument."""
        return self.state.path(name)

    def complain(self, text: str, status: int | None = None) -> None:
        """Write a message, as ``ls: text``, and set the exit status."""
        self.streams.stderr(encode(f"{self.name}: {text}\n"))
        self.status = self.failure if status is None else status

    @contextlib.contextmanager
    def complaining(self, subject: str) -> Iterator[None]:
        """Report an error with a file, as ``rm: cannot …: No such file``, and continue."""
        try:
            yield
        except OSError as error:
            self.complain(f"{subject}: {error.strerror or error}")
        except CommandError as error:
            self.complain(str(error))

    def inputs(self, subject: str = "{}") -> Iterator[tuple[str, Input]]:
        """Yield the files that are operands, or the standard input; report those without access."""
        for name in self.operands or ["-"]:
            if name == "-":
                yield name, self.stdin
                continue
            with self.complaining(subject.format(name)):
                path = self.path(name)
                if os.path.isdir(path):
                    raise IsADirectoryError(21, "Is a directory")
                yield name, Input.of_file(path)

    def tree(self, name: str, depth: int = 1000) -> Iterator[str]:
        """Yield the name of a file or folder, then the names of all files in it, sorted."""
        yield name
        path = self.path(name)
        if depth and os.path.isdir(path) and not os.path.islink(path):
            for each in sorted(os.listdir(path)):
                yield from self.tree(f"{name.rstrip('/')}/{each}", depth - 1)


Program: TypeAlias = Callable[[Call], "Output | int | None"]
"""A command: yields its output, or only returns its status."""

PROGRAMS: dict[str, Program] = {}
"""The programs of the modules imported so far, by name."""


def program(
    names: str, options: str | None = None, status: int = 1
) -> Callable[[Program], Program]:
    """Register a program.

    Parameters
    ----------
    names
        The names of its commands.
    options
        The options that it knows, as `OptionParser` reads them; None if it parses by itself.
    status
        The exit status of usage errors, and after complaints.
    """
    parser = None if options is None else OptionParser(options, status)

    def register(function: Program) -> Program:
        @functools.wraps(function)
        def parsed(call: Call) -> Output | int | None:
            call.failure = status
            if parser is not None:
                call.options = parser.parse(call.args)
            return function(call)

        PROGRAMS.update(dict.fromkeys(names.split(), parsed))
        return parsed

    return register
