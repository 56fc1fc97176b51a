"""What to say of programs that this shell has not."""

from __future__ import annotations

__all__ = ["why_absent"]

_REASONS = {
    "this page has no operating system to install programs into; Python packages come with"
    " %pip install": "apt apt-get aptitude brew choco dnf dpkg su sudo yum",
    "this page has no graphics processor for Python to compute with": "nvcc nvidia-smi rocm-smi",
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
    "this page is not told what computer it runs on": "free lsblk lscpu lshw lspci",
    "nothing else runs beside this notebook": (
        "docker htop jobs kill killall nohup ps screen systemctl tmux top"
    ),
    "open the file in JupyterLab instead": "emacs less more nano vi vim",
    "this page can speak to web servers only, with wget and curl": (
        "ftp nc ping rsync scp ssh telnet"
    ),
}
_REASON = {name: reason for reason, names in _REASONS.items() for name in names.split()}


def why_absent(name: str) -> str:
    """Return why there is no such command, as the end of a message.

    Examples
    --------
    >>> why_absent("gcc"), why_absent("nosuch")
    (' (this page has no compiler)', '')
    """
    reason = _REASON.get(name)
    return f" ({reason})" if reason else ""
