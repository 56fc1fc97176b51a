"""Find the names of the browser and its system in a user-agent string."""

from __future__ import annotations

import re

__all__ = ["browser_name"]

# The order matters: Chromium also names Safari, and Edge also names Chrome.
_BROWSERS = (
    ("Edge", re.compile(r"\bEdg(?:e|A|iOS)?/(\d+)")),
    ("Opera", re.compile(r"\bOPR/(\d+)")),
    ("Firefox", re.compile(r"\b(?:Firefox|FxiOS)/(\d+)")),
    ("Chrome", re.compile(r"\b(?:Headless)?Chrom(?:e|ium)/(\d+)|\bCriOS/(\d+)")),
    ("Safari", re.compile(r"\A(?:(?!Version/).)*+Version/(\d++)(?=.* Safari/)")),
)
_SYSTEMS = (
    ("ChromeOS", "CrOS"),
    ("Android", "Android"),
    ("iOS", "iPhone"),
    ("iPadOS", "iPad"),
    ("Windows", "Windows"),
    ("macOS", "Mac OS X"),
    ("Linux", "Linux"),
)


def browser_name(user_agent: str) -> str:
    """Return the browser and the system of a user-agent string.

    Parameters
    ----------
    user_agent
        ``navigator.userAgent``.

    Returns
    -------
    str
        For example ``"Firefox 153 on Windows"``.

    Examples
    --------
    >>> browser_name("Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0")
    'Firefox 153 on Linux'
    >>> browser_name("curl/8.0")
    'unknown browser'
    """
    system = next((name for name, mark in _SYSTEMS if mark in user_agent), None)
    for name, pattern in _BROWSERS:
        if match := pattern.search(user_agent):
            version = next(group for group in match.groups() if group)
            return f"{name} {version}" + (f" on {system}" if system else "")
    return f"unknown browser on {system}" if system else "unknown browser"
