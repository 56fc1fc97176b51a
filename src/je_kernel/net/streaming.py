"""A response whose body is read piece by piece, as a lesson asks for it with ``stream=True``.

The head comes at once, and the body when it is read: so a stream may be longer
than memory, or have no end. Where the browser cannot wait (`runtime.can_run_sync`)
the whole body is there before its first piece is read.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from je_kernel import errors
from je_kernel.net import browser_law, progress, saved, transport
from je_kernel.net.explain import check, explain
from je_kernel.net.failure import TransportFailure

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.net.engine_fetch import Stream
    from je_kernel.net.message import Request, Response

__all__ = ["open_stream"]

_LOOK_AHEAD_BYTES = 65_536


def open_stream(
    request: Request, translate: Callable[[errors.NetworkError], Exception]
) -> tuple[Response, io.IOBase]:
    """Send a request and wait for the head of its response.

    Parameters
    ----------
    request
        What to ask. Headers that a browser forbids are dropped.
    translate
        Makes an error that comes up while the body is read one of the library that reads it.

    Returns
    -------
    Response
        The head: its body is empty.
    file
        The body, opened for reading bytes.

    Raises
    ------
    je_kernel.errors.NetworkError
        If there is no response; its class and text say why.
    """
    if not transport.waits() or browser_law.is_packed_file(request.url):
        return _at_once(transport.send(request))
    from je_kernel.net.engine_fetch import Stream, announced

    request = transport.with_settings(request)
    try:
        stream = Stream(browser_law.permitted(request))
    except TransportFailure as failure:
        return _at_once(transport.instead(failure))
    head = browser_law.truthful_head(stream.head)
    raw = _Body(request, head, stream, announced(stream.head), translate)
    # A file is read in pieces of the size that is asked for; what has no known
    # length, as messages that come one by one, is handed out as it comes.
    has_length = head.header("content-length") is not None
    body = io.BufferedReader(raw, _LOOK_AHEAD_BYTES) if has_length else raw
    try:
        check(request, replace(head, body=raw.beginning()) if _may_be_page(head) else head)
    except errors.NetworkError:
        body.close()
        raise
    return head, body


def _at_once(response: Response) -> tuple[Response, io.IOBase]:
    return replace(response, body=b""), io.BytesIO(response.body)


def _may_be_page(head: Response) -> bool:
    return "html" in (head.header("content-type") or "").lower()


class _Body(io.RawIOBase):
    """The body of a response; a copy is kept once all of it was read."""

    def __init__(
        self,
        request: Request,
        head: Response,
        stream: Stream,
        total: int | None,
        translate: Callable[[errors.NetworkError], Exception],
    ) -> None:
        self._request = request
        self._head = head
        self._stream = stream
        self._translate = translate
        self._watched = progress.watch(request, total)
        self._chunk: Any = None
        self._position = 0
        self._over = False
        # JavaScript's own chunks, not copied, as long as a copy of so many may be kept.
        self._to_keep: list[Any] = []
        self._room = saved.room_for(request, head)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._fetched():
            return 0
        size = min(len(buffer), int(self._chunk.byteLength) - self._position)
        end = self._position + size
        self._chunk.subarray(self._position, end).assign_to(memoryview(buffer)[:size])
        self._position = end
        return size

    def beginning(self) -> bytes:
        """Return the first chunk, which stays to be read."""
        first: bytes = self._chunk.to_bytes() if self._fetched() else b""
        return first

    def close(self) -> None:
        if not self.closed:
            self._end()
        super().close()

    def _fetched(self) -> bool:
        """Have a chunk that is not read to its end, and tell whether there is one."""
        while not self._over and (self._chunk is None or self._position == self._chunk.byteLength):
            self._position = 0
            try:
                self._chunk = self._stream.next_chunk()
            except TransportFailure as failure:
                self._end()
                raise self._translate(explain(failure)) from None
            except BaseException:
                self._end()
                raise
            if self._chunk is None:
                saved.keep_chunks(self._request, self._head, self._to_keep)
                self._end()
            else:
                self._count(self._chunk)
        return not self._over

    def _count(self, chunk: Any) -> None:
        self._watched.update(chunk.byteLength)
        self._room -= chunk.byteLength
        if self._room >= 0:
            self._to_keep.append(chunk)
        else:
            self._to_keep.clear()

    def _end(self) -> None:
        if not self._over:
            self._over = True
            self._chunk = None
            self._to_keep = []
            self._stream.abort()
            self._watched.__exit__(None, None, None)
