"""Find the file of the running notebook, by the id of the running cell."""

from __future__ import annotations

import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from je_kernel.arguments import check_flag
from je_kernel.compatibility import parent_header
from je_kernel.errors import MissingFileError
from je_kernel.files import names, store_selection
from je_kernel.notebook.autosave import save_in_front_end
from je_kernel.notebook.errors import (
    AmbiguousNotebookError,
    UnknownNotebookError,
    UnreadableNotebookError,
)

if TYPE_CHECKING:
    from datetime import datetime

    from je_kernel.files.models import Info
    from je_kernel.files.operations import Operations
    from je_kernel.files.store import Store

__all__ = ["SavedNotebook", "current", "find", "parsed", "running_cell", "running_source"]

_EXTENSION = ".ipynb"
_CHECKPOINTS = ".ipynb_checkpoints"
_BEING_WRITTEN = ".~"


@dataclass(frozen=True)
class SavedNotebook:
    """A notebook as it was last saved.

    Parameters
    ----------
    path
        Its path, from the top folder of the site's files.
    data
        The file's bytes.
    modified
        When it was saved.
    content
        The notebook's JSON.
    cell_id
        The id of the cell that is running, if that cell is in this notebook.
    unsaved
        Whether the running cell differs from the saved one.
    """

    path: str
    data: bytes = field(repr=False)
    modified: datetime
    content: dict[str, Any] = field(repr=False)
    cell_id: str | None = None
    unsaved: bool = False

    @property
    def name(self) -> str:
        """The file's name."""
        return names.name_of(self.path)


def current(name: str | None = None, *, save: bool = True) -> SavedNotebook:
    """Return the notebook that this kernel is running.

    Parameters
    ----------
    name
        The notebook's file name; by default it is found by the running cell.
    save
        Whether the front end saves it first, if it can (see `save_in_front_end`).

    Returns
    -------
    SavedNotebook
        The notebook as it is saved.

    Raises
    ------
    AmbiguousNotebookError
        If several notebooks contain the running cell.
    UnknownNotebookError
        If none does.
    MissingFileError
        If there is no notebook of this name.
    """
    check_flag(save, "save")
    operations = store_selection.current()
    cell_id = running_cell()
    mark = save_in_front_end() if save and cell_id is not None else None
    if name is not None:
        return _parsed(*operations.run(_named(operations, name)), cell_id)
    if cell_id is None:
        raise UnknownNotebookError(_no_cell())
    return operations.run(find(operations, cell_id, mark))


async def find(operations: Operations, cell_id: str, mark: str | None = None) -> SavedNotebook:
    """Find the saved notebook that contains a cell, first in a folder and then everywhere.

    Parameters
    ----------
    operations
        The operations on the files of the folder that the kernel was started in.
    cell_id
        The cell's id.
    mark
        A text that the notebook contains if it was just saved: cells of the formats
        4.0 to 4.4, which Google Colab writes, have no ids.
    """
    store, folder = operations.store, operations.folder
    near = [info.path for info in await store.children(folder) if _is_notebook(info.path)]
    holding = await _holding(store, cell_id, near)
    if not holding and mark is not None:
        with_mark = await _holding_text(store, mark, near)
        holding = [_parsed(*file, cell_id) for file in with_mark]
    if not holding:  # slow if there are many files
        far = [path for path in await store.paths() if _is_notebook(path) and path not in near]
        holding = await _holding(store, cell_id, far)
    if len(holding) == 1:
        return holding[0]
    if holding:
        raise AmbiguousNotebookError(_ambiguous(holding, folder))
    raise UnknownNotebookError(
        "This notebook is not saved yet with the cell that is running. Save it (press Ctrl+S, or "
        "Command+S on a Mac; if JupyterLab asks for a name, give it one), then run the cell again. "
        'If that does not help, give its name, as in je_kernel.share("homework.ipynb").'
    )


def _is_notebook(path: str) -> bool:
    # Jupyter Server keeps a copy of each notebook beside it, and another while it writes it.
    *folders, name = path.split("/")
    is_copy = _CHECKPOINTS in folders or name.startswith(_BEING_WRITTEN)
    return name.endswith(_EXTENSION) and not is_copy


async def _holding(store: Store, cell_id: str, paths: list[str]) -> list[SavedNotebook]:
    # Parsing takes time: only files in which the id occurs are parsed.
    holding = []
    for file in await _holding_text(store, cell_id, paths):
        with suppress(UnreadableNotebookError):
            holding.append(_parsed(*file, cell_id))
    return [notebook for notebook in holding if notebook.cell_id is not None]


async def _holding_text(store: Store, text: str, paths: list[str]) -> list[tuple[Info, bytes]]:
    holding = []
    for path in paths:
        file = await store.read(path)
        if file is not None and text.encode() in file[1]:
            holding.append(file)
    return holding


async def _named(operations: Operations, name: str | os.PathLike[str]) -> tuple[Info, bytes]:
    try:
        return await operations.load(name)
    except MissingFileError:
        name = os.fspath(name)
        if name.endswith(_EXTENSION):
            raise
    return await operations.load(name + _EXTENSION)


def parsed(data: bytes, path: str) -> dict[str, Any]:
    """Parse a notebook, and check that it is an object with cells.

    Parameters
    ----------
    data
        The file's bytes.
    path
        The file's path, for error messages.

    Raises
    ------
    UnreadableNotebookError
        If it is not a notebook.

    Examples
    --------
    >>> parsed(b'{"cells": [], "nbformat": 4, "nbformat_minor": 5}', "x.ipynb")["nbformat"]
    4
    """
    name = names.name_of(path)
    try:
        content = json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise UnreadableNotebookError(
            f"{name!r} is not a notebook: it cannot be read as one. Open it in JupyterLab to see "
            "what is in it."
        ) from None
    cells = content.get("cells") if isinstance(content, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        hint = "Open it in JupyterLab and save it again."
        raise UnreadableNotebookError(
            f"{name!r} is not a notebook, or one of a very old kind: it has no cells. {hint}"
        )
    notebook: dict[str, Any] = content
    return notebook


def running_cell() -> str | None:
    """Return the id of the running cell, if the front end sends it."""
    shell = _shell()
    for header in (_parent_of(shell), parent_header(shell)):
        metadata = header.get("metadata") if isinstance(header, dict) else None
        cell_id = metadata.get("cellId") if isinstance(metadata, dict) else None
        if isinstance(cell_id, str) and cell_id:
            return cell_id
    return None


def running_source() -> str | None:
    """Return the code of the running cell as the student wrote it."""
    history = getattr(_shell(), "history_manager", None)
    # Not ``In``, which has the source after IPython's transformations.
    written = getattr(history, "input_hist_raw", None)
    return written[-1] if written else None


def _shell() -> Any:
    # Without an import: plain Python has no IPython to load.
    ipython = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython is not None else None


def _parent_of(shell: Any) -> Any:
    ask = getattr(shell, "get_parent", None)
    try:
        return ask() if ask is not None else None
    except Exception:  # shells differ in the arguments of get_parent
        return None


def _parsed(info: Info, data: bytes, cell_id: str | None) -> SavedNotebook:
    """Parse a notebook, and compare the running cell with what is saved of it."""
    content = parsed(data, info.path)
    cells = content["cells"]
    running = next((c for c in cells if cell_id is not None and c.get("id") == cell_id), None)
    if running is None:
        return SavedNotebook(info.path, data, info.modified, content)
    source, saved = running_source(), _text(running.get("source"))
    unsaved = source is not None and source.strip() != saved.strip()
    return SavedNotebook(info.path, data, info.modified, content, cell_id, unsaved)


def _text(value: Any) -> str:
    return "".join(value) if isinstance(value, list) else str(value or "")


def _no_cell() -> str:
    return (
        "I cannot tell which notebook this is, because the program that shows it does not say "
        'which cell is running. Give the notebook\'s name, as in je_kernel.share("homework.ipynb").'
    )


def _ambiguous(holding: list[SavedNotebook], folder: str) -> str:
    candidates = [names.relative(notebook.path, folder) for notebook in holding]
    return (
        f"{' and '.join(repr(one) for one in candidates)} are copies of each other, and I cannot "
        f"tell which of them this is. Give its name, as in je_kernel.share({candidates[0]!r})."
    )
