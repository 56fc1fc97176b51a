"""Builds a site with a teacher's lessons, and runs each of them in it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from je_site.build import build_if_needed
from je_site.cache import cache_folder
from je_site.check.lesson_browser import lesson_browser
from je_site.check.verdicts import judge
from je_site.errors import CheckError
from je_site.progress import reporting
from je_site.server import serve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from je_site.build import BuildOptions
    from je_site.check.verdicts import LessonVerdict

__all__ = ["check_lessons", "lessons_in"]


def lessons_in(path: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the folder of lessons, and the notebooks in it.

    Parameters
    ----------
    path
        A folder, or one notebook.

    Returns
    -------
    folder : pathlib.Path
        What the site's contents are: of one notebook, the folder it lies in.
    lessons : tuple of str
        Paths below it, sorted.

    Raises
    ------
    CheckError
        When there is none.
    """
    if path.is_file() and path.suffix == ".ipynb":
        return path.parent, (path.name,)
    lessons = tuple(sorted(_notebooks_in(path)))
    if not lessons:
        raise CheckError(f"There is no notebook in {path}: name a folder of lessons, or a lesson.")
    return path, lessons


def _notebooks_in(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        # What JupyterLite leaves out as well.
        folders[:] = [each for each in folders if each[0] not in "._" and each != "node_modules"]
        for name in names:
            if name.endswith(".ipynb") and not name.startswith("."):
                yield (Path(folder) / name).relative_to(root).as_posix()


def check_lessons(
    path: Path,
    options: BuildOptions,
    *,
    output: Path | None = None,
    offline: bool = False,
    cell_seconds: float = 120.0,
) -> tuple[LessonVerdict, ...]:
    """Build a site with lessons, and run each from top to bottom in a headless browser.

    Parameters
    ----------
    path
        A folder of lessons, or one lesson.
    options
        What else the site is built of; its contents are the lessons' folder.
    output
        Where to build the site. By default in the cache.
    offline
        Whether to keep the browser from every host but this machine.
    cell_seconds
        How long one cell may take.

    Returns
    -------
    tuple of LessonVerdict
        In the order of their paths.

    Raises
    ------
    CheckError
        When there is no lesson, or no browser.
    BuildError
        When the site cannot be built.
    """
    folder, lessons = lessons_in(path)
    site = output if output is not None else _default_output(folder)
    build_if_needed(site, replace(options, contents=(folder,)))
    return run_lessons(site, lessons, offline=offline, cell_seconds=cell_seconds)


def run_lessons(
    site: Path, lessons: Sequence[str], *, offline: bool, cell_seconds: float
) -> tuple[LessonVerdict, ...]:
    """Run lessons of a site that is built, one after the other.

    Parameters
    ----------
    site
        The site's folder.
    lessons
        Paths in its contents.
    offline, cell_seconds
        As in `check_lessons`.

    Returns
    -------
    tuple of LessonVerdict
        In the order of `lessons`.
    """
    with (
        reporting() as reporter,
        serve(site) as served,
        lesson_browser(served.url, offline=offline) as browser,
    ):
        verdicts = []
        for lesson in lessons:
            with reporter.bar(lesson):
                verdicts.append(judge(browser.run(lesson, cell_seconds=cell_seconds)))
    return tuple(verdicts)


def _default_output(folder: Path) -> Path:
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:20]
    return cache_folder() / "checked" / name
