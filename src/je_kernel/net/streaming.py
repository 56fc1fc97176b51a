"""Stream responses: read the body piece by piece, as with ``stream=True``.

The head is returned at once, and the body is received while it is read: so a stream may
be longer than memory, or have no end. Where synchronous code cannot wait for the browser
(`je_kernel.net.transport.uses_fetch`) the whole body is received first.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from je_kernel import coroutines
from je_kernel.net import fetch_restrictions, progress, response_cache, transport, waiting
from je_kernel.net.error_messages import network_error
from je_kernel.net.failure import TransportFailure
from je_kernel.net.page_check import reject_unexpected_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from je_kernel import errors
    from je_kernel.net.engine_fetch import Download
    from je_kernel.net.message import Request, Response
    from je_kernel.net.waiting import Wait

    Translate = Callable[[errors.NetworkError], Exception]

__all__ = ["StreamedBody", "open_file", "open_stream", "open_stream_async"]

_READ_AHEAD_BYTES = 65_536


def open_file(request: Request, translate: Translate) -> tuple[Response, io.IOBase]:
    """Send a request and return the head of its response, and the body as a file.

    Parameters
    ----------
    request, translate
        As for `open_stream`.

    Returns
    -------
    Response
        The head: its body is empty.
    file
        The body, opened for reading bytes.
    """
    head, body = open_stream(request, translate)
    # Without a length it may be a stream of messages: each is returned as it comes. With one,
    # a file is read in pieces of the size that the reader wants.
    has_length = head.header("content-length") is not None
    return head, io.BufferedReader(body, _READ_AHEAD_BYTES) if has_length else body


def open_stream(request: Request, translate: Translate) -> tuple[Response, StreamedBody]:
    """Send a request and return the head of its response, and the body to read.

    Parameters
    ----------
    request
        The request. Headers that a browser forbids are dropped.
    translate
        Converts an error while the body is read into one of the library that reads it.

    Returns
    -------
    Response
        The head: its body is empty.
    body
        The chunks of the body; to be closed.

    Raises
    ------
    je_kernel.errors.NetworkError
        If there is no response; its class and text say why.
    """
    return coroutines.run(_open(request, translate, transport.sync_wait()))


async def open_stream_async(
    request: Request, translate: Translate
) -> tuple[Response, StreamedBody]:
    """Send a request from a coroutine: as `open_stream`."""
    return await _open(request, translate, waiting.suspend)


async def _open(
    request: Request, translate: Translate, wait: Wait | None
) -> tuple[Response, StreamedBody]:
    is_whole = not transport.uses_fetch(wait) or fetch_restrictions.is_gzip_file(request.url)
    if wait is None or is_whole:
        return _whole(await transport.exchange(request, wait))
    from je_kernel.net.engine_fetch import Download, content_length

    request = transport.with_settings(request)
    try:
        download = Download(fetch_restrictions.allowed(request), wait)
        try:
            head = await download.head()
        except BaseException:
            download.abort()
            raise
    except TransportFailure as failure:
        return _whole(await transport.fall_back_from(failure, wait))
    tracked = progress.track(request, content_length(head))

    def stop() -> None:
        download.abort()
        tracked.close()

    body = StreamedBody(_chunks(request, head, download, tracked, translate), stop)
    head = fetch_restrictions.normalized_head(head)
    # Only the beginning of a page: a stream of messages may wait long for its first one.
    is_page = "html" in (head.header("content-type") or "").lower()
    try:
        beginning = await body.peek() if is_page else b""
        reject_unexpected_page(request, replace(head, body=beginning))
    except BaseException:
        body.close()
        raise
    return head, body


def _whole(response: Response) -> tuple[Response, StreamedBody]:
    return replace(response, body=b""), StreamedBody(_chunk(response.body))


async def _chunk(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _chunks(
    request: Request,
    head: Response,
    download: Download,
    tracked: progress.DownloadProgress,
    translate: Translate,
) -> AsyncIterator[bytes]:
    """Yield the chunks of a body as they come; store a copy when all of them were read."""
    if most := response_cache.storable_bytes(request, head):
        download.make_copy(most)
    size = 0
    try:
        with tracked:
            while (chunk := await download.chunk()) is not None:
                size += len(chunk)
                tracked.update(len(chunk))
                yield chunk
        if fetch_restrictions.is_truncated(request, head, size):
            raise TransportFailure("interrupted", request, "the body is short")
    except TransportFailure as failure:
        raise translate(network_error(failure)) from None
    if most and download.copy is not None:
        head = replace(fetch_restrictions.normalized_head(head), copy=download.copy)
        response_cache.store(request, head, size)


class StreamedBody(io.RawIOBase):
    """The body of a response as it comes: a file, and an iterator over its chunks.

    Parameters
    ----------
    chunks
        The chunks. Without an event loop they are iterated by `je_kernel.coroutines.run`.
    stop
        Stops the download when the body is closed.
    """

    def __init__(
        self, chunks: AsyncIterator[bytes], stop: Callable[[], None] | None = None
    ) -> None:
        self._chunks = chunks
        self._stop = stop
        self._ahead = memoryview(b"")

    async def peek(self) -> bytes:
        """Return the next chunk, which stays to be read; empty at the end."""
        while not self._ahead and not self.closed:
            try:
                self._ahead = memoryview(await anext(self._chunks))
            except StopAsyncIteration:
                break
            except BaseException:
                self.close()
                raise
        return bytes(self._ahead)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read at most one chunk into a buffer; return the number of bytes."""
        coroutines.run(self.peek())
        size = min(len(buffer), len(self._ahead))
        buffer[:size] = self._ahead[:size]
        self._ahead = self._ahead[size:]
        return size

    def __iter__(self) -> Iterator[bytes]:
        while chunk := coroutines.run(self._next()):
            yield chunk

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self._next():
            yield chunk

    def close(self) -> None:
        """Stop the download."""
        if not self.closed and self._stop is not None:
            self._stop()
        super().close()

    async def _next(self) -> bytes:
        chunk = await self.peek()
        self._ahead = memoryview(b"")
        return chunk
