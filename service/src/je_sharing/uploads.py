"""Bodies on their way in: limits while they stream, and memory that stays bounded."""

import asyncio
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import IO

from starlette.requests import ClientDisconnect, Request

from je_sharing.errors import (
    BadRequestError,
    BodyTooLargeError,
    PayloadTooLargeError,
    UploadTimeoutError,
)

# Up to here a body waits in memory; a larger one waits on disk until it is its turn.
SPOOL_BYTES = 256 * 1024
# A token has a few hundred bytes, and so has a UUID with a password.
SMALL_BYTES = 8 * 1024
# What checking a large body needs, as a multiple of its size: the body, the notebook cut out of
# it, and the values decoded from that.
_WORKING_FACTOR = 4
# A refused body is still read to its end up to this multiple of the limit, or the caller would
# see a broken connection instead of the refusal.
_COURTESY_FACTOR = 4
_MAX_DIGITS = 18


class MemoryBudget:
    """Bytes that may be in use at once; whoever wants more waits in line.

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
            Bytes; more than there are at all counts as all of them.
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

    def of(self, request: Request) -> "Upload":
        """Read a request's body: `async with uploads.of(request) as body: …`.

        Parameters
        ----------
        request
            Whose body.

        Returns
        -------
        Upload
            Gives the body's bytes. The memory they need is held for as long as the block runs.
        """
        return Upload(self, request)

    async def small(self, request: Request) -> bytes:
        """Read the body of a call that takes no notebook.

        Raises
        ------
        BodyTooLargeError
            When it announces or turns out to be more than `SMALL_BYTES`. The server throws the
            rest away.
        UploadTimeoutError
            When it does not arrive in time.
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

    async def receive(self, request: Request) -> "bytes | IO[bytes]":
        """Collect a body, in memory while it is small and else in a file.

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
            When it announces or turns out to be more than the limit.
        UploadTimeoutError
            When it does not arrive in time.
        """
        announced = _content_length(request)
        if announced > self._max_bytes * _COURTESY_FACTOR:
            raise self._too_large(announced)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._receive(request, announced)
        except TimeoutError:
            raise UploadTimeoutError("The notebook took too long to arrive. Try again.") from None

    async def _receive(self, request: Request, announced: int) -> "bytes | IO[bytes]":
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

    def memory_for(self, size: int) -> AbstractAsyncContextManager[None]:
        """Hold the memory that it takes to work on a body of a size."""
        return self._budget.reserve(size * _WORKING_FACTOR)

    def _too_large(self, size: int) -> PayloadTooLargeError:
        return PayloadTooLargeError(size, self._max_notebook_bytes)


class Upload:
    """A request's body, for as long as a block runs; `Uploads.of` makes it.

    Parameters
    ----------
    uploads
        The limits.
    request
        Whose body.
    """

    def __init__(self, uploads: Uploads, request: Request) -> None:
        self._uploads = uploads
        self._request = request
        self._held: AsyncExitStack | None = None

    async def __aenter__(self) -> bytes:
        """Read the body; raises what `Uploads.receive` raises."""
        received = await self._uploads.receive(self._request)
        if isinstance(received, bytes):
            return received
        async with AsyncExitStack() as stack:
            stack.callback(received.close)
            await stack.enter_async_context(self._uploads.memory_for(received.tell()))
            received.seek(0)
            body = await asyncio.to_thread(received.read)
            self._held = stack.pop_all()
        return body

    async def __aexit__(self, *_error: object) -> None:
        """Give back what was held."""
        if self._held is not None:
            await self._held.aclose()


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
    """Read on and throw away; the number of bytes thrown away."""
    size = 0
    while size < most:
        message = await request.receive()
        if message["type"] != "http.request":
            break
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            break
    return size
