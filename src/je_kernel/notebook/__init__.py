"""Find the notebook that this kernel runs, and read it as it was last saved.

A kernel knows the folder it works in, but not the name of its notebook. The front
end sends the id of the running cell, and since nbformat 4.5 every cell has one: the
notebook is the file that contains that cell.

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
