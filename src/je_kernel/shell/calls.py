"""What a command of the shell is given: arguments, streams, and the state of its shell."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from je_kernel.shell.grammar import Command

__all__ = [
    "Break",
    "Call",
    "CommandError",
    "Continue",
    "Counted",
    "Exit",
    "Input",
    "Leave",
    "Program",
    "Running",
    "State",
    "Stopped",
    "Streams",
    "Writer",
]

Running: TypeAlias = Generator[bytes, None, int]
"""A command at work: yields what it prints, returns its exit status."""
Writer: TypeAlias = Callable[[bytes], object]

MOST_COMMANDS = 500_000
"""How many commands one script may run: no loop is without an end."""
MOST_BYTES = 500_000_000
"""How many bytes may go through one pipe, into one file, or into one value: ``yes`` has no end."""
_CHUNK = 65536


class CommandError(Exception):
    """Ends a command with a message and a status."""

    def __init__(self, text: str, status: int = 1) -> None:
        super().__init__(text)
        self.status = status


class Leave(Exception):  # noqa: N818
    """``return``: ends a function."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Exit(Leave):
    """``exit``: ends a shell."""


class Stopped(Exception):  # noqa: N818
    """Ends everything: a limit was reached; the text says which."""


class Counted:
    """Counts bytes; raises `Stopped` when there are more than `MOST_BYTES`.

    Parameters
    ----------
    where
        What they go through or into, for the message.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._left = MOST_BYTES

    def add(self, data: bytes) -> bytes:
        """Count bytes, and return them."""
        self._left -= len(data)
        if self._left < 0:
            raise Stopped(f"stopped: more than {MOST_BYTES:,} bytes went into {self._where}")
        return data


class Break(Exception):  # noqa: N818
    """Ends so many loops."""

    def __init__(self, loops: int = 1) -> None:
        super().__init__(loops)
        self.loops = loops


class Continue(Break):
    """Goes on with the next round of a loop, ending those inside it."""


@dataclass
class State:
    """What a shell remembers; a subshell gets a copy."""

    cwd: str
    variables: dict[str, str]
    exported: set[str]
    functions: dict[str, Command] = field(default_factory=dict)
    arguments: list[str] = field(default_factory=list)
    name: str = "bash"
    status: int = 0
    options: set[str] = field(default_factory=set)
    # Whether somebody looks at the status, so that "set -e" does not end the shell.
    checked: bool = False
    # Of each function at work, the values that its local variables hide.
    hidden: list[dict[str, str | None]] = field(default_factory=list)
    # How many commands have run; shared with every subshell.
    spent: list[int] = field(default_factory=lambda: [0])
    # How deeply functions, scripts and substitutions have called each other; shared as well.
    depth: list[int] = field(default_factory=lambda: [0])

    @classmethod
    def of_process(cls, cwd: str | None = None, env: dict[str, str] | None = None) -> State:
        """Return the state of a shell that begins in this process."""
        folder = os.path.abspath(cwd) if cwd else os.getcwd()
        variables = dict(os.environ if env is None else env) | {"PWD": folder}
        return cls(folder, variables, set(variables))

    def copy(self) -> State:
        """Return the state of a subshell."""
        return State(
            self.cwd,
            dict(self.variables),
            set(self.exported),
            dict(self.functions),
            list(self.arguments),
            self.name,
            self.status,
            set(self.options),
            self.checked,
            [dict(each) for each in self.hidden],
            self.spent,
            self.depth,
        )

    def spend(self) -> None:
        """Count a command; raise `Stopped` when a script runs too many."""
        self.spent[0] += 1
        if self.spent[0] > MOST_COMMANDS:
            raise Stopped(f"stopped after {MOST_COMMANDS:,} commands: does a loop never end?")

    def set(self, name: str, value: str | None) -> None:
        """Give a variable a value; None takes it away."""
        if value is None:
            self.variables.pop(name, None)
        else:
            self.variables[name] = value

    def environment(self) -> dict[str, str]:
        """Return the variables that programs are given."""
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
        """Return the path of a file named as seen from this shell's folder."""
        return os.path.join(self.cwd, name)


class Input:
    """A stream to read from, shared by all commands that read it."""

    def __init__(self, chunks: Iterator[bytes] | None = None) -> None:
        self._chunks: Iterator[bytes] = iter(()) if chunks is None else chunks
        self.nothing = chunks is None
        """Whether nothing was given to read, so that Python code may ask on the page."""
        self._kept = b""
        self._counted = Counted("a pipe")

    @classmethod
    def of(cls, data: bytes) -> Input:
        """Return a stream of these bytes."""
        return cls(iter((data,)))

    @classmethod
    def of_file(cls, path: str) -> Input:
        """Return the stream of a file's bytes; raises OSError at once if there is none."""
        opened = Path(path).open("rb")  # noqa: SIM115

        def chunks() -> Iterator[bytes]:
            with opened:
                while chunk := opened.read(_CHUNK):
                    yield chunk

        return cls(chunks())

    def chunks(self) -> Iterator[bytes]:
        """Yield all that is left, as it comes."""
        while True:
            if self._kept:
                kept, self._kept = self._kept, b""
                yield kept
            if not self._more():
                return

    def lines(self, end: bytes = b"\n") -> Iterator[bytes]:
        """Yield all that is left line by line, each with its end, if it has one."""
        while line := self.line(end):
            yield line

    def line(self, end: bytes = b"\n") -> bytes:
        """Return the next line; nothing at the end."""
        pieces = []
        while True:
            if self._kept:
                before, found, self._kept = self._kept.partition(end)
                pieces.append(before + found)
                if found:
                    break
            if not self._more():
                break
        return b"".join(pieces)

    def _more(self) -> bool:
        chunk = next(self._chunks, None)
        if chunk is None:
            return False
        self._counted.add(chunk)
        self._kept = chunk
        return True

    def read(self) -> bytes:
        """Return all that is left."""
        return b"".join(self.chunks())


@dataclass(frozen=True)
class Streams:
    """Where a command reads and writes.

    Parameters
    ----------
    stdin
        What it reads.
    stderr
        Takes what it complains.
    terminal
        Whether what it prints is shown on a page as text, as `ls` wants to know.
    live
        Whether what it prints is shown in this cell at once, so that Python code may print itself.
    """

    stdin: Input
    stderr: Writer
    terminal: bool = False
    live: bool = False


@dataclass(frozen=True)
class Call:
    """One run of a command.

    Parameters
    ----------
    name
        The command's name, as its messages begin.
    args
        Its arguments.
    state
        The state of the shell that runs it.
    streams
        Where it reads and writes.
    run
        Runs another command with these words.
    script
        Runs a script in the given state.
    """

    name: str
    args: list[str]
    state: State
    streams: Streams
    run: Callable[[list[str], State, Streams], Running]
    script: Callable[[str, State, Streams], Running]

    @property
    def stdin(self) -> Input:
        """What this command reads."""
        return self.streams.stdin

    def path(self, name: str) -> str:
        """Return the path of a file that was named."""
        return self.state.path(name)

    def complain(self, text: str) -> None:
        """Write a message, as ``ls: text``."""
        self.streams.stderr(f"{self.name}: {text}\n".encode("utf-8", "surrogateescape"))

    def failed(self, what: str, error: OSError) -> None:
        """Write why something could not be done with a file, as ``rm: cannot …: No such file``."""
        self.complain(f"{what}: {error.strerror or error}")


Program: TypeAlias = Callable[[Call], "Running | int"]
"""A command: prints and returns its status, or only does something and returns it."""
