"""Runs lessons in JupyterLab, in a headless Chromium, cell by cell."""

from __future__ import annotations

import contextlib
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from je_site.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from playwright.sync_api import Page, Request

__all__ = ["CellRun", "LessonBrowser", "LessonRun", "lesson_browser"]

_VERBS = Path(__file__).with_name("lesson.js").read_text("utf-8")

_FLAGS = (
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # The browser's own errands would be requests that no lesson made.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
_OFFLINE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

#: A quiz that asks until the answer is right would ask for ever.
_MOST_PROMPTS = 20

_KERNEL_SECONDS = 300.0


@dataclass(frozen=True)
class CellRun:
    """One code cell, and what came of running it.

    Attributes
    ----------
    number
        Its place among all cells of the notebook, from 1.
    source
        Its code.
    tags
        Its tags, ``raises-exception`` among them where an error is meant.
    saved
        The outputs that the notebook came with, as nbformat has them.
    outputs
        Those it has now; None where it was not run.
    ended
        Whether it came to its end in time.
    prompts
        What it asked with ``input()``.
    hosts
        Hosts other than the site's that were asked for something while it ran.
    seconds
        How long it took.
    """

    number: int
    source: str
    tags: tuple[str, ...] = ()
    saved: Sequence[Mapping[str, Any]] = ()
    outputs: Sequence[Mapping[str, Any]] | None = None
    ended: bool = False
    prompts: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True)
class LessonRun:
    """One lesson, and what came of running it from top to bottom.

    Attributes
    ----------
    path
        Where it is in the site's contents.
    cells
        Its code cells, in their order.
    problem
        Why no cell could be run at all; empty where they were.
    """

    path: str
    cells: tuple[CellRun, ...]
    problem: str = ""


class LessonBrowser:
    """JupyterLab of one site, in one profile of a browser: lessons run one after the other.

    Parameters
    ----------
    page
        A page of Playwright's.
    site_url
        The site's root.
    """

    def __init__(self, page: Page, site_url: str) -> None:
        self._page = page
        self._site = site_url.rstrip("/") + "/"
        self._host = urlsplit(site_url).netloc
        self._hosts: list[str] = []
        page.context.on("request", self._see)

    def run(self, path: str, *, cell_seconds: float = 120.0) -> LessonRun:
        """Run a lesson from top to bottom in a kernel of its own.

        Parameters
        ----------
        path
            Where it is in the site's contents.
        cell_seconds
            How long one cell may take. What comes after one that takes longer is not run:
            the kernel is still busy with it.

        Returns
        -------
        LessonRun
            Each code cell with its outputs. A cell that raises ends nothing.
        """
        self._open_application()
        try:
            cells = self._call("open", path)
        except CheckError as error:
            return LessonRun(path, (), str(error))
        code = [
            (index, _prepared(index, cell))
            for index, cell in enumerate(cells)
            if cell["type"] == "code"
        ]
        problem = self._call("kernel", _KERNEL_SECONDS * 1000)
        if problem:
            return LessonRun(path, tuple(cell for _, cell in code), " ".join(problem.split()))
        runs = []
        stuck = False
        for index, cell in code:
            if stuck or not cell.source.strip():
                runs.append(cell)
                continue
            run = self._run_cell(index, cell, _answers(cells[index]), cell_seconds)
            stuck = not run.ended
            runs.append(run)
        with contextlib.suppress(CheckError):
            self._call("close")
        return LessonRun(path, tuple(runs))

    def _open_application(self) -> None:
        # Anew for each lesson: nothing that one left open can trouble the next.
        self._page.goto(f"{self._site}lab/index.html?reset", timeout=_KERNEL_SECONDS * 1000)
        self._page.evaluate(f"() => {{ window.jeLesson = {_VERBS.strip()}; }}")
        self._call("ready")

    def _run_cell(
        self, index: int, cell: CellRun, answers: Sequence[str], seconds: float
    ) -> CellRun:
        self._hosts.clear()
        found = self._call("run", index, list(answers), _MOST_PROMPTS, seconds * 1000)
        return CellRun(
            number=cell.number,
            source=cell.source,
            tags=cell.tags,
            saved=cell.saved,
            outputs=found["outputs"],
            ended=found["ended"],
            prompts=tuple(found["prompts"]),
            hosts=tuple(dict.fromkeys(self._hosts)),
            seconds=found["seconds"],
        )

    def _call(self, verb: str, *arguments: Any) -> Any:
        from playwright.sync_api import Error

        try:
            return self._page.evaluate(
                "([verb, ...rest]) => window.jeLesson[verb](...rest)", [verb, *arguments]
            )
        except Error as error:
            raise CheckError(error.message.partition("\n")[0]) from error

    def _see(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.netloc != self._host:
            self._hosts.append(address.hostname or address.netloc)


def _prepared(index: int, cell: Mapping[str, Any]) -> CellRun:
    return CellRun(
        number=index + 1,
        source=cell["source"],
        tags=tuple(cell["metadata"].get("tags", ())),
        saved=tuple(cell["outputs"]),
    )


def _answers(cell: Mapping[str, Any]) -> Sequence[str]:
    """Return what a student types, as a cell's metadata says: ``{"je-kernel": {"answers": …}}``."""
    ours = cell["metadata"].get("je-kernel")
    answers = ours.get("answers", ()) if isinstance(ours, dict) else ()
    return [str(answer) for answer in answers] if isinstance(answers, list | tuple) else []


@contextlib.contextmanager
def lesson_browser(
    site_url: str, *, offline: bool = False, flags: Sequence[str] = ()
) -> Iterator[LessonBrowser]:
    """Start a headless Chromium for a site's lessons, while a block runs.

    Parameters
    ----------
    site_url
        The site's root.
    offline
        Whether to keep it from every host but this machine.
    flags
        More command-line flags.

    Yields
    ------
    LessonBrowser
        In a fresh profile.

    Raises
    ------
    CheckError
        When there is no Playwright or no Chromium.
    """
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError as error:
        raise CheckError(
            "To run lessons in a browser takes Playwright: pip install 'je-kernel-site[check]'. "
            "Or read them without running: je-kernel check --fast."
        ) from error
    installed = next((path for name in _CHROMIUMS if (path := shutil.which(name))), None)
    command_line = [*_FLAGS, *([_OFFLINE] if offline else ()), *flags]
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=installed, args=command_line)
        except Error as error:
            raise CheckError(
                "There is no Chromium to run lessons in: install Chromium or Chrome, or run "
                f"`playwright install chromium`. ({error.message.partition(chr(10))[0]})"
            ) from error
        try:
            page = browser.new_context().new_page()
            page.set_default_timeout(0)
            yield LessonBrowser(page, site_url)
        finally:
            browser.close()
