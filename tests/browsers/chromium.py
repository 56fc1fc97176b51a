"""Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import sync_playwright

from tests.browsers.executables import find
from tests.browsers.page import CALL_TIMEOUT, Engine, ScriptError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from playwright.sync_api import Browser as PlaywrightBrowser
    from playwright.sync_api import (
        BrowserContext,
        ConsoleMessage,
        Playwright,
        ProxySettings,
        Request,
        ViewportSize,
    )
    from playwright.sync_api import Page as PlaywrightPage

__all__ = ["FLAGS", "ChromiumBrowser", "ChromiumPage", "executable"]

FLAGS = (
    # As root, in a container, there is no sandbox to be had.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    # The browser's own errands would be requests that no page asked for.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
"""What Chromium needs to run unattended, and to keep quiet on the network."""

_LOOPBACK_ONLY = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
_VIEWPORT: ViewportSize = {"width": 1280, "height": 900}
# Of a profile, from one page to the next.
_KEPT = ("Cache", "Code Cache")
# Playwright's own would overrule the page's, in frames as well.
_COLOR_SCHEME: Final = "null"


def executable() -> str:
    """Return the path of the installed Chromium."""
    return find("chromium", "chromium-browser", "google-chrome")


class _SharedPlaywright:
    """The one Playwright a thread may have, running while any browser needs it.

    Playwright keeps an event loop running in the thread: one left behind would
    break every asyncio test that comes after.
    """

    def __init__(self) -> None:
        self._running: Playwright | None = None
        self._users = 0

    def acquire(self) -> Playwright:
        if self._running is None:
            self._running = sync_playwright().start()
        self._users += 1
        return self._running

    def release(self) -> None:
        self._users -= 1
        if self._users == 0 and self._running is not None:
            self._running.stop()
            self._running = None


_PLAYWRIGHT = _SharedPlaywright()


class ChromiumPage:
    """A page in a browser context of its own.

    Parameters
    ----------
    context
        That context.
    leave
        Gives the context back, once the page is closed.
    """

    def __init__(self, context: BrowserContext, leave: Callable[[ChromiumPage], None]) -> None:
        self._context = context
        self._leave = leave
        self._console: list[str] = []
        self.requests: list[str] = []
        """The address of every request that the page and its workers made."""
        context.on("console", self._hear)
        context.on("request", self._see)
        self.playwright: PlaywrightPage = context.new_page()
        """For the few tests that need what only Playwright has."""

    def _hear(self, message: ConsoleMessage) -> None:
        self._console.append(f"{message.type}: {message.text}")

    def _see(self, request: Request) -> None:
        self.requests.append(request.url)

    def open(self, url: str) -> None:
        self.playwright.goto(url, timeout=CALL_TIMEOUT * 1000)

    def evaluate(self, function: str, *arguments: Any) -> Any:
        # Playwright passes one argument: they travel as a list.
        try:
            return self.playwright.evaluate(f"(all) => ({function})(...all)", list(arguments))
        except PlaywrightError as error:
            raise ScriptError(error.message) from error

    def screenshot(self, path: Path) -> None:
        self.playwright.screenshot(path=path)

    def console(self) -> list[str]:
        return list(self._console)

    def type(self, text: str) -> None:
        self.playwright.keyboard.type(text)

    def press(self, *keys: str) -> None:
        self.playwright.keyboard.press("+".join(keys))

    def close(self) -> None:
        self._context.remove_listener("console", self._hear)
        self._context.remove_listener("request", self._see)
        self._leave(self)


class ChromiumBrowser:
    """A headless Chromium that can reach this machine and nothing else.

    One page at a time has the profile on disk, in which Chromium keeps its cache and what it has
    compiled, as it does for a student who comes again; all else is taken out between two pages.
    Every other page has a context that keeps nothing.

    Parameters
    ----------
    flags
        More command-line flags.
    profile
        Folder of a profile that is kept when the browser is closed, as a student's is.
    """

    engine: Engine = "chromium"

    def __init__(self, flags: Sequence[str] = (), *, profile: Path | None = None) -> None:
        self._command_line = [*FLAGS, _LOOPBACK_ONLY, *flags]
        self._temporary = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self._folder = profile or Path(self._temporary.name)
        self._forgetful: PlaywrightBrowser | None = None
        self._playwright = _PLAYWRIGHT.acquire()
        try:
            self._profile = self._open_profile()
        except BaseException:
            _PLAYWRIGHT.release()
            self._temporary.cleanup()
            raise
        self._profile_is_free = True

    def new_page(self, *, proxy: str | None = None, empty_cache: bool = False) -> ChromiumPage:
        """Open a page without storage, cookies and service workers.

        Parameters
        ----------
        proxy
            Address of a proxy that every request of the page and of its workers
            is to go through, though not the browser's own errands; or None.
        empty_cache
            Whether the page is to be its visitor's first in every way.
        """
        if self._profile_is_free and proxy is None and not empty_cache:
            self._profile_is_free = False
            return ChromiumPage(self._profile, self._empty_profile)
        if self._forgetful is None:
            self._forgetful = self._playwright.chromium.launch(
                executable_path=executable(), args=self._command_line
            )
        # Chromium leaves the loopback out of a proxy unless told not to.
        through: ProxySettings | None = (
            {"server": proxy, "bypass": "<-loopback>"} if proxy is not None else None
        )
        context = self._forgetful.new_context(
            viewport=_VIEWPORT, proxy=through, color_scheme=_COLOR_SCHEME
        )
        return ChromiumPage(context, lambda _: context.close())

    def _open_profile(self) -> BrowserContext:
        return self._playwright.chromium.launch_persistent_context(
            self._folder,
            executable_path=executable(),
            args=self._command_line,
            viewport=_VIEWPORT,
            color_scheme=_COLOR_SCHEME,
        )

    def _empty_profile(self, _: ChromiumPage) -> None:
        """Take all out of the profile that a page has stored but the cache.

        A running Chromium was seen to wait for ever for the caches of a service worker that it
        was removing, in one of 4 to 30 pages.
        """
        self._profile.close()
        for path in (self._folder / "Default").iterdir():
            if path.is_file():
                path.unlink()
            elif path.name not in _KEPT:
                shutil.rmtree(path)
        self._profile = self._open_profile()
        self._profile_is_free = True

    def close(self) -> None:
        try:
            self._profile.close()
            if self._forgetful is not None:
                self._forgetful.close()
        finally:
            _PLAYWRIGHT.release()
            self._temporary.cleanup()
