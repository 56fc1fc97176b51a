"""The notebook that this kernel is running, as it was last saved.

A kernel is told the folder it works in, never the name of its notebook. But
the front end says which cell it runs, and from nbformat 4.5 on every cell has an
id: the notebook is the one whose saved JSON holds that cell.

>>> from je_kernel import notebook
>>> notebook.current()
Traceback (most recent call last):
je_kernel.notebook.errors.UnknownNotebookError: I cannot tell which notebook...
"""

from __future__ import annotations

from je_kernel.notebook.autosave import save_in_front_end
from je_kernel.notebook.discovery import SavedNotebook, current
from je_kernel.notebook.errors import (
    AmbiguousNotebookError,
    NotebookError,
    UnknownNotebookError,
    UnreadableNotebookError,
)

__all__ = [
    "AmbiguousNotebookError",
    "NotebookError",
    "SavedNotebook",
    "UnknownNotebookError",
    "UnreadableNotebookError",
    "current",
    "save_in_front_end",
]
