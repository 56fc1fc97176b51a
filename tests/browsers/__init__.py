"""Three real browsers behind one small interface, and JupyterLab driven through it.

`page` says what a browser can be asked for; `chromium`, `firefox` and `webkit`
are the three that answer; `lab` opens and runs notebooks in any of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.browsers.page import Browser, Engine

__all__ = ["launch"]


def launch(engine: Engine, *, profile: Path | None = None) -> Browser:
    """Start a headless browser.

    Parameters
    ----------
    engine
        Which one.
    profile
        Folder of a profile that is kept when the browser is closed, as a student's is. Such a
        browser is for one page at a time.

    Returns
    -------
    Browser
        Running; whoever launched it closes it.

    Raises
    ------
    BrowserMissingError
        If the browser or its driver is not installed.
    """
    # Each driver needs a package of its own: one that is not asked for is not imported.
    if engine == "chromium":
        from tests.browsers.chromium import ChromiumBrowser

        return ChromiumBrowser(profile=profile)
    if engine == "firefox":
        from tests.browsers.firefox import FirefoxBrowser

        return FirefoxBrowser(profile)
    from tests.browsers.webkit import WebKitBrowser

    return WebKitBrowser(profile)
