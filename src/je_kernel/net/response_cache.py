"""Kept copies of what was downloaded, for the lesson in which the Wi-Fi fails.

A plain GET that succeeded is kept in the browser's Cache API, which every tab
and every kernel of this site shares. When the same GET later fails for lack of
network, `recall` finds the copy. The oldest used goes first when the setting
``JE_KERNEL_SAVED_COPIES_MB`` would be exceeded.

Nothing is kept that came with what says who asks (`je_kernel.net.credentials`), at
its own address or at the one it was redirected to, or that its site wants not to be
stored (``Cache-Control: no-store``). What an earlier version kept of these is
forgotten at the first download.

The Cache API is asynchronous. Keeping never waits for it: the copy is written
while the kernel is idle. Recalling waits (JSPI); where a browser cannot wait,
`prepare` has the copies used last put ready as ``blob:`` addresses as the kernel
starts, which the synchronous XMLHttpRequest can read. A browser has the Cache
API only on ``https://`` and on this computer; elsewhere nothing is kept.
"""

from __future__ import annotations

import json
import logging
import time
import warnings
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from je_kernel import runtime, settings
from je_kernel.errors import SavedCopyWarning
from je_kernel.net.credentials import secret_in, secrets_of_url
from je_kernel.net.message import Response

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Iterable

    from je_kernel.net.message import Request

__all__ = [
    "Copy",
    "Store",
    "age_in_words",
    "clear_saved",
    "keep",
    "keep_chunks",
    "may_keep",
    "prepare",
    "recall",
    "recall_async",
    "release",
    "room_for",
    "to_drop",
    "warn_of",
]

_log = logging.getLogger("je_kernel")

_BODIES = "je-kernel saved copies"
_INDEX = "je-kernel saved copies: index"
# No one copy may push out most of the others.
_LARGEST_SHARE = 0.5
# Bodies up to this size are handed to JavaScript at once, larger ones after the cell …
_SMALL_BYTES = 1_000_000
# … unless so many bytes are waiting that Python's memory would feel it.
_WAITING_BYTES = 64_000_000
_PREPARED_BYTES = 64_000_000

# Any other header may ask for another form of the same thing.
_PLAIN_HEADERS = frozenset({"accept-encoding", "connection", "host", "user-agent"})


@dataclass(frozen=True)
class Copy:
    """What is known of a kept copy besides its body.

    Parameters
    ----------
    asked
        The address that was asked for.
    url
        The address that answered.
    status
        The status, as 200.
    reason
        The reason phrase.
    headers
        The headers of the answer.
    size
        The body's bytes.
    saved
        When it was kept, in seconds since 1970.
    used
        When it was kept or last recalled, in seconds since 1970.
    """

    asked: str
    url: str
    status: int
    reason: str
    headers: tuple[tuple[str, str], ...]
    size: int
    saved: float
    used: float

    def to_json(self) -> str:
        """Return the copy's description as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Copy:
        """Read a description; what another version wrote otherwise is a ValueError."""
        try:
            fields = json.loads(text)
            fields["headers"] = tuple((str(k), str(v)) for k, v in fields["headers"])
            return cls(**fields)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a description of a kept copy: {error}") from None


class Store(Protocol):
    """Where copies are kept."""

    async def copies(self) -> list[Copy]:
        """Describe every copy."""

    async def find(self, asked: str) -> Copy | None:
        """Describe the copy for an address, if there is one."""

    async def body(self, asked: str) -> bytes | None:
        """Return the body of the copy for an address, if there is one."""

    async def describe(self, copy: Copy) -> None:
        """Write the description of a copy."""

    async def put(self, copy: Copy, body: Any) -> None:
        """Keep a copy; an earlier one for the address is replaced."""

    async def drop(self, asked: str) -> None:
        """Forget the copy for an address."""


def may_keep(request: Request, response: Response, limit: int) -> bool:
    """Return whether a response is one to keep a copy of.

    Parameters
    ----------
    request
        What was asked for.
    response
        What came, whole.
    limit
        How many bytes may be kept in all.
    """
    within = 0 < len(response.body) <= limit * _LARGEST_SHARE
    return within and _is_worth_keeping(request, response)


def _is_worth_keeping(request: Request, response: Response) -> bool:
    return (
        _may_recall(request)
        and not _is_secret(response.url)
        and response.status == 200
        and not _says_no_store(request.headers)
        and not _says_no_store(response.headers)
    )


def _may_recall(request: Request) -> bool:
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


def _is_secret(url: str) -> bool:
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


def to_drop(copies: Iterable[Copy], coming: int, limit: int) -> list[str]:
    """Choose the copies that make room for another: the least recently used.

    Parameters
    ----------
    copies
        What is kept.
    coming
        Bytes of the copy that is to be kept.
    limit
        Bytes that may be kept in all.

    Returns
    -------
    list of str
        The addresses to forget, in order.
    """
    by_use = sorted(copies, key=lambda copy: copy.used)
    excess = sum(copy.size for copy in by_use) + coming - limit
    chosen = []
    for copy in by_use:
        if excess <= 0:
            break
        chosen.append(copy.asked)
        excess -= copy.size
    return chosen


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
    raise AssertionError("a minute or more was asked for")


def keep(request: Request, response: Response) -> None:
    """Keep a copy of a response if it is one to keep. Returns at once.

    Parameters
    ----------
    request
        What was asked for.
    response
        What came, whole.
    """
    limit = _limit()
    store = _store() if limit > 0 else None
    if store is None:
        return
    _forget_secrets(store)
    if not may_keep(request, response, limit):
        return
    copy = _copy_of(request, response, len(response.body))
    waiting = _Waiting(response.body)
    _soon(lambda: _keep(store, copy, waiting.fetch, limit))


def room_for(request: Request, head: Response) -> int:
    """Return how many bytes the body of a response may have for a copy of it to be kept.

    Parameters
    ----------
    request
        What was asked for.
    head
        What came, before its body.
    """
    room = int(_limit() * _LARGEST_SHARE)
    store = _store() if room > 0 else None
    if store is None:
        return 0
    _forget_secrets(store)
    return room if _is_worth_keeping(request, head) else 0


def keep_chunks(request: Request, head: Response, chunks: list[Any]) -> None:
    """Keep a copy of a response whose whole body was read chunk by chunk. Returns at once.

    Parameters
    ----------
    request
        What was asked for.
    head
        What came, without its body.
    chunks
        The body: no more than `room_for` allows of Uint8Arrays. If there are none, none is kept.
    """
    store = _store()
    if store is None or not chunks:
        return
    import js
    from pyodide.ffi import to_js

    size = sum(chunk.byteLength for chunk in chunks)
    others = (header for header in head.headers if header[0].lower() != "content-length")
    head = replace(head, headers=(*others, ("Content-Length", str(size))))
    blob = js.Blob.new(to_js(chunks))
    copy, limit = _copy_of(request, head, size), _limit()
    _soon(lambda: _keep(store, copy, lambda: blob, limit))


def _limit() -> int:
    return settings.current().saved_copies_mb * 1_000_000


def _copy_of(request: Request, response: Response, size: int) -> Copy:
    now = time.time()
    return Copy(
        asked=_without_fragment(request.url),
        url=response.url,
        status=response.status,
        reason=response.reason,
        headers=response.headers,
        size=size,
        saved=now,
        used=now,
    )


def _without_fragment(url: str) -> str:
    return url.partition("#")[0]


class _Waiting:
    """A body on its way to the store: in Python until it is fetched, or at once a Blob."""

    total = 0

    def __init__(self, body: bytes) -> None:
        self._size = len(body)
        if self._size <= _SMALL_BYTES or _Waiting.total + self._size > _WAITING_BYTES:
            self._size = 0
            self._body: Any = _as_blob(body)
        else:
            self._body = body
        _Waiting.total += self._size

    def fetch(self) -> Any:
        """Return the body as a Blob."""
        _Waiting.total -= self._size
        self._size = 0
        return _as_blob(self._body) if isinstance(self._body, bytes) else self._body


def _as_blob(body: bytes) -> Any:
    if not runtime.in_browser():
        return body
    import js
    from pyodide.ffi import to_js

    return js.Blob.new(js.Array.of(to_js(body)))


async def _keep(store: Store, copy: Copy, fetch: Callable[[], Any], limit: int) -> None:
    body = fetch()
    others = [each for each in await store.copies() if each.asked != copy.asked]
    for asked in to_drop(others, copy.size, limit):
        await store.drop(asked)
        _ready.pop(asked, None)
    await store.put(copy, body)
    if not _browser_can_wait():
        _make_ready(copy, body)


_tasks: set[asyncio.Future[None]] = set()


def _soon(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Have something done while the kernel is idle; what goes wrong there is only logged.

    It is a function, so that what is cancelled before it begins leaves no coroutine behind.
    """
    import asyncio

    async def guarded() -> None:
        try:
            await work()
        except Exception:
            _log.debug("a copy could not be kept", exc_info=True)

    # Kept until it is done: the event loop itself holds a task only weakly.
    task = asyncio.ensure_future(guarded())
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def recall(request: Request) -> Response | None:
    """Find the kept copy for a request, and warn that it stands in for the network.

    Parameters
    ----------
    request
        What got no answer.

    Returns
    -------
    Response or None
        The copy, as it came then; None where there is none.
    """
    if not _is_on() or not _may_recall(request):
        return None
    if runtime.can_run_sync():
        from pyodide.ffi import run_sync

        found: tuple[Copy, bytes] | None = run_sync(_find(_store(), request))
    else:
        found = _find_ready(request)
    return _warned(found)


async def recall_async(request: Request) -> Response | None:
    """Find the kept copy for a request: as `recall`, from a coroutine.

    Parameters
    ----------
    request
        What got no answer.
    """
    if not _is_on() or not _may_recall(request):
        return None
    return _warned(await _find(_store(), request))


def _is_on() -> bool:
    return settings.current().saved_copies_mb > 0 and runtime.in_browser()


async def _find(store: Store | None, request: Request) -> tuple[Copy, bytes] | None:
    if store is None:
        return None
    try:
        asked = _without_fragment(request.url)
        copy = await store.find(asked)
        body = await store.body(asked) if copy is not None else None
        if copy is None or body is None:
            return None
        await store.describe(replace(copy, used=time.time()))
    except Exception:
        # Storage may be forbidden or broken: then the network's failure stands.
        _log.debug("the kept copies could not be read", exc_info=True)
        return None
    return copy, body


def _warned(found: tuple[Copy, bytes] | None) -> Response | None:
    if found is None:
        return None
    copy, body = found
    warn_of(copy)
    return Response(copy.status, copy.reason, copy.url, copy.headers, body)


def warn_of(copy: Copy) -> None:
    """Warn that a kept copy is used, at the student's line.

    Parameters
    ----------
    copy
        The copy.
    """
    from je_kernel.net.error_messages import displayed_url
    from je_kernel.tracebacks import student_frame

    text = (
        f"There is no network: this is the copy of {displayed_url(copy.asked)}\n"
        f"that was kept in this browser {age_in_words(time.time() - copy.saved)} ago."
        " The data may have changed since."
    )
    frame = student_frame()
    # Without a registry Python does not leave it out for having shown it before.
    warnings.warn_explicit(
        text,
        SavedCopyWarning,
        filename=frame.f_code.co_filename if frame is not None else "je_kernel",
        lineno=frame.f_lineno if frame is not None else 1,
    )


_tidied = False


def _forget_secrets(store: Store) -> None:
    """Once in a kernel's life, drop what an earlier version kept and this one would not."""
    global _tidied
    if not _tidied:
        _tidied = True
        _soon(lambda: _drop_secrets(store))


async def _drop_secrets(store: Store) -> None:
    await _without_secrets(store)


async def _without_secrets(store: Store) -> list[Copy]:
    """Return the copies that may be kept, and drop the others."""
    kept = []
    for copy in await store.copies():
        if _is_secret(copy.asked) or _is_secret(copy.url):
            await store.drop(copy.asked)
        else:
            kept.append(copy)
    return kept


def clear_saved() -> None:
    """Forget every kept copy.

    Where the browser cannot wait (no JSPI), they are forgotten when the cell is done.
    """
    release()
    if _store() is None:
        return
    if runtime.can_run_sync():
        from pyodide.ffi import run_sync

        run_sync(_clear())
    else:
        _soon(_clear)


def release() -> None:
    """Give up what is being kept and what lies ready; what is kept stays."""
    for task in list(_tasks):
        task.cancel()
    _Waiting.total = 0
    for address in _ready.values():
        _revoke(address.blob_url)
    _ready.clear()


async def _clear() -> None:
    import js

    await js.caches.delete(_INDEX)
    await js.caches.delete(_BODIES)


# Where the browser cannot wait: copies that lie ready for the synchronous XMLHttpRequest.


@dataclass(frozen=True)
class _Ready:
    copy: Copy
    blob_url: str


_ready: dict[str, _Ready] = {}


def _browser_can_wait() -> bool:
    # Of the browser, not of this moment: `can_run_sync` is also False in callbacks.
    if not runtime.in_browser():
        return True
    import js

    return hasattr(js.WebAssembly, "Suspending")


def prepare() -> None:
    """Have the copies used last put ready, where the browser cannot wait. Returns at once."""
    if not _is_on() or _browser_can_wait():
        return
    store = _store()
    if store is not None:
        _soon(lambda: _prepare(store))


async def _prepare(store: CacheStore) -> None:
    copies = await _without_secrets(store)
    too_many = to_drop(copies, 0, _PREPARED_BYTES)
    # The most recently used comes last: it is the last to be pushed out.
    for copy in sorted(copies, key=lambda each: each.used):
        blob = await store.blob(copy.asked) if copy.asked not in too_many else None
        if blob is not None and copy.asked not in _ready:
            _make_ready(copy, blob)


def _make_ready(copy: Copy, blob: Any) -> None:
    import js

    earlier = _ready.pop(copy.asked, None)
    if earlier is not None:
        _revoke(earlier.blob_url)
    _ready[copy.asked] = _Ready(copy, str(js.URL.createObjectURL(blob)))
    while sum(ready.copy.size for ready in _ready.values()) > _PREPARED_BYTES:
        _revoke(_ready.pop(next(iter(_ready))).blob_url)


def _revoke(blob_url: str) -> None:
    import js

    js.URL.revokeObjectURL(blob_url)


def _find_ready(request: Request) -> tuple[Copy, bytes] | None:
    ready = _ready.get(_without_fragment(request.url))
    if ready is None:
        return None
    import js

    asking = js.XMLHttpRequest.new()
    asking.open("GET", ready.blob_url, False)
    asking.responseType = "arraybuffer"
    asking.send()
    return ready.copy, asking.response.to_bytes()


# The browser's Cache API.


def _store() -> CacheStore | None:
    if not runtime.in_browser():
        return None
    import js

    return CacheStore() if hasattr(js, "caches") else None


class CacheStore:
    """Copies in the browser's Cache API: bodies in one cache, descriptions in another."""

    async def copies(self) -> list[Copy]:
        """Describe every copy."""
        import js

        index = await js.caches.open(_INDEX)
        found = []
        for key in await index.keys():
            copy = await self._description(index, key)
            if copy is not None:
                found.append(copy)
        return found

    async def find(self, asked: str) -> Copy | None:
        """Describe the copy for an address, if there is one."""
        import js

        return await self._description(await js.caches.open(_INDEX), asked)

    @staticmethod
    async def _description(index: Any, key: Any) -> Copy | None:
        entry = await index.match(key)
        if not entry:
            return None
        try:
            return Copy.from_json(str(await entry.text()))
        except ValueError:
            return None

    async def blob(self, asked: str) -> Any:
        """Return the body of the copy for an address as a Blob, if there is one."""
        import js

        entry = await (await js.caches.open(_BODIES)).match(asked)
        return await entry.blob() if entry else None

    async def body(self, asked: str) -> bytes | None:
        """Return the body of the copy for an address, if there is one."""
        blob = await self.blob(asked)
        if blob is None:
            return None
        body: bytes = (await blob.arrayBuffer()).to_bytes()
        return body

    async def describe(self, copy: Copy) -> None:
        """Write the description of a copy."""
        import js

        index = await js.caches.open(_INDEX)
        await index.put(copy.asked, js.Response.new(copy.to_json()))

    async def put(self, copy: Copy, body: Any) -> None:
        """Keep a copy; an earlier one for the address is replaced."""
        import js

        bodies = await js.caches.open(_BODIES)
        await bodies.put(copy.asked, js.Response.new(body))
        # Last: what has a description has its body.
        await self.describe(copy)

    async def drop(self, asked: str) -> None:
        """Forget the copy for an address."""
        import js

        await (await js.caches.open(_INDEX)).delete(asked)
        await (await js.caches.open(_BODIES)).delete(asked)
