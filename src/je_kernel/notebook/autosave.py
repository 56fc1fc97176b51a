"""Make the front end save the notebook before the kernel reads it.

A kernel cannot save: what was typed since the last save is only in the page.
But JupyterLab runs the scripts in the output of a cell that has just run, and a
script can press the Save button of its notebook. The kernel then looks for the
saved file. If there is none (another front end, or scripts are forbidden), the
notebook is read as it was last saved.
"""

from __future__ import annotations

import html
import json
import time
import uuid

from je_kernel import javascript
from je_kernel.errors import FilesError
from je_kernel.files import store_selection
from je_kernel.runtime import pause

__all__ = ["save_in_front_end"]

_PATIENCE_SECONDS = 3.0
_WRITING_SECONDS = 5.0
_BETWEEN_SECONDS = 0.05
_EXTENSION = ".ipynb"


def save_in_front_end() -> str | None:
    """Have the front end save the notebook now, if it can.

    JupyterLab and Notebook 7 can, on a server and as JupyterLite, in every browser.
    For a notebook without a name, JupyterLab first asks for one, unless the site
    sets ``exposeAppInBrowser``.

    Returns
    -------
    str or None
        A mark in the saved output of the running cell, which no other notebook of this
        folder has. None if the notebook was not saved within three seconds.
    """
    before = _notebooks()
    script = _Script()
    try:
        return script.mark if _is_saved(script.mark, before) else None
    finally:
        script.remove()


class _Script:
    """The script that saves the notebook, in the output of the running cell until `remove`."""

    def __init__(self) -> None:
        from IPython.display import display

        self.mark = uuid.uuid4().hex
        # The save keeps this script in the file: it must not run when the file is opened later.
        stamp = html.escape(str(int(time.time() * 1000)))
        script = javascript.source("notebook/autosave.js")
        markup = f'<script data-je-save="{stamp}" id="{self.mark}">{script}</script>'
        bundle = {"text/html": markup, "text/plain": ""}
        display(bundle, raw=True, display_id=self.mark)  # type: ignore[no-untyped-call]

    def remove(self) -> None:
        """Replace the script by an empty output."""
        from IPython.display import update_display

        empty = {"text/html": "", "text/plain": ""}
        update_display(empty, raw=True, display_id=self.mark)  # type: ignore[no-untyped-call]


def _is_saved(mark: str, before: dict[str, str]) -> bool:
    """Wait until a changed notebook contains the mark; return whether one does."""
    end = time.monotonic() + _PATIENCE_SECONDS
    being_written = False
    while time.monotonic() < end:
        pause(_BETWEEN_SECONDS)
        for path, version in _notebooks().items():
            if before.get(path) == version:
                continue
            if _holds(path, mark):
                return True
            if not being_written:  # Jupyter Server empties a file before it writes it
                being_written = True
                end += _WRITING_SECONDS
    return False


def _holds(path: str, mark: str) -> bool:
    """Return whether a notebook contains the mark and is complete."""
    try:
        operations = store_selection.current()
        file = operations.run(operations.store.read(path))
        if file is None or mark.encode() not in file[1]:
            return False
        json.loads(file[1])
    except (FilesError, ValueError):
        return False
    return True


def _notebooks() -> dict[str, str]:
    """Return the versions of the notebooks in this folder."""
    operations = store_selection.current()
    try:
        infos = operations.run(operations.store.children(operations.folder))
    except FilesError:
        return {}
    return {info.path: info.version for info in infos if info.path.endswith(_EXTENSION)}
