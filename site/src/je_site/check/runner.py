"""Builds a site with a teacher's lessons, and runs each of them in it."""

from __future__ import annotations

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import groupby
from pathlib import Path, PurePosixPath
from queue import SimpleQueue
from typing import TYPE_CHECKING

from je_site.build import build_if_needed
from je_site.cache import cache_folder
from je_site.check.lesson_browser import OFFLINE, lesson_browser
from je_site.check.static_checks import check_without_running
from je_site.check.verdicts import judge
from je_site.errors import CheckError
from je_site.lessons import files_in
from je_site.progress import progress_reporter
from je_site.server import serve

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from je_site.build import BuildOptions
    from je_site.check.lesson_browser import LessonRun
    from je_site.check.verdicts import LessonVerdict
    from je_site.progress import Reporter

__all__ = ["check_lessons", "check_lessons_fast", "lessons_in", "run_lessons"]


def lessons_in(path: Path) -> tuple[Path, tuple[str, ...]]:
    """Return the folder of lessons, and the notebooks in it.

    Parameters
    ----------
    path
        A folder, or one notebook.

    Returns
    -------
    folder : pathlib.Path
        The contents of the site: the folder, or that of the notebook.
    lessons : tuple of str
        Paths below it, sorted.

    Raises
    ------
    CheckError
        When there is none.
    """
    if path.is_file() and path.suffix == ".ipynb":
        return path.parent, (path.name,)
    notebooks = (file for file in files_in(path) if file.suffix == ".ipynb")
    lessons = tuple(sorted(file.relative_to(path).as_posix() for file in notebooks))
    if not lessons:
        raise CheckError(f"There is no notebook in {path}: name a folder of lessons, or a lesson.")
    return path, lessons


def check_lessons(
    path: Path,
    options: BuildOptions,
    *,
    output: Path | None = None,
    offline: bool = False,
    cell_seconds: float = 120.0,
    jobs: int = 1,
) -> tuple[LessonVerdict, ...]:
    """Build a site with lessons, and run each from top to bottom in a headless browser.

    Parameters
    ----------
    path
        A folder of lessons, or one lesson.
    options
        The options of the site; its contents are the folder of lessons.
    output
        The folder of the site; by default in the cache.
    offline
        Whether the browser can reach only this machine.
    cell_seconds
        How long one cell may take.
    jobs
        How many browsers run lessons at the same time.

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
    options = replace(options, contents=(folder,))
    site = output if output is not None else _default_output(folder)
    build_if_needed(site, options)
    with progress_reporter() as reporter, serve(site) as served:
        runs = run_lessons(
            served.url,
            lessons,
            reporter,
            flags=OFFLINE if offline else (),
            cell_seconds=cell_seconds,
            jobs=jobs,
        )
        judged = {run.path: judge(run) for run in runs}
    return tuple(judged[lesson] for lesson in lessons)


def check_lessons_fast(path: Path, options: BuildOptions) -> tuple[LessonVerdict, ...]:
    """Predict the verdicts on lessons, without running them.

    Parameters
    ----------
    path, options
        As in `check_lessons`.

    Returns
    -------
    tuple of LessonVerdict
        In the order of their paths.

    Raises
    ------
    CheckError
        When there is no lesson.
    LockError
        When the site's lock cannot be used.
    """
    folder, lessons = lessons_in(path)
    with progress_reporter() as reporter:
        return check_without_running(
            folder, lessons, replace(options, contents=(folder,)), reporter
        )


def run_lessons(
    site_url: str,
    lessons: Iterable[str],
    reporter: Reporter,
    *,
    flags: Sequence[str] = (),
    cell_seconds: float = 120.0,
    jobs: int = 1,
) -> Iterator[LessonRun]:
    """Run lessons of a site that is served.

    The lessons of one folder run one after the other in the same profile of a browser: one may
    need what another has written. Several folders may be run at the same time.

    Parameters
    ----------
    site_url
        The site's root.
    lessons
        Paths in its contents.
    reporter
        Where to show progress.
    flags
        More command-line flags of the browser.
    cell_seconds, jobs
        As in `check_lessons`.

    Yields
    ------
    LessonRun
        For each lesson, in the order in which they end.
    """
    by_folder = groupby(sorted(lessons), key=lambda lesson: PurePosixPath(lesson).parent)
    folders: SimpleQueue[Sequence[str] | None] = SimpleQueue()
    # The largest first, so that the last one to end is short.
    for folder in sorted((tuple(group) for _, group in by_folder), key=len, reverse=True):
        folders.put(folder)
    jobs = min(jobs, folders.qsize())
    ended: SimpleQueue[LessonRun | None] = SimpleQueue()
    stopped = threading.Event()

    def work() -> None:
        try:
            # Playwright's objects belong to the thread that made them.
            with lesson_browser(site_url, flags=flags) as browser:
                for folder in iter(folders.get, None):
                    for lesson in folder:
                        if stopped.is_set():
                            return
                        with reporter.bar(lesson):
                            ended.put(browser.run(lesson, cell_seconds=cell_seconds))
        finally:
            ended.put(None)

    with ThreadPoolExecutor(jobs) as pool:
        working = []
        for _ in range(jobs):
            folders.put(None)
            working.append(pool.submit(work))
        try:
            for _ in range(jobs):
                yield from iter(ended.get, None)
        finally:
            stopped.set()
    for each in working:
        each.result()


def _default_output(folder: Path) -> Path:
    name = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:20]
    return cache_folder() / "checked" / name
