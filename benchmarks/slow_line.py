"""A slow line to a server, for all that a browser's pages and workers fetch.

Chromium's own emulation of a network was found not to hold for kernels, which load in workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["slow_line"]

_PIECE = 16_384


@contextlib.contextmanager
def slow_line(url: str, rate: float) -> Iterator[str]:
    """Lead to a server on this machine over a line that all connections share.

    Parameters
    ----------
    url
        The address of the server.
    rate
        How many bytes a second come from the server. What is sent to it is not slowed.

    Yields
    ------
    str
        The address of the same by the line.
    """
    # In a thread of its own: Playwright has the loop of this one.
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    line = _Line(urlsplit(url).port or 80, rate)
    try:
        port = asyncio.run_coroutine_threadsafe(line.open(), loop).result()
        yield f"http://127.0.0.1:{port}/"
    finally:
        asyncio.run_coroutine_threadsafe(line.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Line:
    def __init__(self, port: int, rate: float) -> None:
        self._port = port
        self._rate = rate
        self._free_at = 0.0

    async def open(self) -> int:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
        # At the end all are cancelled, and no one wants to hear of it.
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(
                self._carry(reader, to_server, slow=False),
                self._carry(from_server, writer, slow=True),
            )

    async def _carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, slow: bool
    ) -> None:
        while piece := await source.read(_PIECE):
            if slow:
                now = asyncio.get_running_loop().time()
                self._free_at = max(now, self._free_at) + len(piece) / self._rate
                await asyncio.sleep(self._free_at - now)
            sink.write(piece)
            await sink.drain()
        sink.close()
