"""Bodies on their way in: limits while they stream, and memory that stays bounded."""

import asyncio
import tempfile
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO

from starlette.requests import ClientDisconnect, Request

from je_sharing.errors import BadRequestError, PayloadTooLargeError, UploadTimeoutError

# Up to here a body waits in memory; a larger one waits on disk until it is its turn.
SPOOL_BYTES = 256 * 1024
# What checking a large body needs, as a multiple of its size: the body, the notebook cut out of
# it, and the values decoded from that.
_WORKING_FACTOR = 4
# A refused body is still read to its end up to this multiple of the limit, or the caller would
# see a broken connection instead of the refusal.
_COURTESY_FACTOR = 4


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
        self._timeout = timeout_seconds
        self._budget = budget

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """Read a body; the memory it needs is held for as long as the block runs.

        Parameters
        ----------
        request
            Whose body.

        Yields
        ------
        bytes
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
        file: IO[bytes] | None = None
        try:
            try:
                async with asyncio.timeout(self._timeout):
                    small, file = await self._receive(request, announced)
            except TimeoutError:
                raise UploadTimeoutError(
                    "The notebook took too long to arrive. Try again."
                ) from None
            except ClientDisconnect:
                raise BadRequestError(
                    "The connection ended before the notebook was whole."
                ) from None
            if file is None:
                yield small
                return
            size = file.tell()
            async with self._budget.reserve(size * _WORKING_FACTOR):
                file.seek(0)
                yield await asyncio.to_thread(file.read)
        finally:
            if file is not None:
                file.close()

    async def _receive(self, request: Request, announced: int) -> tuple[bytes, IO[bytes] | None]:
        """Collect a body, in memory while it is small and else in a file."""
        if announced > self._max_bytes:
            raise self._too_large(await _drain(request, announced))
        chunks: list[bytes] = []
        file: IO[bytes] | None = None
        size = 0
        try:
            async for chunk in request.stream():
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
        return (chunks[0] if len(chunks) == 1 else b"".join(chunks)), file

    def _too_large(self, size: int) -> PayloadTooLargeError:
        return PayloadTooLargeError(size, self._max_notebook_bytes)


def _content_length(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    if not (text.isascii() and text.isdigit()):
        raise BadRequestError("The Content-Length header is not a number.")
    return int(text)


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
