"""A response whose body is read piece by piece, as a lesson asks for it with ``stream=True``.

The head comes at once, and the body when it is read: so a stream may be longer
than memory, or have no end. Where an ordinary call cannot wait for the browser
(`runtime.can_run_sync`) the whole body is there before its first piece is read;
a coroutine always can.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

from je_kernel.net import fetch_restrictions, progress, response_cache, transport
from je_kernel.net.error_messages import network_error
from je_kernel.net.failure import TransportFailure
from je_kernel.net.page_check import reject_unexpected_page

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from je_kernel import errors
    from je_kernel.net.engine_fetch import Stream
    from je_kernel.net.message import Request, Response

    Translate = Callable[[errors.NetworkError], Exception]

__all__ = ["Chunks", "WholeBody", "open_chunks", "open_chunks_async", "open_file"]

_LOOK_AHEAD_BYTES = 65_536


def open_file(request: Request, translate: Translate) -> tuple[Response, io.IOBase]:
    """Send a request and wait for the head of its response, to read the body as a file.

    Parameters
    ----------
    request, translate
        As for `open_chunks`.

    Returns
    -------
    Response
        The head: its body is empty.
    file
        The body, opened for reading bytes.
    """
    head, chunks = open_chunks(request, translate)
    if isinstance(chunks, WholeBody):
        return head, io.BytesIO(chunks.body)
    raw = _File(chunks)
    # A file is read in pieces of the size that is asked for; what has no known
    # length, as messages that come one by one, is handed out as it comes.
    has_length = head.header("content-length") is not None
    return head, io.BufferedReader(raw, _LOOK_AHEAD_BYTES) if has_length else raw


def open_chunks(request: Request, translate: Translate) -> tuple[Response, Chunks | WholeBody]:
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
    chunks
        The body, bytes by bytes as they come; to be closed.

    Raises
    ------
    je_kernel.errors.NetworkError
        If there is no response; its class and text say why.
    """
    if not transport.waits() or fetch_restrictions.is_gzip_file(request.url):
        return _whole(transport.send(request))
    try:
        opening = _Opening(request, translate)
        chunks = opening.answered(opening.stream.begin())
    except TransportFailure as failure:
        return _whole(transport.instead(failure))
    if chunks.may_be_page:
        chunks.peek()
    return chunks.checked(), chunks


async def open_chunks_async(
    request: Request, translate: Translate
) -> tuple[Response, Chunks | WholeBody]:
    """Send a request and wait for the head of its response: as `open_chunks`, from a coroutine.

    Parameters
    ----------
    request, translate
        As for `open_chunks`.
    """
    if fetch_restrictions.is_gzip_file(request.url):
        return _whole(await transport.send_async(request))
    try:
        opening = _Opening(request, translate)
        chunks = opening.answered(await opening.stream.begin_async())
    except TransportFailure as failure:
        return _whole(await transport.instead_async(failure))
    if chunks.may_be_page:
        await chunks.peek_async()
    return chunks.checked(), chunks


def _whole(response: Response) -> tuple[Response, WholeBody]:
    return replace(response, body=b""), WholeBody(response.body)


class WholeBody:
    """A body that is there already, in the place of one that comes.

    Parameters
    ----------
    body
        All of it.
    """

    def __init__(self, body: bytes) -> None:
        self.body = body

    def __iter__(self) -> Iterator[bytes]:
        if self.body:
            yield self.body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.body:
            yield self.body

    def close(self) -> None:
        """Do nothing: nothing is open."""


class _Opening:
    """A stream whose head has not come yet."""

    def __init__(self, request: Request, translate: Translate) -> None:
        from je_kernel.net.engine_fetch import Stream

        self._request = transport.with_settings(request)
        self._translate = translate
        self.stream = Stream(fetch_restrictions.allowed(self._request))

    def answered(self, told: Response) -> Chunks:
        """Return the body that comes after a head, as the browser told it."""
        return Chunks(self._request, told, self.stream, self._translate)


class Chunks:
    """The body of a response as it comes; a copy is kept once all of it was read.

    Parameters
    ----------
    request
        What was asked for.
    told
        The response without its body, as the browser told it.
    stream
        Where the chunks come from.
    translate
        Makes an error that comes up one of the library that reads.
    """

    def __init__(
        self,
        request: Request,
        told: Response,
        stream: Stream,
        translate: Translate,
    ) -> None:
        from je_kernel.net.engine_fetch import announced

        self._request = request
        self._told = told
        self._head = fetch_restrictions.normalized_head(told)
        self._stream = stream
        self._translate = translate
        self._watched = progress.watch(request, announced(told))
        self._came_bytes = 0
        self._peeked: Any = None
        self._over = False
        # JavaScript's own chunks, not copied, as long as a copy of so many may be kept.
        self._to_keep: list[Any] = []
        self._room = response_cache.room_for(request, self._head)

    @property
    def may_be_page(self) -> bool:
        """Whether a look at its beginning is due, for a page where data was asked for."""
        return "html" in (self._head.header("content-type") or "").lower()

    def checked(self) -> Response:
        """Return the head.

        Raises
        ------
        je_kernel.errors.NotDataError
            If a web page comes where data was asked for.
        """
        beginning = b"" if self._peeked is None else self._peeked.to_bytes()
        try:
            reject_unexpected_page(self._request, replace(self._head, body=beginning))
        except BaseException:
            self.close()
            raise
        return self._head

    def peek(self) -> None:
        """Have the first chunk, which stays to be read."""
        self._peeked = self.next()

    async def peek_async(self) -> None:
        """Have the first chunk, which stays to be read."""
        self._peeked = await self.next_async()

    def next(self) -> Any:
        """Wait for the next chunk: a Uint8Array, or None at the end."""
        if self._at_hand():
            return self._take()
        try:
            chunk = self._stream.next_chunk()
        except BaseException as error:
            self._failed(error)
        return self._came(chunk)

    async def next_async(self) -> Any:
        """Wait for the next chunk: as `next`."""
        if self._at_hand():
            return self._take()
        try:
            chunk = await self._stream.next_chunk_async()
        except BaseException as error:
            self._failed(error)
        return self._came(chunk)

    def __iter__(self) -> Iterator[bytes]:
        while (chunk := self.next()) is not None:
            yield chunk.to_bytes()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while (chunk := await self.next_async()) is not None:
            yield chunk.to_bytes()

    def close(self) -> None:
        """Give up what has not come yet."""
        if not self._over:
            self._over = True
            self._peeked = None
            self._to_keep = []
            self._stream.abort()
            self._watched.__exit__(None, None, None)

    def _at_hand(self) -> bool:
        return self._over or self._peeked is not None

    def _take(self) -> Any:
        chunk, self._peeked = self._peeked, None
        return chunk

    def _came(self, chunk: Any) -> Any:
        if chunk is None:
            if fetch_restrictions.is_truncated(self._request, self._told, self._came_bytes):
                self._failed(TransportFailure("interrupted", self._request, "the body is short"))
            response_cache.keep_chunks(self._request, self._head, self._to_keep)
            self.close()
            return None
        self._came_bytes += chunk.byteLength
        self._watched.update(chunk.byteLength)
        self._room -= chunk.byteLength
        if self._room >= 0:
            self._to_keep.append(chunk)
        else:
            self._to_keep.clear()
        return chunk

    def _failed(self, error: BaseException) -> NoReturn:
        self.close()
        if isinstance(error, TransportFailure):
            raise self._translate(network_error(error)) from None
        raise error


class _File(io.RawIOBase):
    """Chunks as a file."""

    def __init__(self, chunks: Chunks) -> None:
        self._chunks = chunks
        self._chunk: Any = None
        self._position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._chunk is None or self._position == self._chunk.byteLength:
            self._position = 0
            self._chunk = self._chunks.next()
            if self._chunk is None:
                return 0
        size = min(len(buffer), int(self._chunk.byteLength) - self._position)
        end = self._position + size
        self._chunk.subarray(self._position, end).assign_to(memoryview(buffer)[:size])
        self._position = end
        return size

    def close(self) -> None:
        if not self.closed:
            self._chunk = None
            self._chunks.close()
        super().close()
