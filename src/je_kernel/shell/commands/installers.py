"""The commands ``pip``, ``conda`` and ``uv``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from je_kernel import runtime
from je_kernel.shell.calls import encode, program
from je_kernel.shell.options import CommandError, OptionParser
from je_kernel.shell.pip import carry_out, plan, words_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.shell.calls import Call, Output

__all__ = ["install", "pip_arguments"]

_CONDA = OptionParser(
    "c/channel= y/yes q/quiet n/name= p/prefix= override-channels update-deps", status=2
)


@program("pip pip3 conda mamba micromamba uv")
def installer(call: Call) -> Output:
    """Install Python packages."""
    args = pip_arguments(call.name, call.args)
    lines: list[str] = []
    result = plan(args, lines.append, call.state.cwd)
    yield from _consume(lines)
    if not result.requirements and not result.extras:
        call.status = result.status
        return
    if not runtime.can_run_sync():
        raise CommandError(
            "this browser cannot wait for a download in the middle of a cell. Put this line into a"
            f" cell of its own and run it: %pip {' '.join(args)}"
            if runtime.in_browser()
            else "packages are installed in a terminal here"
        )
    from pyodide.ffi import run_sync

    def complain(text: str) -> None:
        call.streams.stderr(encode(f"{text}\n"))

    call.status = run_sync(carry_out(result, lines.append, complain))
    yield from _consume(lines)


def _consume(lines: list[str]) -> Iterator[str]:
    while lines:
        yield f"{lines.pop(0)}\n"


def pip_arguments(name: str, args: list[str]) -> list[str]:
    """Return the arguments of pip that do the same as those of another installer.

    Examples
    --------
    >>> pip_arguments("conda", ["install", "-y", "-c", "conda-forge", "pandas=2.2", "numpy"])
    ['install', 'pandas==2.2', 'numpy']
    """
    if name in ("pip", "pip3"):
        return args
    if name == "uv":
        if args[:1] != ["pip"]:
            raise CommandError("only 'uv pip' is known here", 2)
        return [arg for arg in args[1:] if arg != "--system"]
    options = _CONDA.parse(args)
    action, *names = options.operands or [""]
    if action == "list":
        return ["list"]
    if action not in ("install", "update", "upgrade"):
        raise CommandError(f"'conda {action}' is not known here; it knows install, update, list", 2)
    names = [
        name.replace("=", "==")
        if name.count("=") == 1 and name[name.find("=") - 1] not in "<>!~"
        else name
        for name in names
    ]
    return ["install", *(["-q"] if "q" in options else []), *names]


async def install(line: str) -> None:
    """Run ``%pip …`` or ``!pip …`` where a cell can wait, and code in it cannot.

    Parameters
    ----------
    line
        The name of the installer, and its arguments.
    """
    from IPython import get_ipython

    shell = get_ipython()
    if shell is not None:
        line = shell.var_expand(line, depth=1)
    name, *args = words_of(line)

    def complain(text: str) -> None:
        print(text, file=sys.stderr)

    try:
        await carry_out(plan(pip_arguments(name, args), print), print, complain)
    except CommandError as failure:
        complain(f"{name}: {failure}")
