"""The response cache: copies of downloads, for the lesson in which the Wi-Fi fails.

`store` keeps a copy of the response to a plain GET in the browser's Cache API, which
all tabs and kernels of this site share. When the same GET later fails for lack of a
network, `lookup` returns the copy with a warning. The least recently used copies are
evicted when the setting ``JE_KERNEL_SAVED_COPIES_MB`` would be exceeded.

Nothing is stored if the request holds a secret (`je_kernel.net.credentials`), if its
address or the one it was redirected to does, or if the site forbids it
(``Cache-Control: no-store``).

The Cache API is asynchronous. `store` returns at once, and the copy is written while
the kernel is idle. `lookup` waits (JSPI). Where a browser cannot wait, `preload` turns
the copies used last into ``blob:`` addresses, which the synchronous XMLHttpRequest can
read. A browser has the Cache API only on ``https://`` and on localhost; elsewhere
nothing is stored.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
import warnings
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from je_kernel import runtime, settings
from je_kernel.errors import SavedCopyWarning
from je_kernel.net import fetch_restrictions
from je_kernel.net.credentials import secret_in, secrets_of_url
from je_kernel.net.message import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from je_kernel.net.message import Request
    from je_kernel.net.waiting import Wait

__all__ = [
    "CachedResponse",
    "age_in_words",
    "clear_saved",
    "is_storable",
    "lookup",
    "preload",
    "release",
    "storable_bytes",
    "store",
    "to_evict",
    "warn_of",
]

_log = logging.getLogger("je_kernel")

_CACHE = "je-kernel saved copies"
_OLD_INDEX = "je-kernel saved copies: index"  # of earlier versions; may hold secrets
_HEADER = "je-kernel-copy"
# One copy may not evict most of the others.
_LARGEST_SHARE = 0.5
_PRELOADED_BYTES = 64_000_000

# Any other header may ask for another form of the same data.
_PLAIN_HEADERS = frozenset({"accept-encoding", "connection", "host", "user-agent"})


@dataclass(frozen=True)
class CachedResponse:
    """A stored copy without its body.

    Parameters
    ----------
    request_url
        The address of the request, without fragment.
    url
        The address of the response.
    headers
        The headers of the response.
    size
        The length of the body in bytes.
    stored
        When it was stored, in seconds since 1970.
    used
        When it was stored or last returned, in seconds since 1970.
    """

    request_url: str
    url: str
    headers: tuple[tuple[str, str], ...]
    size: int
    stored: float
    used: float

    def to_json(self) -> str:
        """Return the description as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> CachedResponse:
        """Read a description; one in another format is a ValueError."""
        try:
            fields = json.loads(text)
            fields["headers"] = tuple((str(k), str(v)) for k, v in fields["headers"])
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a description of a copy: {error}") from None


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
        and not _has_secret(response.url)
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


def _has_secret(url: str) -> bool:
    return any(True for _ in secrets_of_url(url))


def _is_plain(name: str, value: str) -> bool:
    lowered = name.lower()
    return (
        lowered in _PLAIN_HEADERS
        or lowered in {"cache-control", "pragma"}
        or (lowered == "accept" and value.strip() == "*/*")
    )


def _says_no_store(headers: Iterable[tuple[str, str]]) -> bool:
    return any(
        "no-store" in value.lower() for name, value in headers if name.lower() == "cache-control"
    )


def to_evict(copies: Iterable[CachedResponse], size: int, limit: int) -> list[str]:
    """Return the addresses of the copies that make room for another: the least recently used.

    Parameters
    ----------
    copies
        The stored copies.
    size
        Bytes of the new copy.
    limit
        Bytes that may be stored in all.
    """
    by_use = sorted(copies, key=lambda copy: copy.used)
    excess = sum(copy.size for copy in by_use) + size - limit
    urls = []
    for copy in by_use:
        if excess <= 0:
            break
        urls.append(copy.request_url)
        excess -= copy.size
    return urls


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
    return most if most and _cache() is not None and is_storable(request, head) else 0


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

    # The browser reads the body into a Blob now, which it need not hold in memory.
    reading = (response.copy or js.Response.new(to_js(response.body))).blob()
    now = time.time()
    headers = tuple(h for h in response.headers if h[0].lower() != "content-length")
    url = _without_fragment(request.url)
    copy = CachedResponse(url, response.url, headers, size, stored=now, used=now)

    async def write() -> None:
        blob = await reading
        limit = settings.current().saved_copies_mb * 1_000_000
        await _write(BrowserCache(), replace(copy, size=int(blob.size)), blob, limit)

    _in_background(write)


async def _write(cache: BrowserCache, copy: CachedResponse, blob: Any, limit: int) -> None:
    others = [each for each in await _allowed_copies(cache) if each.request_url != copy.request_url]
    for url in to_evict(others, copy.size, limit):
        await cache.delete(url)
        _discard_preloaded(url)
    await cache.put(copy, blob)
    if not _can_wait():
        _preload_one(copy, blob)


async def _allowed_copies(cache: BrowserCache) -> list[CachedResponse]:
    """Return the stored copies, and delete those that an earlier version should not have stored."""
    copies = []
    for copy in await cache.copies():
        if _has_secret(copy.request_url) or _has_secret(copy.url):
            await cache.delete(copy.request_url)
        else:
            copies.append(copy)
    return copies


_tasks: set[asyncio.Future[None]] = set()


def _in_background(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a function while the kernel is idle; its errors are only logged.

    It is not a coroutine: one that is cancelled before it begins was never awaited.
    """

    async def guarded() -> None:
        try:
            await work()
        except Exception:
            _log.debug("a copy of a download could not be stored", exc_info=True)

    # The event loop itself holds a task only weakly.
    task = asyncio.ensure_future(guarded())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


async def lookup(request: Request, wait: Wait | None) -> Response | None:
    """Return the stored copy for a request, and warn that it replaces the network.

    Parameters
    ----------
    request
        The request that got no response.
    wait
        How to wait for the browser; None where Python cannot.
    """
    if settings.current().saved_copies_mb == 0 or _cache() is None or not _may_lookup(request):
        return None
    if wait is None:
        entry = _find_preloaded(request)
    else:
        entry = await wait(_find(BrowserCache(), request))
    if entry is None:
        return None
    copy, body = entry
    warn_of(copy)
    response = Response(200, "OK", copy.url, copy.headers, body)
    return fetch_restrictions.normalized(request, response)


async def _find(cache: BrowserCache, request: Request) -> tuple[CachedResponse, bytes] | None:
    try:
        return await cache.find(_without_fragment(request.url))
    except Exception:
        # Storage may be forbidden or broken: then the network's failure stands.
        _log.debug("the copies of downloads could not be read", exc_info=True)
        return None


def _without_fragment(url: str) -> str:
    return url.partition("#")[0]


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


def warn_of(copy: CachedResponse) -> None:
    """Warn, at the student's line, that a copy is used.

    Parameters
    ----------
    copy
        The copy.
    """
    from je_kernel.net.error_messages import displayed_url
    from je_kernel.tracebacks import student_frame

    text = (
        f"There is no network: this is the copy of {displayed_url(copy.request_url)}\n"
        f"that was kept in this browser {age_in_words(time.time() - copy.stored)} ago."
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
    release()
    cache = _cache()
    if cache is None:
        return
    if runtime.can_run_sync():
        from pyodide.ffi import run_sync

        run_sync(cache.clear())
    else:
        _in_background(cache.clear)


def release() -> None:
    """Stop storing, and give up what is preloaded; what is stored stays."""
    for task in list(_tasks):
        task.cancel()
    for url in list(_preloaded):
        _discard_preloaded(url)


# Where the browser cannot wait: copies that the synchronous XMLHttpRequest can read.

_preloaded: dict[str, tuple[CachedResponse, str]] = {}
"""By the address of the request: a copy, and the ``blob:`` address of its body."""


def _can_wait() -> bool:
    # A property of the browser, not of this moment: `can_run_sync` is False in callbacks, too.
    if not runtime.in_browser():
        return True
    import js

    return hasattr(js.WebAssembly, "Suspending")


def preload() -> None:
    """Make the copies used last readable where the browser cannot wait. Returns at once."""
    cache = _cache()
    if cache is not None and settings.current().saved_copies_mb > 0 and not _can_wait():
        _in_background(lambda: _preload(cache))


async def _preload(cache: BrowserCache) -> None:
    copies = await _allowed_copies(cache)
    too_many = to_evict(copies, 0, _PRELOADED_BYTES)
    # The most recently used comes last: it is discarded last.
    for copy in sorted(copies, key=lambda each: each.used):
        if copy.request_url not in {*too_many, *_preloaded}:
            blob = await cache.blob(copy.request_url)
            if blob is not None:
                _preload_one(copy, blob)


def _preload_one(copy: CachedResponse, blob: Any) -> None:
    import js

    _discard_preloaded(copy.request_url)
    _preloaded[copy.request_url] = (copy, str(js.URL.createObjectURL(blob)))
    while sum(each.size for each, _ in _preloaded.values()) > _PRELOADED_BYTES:
        _discard_preloaded(next(iter(_preloaded)))


def _discard_preloaded(url: str) -> None:
    entry = _preloaded.pop(url, None)
    if entry is not None:
        import js

        js.URL.revokeObjectURL(entry[1])


def _find_preloaded(request: Request) -> tuple[CachedResponse, bytes] | None:
    entry = _preloaded.get(_without_fragment(request.url))
    if entry is None:
        return None
    import js

    copy, blob_url = entry
    xhr = js.XMLHttpRequest.new()
    xhr.open("GET", blob_url, False)
    xhr.responseType = "arraybuffer"
    xhr.send()
    return copy, xhr.response.to_bytes()


def _cache() -> BrowserCache | None:
    if not runtime.in_browser():
        return None
    import js

    return BrowserCache() if hasattr(js, "caches") else None


class BrowserCache:
    """The copies in the browser's Cache API, each a response with its description in a header."""

    async def copies(self) -> list[CachedResponse]:
        """Return the description of each copy; entries without one are deleted."""
        import js

        await js.caches.delete(_OLD_INDEX)
        cache = await self._open()
        copies = []
        for key in await cache.keys():
            copy = _description(await cache.match(key))
            if copy is None:
                await cache.delete(key)
            else:
                copies.append(copy)
        return copies

    async def find(self, url: str) -> tuple[CachedResponse, bytes] | None:
        """Return the copy for an address with its body, and mark it as used."""
        entry = await (await self._open()).match(url)
        copy = _description(entry)
        if copy is None:
            return None
        blob = await entry.blob()
        body = (await blob.arrayBuffer()).to_bytes()
        await self.put(replace(copy, used=time.time()), blob)
        return copy, body

    async def blob(self, url: str) -> Any:
        """Return the body of the copy for an address as a Blob, or None."""
        entry = await (await self._open()).match(url)
        return await entry.blob() if entry else None

    async def put(self, copy: CachedResponse, blob: Any) -> None:
        """Store a copy; it replaces an earlier one for the address."""
        import js
        from pyodide.ffi import to_js

        headers = to_js([[_HEADER, copy.to_json()]])
        response = js.Response.new(blob, headers=headers)
        await (await self._open()).put(copy.request_url, response)

    async def delete(self, url: str) -> None:
        """Delete the copy for an address."""
        await (await self._open()).delete(url)

    async def clear(self) -> None:
        """Delete all copies."""
        import js

        await js.caches.delete(_CACHE)

    async def _open(self) -> Any:
        import js

        return await js.caches.open(_CACHE)


def _description(entry: Any) -> CachedResponse | None:
    text = entry.headers.get(_HEADER) if entry else None
    try:
        return CachedResponse.from_json(str(text)) if text else None
    except ValueError:
        return None
