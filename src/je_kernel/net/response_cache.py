"""Save copies of downloads, and return them when the network fails.

`store` keeps a copy of the response to a plain GET in the browser's Cache API, which
all tabs and kernels of this site share. When the same GET later fails for lack of a
network, `lookup` returns the copy with a warning. The oldest copies are deleted when
the setting ``JE_KERNEL_SAVED_COPIES_MB`` would be exceeded.

Nothing is stored if the request holds a secret (`je_kernel.net.credentials`), if its
address or the one it was redirected to does, or if the site forbids it
(``Cache-Control: no-store``).

The Cache API is asynchronous. `store` returns at once, and the copy is written while
the kernel is idle. `lookup` waits (JSPI). Where a browser cannot wait, `preload` holds
the newest copies as Blobs, which the synchronous XMLHttpRequest can read. A browser has
the Cache API only on ``https://`` and on localhost; elsewhere nothing is stored.
"""

from __future__ import annotations

import json
import time
import warnings
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urldefrag, urlsplit

from je_kernel import javascript, runtime, settings
from je_kernel.errors import SavedCopyWarning
from je_kernel.net import fetch_restrictions
from je_kernel.net.credentials import secret_in, secrets_of_url
from je_kernel.net.message import Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from je_kernel.net.waiting import Wait

__all__ = [
    "age_in_words",
    "clear_saved",
    "is_storable",
    "lookup",
    "preload",
    "storable_bytes",
    "store",
    "warn_of",
]

# One copy may not take the room of most of the others.
_LARGEST_SHARE = 0.5

# Any other header may ask for another form of the same data.
_PLAIN_HEADERS = frozenset(
    {"accept-encoding", "cache-control", "connection", "host", "pragma", "user-agent"}
)


def is_storable(request: Request, response: Response) -> bool:
    """Return whether a copy of a response may be stored, as far as its head tells.

    Parameters
    ----------
    request
        The request.
    response
        Its response; the body does not matter.
    """
    return (
        _may_lookup(request)
        and next(secrets_of_url(response.url), None) is None
        and response.status == 200
        and not _says_no_store(request.headers)
        and not _says_no_store(response.headers)
    )


def _may_lookup(request: Request) -> bool:
    try:
        parts = urlsplit(request.url)
    except ValueError:
        return False
    return (
        request.method == "GET"
        and parts.scheme in {"http", "https"}
        and all(_is_plain(name, value) for name, value in request.headers)
        and secret_in(request) is None
    )


def _is_plain(name: str, value: str) -> bool:
    return name.lower() in _PLAIN_HEADERS or (name.lower() == "accept" and value.strip() == "*/*")


def _says_no_store(headers: Iterable[tuple[str, str]]) -> bool:
    return any(
        "no-store" in value.lower() for name, value in headers if name.lower() == "cache-control"
    )


def storable_bytes(request: Request, head: Response) -> int:
    """Return how long a body may be, in bytes, for a copy of it to be stored.

    Parameters
    ----------
    request
        The request.
    head
        The response without its body.
    """
    most = int(settings.current().saved_copies_mb * 1_000_000 * _LARGEST_SHARE)
    return most if most and _has_cache() and is_storable(request, head) else 0


def store(request: Request, response: Response, size: int) -> None:
    """Store a copy of a response if that is allowed. Returns at once.

    Parameters
    ----------
    request
        The request.
    response
        The response. Its body comes from ``copy``, if there is one.
    size
        The length of the body in bytes.
    """
    if not 0 < size <= storable_bytes(request, response):
        return
    import js
    from pyodide.ffi import to_js

    description = {
        "request_url": urldefrag(request.url).url,
        "url": response.url,
        "headers": [h for h in response.headers if h[0].lower() != "content-length"],
        "stored": time.time(),
    }
    body = response.copy or js.Response.new(to_js(response.body))
    _cache().store(json.dumps(description), body, settings.current().saved_copies_mb * 1_000_000)


async def lookup(request: Request, wait: Wait | None) -> Response | None:
    """Return the stored copy for a request, and warn that it replaces the network.

    Parameters
    ----------
    request
        The request that got no response.
    wait
        How to wait for the browser; None where Python cannot.
    """
    if settings.current().saved_copies_mb == 0 or not _has_cache() or not _may_lookup(request):
        return None
    url = urldefrag(request.url).url
    copy = _cache().findPreloaded(url) if wait is None else await wait(_cache().find(url))
    if copy is None:
        return None
    text, body = copy
    description = json.loads(text)
    warn_of(url, description["stored"])
    headers = tuple((name, value) for name, value in description["headers"])
    content = _read_blob(body) if wait is None else body.to_bytes()
    response = Response(200, "OK", description["url"], headers, content)
    return fetch_restrictions.normalized(request, response)


def _read_blob(url: str) -> bytes:
    import js

    from je_kernel.net import engine_xhr

    try:
        return engine_xhr.send(Request("GET", url)).body
    finally:
        js.URL.revokeObjectURL(url)


def age_in_words(seconds: float) -> str:
    """Say how old something is.

    Parameters
    ----------
    seconds
        Its age.

    Examples
    --------
    >>> [age_in_words(s) for s in (20, 100, 5 * 3600, 30 * 3600, 90 * 86400)]
    ['less than a minute', '2 minutes', '5 hours', '1 day', '3 months']
    """
    if seconds < 60:
        return "less than a minute"
    for unit, length in (("month", 30 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60)):
        if seconds >= length:
            count = round(seconds / length) if unit == "minute" else int(seconds // length)
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise AssertionError("unreachable: a minute or more")


def warn_of(url: str, stored: float) -> None:
    """Warn, at the student's line, that a copy is used.

    Parameters
    ----------
    url
        The address of the request.
    stored
        When the copy was stored, in seconds since 1970.
    """
    from je_kernel.net.error_messages import displayed_url
    from je_kernel.tracebacks import student_frame

    text = (
        f"There is no network: this is the copy of {displayed_url(url)}\n"
        f"that was kept in this browser {age_in_words(time.time() - stored)} ago."
        " The data may have changed since."
    )
    frame = student_frame()
    # Without a registry the warning is never deduplicated.
    warnings.warn_explicit(
        text,
        SavedCopyWarning,
        filename=frame.f_code.co_filename if frame is not None else "je_kernel",
        lineno=frame.f_lineno if frame is not None else 1,
    )


def clear_saved() -> None:
    """Delete all copies.

    Where the browser cannot wait (no JSPI), they are deleted when the cell is done.
    """
    if not _has_cache():
        return
    deletion = _cache().clear()
    if runtime.can_run_sync():
        from pyodide.ffi import run_sync

        run_sync(deletion)


def preload() -> None:
    """Make the newest copies readable where the browser cannot wait. Returns at once."""
    if _has_cache() and settings.current().saved_copies_mb > 0:
        _cache().preload()


def _has_cache() -> bool:
    if not runtime.in_browser():
        return False
    import js

    return hasattr(js, "caches")


@cache
def _cache() -> Any:
    return javascript.evaluate("net/response_cache.js")()
