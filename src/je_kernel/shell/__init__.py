"""A shell in Python for ``!ls``, ``%%bash``, ``subprocess.run`` and the like.

A page has no processes. This package has a small shell whose commands are written
in Python, each a generator that yields its output; an unknown option or word is an
error that names it. `run` is the shell; `je_kernel.shell.hooks` installs it in
IPython, `subprocess` and `os`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from je_kernel.shell.calls import Input, Writer

__all__ = ["run"]


def run(
    script: str | list[str],
    out: Writer,
    err: Writer,
    *,
    stdin: Input | None = None,
    cwd: str | None = None,
    env: dict[str, str] | None = None,
    terminal: bool = False,
    live: bool = False,
) -> int:
    """Run a shell script, or one command given as a list of words.

    Parameters
    ----------
    script
        The lines of a script, or the words of a command.
    out
        Writes to the standard output.
    err
        Writes to the standard error.
    stdin
        The standard input; empty by default.
    cwd
        The first folder; that of the process by default.
    env
        The environment; that of the process by default.
    terminal
        Whether the output is shown as on a terminal: `ls` then prints columns.
    live
        Whether Python programs print directly.

    Returns
    -------
    int
        The exit status.

    Examples
    --------
    >>> run("echo b a | wc -w", lambda data: print(data.decode(), end=""), print)
    2
    0
    """
    from je_kernel.shell.calls import Input, LimitExceeded, State, Streams
    from je_kernel.shell.interpreter import run_command, run_script

    state = State.of_process(cwd, env)
    streams = Streams(Input() if stdin is None else stdin, err, terminal, live)
    if isinstance(script, str):
        running = run_script(script, state, streams)
    else:
        running = run_command(script, state, streams)
    try:
        while True:
            out(next(running))
    except StopIteration as end:
        return int(end.value)
    except (LimitExceeded, RecursionError) as error:
        err(f"bash: {error}\n".encode())
        return 124
    finally:
        running.close()
