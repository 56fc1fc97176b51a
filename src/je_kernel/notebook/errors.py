"""The exceptions of `je_kernel.notebook`.

Each is a `JeKernelError`::

    JeKernelError
    └── NotebookError
        ├── AmbiguousNotebookError (also LookupError)   two notebooks hold the running cell
        ├── UnknownNotebookError (also LookupError)     none does, or the cell is not known
        └── UnreadableNotebookError (also ValueError)   the file is no notebook
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
    """Several notebooks hold the running cell: one is a copy of the other."""


class UnknownNotebookError(NotebookError, LookupError):
    """It cannot be told which notebook this kernel is running."""


class UnreadableNotebookError(NotebookError, ValueError):
    """The file is not a notebook."""
