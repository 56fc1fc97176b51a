"""`offline`: store the whole site on the device, so that it works without a network.

The site's service worker stores the files, on requests to a URL of the site that it answers itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from je_kernel.errors import NetworkError, NoSpaceError, NotInBrowserError, UnavailableError
from je_kernel.memory_limit import shown_bytes
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
    """The stored files of the site. It displays a sentence.

    Parameters
    ----------
    files
        The number of files.
    size
        Their size in bytes.
    python
        Whether Python itself is among them; otherwise it comes from another site.
    """

    files: int
    size: int
    python: bool = True

    def __repr__(self) -> str:
        kept = f"All of this site is on this device now ({shown_bytes(self.size)})"
        if self.python:
            return f"{kept}: it works without a network."
        return (
            f"{kept}. Python comes from another site, though: without a network, notebooks open "
            "and do not run."
        )


def offline() -> Offline:
    """Store the whole site on this device, so that it works without a network.

    Files that were used are stored anyway. This stores all packages, lessons and data
    files of the site, but no data from other sites.

    Returns
    -------
    Offline
        The stored files. It displays a sentence.

    Raises
    ------
    NoSpaceError
        If the browser does not have enough room.
    NetworkError
        If the site cannot be reached. Files that are stored by then stay.
    UnavailableError
        If the site or the browser stores nothing, as in some private windows.
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
    """Store files of the site until all are stored, and show the progress.

    Parameters
    ----------
    more
        Stores some more files, and returns the state that the service worker reports.
    display
        The display of progress.
    """
    while True:
        state = more()
        kept, whole = state["kept"], state["all"]
        if kept["files"] == whole["files"]:
            if display is not None:
                display.clear()
            return Offline(kept["files"], kept["bytes"], python=state["python"] == "here")
        words = f"{shown_bytes(kept['bytes'])} of {shown_bytes(whole['bytes'])}"
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


def _more(url: str) -> Mapping[str, Any]:
    from je_kernel.net.engine_xhr import send
    from je_kernel.net.message import Request

    try:
        response = send(Request("POST", url, timeout=_TIMEOUT_SECONDS))
        state: Mapping[str, Any] = json.loads(response.body)
        if response.status == 200 and state["version"] is not None:
            return state
    except (TransportFailure, ValueError, KeyError, TypeError):
        pass  # no answer, or not from our service worker
    raise UnavailableError(
        "This site cannot be kept for when there is no network: whoever made the site switched it"
        " off, or this browser does not allow it, as some private windows do not. Reload the page"
        " and run this cell again to see whether that helps."
    )
