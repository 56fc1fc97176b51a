"""The shell lines that lessons contain: ``!ls``, ``%%bash``, ``subprocess.run`` and the like.

A page has no processes. What lessons write into shell lines is done here, by a
small shell with commands written in Python: each is a generator that yields what
it prints. What it does not know, it says by name. `run` is the shell itself;
`je_kernel.shell.hooks` puts it where IPython and Python's libraries look for one.
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
        Takes what is printed, in pieces of bytes.
    err
        Takes what is complained.
    stdin
        What is read; nothing by default.
    cwd
        The folder to begin in; the process's by default.
    env
        The environment; the process's by default.
    terminal
        Whether it is shown on a page: `ls` then prints columns.
    live
        Whether Python programs may print by themselves.

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
    from je_kernel.shell.calls import Input, State, Stopped, Streams
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
    except (Stopped, RecursionError) as stopped:
        err(f"bash: {stopped}\n".encode())
        return 124
    finally:
        running.close()
