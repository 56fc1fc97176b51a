"""`subprocess.Popen` where there are no processes: commands run in the shell of this package.

A command runs to its end as it is started, or, if its input is a pipe, as this
is closed. What it prints is kept for its reader.
"""

from __future__ import annotations

import errno
import io
import itertools
import os
import subprocess
import sys
from typing import IO, TYPE_CHECKING, Any

from je_kernel.shell.calls import Counted
from je_kernel.shell.page import Page

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from je_kernel.shell.calls import Input, Writer

__all__ = ["Process", "os_system"]

_numbers = itertools.count(1000)


class Process(subprocess.Popen[Any]):
    """What a `subprocess.Popen` becomes: a command that runs in this process."""

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
        # What the class this one stands for would have set, as far as it is looked at.
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
            self.stdin = self._as_text(_Given(self), writes=True)
        else:
            self._run(_read_from(stdin))
        if stdout == subprocess.PIPE:
            self.stdout = self._as_text(_Printed(self, 0))
        if stderr == subprocess.PIPE:
            self.stderr = self._as_text(_Printed(self, 1))

    def _as_text(self, stream: io.BufferedIOBase | io.RawIOBase, writes: bool = False) -> IO[Any]:
        if not self.text_mode:
            return stream  # type: ignore[return-value]
        return io.TextIOWrapper(stream, self.encoding, self.errors, write_through=writes)  # type: ignore[type-var]

    def _run(self, stdin: Input) -> None:
        from je_kernel.shell import run

        if self.returncode is not None:
            return
        # Set first: what is printed may ask whether it goes on.
        self.returncode = 0
        page = Page()
        stdout, stderr = self._outputs
        out = self._writer(stdout, 0, page.out)
        err = out if stderr == subprocess.STDOUT else self._writer(stderr, 1, page.err)
        self.returncode = run(
            self._command, out, err, stdin=stdin, cwd=self._cwd, env=self._env, live=stdout is None
        )
        page.close()

    def _writer(self, target: Any, which: int, shown: Writer) -> Writer:
        if target is None:
            return shown
        if target == subprocess.PIPE:
            counted, collected = Counted("a pipe"), self._collected[which]
            return lambda data: collected.write(counted.add(data))
        if target == subprocess.DEVNULL:
            return lambda _data: None
        if isinstance(target, int):
            return lambda data: os.write(target, data)
        return _into(target)

    def finish(self) -> None:
        """Run with what was written to the input so far, if it has not run."""
        if self.returncode is None and self.stdin is not None:
            self.stdin.close()

    def communicate(self, input: Any = None, timeout: float | None = None) -> tuple[Any, Any]:  # noqa: A002, ARG002
        """Give it its input, and return what it prints and complains."""
        if self.stdin is not None and not self.stdin.closed:
            if input:
                self.stdin.write(input)
            self.stdin.close()
        return tuple(None if s is None else s.read() for s in (self.stdout, self.stderr))  # type: ignore[return-value]

    def poll(self) -> int | None:
        """Return the exit status; None while it waits for its input."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:  # noqa: ARG002
        """Return the exit status."""
        self.finish()
        assert self.returncode is not None
        return int(self.returncode)

    def send_signal(self, sig: int) -> None:
        """Do nothing: it has ended."""

    def terminate(self) -> None:
        """Do nothing: it has ended."""

    kill = terminate


class _Given(io.BytesIO):
    """The input of a command, which runs when this is closed."""

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


class _Printed(io.BytesIO):
    """What a command printed, from its beginning."""

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
    """Raise as Python does where a program is not there."""
    if isinstance(command, str):
        return
    from je_kernel.shell.calls import State
    from je_kernel.shell.commands import find
    from je_kernel.shell.commands.absent import why_absent

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


def _into(target: Any) -> Writer:
    """Return what writes bytes into a file that was opened for text or for bytes."""
    target.flush()
    binary = getattr(target, "buffer", None)
    if binary is not None:
        return lambda data: (binary.write(data), binary.flush())
    if isinstance(target, io.TextIOBase) or target in (sys.stdout, sys.stderr):
        return lambda data: target.write(data.decode("utf-8", "replace"))
    return lambda data: (target.write(data), target.flush())


def os_system(command: str) -> int:
    """Run a line as `os.system` does, and return its status as the system would."""
    from je_kernel.shell import run

    page = Page()
    status = run(os.fsdecode(command), page.out, page.err, live=True)
    page.close()
    return status << 8
