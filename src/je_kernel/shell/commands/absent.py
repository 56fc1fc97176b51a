"""What to say of programs that this shell has not."""

from __future__ import annotations

__all__ = ["why_absent"]

_REASONS = {
    "this page has no operating system to install programs into; Python packages come with"
    " %pip install": "apt apt-get aptitude brew choco dnf dpkg sudo su yum",
    "this page has no graphics processor for Python to compute with": "nvidia-smi nvcc rocm-smi",
    "this page cannot use git; download the repository as a .zip file and unzip it": "git gh svn hg",
    "this page has no compiler": "cc clang cmake g++ gcc ghc go javac make rustc",
    "of programming languages this page has Python only": "R Rscript java julia node npm npx perl php ruby",
    "Python code does it: je_kernel.export and Python's own modules": "pandoc latex pdflatex xelatex soffice",
    "Python code does what it does, line by line": "awk gawk perl",
    "nothing else runs beside this notebook": "kill killall ps top htop jobs nohup screen tmux docker systemctl",
    "put what it shows or edits into a cell, or open the file in JupyterLab": "less more vi vim nano emacs",
    "this page can speak to web servers only; use wget or curl": "ftp nc ping rsync scp ssh telnet",
}
_REASON = {name: reason for reason, names in _REASONS.items() for name in names.split()}


def why_absent(name: str) -> str:
    """Return why there is no such command, as the end of a message.

    Examples
    --------
    >>> why_absent("nvidia-smi"), why_absent("nosuch")
    (' (this page has no graphics processor for Python to compute with)', '')
    """
    reason = _REASON.get(name)
    return f" ({reason})" if reason else ""
