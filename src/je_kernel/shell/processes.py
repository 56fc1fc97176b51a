"""Replace `subprocess.Popen`: run commands in this package's shell, without processes.

A command runs to its end when it is started, or, if its input is a pipe, when the
pipe is closed. Its output is kept for its reader.
"""

from __future__ import annotations

import errno
import io
import itertools
import os
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Any

from je_kernel.shell.calls import ByteCounter
from je_kernel.shell.cell_output import CellOutput

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from je_kernel.shell.calls import Input, Writer

__all__ = ["Process", "os_system"]

_numbers = itertools.count(1000)


class Process(subprocess.Popen[Any]):
    """Replaces `subprocess.Popen`: a command that runs in this process."""

    def __init__(
        self,
        args: str | bytes | os.PathLike[str] | Sequence[Any],
        bufsize: int = -1,  # noqa: ARG002
        executable: Any = None,  # noqa: ARG002
        stdin: Any = None,
        stdout: Any = None,
        stderr: Any = None,
        preexec_fn: Any = None,  # noqa: ARG002
        close_fds: bool = True,  # noqa: ARG002
        shell: bool = False,
        cwd: Any = None,
        env: Mapping[str, str] | None = None,
        universal_newlines: bool | None = None,
        *_rest: Any,
        text: bool | None = None,
        encoding: str | None = None,
        errors: str | None = None,
        **_others: Any,
    ) -> None:
        # The attributes of `subprocess.Popen` that programs and `subprocess` itself read.
        self._child_created = False
        self.args = args
        self.pid = next(_numbers)
        self.returncode = None
        self.text_mode = bool(text or universal_newlines or encoding or errors)
        self.encoding = encoding or "utf-8"
        self.errors = errors or "strict"
        self._command = _command(args, shell=shell)
        self._cwd = os.fspath(cwd) if cwd is not None else None
        self._env = None if env is None else {str(k): str(v) for k, v in env.items()}
        if self._cwd is not None and not os.path.isdir(self._cwd):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), self._cwd)
        _refuse_absent(self._command, self._cwd)
        self._outputs = stdout, stderr
        self._collected = io.BytesIO(), io.BytesIO()
        self.stdin = self.stdout = self.stderr = None
        if stdin == subprocess.PIPE:
            self.stdin = self._as_text(_InputPipe(self), writes=True)
        else:
            self._run(_read_from(stdin))
        if stdout == subprocess.PIPE:
            self.stdout = self._as_text(_OutputPipe(self, 0))
        if stderr == subprocess.PIPE:
            self.stderr = self._as_text(_OutputPipe(self, 1))

    def _as_text(self, stream: io.BufferedIOBase | io.RawIOBase, writes: bool = False) -> IO[Any]:
        if not self.text_mode:
            return stream  # type: ignore[return-value]
        return io.TextIOWrapper(stream, self.encoding, self.errors, write_through=writes)  # type: ignore[type-var]

    def _run(self, stdin: Input) -> None:
        from je_kernel.shell import run

        if self.returncode is not None:
            return
        # Set first: a writer may call poll().
        self.returncode = 0
        cell = CellOutput()
        stdout, stderr = self._outputs
        out = self._writer(stdout, 0, cell.out)
        err = out if stderr == subprocess.STDOUT else self._writer(stderr, 1, cell.err)
        self.returncode = run(
            self._command, out, err, stdin=stdin, cwd=self._cwd, env=self._env, live=stdout is None
        )
        cell.close()

    def _writer(self, target: Any, which: int, default: Writer) -> Writer:
        if target is None:
            return default
        if target == subprocess.PIPE:
            counted, collected = ByteCounter("a pipe"), self._collected[which]
            return lambda data: collected.write(counted.add(data))
        if target == subprocess.DEVNULL:
            return lambda _data: None
        if isinstance(target, int):
            return lambda data: os.write(target, data)
        return _file_writer(target)

    def finish(self) -> None:
        """Run with the input so far, if it has not run."""
        if self.returncode is None and self.stdin is not None:
            self.stdin.close()

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:  # noqa: A002, ARG002
        """Write the input, and return the output and the errors."""
        if self.stdin is not None and not self.stdin.closed:
            if input:
                self.stdin.write(input)
            self.stdin.close()
        return tuple(None if s is None else s.read() for s in (self.stdout, self.stderr))  # type: ignore[return-value]

    def poll(self) -> int | None:
        """Return the exit status; None while the command waits for its input."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:  # noqa: ARG002
        """Return the exit status."""
        self.finish()
        assert self.returncode is not None
        return int(self.returncode)

    def send_signal(self, sig: int) -> None:
        """Do nothing: the command has ended."""

    def terminate(self) -> None:
        """Do nothing: the command has ended."""

    kill = terminate


class _InputPipe(io.BytesIO):
    """The input of a command, which runs when the input is closed."""

    def __init__(self, process: Process) -> None:
        super().__init__()
        self._process = process

    def close(self) -> None:
        if self.closed:
            return
        from je_kernel.shell.calls import Input

        data = self.getvalue()
        super().close()
        self._process._run(Input.of(data))


class _OutputPipe(io.BytesIO):
    """The output of a command, from its beginning."""

    def __init__(self, process: Process, which: int) -> None:
        super().__init__(process._collected[which].getvalue())
        self._process = process
        self._which = which
        self._filled = process.returncode is not None

    def _fill(self) -> None:
        if not self._filled:
            self._filled = True
            self._process.finish()
            super().write(self._process._collected[self._which].getvalue())
            self.seek(0)

    def read(self, size: int | None = -1) -> bytes:
        self._fill()
        return super().read(size)

    def read1(self, size: int | None = -1) -> bytes:
        self._fill()
        return super().read1(size)

    def readline(self, size: int | None = -1) -> bytes:
        self._fill()
        return super().readline(size)


def _command(args: Any, *, shell: bool) -> str | list[str]:
    words = [os.fsdecode(args)] if isinstance(args, (str, bytes, os.PathLike)) else [
        os.fsdecode(each) for each in args
    ]  # fmt: skip
    return words[0] if shell else words


def _refuse_absent(command: str | list[str], cwd: str | None) -> None:
    """Raise FileNotFoundError, as Python does, if there is no such program."""
    if isinstance(command, str):
        return
    from je_kernel.shell.calls import State
    from je_kernel.shell.commands import find, why_absent

    name = command[0]
    if find(name, State.of_process(cwd)) is None:
        text = os.strerror(errno.ENOENT) + why_absent(name)
        raise FileNotFoundError(errno.ENOENT, text, name)


def _read_from(stdin: Any) -> Input:
    from je_kernel.shell.calls import Input

    if stdin is None:
        return Input()
    if stdin == subprocess.DEVNULL:
        return Input.of(b"")
    if isinstance(stdin, int):
        with open(stdin, "rb", closefd=False) as file:
            return Input.of(file.read())
    data = stdin.read()
    return Input.of(data.encode() if isinstance(data, str) else data)


def _file_writer(target: Any) -> Writer:
    """Return a writer of bytes into a file that is open for text or for bytes."""
    target.flush()
    binary = getattr(target, "buffer", None)
    if binary is not None:
        return lambda data: (binary.write(data), binary.flush())
    if isinstance(target, io.TextIOBase) or target in (sys.stdout, sys.stderr):
        return lambda data: target.write(data.decode("utf-8", "replace"))
    return lambda data: (target.write(data), target.flush())


def os_system(command: str) -> int:
    """Run a line as `os.system` does, and return its wait status."""
    from je_kernel.shell import run

    cell = CellOutput()
    status = run(os.fsdecode(command), cell.out, cell.err, live=True)
    cell.close()
    return status << 8
