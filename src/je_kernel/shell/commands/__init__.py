"""The table of commands; a module with commands is imported when one of them first runs."""

from __future__ import annotations

import os
import sys
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from je_kernel.shell.calls import PROGRAMS

if TYPE_CHECKING:
    from je_kernel.shell.calls import Program, State

__all__ = ["MODULES", "find", "why_absent"]

MODULES = {
    name: module
    for module, names in {
        "archives": "gunzip gzip tar unzip zip",
        "builtin": ". : [ break cd command continue eval exit export false local printf echo pwd"
        " read return set shift source test true type unset which",
        "files": "basename chmod cp dirname du find mkdir mv realpath rm rmdir touch",
        "installers": "conda mamba micromamba pip pip3 uv",
        "interpreters": "bash python sh",
        "listing": "ls",
        "search": "grep egrep fgrep",
        "sed": "sed",
        "system": "date df env hostname nproc seq sleep uname whoami yes",
        "text": "cat cut head md5sum nl paste rev sha256sum sort tac tail tee tr uniq wc xargs",
        "web": "curl wget",
    }.items()
    for name in names.split()
}
"""Each command's name, and the module that implements it."""

_FOLDERS = ("/bin/", "/usr/bin/", "/usr/local/bin/")

_ABSENT = {
    name: reason
    for reason, names in {
        "this page has no operating system to install programs into; Python packages come with"
        " %pip install": "apt apt-get aptitude brew choco dnf dpkg su sudo yum",
        "this page has no graphics processor for Python to compute with": (
            "nvcc nvidia-smi rocm-smi"
        ),
        "this page cannot use git; download the repository as a .zip file": "gh git hg svn",
        "this page has no compiler": "cc clang cmake g++ gcc ghc go javac make rustc",
        "of programming languages this page has Python only": (
            "R Rscript java julia node npm npx perl php ruby"
        ),
        "this page has no typesetter; print the notebook's page instead": (
            "jupyter latex pandoc pdflatex soffice xelatex"
        ),
        "Python code does what it does, line by line": "awk gawk mawk",
        "Python's module difflib compares files": "cmp diff",
        "a page has no information about its computer": "free lsblk lscpu lshw lspci",
        "nothing else runs beside this notebook": (
            "docker htop jobs kill killall nohup ps screen systemctl tmux top"
        ),
        "open the file in JupyterLab instead": "emacs less more nano vi vim",
        "this page can speak to web servers only, with wget and curl": (
            "ftp nc ping rsync scp ssh telnet"
        ),
    }.items()
    for name in names.split()
}


def find(name: str, state: State) -> Program | None:
    """Return the command of a name or a path; None if there is none."""
    plain = "python" if is_python(name) else name
    for folder in _FOLDERS:
        plain = plain.removeprefix(folder)
    if plain in MODULES:
        import_module(f"{__name__}.{MODULES[plain]}")
        return PROGRAMS[plain]
    if "/" in name and os.path.isfile(state.path(name)):
        from je_kernel.shell.commands.interpreters import script

        return partial(script, name)
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


def why_absent(name: str) -> str:
    """Return why there is no such command, as the end of a message.

    Examples
    --------
    >>> why_absent("gcc"), why_absent("nosuch")
    (' (this page has no compiler)', '')
    """
    reason = _ABSENT.get(name)
    return f" ({reason})" if reason else ""
