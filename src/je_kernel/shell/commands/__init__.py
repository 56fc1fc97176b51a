"""The commands of the shell, each loaded when first used."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from je_kernel.shell.calls import Program, State

__all__ = ["NAMES", "find"]

_HOMES = {
    "archives": "gunzip gzip tar unzip zip",
    "files": "basename chmod cp dirname du find mkdir mv realpath rm rmdir touch",
    "interpreters": "bash python sh",
    "listing": "ls",
    "own": ". : [ break cd command continue eval exit export false local printf echo pwd read"
    " return set shift source test true type unset which",
    "search": "grep egrep fgrep",
    "sed": "sed",
    "system": "date df env hostname nproc seq sleep uname whoami yes",
    "text": "cat cut head md5sum nl paste rev sha256sum sort tac tail tee tr uniq wc xargs",
    "web": "curl wget",
    "installers": "conda mamba micromamba pip pip3 uv",
}
NAMES = {name: home for home, names in _HOMES.items() for name in names.split()}
"""Each command's name, and the module that has it."""

_FOLDERS = ("/bin/", "/usr/bin/", "/usr/local/bin/")


def find(name: str, state: State) -> Program | None:
    """Return the command of a name or a path; None if there is none."""
    if is_python(name):
        return _program("python")
    if name in NAMES:
        return _program(name)
    for folder in _FOLDERS:
        if name.startswith(folder) and name.removeprefix(folder) in NAMES:
            return _program(name.removeprefix(folder))
    if "/" in name and os.path.isfile(state.path(name)):
        from je_kernel.shell.commands.interpreters import file_at

        return file_at(name)
    return None


def is_python(name: str) -> bool:
    """Return whether a command is the Python that runs this.

    Examples
    --------
    >>> is_python("python3"), is_python("/usr/bin/python3.12"), is_python("pythonic")
    (True, True, False)
    """
    if name == sys.executable and name:
        return True
    folder, _, base = name.rpartition("/")
    version = base.removeprefix("python")
    return (
        base.startswith("python")
        and all(part.isdecimal() for part in version.split(".") if version)
        and (not folder or f"{folder}/" in _FOLDERS)
    )


def _program(name: str) -> Program:
    programs = import_module(f"{__name__}.{NAMES[name]}").PROGRAMS
    found: Program = programs[name]
    return found
