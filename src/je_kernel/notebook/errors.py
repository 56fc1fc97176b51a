"""The exceptions of `je_kernel.notebook`.

Each is a `JeKernelError`::

    JeKernelError
    └── NotebookError
        ├── AmbiguousNotebookError (also LookupError)   two notebooks contain the running cell
        ├── UnknownNotebookError (also LookupError)     none does, or the cell is not known
        └── UnreadableNotebookError (also ValueError)   the file is not a notebook
"""

from __future__ import annotations

from je_kernel.errors import JeKernelError

__all__ = [
    "AmbiguousNotebookError",
    "NotebookError",
    "UnknownNotebookError",
    "UnreadableNotebookError",
]


class NotebookError(JeKernelError):
    """Base class of the exceptions of `je_kernel.notebook`."""


class AmbiguousNotebookError(NotebookError, LookupError):
    """Several notebooks contain the running cell: one is a copy of the other."""


class UnknownNotebookError(NotebookError, LookupError):
    """The notebook of this kernel is unknown."""


class UnreadableNotebookError(NotebookError, ValueError):
    """The file is not a notebook."""
