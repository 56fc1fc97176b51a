"""Runs lessons in JupyterLab, in a headless Chromium, cell by cell."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from je_site.errors import CheckError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from playwright.sync_api import BrowserContext, Error, Page, Request

__all__ = ["OFFLINE", "CellRun", "LessonBrowser", "LessonRun", "lesson_browser"]

_VERBS = Path(__file__).with_name("lesson.js").read_text("utf-8")

_FLAGS = (
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # The browser's own requests must not count as those of a lesson.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
#: Flags that let a browser reach only this machine.
OFFLINE = ("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",)

_CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

#: Limit for quizzes that ask until the answer is right.
_MAX_PROMPTS = 20

_PAGE_SECONDS = 300.0

#: Limit of the wait for requests after the last cell.
_SETTLING_SECONDS = 10.0


#: A page serves this many lessons at most: animations of earlier ones slow it down.
_LESSONS_OF_A_PAGE = 4


@dataclass(frozen=True)
class CellRun:
    """One code cell, and the result of running it.

    Attributes
    ----------
    number
        Its place among all cells of the notebook, from 1.
    source
        Its code.
    tags
        Its tags; ``raises-exception`` where an error is expected.
    saved
        The outputs in the notebook's file.
    outputs
        The new outputs; None where it was not run.
    ended
        Whether it ended in time.
    prompts
        The prompts of ``input()``.
    hosts
        Hosts, other than the site's, of requests from its start until the start of the next
        cell: its output may request more after its end.
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
    """One lesson, and the result of running it from top to bottom.

    Attributes
    ----------
    path
        Where it is in the site's contents.
    cells
        Its code cells, in their order.
    problem
        Why it could not be run to its end, or empty.
    """

    path: str
    cells: tuple[CellRun, ...]
    problem: str = ""


class LessonBrowser:
    """JupyterLab of one site, in one profile of a browser: lessons run one after the other.

    They share a page, as for a student who opens them one after the other. A lesson that does not
    end properly is the last one of its page.

    Parameters
    ----------
    context
        A context of Playwright's.
    site_url
        The site's root.
    """

    def __init__(self, context: BrowserContext, site_url: str) -> None:
        self._context = context
        self._site = site_url.rstrip("/") + "/"
        self._host = urlsplit(site_url).netloc
        self._page: Page | None = None
        self._run_in_page = 0
        #: Hosts of the running cell's requests.
        self._hosts: list[str] = []
        self._requests: set[Request] = set()
        context.on("request", self._on_request)
        context.on("requestfinished", self._on_request_end)
        context.on("requestfailed", self._on_request_end)

    def run(self, path: str, *, cell_seconds: float = 120.0) -> LessonRun:
        """Run a lesson from top to bottom in a kernel of its own.

        Parameters
        ----------
        path
            Where it is in the site's contents.
        cell_seconds
            Limit for one cell. After a cell that takes longer the others are not run,
            because the kernel is still busy.

        Returns
        -------
        LessonRun
            Each code cell with its outputs. The lesson continues after a cell that raises.
        """
        page = self._page or self._open()
        self._page = None
        self._run_in_page += 1
        try:
            run = self._run(page, path, cell_seconds)
            whole = all(cell.ended or not cell.source.strip() for cell in run.cells)
            if whole and not run.problem and self._run_in_page < _LESSONS_OF_A_PAGE:
                with contextlib.suppress(CheckError):
                    _call(page, "close")
                    self._page = page
            return run
        finally:
            if self._page is None:
                page.close()  # This also ends a kernel that is busy for ever.

    def _open(self) -> Page:
        from playwright.sync_api import Error

        self._requests.clear()
        self._run_in_page = 0
        try:
            page = self._context.new_page()
            page.set_default_timeout(0)
            page.goto(f"{self._site}lab/index.html?reset", timeout=_PAGE_SECONDS * 1000)
            page.evaluate(f"() => {{ window.jeLesson = {_VERBS.strip()}; }}")
        except Error as error:
            raise CheckError(f"JupyterLab does not open: {_first_line(error)}") from error
        _call(page, "ready")
        return page

    def _run(self, page: Page, path: str, cell_seconds: float) -> LessonRun:
        code: dict[int, CellRun] = {}
        hosts: dict[int, list[str]] = {}
        problem = ""
        try:
            cells = _call(page, "open", path)
            for index, cell in enumerate(cells):
                if cell["type"] == "code":
                    code[index] = _prepared(index, cell)
            _call(page, "kernel")
            for index, cell in code.items():
                if cell.source.strip():
                    _call(page, "pause")
                    self._hosts = hosts[index] = []
                    code[index] = _run_cell(page, index, cell, _answers(cells[index]), cell_seconds)
                    if not code[index].ended:
                        break  # The kernel is still busy with it.
            self._settle(page)
        except CheckError as error:
            problem = str(error)
        ran = (
            replace(cell, hosts=tuple(dict.fromkeys(hosts.get(index, ()))))
            for index, cell in code.items()
        )
        return LessonRun(path, tuple(ran), problem)

    def _settle(self, page: Page) -> None:
        """Wait until there are no open requests."""
        until = time.monotonic() + _SETTLING_SECONDS
        quiet = 0
        while quiet < 4 and time.monotonic() < until:
            _call(page, "pause")
            quiet = 0 if self._requests else quiet + 1

    def _on_request_end(self, request: Request) -> None:
        self._requests.discard(request)

    def _on_request(self, request: Request) -> None:
        self._requests.add(request)
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.netloc != self._host:
            self._hosts.append(address.hostname or address.netloc)


def _run_cell(
    page: Page, index: int, cell: CellRun, answers: Sequence[str], seconds: float
) -> CellRun:
    found = _call(page, "run", index, list(answers), _MAX_PROMPTS, seconds * 1000)
    return replace(
        cell,
        outputs=found["outputs"],
        ended=found["ended"],
        prompts=tuple(found["prompts"]),
        seconds=found["seconds"],
    )


def _call(page: Page, verb: str, *arguments: Any) -> Any:
    """Call one of the verbs of ``lesson.js``."""
    from playwright.sync_api import Error

    try:
        return page.evaluate(
            "([verb, ...rest]) => window.jeLesson[verb](...rest)", [verb, *arguments]
        )
    except Error as error:
        said = _first_line(error)
        raise CheckError(said.removeprefix("Page.evaluate: Error: ")) from error


def _first_line(error: Error) -> str:
    return error.message.partition("\n")[0]


def _prepared(index: int, cell: Mapping[str, Any]) -> CellRun:
    return CellRun(
        number=index + 1,
        source=cell["source"],
        tags=tuple(cell["metadata"].get("tags", ())),
        saved=tuple(cell["outputs"]),
    )


def _answers(cell: Mapping[str, Any]) -> Sequence[str]:
    """Return the answers in a cell's metadata: ``{"je-kernel": {"answers": …}}``."""
    ours = cell["metadata"].get("je-kernel")
    answers = ours.get("answers", ()) if isinstance(ours, dict) else ()
    return [str(answer) for answer in answers] if isinstance(answers, list | tuple) else []


@contextlib.contextmanager
def lesson_browser(site_url: str, *, flags: Sequence[str] = ()) -> Iterator[LessonBrowser]:
    """Start a headless Chromium for a site's lessons, while a block runs.

    Parameters
    ----------
    site_url
        The site's root.
    flags
        More command-line flags, such as those of `OFFLINE`.

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
    with (
        # A profile keeps the compiled code of Pyodide; a private window does not.
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        sync_playwright() as playwright,
    ):
        try:
            context = playwright.chromium.launch_persistent_context(
                profile, executable_path=installed, args=[*_FLAGS, *flags]
            )
        except Error as error:
            raise CheckError(
                "There is no Chromium to run lessons in: install Chromium or Chrome, or run "
                f"`playwright install chromium`. ({_first_line(error)})"
            ) from error
        try:
            yield LessonBrowser(context, site_url)
        finally:
            context.close()
