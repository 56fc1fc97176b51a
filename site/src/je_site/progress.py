"""Shows progress: bars in a terminal, one line for each step elsewhere."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sized

__all__ = ["Bar", "Reporter", "counted", "progress_reporter"]


def counted(packages: Sized) -> str:
    """Return the number of packages as text.

    Parameters
    ----------
    packages
        The packages.

    Returns
    -------
    str
        Such as ``2 packages``.

    Examples
    --------
    >>> counted(["numpy"])
    '1 package'
    """
    return f"{len(packages)} package{'' if len(packages) == 1 else 's'}"


class Bar:
    """The progress of one step. Threads may share it.

    Parameters
    ----------
    progress
        What draws it, or None to draw nothing.
    task
        Its number there.
    """

    def __init__(self, progress: Progress | None, task: TaskID) -> None:
        self._progress = progress
        self._task = task

    def advance(self, amount: float = 1) -> None:
        """Move on.

        Parameters
        ----------
        amount
            How far, in the unit of the total.
        """
        if self._progress is not None:
            self._progress.advance(self._task, amount)

    def update(self, completed: float, total: float) -> None:
        """Set how far it is.

        Parameters
        ----------
        completed, total
            In any unit.
        """
        if self._progress is not None:
            self._progress.update(self._task, completed=completed, total=total)


class Reporter:
    """Receives the progress and the warnings of a build.

    Parameters
    ----------
    progress
        What draws bars, or None where there is no terminal.
    lines
        Whether to write one line for each step instead.
    """

    def __init__(self, progress: Progress | None = None, *, lines: bool = False) -> None:
        self._progress = progress
        self._lines = lines
        self._warnings: set[str] = set()

    @contextlib.contextmanager
    def bar(self, label: str, total: float | None = None) -> Iterator[Bar]:
        """Show the progress of one step.

        Parameters
        ----------
        label
            Name of the step.
        total
            How much there is to do, in any unit; None when unknown.

        Yields
        ------
        Bar
            For the step to report to.
        """
        if self._lines:
            sys.stderr.write(f"{label}\n")
            sys.stderr.flush()
        if self._progress is None:
            yield Bar(None, TaskID(0))
            return
        task = self._progress.add_task(label, total=total)
        yield Bar(self._progress, task)
        finished = self._progress.tasks[task].total or 1
        self._progress.update(task, completed=finished, total=finished)

    def warn(self, text: str) -> None:
        """Show a warning, each text once.

        Parameters
        ----------
        text
            One sentence.
        """
        if text in self._warnings:
            return
        self._warnings.add(text)
        if self._progress is not None:
            self._progress.console.print(f"je-kernel: {text}", style="yellow", highlight=False)
        else:
            sys.stderr.write(f"je-kernel: {text}\n")


@contextlib.contextmanager
def progress_reporter(*, quiet: bool = False) -> Iterator[Reporter]:
    """Report on the standard error stream while a block runs.

    Parameters
    ----------
    quiet
        Whether to show warnings only.

    Yields
    ------
    Reporter
        With bars where the stream is a terminal, with lines elsewhere.
    """
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield Reporter(lines=not quiet)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield Reporter(progress)
