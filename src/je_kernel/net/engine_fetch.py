"""The ``fetch`` engine: for coroutines, and for browsers with stack switching (JSPI).

``fetch.js`` sends the request and waits, with a timeout and for an interrupt; this
module makes Python's response of what it returns.
"""

from __future__ import annotations

import io
import math
from functools import cache
from typing import TYPE_CHECKING, Any

import js
from pyodide.ffi import create_proxy, to_js

from je_kernel import javascript
from je_kernel.compatibility import emscripten_module
from je_kernel.net.failure import TransportFailure
from je_kernel.net.message import Response, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.net.failure import FailureKind
    from je_kernel.net.message import Request
    from je_kernel.net.waiting import Wait

__all__ = ["Download", "content_length"]

# Smaller bodies are moved into Python's memory when they are complete.
_SMALL_BYTES = 1_000_000
_SPARE_BYTES = 4_000_000


class Download:
    """One request: the head of its response, then the body, whole or chunk by chunk.

    Parameters
    ----------
    request
        The request, as `je_kernel.net.fetch_restrictions.allowed` returns it.
    wait
        How to wait for the browser.
    """

    def __init__(self, request: Request, wait: Wait) -> None:
        self._request = request
        self._wait = wait
        self._begun = False
        seconds = request.timeout
        timeout = None if seconds is None else max(0, int(seconds * 1000))
        self._javascript = _download()(request.url, _options(request), timeout)

    async def head(self) -> Response:
        """Send the request and return the response, with an empty body.

        Raises
        ------
        TransportFailure
            If there is no response.
        """
        head = await self._value(self._javascript.head())
        self._begun = True
        url = str(head.url) if head.redirected else self._request.url
        pairs = js.Array.from_(head.headers).to_py()
        headers = tuple((str(name), str(value)) for name, value in pairs)
        return Response(int(head.status), str(head.statusText), url, headers)

    async def chunk(self) -> bytes | None:
        """Return the next chunk of the body, or None at its end.

        Raises
        ------
        TransportFailure
            If the body breaks off.
        """
        chunk = await self._value(self._javascript.chunk())
        return None if chunk is None else chunk.to_bytes()

    async def body(self, length: int | None, update: Callable[[int], None]) -> bytes:
        """Return the whole body.

        Parameters
        ----------
        length
            The length of the body in bytes, if it is known.
        update
            Called a few times a second with the number of new bytes.

        Raises
        ------
        TransportFailure
            If the body breaks off.
        """
        buffer = _BodyBuffer(self._javascript, length or 0)
        over = False
        while not over:
            space = buffer.space()
            try:
                outcome = await self._value(self._javascript.fill(space, buffer.enough))
            finally:
                # The view is not released: after an interrupt JavaScript may still write there.
                if space is not None:
                    space.destroy()
            placed, held, over, *error = outcome
            buffer.add(placed, held)
            if error:
                raise self._failure(error[0], error[1], buffer.whole())
            update(placed + held)
        return buffer.whole()

    def make_copy(self, most: int) -> None:
        """Make a copy of the response, unless its body turns out to have more bytes than this."""
        self._javascript.makeCopy(most)

    @property
    def copy(self) -> Any:
        """The copy: a JavaScript ``Response`` whose body is not read yet, or None."""
        return self._javascript.copy

    def abort(self) -> None:
        """Stop the request."""
        self._javascript.abort()

    async def _value(self, promise: Any) -> Any:
        value, *error = await self._wait(promise)
        if not error:
            return value
        if error[0] == "Interrupt":
            raise KeyboardInterrupt
        raise self._failure(error[0], error[1])

    def _failure(self, name: str, message: str, partial: bytes = b"") -> TransportFailure:
        return TransportFailure(self._kind(name), self._request, message, partial)

    def _kind(self, name: str) -> FailureKind:
        if name == "AbortError":
            return "timeout"
        if self._begun:
            return "interrupted"
        return "network" if js.URL.canParse(self._request.url) else "bad-url"


class _BodyBuffer:
    """The bytes object that a body becomes, each byte copied once.

    Where the length is known, JavaScript puts the bytes straight into Python's memory while
    the browser receives more. This begins when an eighth has come: a server that lies about
    the length gets no more memory than that.

    Parameters
    ----------
    javascript
        The download, which holds the bytes that have no place here yet.
    length
        The length of the body in bytes, or 0.
    """

    def __init__(self, javascript: Any, length: int) -> None:
        self._javascript = javascript
        self._length = length
        # A BytesIO returns the buffer that was filled without another copy.
        self._buffer = io.BytesIO()
        self._reserved = 0
        self._filled = 0
        self._held = 0

    @property
    def enough(self) -> float:
        """Bytes after which JavaScript is to return at once."""
        if self._reserved or not self._length:
            return math.inf
        return max(self._length / 8, _SMALL_BYTES)

    def space(self) -> Any:
        """Return the free part of the buffer for JavaScript, or None; to be destroyed."""
        return create_proxy(self._buffer.getbuffer()[self._filled :]) if self._reserved else None

    def add(self, placed: int, held: int) -> None:
        """Count new bytes: those in the buffer and those that JavaScript holds."""
        self._filled += placed
        self._held += held
        if not self._reserved and self._filled + self._held >= self.enough:
            self._reserve(self._length)
            self._pour()

    def whole(self) -> bytes:
        """Return all bytes."""
        if not self._filled and (only := self._javascript.only):
            body: bytes = only.to_bytes()
            return body
        self._reserve(self._filled + self._held)
        self._pour()
        self._buffer.truncate(self._filled)
        return self._buffer.getvalue()

    def _reserve(self, size: int) -> None:
        if self._reserved < size:
            self._buffer.seek(size + min(size // 8, _SPARE_BYTES) - 1)
            self._buffer.write(b"\0")
            self._reserved = size

    def _pour(self) -> None:
        if self._held:
            space = self.space()
            self._javascript.pour(space)
            space.destroy()
            self._filled, self._held = self._filled + self._held, 0


def content_length(head: Response) -> int | None:
    """Return the length of a body in bytes, where the server states it and it can be trusted.

    Parameters
    ----------
    head
        The response without its body, as the browser returns it.
    """
    encoded = head.header("content-encoding") is not None
    return None if encoded else whole_number(head.header("content-length") or "")


@cache
def _download() -> Any:
    return javascript.evaluate("net/fetch.js")(emscripten_module())


def _options(request: Request) -> Any:
    options: dict[str, Any] = {
        "method": request.method,
        "headers": [list(header) for header in request.headers],
        # The browser's default sends nothing to other sites, and lets notebooks read
        # the site that serves them where it is behind a login.
        "credentials": "include" if request.credentials else "same-origin",
    }
    if request.body is not None:
        options["body"] = request.body
    return to_js(options, dict_converter=js.Object.fromEntries)
