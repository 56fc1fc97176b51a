"""HTTP as uvicorn speaks it, but that a response's head and body leave together."""

import asyncio
from collections.abc import Iterable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# A head is smaller, and copying so much costs nothing.
_SMALL_BYTES = 4096


class JoinedWrites:
    """A transport that lets what is small wait for what is written right after it.

    uvicorn writes a response's head and its body one after the other: two system calls, after the
    first of which the client is woken for nothing.

    Parameters
    ----------
    transport
        What writes.
    loop
        At whose next turn the small is written, if nothing came.
    """

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._waiting = b""

    def write(self, data: bytes) -> None:
        """Write, in the same order as ever."""
        if self._waiting:
            waiting, self._waiting = self._waiting, b""
            self._transport.writelines((waiting, data))
        elif len(data) <= _SMALL_BYTES:
            self._waiting = data
            self._loop.call_soon(self._write_waiting)
        else:
            self._transport.write(data)

    def writelines(self, lines: Iterable[bytes]) -> None:
        """Write all of these."""
        self.write(b"".join(lines))

    def _write_waiting(self) -> None:
        if self._waiting:
            waiting, self._waiting = self._waiting, b""
            self._transport.write(waiting)

    def close(self) -> None:
        """Close when all is written."""
        self._write_waiting()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class JoinedHttpProtocol(HttpToolsProtocol):
    """Answers a connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        joined: Any = JoinedWrites(transport, self.loop)
        super().connection_made(joined)
