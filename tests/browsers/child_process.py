"""Child processes that do not outlive the tests."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["start", "stop"]

_GRACE = 10.0  # seconds to end politely


def start(
    command: Sequence[str],
    *,
    environment: Mapping[str, str] | None = None,
    stdin: int | None = subprocess.DEVNULL,
    stdout: int | IO[bytes] | None = subprocess.DEVNULL,
    stderr: int | IO[bytes] | None = subprocess.DEVNULL,
    pass_fds: Sequence[int] = (),
    killed_with_us: bool = True,
) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own.

    Parameters
    ----------
    command
        Program and arguments.
    environment
        Added to this process's environment.
    stdin, stdout, stderr, pass_fds
        As for `subprocess.Popen`.
    killed_with_us
        Let the kernel kill the program if this process dies without a chance
        to stop it. Off for one that notices by itself and has children to close.

    Returns
    -------
    subprocess.Popen
        To be given to `stop`.
    """
    guard = ["setpriv", "--pdeathsig", "KILL"] if killed_with_us else []
    return subprocess.Popen(
        [*guard, *command],
        env={**os.environ, **(environment or {})},
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        pass_fds=pass_fds,
        start_new_session=True,
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program that `start` started, and the children in its process group."""
    _signal(process, signal.SIGTERM)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        pass
    finally:
        _signal(process, signal.SIGKILL)
        process.wait()
    for pipe in (process.stdin, process.stdout, process.stderr):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    # The group's number is its leader's: it stays valid while any member lives.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
