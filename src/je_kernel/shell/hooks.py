"""Installs the shell in IPython, `subprocess` and `os`.

Only this module is loaded when the kernel starts; the rest of the shell is loaded
with the first shell line.
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
    """Run shell lines, `subprocess` and `os.system` in the shell of this package; idempotent.

    Parameters
    ----------
    shell
        The IPython shell.
    """
    if _Hooks.installed is None:
        _Hooks.installed = _Hooks(shell)


def uninstall() -> None:
    """Undo `install`."""
    if _Hooks.installed is not None:
        _Hooks.installed.undo()
        _Hooks.installed = None


class _Hooks:
    """The replacements, and functions that undo them."""

    installed: _Hooks | None = None

    def __init__(self, shell: InteractiveShell) -> None:
        self.undoing: list[Callable[[], object]] = []
        self.shell = shell
        self._attribute(shell, "system", _system(shell))
        self._attribute(shell, "getoutput", _getoutput(shell))
        self._attribute(os, "system", _os_system)
        self._magics("line", {name: _install_magic(shell, name) for name in _INSTALLERS})
        self._magics("cell", {name: _script_magic(shell, name) for name in _PROGRAMS})
        transforms = _cell_transforms(shell)
        if transforms is not None:
            before = list(transforms)
            transforms[:] = [_await_installations]
            self.undoing.append(lambda: transforms.__setitem__(slice(None), before))
        self._attribute(subprocess.Popen, "__init__", _begin_process)

    def _attribute(self, target: Any, name: str, value: object) -> None:
        own = vars(target).get(name, _NOTHING)
        setattr(target, name, value)

        def undo() -> None:
            # Unless somebody else has replaced it since.
            if vars(target).get(name) is not value:
                return
            if own is _NOTHING:
                delattr(target, name)
            else:
                setattr(target, name, own)

        self.undoing.append(undo)

    def _magics(self, kind: str, functions: Mapping[str, Callable[..., object]]) -> None:
        # The magics of a class are replaced together: a newer IPython loads all of them when the
        # first is used.
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
        from je_kernel.shell.cell_output import CellOutput

        line = shell.var_expand(cmd, depth=1)  # type: ignore[no-untyped-call]
        cell_output = CellOutput(together=True)
        status = run(line, cell_output.out, cell_output.err, terminal=True, live=True)
        cell_output.close()
        _set_status(shell, cmd, status)

    return system


def _getoutput(shell: InteractiveShell) -> Callable[..., Any]:
    def getoutput(cmd: str, split: bool = True, depth: int = 0) -> Any:
        """Run a shell line and return its output, as ``x = !line`` does."""
        from IPython.utils.text import LSString, SList

        from je_kernel.shell import run
        from je_kernel.shell.calls import ByteCounter

        line = shell.var_expand(cmd, depth=depth + 1)  # type: ignore[no-untyped-call]
        data = bytearray()
        counter = ByteCounter("a variable")
        status = run(line, lambda more: data.extend(counter.add(more)), data.extend)
        _set_status(shell, cmd, status)
        text = data.decode("utf-8", "replace")
        return SList(text.splitlines()) if split else LSString(text)

    return getoutput


def _set_status(shell: InteractiveShell, cmd: str, status: int) -> None:
    shell.user_ns["_exit_code"] = status
    if status and getattr(shell, "system_raise_on_error", False):
        raise subprocess.CalledProcessError(status, cmd)


def _os_system(command: str) -> int:
    from je_kernel.shell.processes import os_system

    return os_system(command)


def _begin_process(process: subprocess.Popen[Any], *args: Any, **kwargs: Any) -> None:
    """Replace `subprocess.Popen.__init__`, through which every program starts."""
    from je_kernel.shell.processes import Process

    if type(process) is not subprocess.Popen:
        raise OSError(f"this page has no processes, and {type(process).__name__} cannot do without")
    process.__class__ = Process
    Process.__init__(process, *args, **kwargs)  # type: ignore[arg-type]


def _install_magic(shell: InteractiveShell, name: str) -> Callable[[str], None]:
    def magic(line: str) -> None:
        from je_kernel.shell import run
        from je_kernel.shell.cell_output import CellOutput
        from je_kernel.shell.pip import words_of

        cell_output = CellOutput()
        shell.user_ns["_exit_code"] = run(
            [name, *words_of(line)], cell_output.out, cell_output.err, live=True
        )

    magic.__doc__ = f"Install packages into this kernel, as ``%{name}`` does."
    return magic


def _script_magic(shell: InteractiveShell, name: str) -> Callable[[str, str], None]:
    def magic(line: str, cell: str) -> None:
        _run_cell(shell, line if name == "script" else f"{name} {line}", cell)

    magic.__doc__ = (
        f"Run the cell as ``%%{name}`` does: with options --out, --err, --no-raise-error."
    )
    return magic


def _run_cell(shell: InteractiveShell, line: str, cell: str) -> None:
    from IPython.core.magics.script import ScriptMagics

    from je_kernel.compatibility import split_arguments
    from je_kernel.shell import run
    from je_kernel.shell.calls import Input
    from je_kernel.shell.cell_output import CellOutput

    parser = ScriptMagics.shebang.parser
    args, words = parser.parse_known_args(split_arguments(line))
    cell = cell if cell.endswith("\n") else f"{cell}\n"
    cell_output = CellOutput()
    captured: dict[str, bytearray] = {n: bytearray() for n in (args.out, args.err) if n}
    out = captured[args.out].extend if args.out else cell_output.out
    err = captured[args.err].extend if args.err else cell_output.err
    status = run(words, out, err, stdin=Input.of(cell.encode()), live=not args.out)
    cell_output.close()
    for name, data in captured.items():
        shell.user_ns[name] = data.decode("utf-8", "replace")
    if status and args.raise_error:
        raise subprocess.CalledProcessError(status, cell.encode())


# Browsers without stack switching, where only top-level code of a cell can await.


def _cell_transforms(shell: InteractiveShell) -> list[Any] | None:
    """Return the transformations that JupyterLite's kernel applies to a cell before IPython."""
    manager = getattr(getattr(shell, "kernel", None), "lite_transform_manager", None)
    transforms = getattr(manager, "line_transforms", None)
    return transforms if isinstance(transforms, list) else None


async def _await_installations(lines: list[str]) -> list[str]:
    """Turn lines that install packages into ``await`` expressions, where code cannot block."""
    if runtime.can_run_sync() or any(line.startswith("%%") for line in lines[:1]):
        return lines
    return [
        line if _in_function(lines[:i], line) else _await_installation(line)
        for i, line in enumerate(lines)
    ]


def _in_function(above: list[str], line: str) -> bool:
    """Return whether a line is in a function or class, where ``await`` is not possible."""
    indent = len(line) - len(line.lstrip())
    for outer in reversed(above):
        text = outer.lstrip()
        if text and not text.startswith("#") and len(outer) - len(text) < indent:
            indent = len(outer) - len(text)
            if text.startswith(("def ", "class ")):
                return True
    return False


def _await_installation(line: str) -> str:
    """Return a line that installs packages as an ``await`` expression; others unchanged."""
    text = line.lstrip()
    if text[:1] not in ("!", "%"):
        return line
    words = text[1:].strip()
    if " install " not in words or (text[0] == "!" and any(mark in words for mark in "|&;")):
        return line
    for prefix in _installer_commands():
        if words.startswith(f"{prefix} "):
            name = "pip" if prefix.endswith(("pip", "pip3")) else prefix
            command = f"{name} {words.removeprefix(prefix).strip()}"
            indent = line[: len(line) - len(text)]
            module = '__import__("je_kernel.shell.commands.installers", fromlist=["install"])'
            return f"{indent}await {module}.install({command!r})\n"
    return line


def _installer_commands() -> Iterable[str]:
    pythons = ("python", "python3", "{sys.executable}", "$sys.executable")
    return (*_INSTALLERS, "pip3", *(f"{python} -m pip" for python in pythons))
