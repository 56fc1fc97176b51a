"""``pip``, ``conda`` and ``uv``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from je_kernel import runtime
from je_kernel.shell.calls import CommandError
from je_kernel.shell.options import Options
from je_kernel.shell.pip import carry_out, plan

if TYPE_CHECKING:
    from je_kernel.shell.calls import Call, Program, Running

__all__ = ["PROGRAMS", "conda_words"]


def pip(call: Call) -> Running:
    """Install Python packages."""
    return (yield from _installed(call, call.args))


def conda(call: Call) -> Running:
    """Install Python packages, as conda is told to."""
    return (yield from _installed(call, conda_words(call.args)))


def uv(call: Call) -> Running:
    """Install Python packages, as uv is told to."""
    if call.args[:1] != ["pip"]:
        raise CommandError("only 'uv pip' is known here", 2)
    args = [arg for arg in call.args[1:] if arg != "--system"]
    return (yield from _installed(call, args))


_CONDA = Options(
    "c/channel= y/yes q/quiet n/name= p/prefix= override-channels update-deps", status=2
)


def conda_words(args: list[str]) -> list[str]:
    """Return what pip is told where conda is told this.

    Examples
    --------
    >>> conda_words(["install", "-y", "-c", "conda-forge", "pandas=2.2", "numpy"])
    ['install', 'pandas==2.2', 'numpy']
    """
    given = _CONDA.split(args)
    action, *names = given.operands or [""]
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
    return ["install", *(["-q"] if "q" in given else []), *names]


def _installed(call: Call, args: list[str]) -> Running:
    lines: list[str] = []
    found = plan(args, lines.append, call.state.cwd)
    yield from _encoded(lines)
    if not found.wanted and not found.extras:
        return found.status
    if not runtime.can_run_sync():
        raise CommandError(
            "this browser cannot wait for a download in the middle of a cell. Put this line into a"
            f" cell of its own and run it: %pip {' '.join(args)}"
            if runtime.in_browser()
            else "packages are installed in a terminal here"
        )
    from pyodide.ffi import run_sync

    status: int = run_sync(
        carry_out(found, lines.append, lambda text: call.streams.stderr(f"{text}\n".encode()))
    )
    yield from _encoded(lines)
    return status


def _encoded(lines: list[str]) -> Running:
    while lines:
        yield f"{lines.pop(0)}\n".encode("utf-8", "surrogateescape")
    return 0


PROGRAMS: dict[str, Program] = {
    "conda": conda,
    "mamba": conda,
    "micromamba": conda,
    "pip": pip,
    "pip3": pip,
    "uv": uv,
}
