"""Shorten tracebacks to the student's own frames.

A network error is raised below a dozen frames of pandas, urllib and je-kernel, which
do not help. The student's line and the error's message do.
"""

from __future__ import annotations

import os
import sys
import traceback
from functools import cache
from types import TracebackType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

__all__ = ["is_library", "of_the_student", "render", "student_frame", "wrapped"]

_FULL_MODES = frozenset({"Verbose"})
# What fits beside the file list on a small screen.
_WIDTH = 80


@cache
def _library_folders() -> tuple[str, ...]:
    import je_kernel

    standard_library = os.path.dirname(os.__file__)  # noqa: PTH120 (a zip in Pyodide)
    return (standard_library + os.sep, *(path + os.sep for path in je_kernel.__path__))


@cache
def is_library(filename: str) -> bool:
    """Return whether code belongs to Python, to an installed package or to je-kernel.

    Parameters
    ----------
    filename
        The ``co_filename`` of the code.

    Examples
    --------
    >>> is_library(os.__file__), is_library("/drive/lesson/mine.py")
    (True, False)
    """
    if filename.startswith(("<frozen ", "<__array_function__")):
        return True
    folders = filename.replace("\\", "/").split("/")
    return (
        "site-packages" in folders
        or "dist-packages" in folders
        or filename.startswith(_library_folders())
    )


def of_the_student(tb: TracebackType | None) -> TracebackType | None:
    """Return a traceback without the frames of libraries.

    Parameters
    ----------
    tb
        A traceback, left as it is.

    Returns
    -------
    traceback or None
        The other frames in the same order; the whole traceback if there are none.
    """
    frames = [each for each in _walk(tb) if not is_library(each.tb_frame.f_code.co_filename)]
    if not frames:
        return tb
    result: TracebackType | None = None
    for each in reversed(frames):
        result = TracebackType(result, each.tb_frame, each.tb_lasti, each.tb_lineno)
    return result


def _walk(tb: TracebackType | None) -> Iterator[TracebackType]:
    while tb is not None:
        yield tb
        tb = tb.tb_next


def student_frame() -> FrameType | None:
    """Return the innermost running frame that is not of a library, if there is one."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and is_library(frame.f_code.co_filename):
        frame = frame.f_back
    return frame


def render(error: BaseException) -> list[str]:
    """Format an error as IPython shows it, with the student's own frames only.

    After ``%xmode Verbose`` every frame is shown.

    Parameters
    ----------
    error
        The error to show.

    Returns
    -------
    list of str
        The lines that ``_render_traceback_`` returns to IPython.
    """
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is None:
        return traceback.format_exception(type(error), error, of_the_student(error.__traceback__))
    formatter = shell.InteractiveTB
    if getattr(formatter, "mode", "") in _FULL_MODES:
        lines: list[str] = formatter.structured_traceback(
            type(error), error, error.__traceback__, tb_offset=1
        )
        return lines
    lines = formatter.structured_traceback(
        type(error), error, of_the_student(error.__traceback__), tb_offset=0
    )
    text = str(error)
    return [part.replace(text, wrapped(text)) for part in lines]


def wrapped(text: str) -> str:
    """Break long lines between words: JupyterLab would break them anywhere.

    Parameters
    ----------
    text
        Its indented lines stay as they are.
    """
    import textwrap

    return "\n".join(
        line
        if line.startswith("    ")
        else textwrap.fill(line, _WIDTH, break_long_words=False, break_on_hyphens=False)
        for line in text.split("\n")
    )
