"""Keeps a whole site on the device, so that it works without a network: `offline`.

The site's service worker does it; it answers at an address of the site, which no server sees.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from je_kernel.errors import NetworkError, NoSpaceError, NotInBrowserError, UnavailableError
from je_kernel.net import progress
from je_kernel.net.failure import TransportFailure
from je_kernel.site import site_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Offline", "keep_all", "offline"]

_CONTROL = "api/je-kernel/offline"
_TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class Offline:
    """What of the site is on this device. It shows itself as a sentence.

    Parameters
    ----------
    files
        How many files.
    size
        How much that is, in bytes.
    python
        Whether Python itself is among them; else it comes from another site.
    """

    files: int
    size: int
    python: bool = True

    def __repr__(self) -> str:
        kept = f"All of this site is on this device now ({_megabytes(self.size)})"
        if self.python:
            return f"{kept}: it works without a network."
        return (
            f"{kept}. Python comes from another site, though: without a network, notebooks open "
            "and do not run."
        )


def offline() -> Offline:
    """Keep all of this site on this device, so that it works without a network.

    What was used is kept without this. With it, so are all packages, lessons and data
    files that came with the site. What lessons read from other sites is not.

    Returns
    -------
    Offline
        What is kept; it shows itself as a sentence.

    Raises
    ------
    NoSpaceError
        If the browser has not enough room for it.
    NetworkError
        If the site cannot be reached. What has been kept by then stays.
    UnavailableError
        Where the site or the browser keeps nothing, as in some private windows.
    NotInBrowserError
        In ordinary Python.

    Examples
    --------
    >>> offline()  # doctest: +SKIP
    All of this site is on this device now (180 MB): it works without a network.
    """
    try:
        url = site_url(_CONTROL)
    except NotInBrowserError:
        raise NotInBrowserError(
            "je_kernel.offline() keeps a site in the browser, and this Python does not run in one: "
            "there is nothing to do."
        ) from None
    return keep_all(lambda: _more(url), progress.display())


def keep_all(
    more: Callable[[], Mapping[str, Any]], display: progress.Display | None = None
) -> Offline:
    """Have more and more of the site kept until all of it is, and show how far that is.

    Parameters
    ----------
    more
        Has some more kept, and returns what the service worker says of it.
    display
        Where to show progress.
    """
    while True:
        state = more()
        kept, whole = state["kept"], state["all"]
        if kept["files"] == whole["files"]:
            if display is not None:
                display.clear()
            return Offline(kept["files"], kept["bytes"], python=state["python"] == "here")
        words = f"{_megabytes(kept['bytes'])} of {_megabytes(whole['bytes'])}"
        if state["full"]:
            raise NoSpaceError(
                f"This browser has no room for all of the site: {words} are kept. Free some space"
                " on this device, or delete files that you no longer need, and run this cell again."
            )
        if not state["reached"]:
            raise NetworkError(
                f"The site does not answer: {words} are kept. Check the Wi-Fi, then run this cell"
                " again; it goes on from there."
            )
        if display is not None:
            label = "Making this site available offline"
            display.show(label, words, kept["bytes"], whole["bytes"])


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def _more(url: str) -> Mapping[str, Any]:
    from je_kernel.net.engine_xhr import send
    from je_kernel.net.message import Request

    try:
        response = send(Request("POST", url, timeout=_TIMEOUT_SECONDS))
        state: Mapping[str, Any] = json.loads(response.body)
        if response.status == 200 and state["version"] is not None:
            return state
    except (TransportFailure, ValueError, KeyError, TypeError):
        pass  # It was no service worker of ours that answered, or nobody.
    raise UnavailableError(
        "This site cannot be kept for when there is no network: whoever made the site switched it"
        " off, or this browser does not allow it, as some private windows do not. Reload the page"
        " and run this cell again to see whether that helps."
    )
