"""Puts the shell where IPython and Python's libraries look for one.

This is what starts with the kernel, and no more: the shell itself is loaded with
the first shell line.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

from je_kernel import runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["install", "uninstall"]

_INSTALLERS = ("pip", "conda", "mamba", "micromamba", "uv")
_PROGRAMS = ("sh", "bash", "python", "python2", "python3", "perl", "ruby", "pypy", "script")


def install(shell: InteractiveShell) -> None:
    """Have shell lines, `subprocess` and `os.system` run in this package's shell; again: no harm.

    Parameters
    ----------
    shell
        The IPython shell whose lines are meant.
    """
    if _Hooked.here is None:
        _Hooked.here = _Hooked(shell)


def uninstall() -> None:
    """Take back what `install` has done."""
    if _Hooked.here is not None:
        _Hooked.here.undo()
        _Hooked.here = None


class _Hooked:
    """Everything that was replaced, and what stood there."""

    here: _Hooked | None = None

    def __init__(self, shell: InteractiveShell) -> None:
        self.undoing: list[Callable[[], object]] = []
        self.shell = shell
        self._attribute(shell, "system", _system(shell))
        self._attribute(shell, "getoutput", _getoutput(shell))
        self._attribute(os, "system", _os_system)
        self._magics("line", {name: _installing(shell, name) for name in _INSTALLERS})
        self._magics("cell", {name: _scripting(shell, name) for name in _PROGRAMS})
        transforms = _cell_transforms(shell)
        if transforms is not None:
            before = list(transforms)
            transforms[:] = [_wait_for_packages]
            self.undoing.append(lambda: transforms.__setitem__(slice(None), before))
        self._attribute(subprocess.Popen, "__init__", _begin_process)

    def _attribute(self, target: Any, name: str, value: object) -> None:
        own = vars(target).get(name, _NOTHING)
        setattr(target, name, value)

        def undo() -> None:
            # Only while it is ours.
            if vars(target).get(name) is not value:
                return
            if own is _NOTHING:
                delattr(target, name)
            else:
                setattr(target, name, own)

        self.undoing.append(undo)

    def _magics(self, kind: str, functions: Mapping[str, Callable[..., object]]) -> None:
        # Those of one class are replaced together: a newer IPython loads the class, and with it
        # all of its magics, when the first of them is used.
        magics = self.shell.magics_manager.magics[kind]
        before = {name: magics[name] for name in functions if name in magics}
        magics.update(functions)

        def undo() -> None:
            for name in functions:
                magics.pop(name, None)
            magics.update(before)

        self.undoing.append(undo)

    def undo(self) -> None:
        for each in reversed(self.undoing):
            each()


_NOTHING = object()


def _system(shell: InteractiveShell) -> Callable[[str], None]:
    def system(cmd: str) -> None:
        """Run a shell line, as ``!line`` does."""
        from je_kernel.shell import run
        from je_kernel.shell.page import Page

        line = shell.var_expand(cmd, depth=1)  # type: ignore[no-untyped-call]
        page = Page(together=True)
        status = run(line, page.out, page.err, terminal=True, live=True)
        page.close()
        _ended(shell, cmd, status)

    return system


def _getoutput(shell: InteractiveShell) -> Callable[..., Any]:
    def getoutput(cmd: str, split: bool = True, depth: int = 0) -> Any:
        """Run a shell line and return what it prints, as ``x = !line`` does."""
        from IPython.utils.text import LSString, SList

        from je_kernel.shell import run
        from je_kernel.shell.calls import Counted

        line = shell.var_expand(cmd, depth=depth + 1)  # type: ignore[no-untyped-call]
        data = bytearray()
        counted = Counted("a variable")
        status = run(line, lambda more: data.extend(counted.add(more)), data.extend)
        _ended(shell, cmd, status)
        text = data.decode("utf-8", "replace")
        return SList(text.splitlines()) if split else LSString(text)

    return getoutput


def _ended(shell: InteractiveShell, cmd: str, status: int) -> None:
    shell.user_ns["_exit_code"] = status
    if status and getattr(shell, "system_raise_on_error", False):
        raise subprocess.CalledProcessError(status, cmd)


def _os_system(command: str) -> int:
    from je_kernel.shell.processes import os_system

    return os_system(command)


def _begin_process(process: subprocess.Popen[Any], *args: Any, **how: Any) -> None:
    """Stand for `subprocess.Popen.__init__`: all that runs a program comes through it."""
    from je_kernel.shell.processes import Process

    if type(process) is not subprocess.Popen:
        raise OSError(f"this page has no processes, and {type(process).__name__} cannot do without")
    process.__class__ = Process
    Process.__init__(process, *args, **how)  # type: ignore[arg-type]


def _installing(shell: InteractiveShell, name: str) -> Callable[[str], None]:
    def installing(line: str) -> None:
        from je_kernel.shell import run
        from je_kernel.shell.page import Page
        from je_kernel.shell.pip import words_of

        page = Page()
        shell.user_ns["_exit_code"] = run([name, *words_of(line)], page.out, page.err, live=True)

    installing.__doc__ = f"Install packages into this kernel, as ``%{name}`` does."
    return installing


def _scripting(shell: InteractiveShell, name: str) -> Callable[[str, str], None]:
    def scripting(line: str, cell: str) -> None:
        _run_cell(shell, line if name == "script" else f"{name} {line}", cell)

    scripting.__doc__ = (
        f"Run the cell as ``%%{name}`` does: with options --out, --err, --no-raise-error."
    )
    return scripting


def _run_cell(shell: InteractiveShell, line: str, cell: str) -> None:
    from IPython.core.magics.script import ScriptMagics

    from je_kernel.compatibility import split_arguments
    from je_kernel.shell import run
    from je_kernel.shell.calls import Input
    from je_kernel.shell.page import Page

    parser = ScriptMagics.shebang.parser
    args, words = parser.parse_known_args(split_arguments(line))
    cell = cell if cell.endswith("\n") else f"{cell}\n"
    page = Page()
    kept: dict[str, bytearray] = {n: bytearray() for n in (args.out, args.err) if n}
    out = kept[args.out].extend if args.out else page.out
    err = kept[args.err].extend if args.err else page.err
    status = run(words, out, err, stdin=Input.of(cell.encode()), live=not args.out)
    page.close()
    for name, data in kept.items():
        shell.user_ns[name] = data.decode("utf-8", "replace")
    if status and args.raise_error:
        raise subprocess.CalledProcessError(status, cell.encode())


# Where the browser cannot wait in the middle of a cell.


def _cell_transforms(shell: InteractiveShell) -> list[Any] | None:
    """Return what JupyterLite's kernel does with each cell before IPython sees it."""
    manager = getattr(getattr(shell, "kernel", None), "lite_transform_manager", None)
    found = getattr(manager, "line_transforms", None)
    return found if isinstance(found, list) else None


async def _wait_for_packages(lines: list[str]) -> list[str]:
    """Have lines that install packages wait as a cell can wait, where code cannot."""
    if runtime.can_run_sync() or any(line.startswith("%%") for line in lines[:1]):
        return lines
    return [
        line if _in_function(lines[:i], line) else _awaiting(line) for i, line in enumerate(lines)
    ]


def _in_function(above: list[str], line: str) -> bool:
    """Return whether a line stands in a function or class, where nothing can wait."""
    indent = len(line) - len(line.lstrip())
    for outer in reversed(above):
        text = outer.lstrip()
        if text and not text.startswith("#") and len(outer) - len(text) < indent:
            indent = len(outer) - len(text)
            if text.startswith(("def ", "class ")):
                return True
    return False


def _awaiting(line: str) -> str:
    """Return a line that installs packages as one that awaits; any other as it is."""
    text = line.lstrip()
    if text[:1] not in ("!", "%"):
        return line
    words = text[1:].strip()
    if " install " not in words or (text[0] == "!" and any(mark in words for mark in "|&;")):
        return line
    for beginning in _beginnings():
        if words.startswith(f"{beginning} "):
            name = "pip" if beginning.endswith(("pip", "pip3")) else beginning
            command = f"{name} {words.removeprefix(beginning).strip()}"
            indent = line[: len(line) - len(text)]
            waiting = '__import__("je_kernel.shell.waiting", fromlist=["install"])'
            return f"{indent}await {waiting}.install({command!r})\n"
    return line


def _beginnings() -> Iterable[str]:
    pythons = ("python", "python3", "{sys.executable}", "$sys.executable")
    return (*_INSTALLERS, "pip3", *(f"{python} -m pip" for python in pythons))
