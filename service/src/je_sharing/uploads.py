"""Receive request bodies, with limits on size and time, and on memory for large uploads."""

import asyncio
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from starlette.requests import ClientDisconnect, Request

from je_sharing.errors import (
    BadRequestError,
    BodyTooLargeError,
    PayloadTooLargeError,
    UploadTimeoutError,
)

# A larger body waits on disk for its memory.
SPOOL_BYTES = 256 * 1024
# A token, or a UUID with a password, has a few hundred bytes.
SMALL_BYTES = 8 * 1024
# Memory for checking a large body, as a multiple of its size: the body, the notebook in it, and
# the decoded values.
_WORKING_FACTOR = 4
# A body over the limit is read up to this multiple of it: the client would see a broken
# connection instead of the answer.
_COURTESY_FACTOR = 4
_MAX_DIGITS = 18


class MemoryBudget:
    """A number of bytes that requests reserve; they wait, in order, while too few are free.

    Parameters
    ----------
    total
        Bytes to hand out.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._line: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def reserve(self, size: int) -> AsyncIterator[None]:
        """Hold a number of bytes while the block runs.

        Parameters
        ----------
        size
            Bytes; at most the total is reserved.
        """
        size = min(size, self._total)
        await self._take(size)
        try:
            yield
        finally:
            self._give_back(size)

    async def _take(self, size: int) -> None:
        if not self._line and size <= self._free:
            self._free -= size
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append((size, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._give_back(size)
            raise

    def _give_back(self, size: int) -> None:
        self._free += size
        while self._line:
            wanted, turn = self._line[0]
            if turn.done():
                self._line.popleft()
                continue
            if wanted > self._free:
                return
            self._line.popleft()
            self._free -= wanted
            turn.set_result(None)


class Uploads:
    """Reads request bodies.

    Parameters
    ----------
    max_bytes
        Largest body.
    max_notebook_bytes
        Largest notebook, which a refusal names.
    timeout_seconds
        Time a body may take to arrive.
    budget
        Memory for large bodies being worked on.
    """

    def __init__(
        self,
        *,
        max_bytes: int,
        max_notebook_bytes: int,
        timeout_seconds: float,
        budget: MemoryBudget,
    ) -> None:
        self._max_bytes = max_bytes
        self._max_notebook_bytes = max_notebook_bytes
        self._timeout_seconds = timeout_seconds
        self._budget = budget

    @asynccontextmanager
    async def of(self, request: Request) -> AsyncIterator[bytes]:
        """Read a request's body: `async with uploads.of(request) as body: …`.

        Parameters
        ----------
        request
            The request.

        Yields
        ------
        bytes
            The body. The memory that a large one needs is reserved until the block ends.

        Raises
        ------
        PayloadTooLargeError, UploadTimeoutError, BadRequestError
            As `receive` does.
        """
        received = await self.receive(request)
        if isinstance(received, bytes):
            yield received
            return
        with received:
            async with self._budget.reserve(received.tell() * _WORKING_FACTOR):
                received.seek(0)
                yield await asyncio.to_thread(received.read)

    async def small(self, request: Request) -> bytes:
        """Read the body of a call that takes no notebook.

        Raises
        ------
        BodyTooLargeError
            When it is, or announces to be, larger than `SMALL_BYTES`.
        UploadTimeoutError
            When it takes too long to arrive.
        """
        if _content_length(request) > SMALL_BYTES:
            raise BodyTooLargeError(SMALL_BYTES)
        body = b""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > SMALL_BYTES:
                        raise BodyTooLargeError(SMALL_BYTES)
        except TimeoutError:
            raise UploadTimeoutError("The request took too long to arrive. Try again.") from None
        except ClientDisconnect:
            raise BadRequestError("The connection ended before the request was whole.") from None
        return body

    async def receive(self, request: Request) -> bytes | IO[bytes]:
        """Read a body, into memory if it is small and into a file if it is large.

        Parameters
        ----------
        request
            Whose body.

        Returns
        -------
        bytes or file
            The body.

        Raises
        ------
        PayloadTooLargeError
            When it is, or announces to be, larger than the limit.
        UploadTimeoutError
            When it takes too long to arrive.
        """
        announced = _content_length(request)
        if announced > self._max_bytes * _COURTESY_FACTOR:
            raise self._too_large(announced)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._receive(request, announced)
        except TimeoutError:
            raise UploadTimeoutError("The notebook took too long to arrive. Try again.") from None

    async def _receive(self, request: Request, announced: int) -> bytes | IO[bytes]:
        if announced > self._max_bytes:
            raise self._too_large(await _drain(request, announced))
        chunks: list[bytes] = []
        file: IO[bytes] | None = None
        size = 0
        more = True
        try:
            while more:
                message = await request.receive()
                if message["type"] != "http.request":
                    raise BadRequestError("The connection ended before the notebook was whole.")
                more = message.get("more_body", False)
                chunk: bytes = message.get("body", b"")
                size += len(chunk)
                if size > self._max_bytes:
                    chunks.clear()
                    rest = await _drain(request, self._max_bytes * _COURTESY_FACTOR)
                    raise self._too_large(size + rest)
                chunks.append(chunk)
                if size > SPOOL_BYTES:
                    if file is None:
                        file = tempfile.TemporaryFile()  # noqa: SIM115
                    file.write(b"".join(chunks))
                    chunks.clear()
        except BaseException:
            if file is not None:
                file.close()
            raise
        if file is not None:
            return file
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _too_large(self, size: int) -> PayloadTooLargeError:
        return PayloadTooLargeError(size, self._max_notebook_bytes)


def whole_number(text: str) -> int | None:
    """Read a number from an untrusted header.

    Parameters
    ----------
    text
        Decimal digits of ASCII, 18 at most: Python refuses to read thousands of digits.

    Returns
    -------
    int or None
        None for everything else.

    Examples
    --------
    >>> whole_number("42"), whole_number("-1"), whole_number("9" * 5000)
    (42, None, None)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else None


def _content_length(request: Request) -> int:
    length = whole_number(request.headers.get("content-length") or "0")
    if length is None:
        raise BadRequestError("The Content-Length header is not a number.")
    return length


async def _drain(request: Request, most: int) -> int:
    """Discard the rest of a body, up to a limit; return how many bytes there were."""
    size = 0
    while size < most:
        message = await request.receive()
        if message["type"] != "http.request":
            break
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return size
