"""Having the front end save the notebook before it is read.

A kernel cannot save: what was typed since the last save is in the page alone.
But JupyterLab runs the scripts in what a cell that was just run displays, and a
script can press the Save button of the notebook that it is in. Whether that
worked is seen in the files. Where it does not (another front end, scripts that
are forbidden), nothing happens, and the notebook is read as it was last saved.
"""

from __future__ import annotations

import html
import json
import time
import uuid
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from je_kernel import runtime
from je_kernel.files import choose
from je_kernel.files.errors import FilesError
from je_kernel.files.store import Children, Found, Read

if TYPE_CHECKING:
    from collections.abc import Generator

    from je_kernel.files.entries import Entry

__all__ = ["pause", "save_in_front_end"]

_PATIENCE_SECONDS = 3.0
_WRITING_SECONDS = 5.0
_BETWEEN_SECONDS = 0.05
_EXTENSION = ".ipynb"


def save_in_front_end() -> str | None:
    """Have the front end save the notebook now, where it lets a kernel do so.

    JupyterLab and Notebook 7 do, on a server and as JupyterLite, in every browser.
    For a notebook that was never given a name, JupyterLab first asks for one,
    unless the site sets ``exposeAppInBrowser``.

    Returns
    -------
    str or None
        None if it was not saved within three seconds. Else a text that is in no
        other notebook of this folder: the running cell shows it, unseen, in what
        was saved.
    """
    before = _notebooks()
    asked = _Asked()
    try:
        return asked.mark if _is_saved(asked.mark, before) else None
    finally:
        asked.take_back()


class _Asked:
    """The script, on the page until it is taken back."""

    def __init__(self) -> None:
        from IPython.display import display

        self.mark = uuid.uuid4().hex
        # Kept in the file by the very save it asks for, it must not run again some other day.
        stamp = html.escape(str(int(time.time() * 1000)))
        markup = f'<script data-je-save="{stamp}" id="{self.mark}">{_script()}</script>'
        bundle = {"text/html": markup, "text/plain": ""}
        display(bundle, raw=True, display_id=self.mark)  # type: ignore[no-untyped-call]

    def take_back(self) -> None:
        """Leave nothing where the script was."""
        from IPython.display import update_display

        empty = {"text/html": "", "text/plain": ""}
        update_display(empty, raw=True, display_id=self.mark)  # type: ignore[no-untyped-call]


@cache
def _script() -> str:
    return resources.files(__package__).joinpath("autosave.js").read_text("utf-8")


def _is_saved(mark: str, before: dict[str, str]) -> bool:
    """Wait until a notebook that has changed holds the mark."""
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
    """Tell whether a notebook holds the mark, and is all there."""
    try:
        data = choose.here().run(_read(path))
        if mark.encode() not in data:
            return False
        json.loads(data)
    except (FilesError, ValueError):
        return False
    return True


def _read(path: str) -> Generator[Read, Any, bytes]:
    found: Found | None = yield Read(path)
    return b"" if found is None else found.data


def _notebooks() -> dict[str, str]:
    """Return the versions of the notebooks in this folder."""
    place = choose.here()
    try:
        entries = place.run(_children(place.operations.folder))
    except FilesError:
        return {}
    return {entry.path: entry.version for entry in entries if entry.path.endswith(_EXTENSION)}


def _children(folder: str) -> Generator[Children, Any, list[Entry]]:
    entries: list[Entry] = yield Children(folder)
    return entries


def pause(seconds: float) -> None:
    """Let time pass without keeping the browser busy, where it can wait."""
    if runtime.can_run_sync():
        import asyncio

        from pyodide.ffi import run_sync

        run_sync(asyncio.sleep(seconds))
    else:
        time.sleep(seconds)
