"""HTTP as uvicorn speaks it, with limits, and a response's head and body leave together."""

import asyncio
import functools
import ipaddress
from collections import Counter
from collections.abc import Iterable
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from je_sharing.settings import Settings

# A head is smaller, and copying so much costs nothing.
_SMALL_BYTES = 4096
_LARGEST_HEAD_BYTES = 64 * 1024


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


class ConnectionLimits:
    """How many connections an address may hold open, in this process.

    Parameters
    ----------
    per_address
        Connections; 0 for any number.
    exempt
        Networks that many callers come through, by comma: the trusted proxies; `*` for all.
    header_seconds
        Time for the head of a request to arrive.
    """

    def __init__(self, per_address: int, exempt: str, header_seconds: float) -> None:
        self._per_address = 0 if exempt.strip() == "*" else per_address
        self._exempt = [
            ipaddress.ip_network(item.strip(), strict=False)
            for item in exempt.split(",")
            if item.strip() not in ("", "*")
        ]
        self._open: Counter[str] = Counter()
        self.header_seconds = header_seconds

    def enter(self, address: str) -> str | None:
        """Count a connection.

        Returns
        -------
        str or None
            What to give to `leave` when it ends, or None when there are too many.
        """
        subject = self._subject(address)
        if subject and self._open[subject] >= self._per_address:
            return None
        if subject:
            self._open[subject] += 1
        return subject

    def leave(self, subject: str) -> None:
        """Count a connection no more."""
        if subject:
            self._open[subject] -= 1
            if not self._open[subject]:
                del self._open[subject]

    def _subject(self, address: str) -> str:
        """Return whom a connection counts for; empty for nobody."""
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return ""
        if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
            parsed = parsed.ipv4_mapped
        if not self._per_address or any(parsed in network for network in self._exempt):
            return ""
        length = 32 if parsed.version == 4 else 64
        return str(ipaddress.ip_network((parsed, length), strict=False))


class LimitedHttpProtocol(HttpToolsProtocol):
    """Answers a connection, unless its address has too many, or it keeps us waiting.

    uvicorn waits for the first request, and for the rest of a request's head, for as long as the
    connection is open, and takes a head of any size.

    Parameters
    ----------
    limits
        The limits of the process.
    **uvicorn
        What uvicorn gives to a protocol.
    """

    def __init__(self, limits: ConnectionLimits, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._limits = limits
        self._counted: str | None = None
        self._head_timer: asyncio.TimerHandle | None = None
        self._is_in_head, self._head_bytes = False, 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a connection."""
        peer = transport.get_extra_info("peername")
        self._counted = self._limits.enter(peer[0] if isinstance(peer, tuple) else "")
        joined: Any = JoinedWrites(transport, self.loop)
        super().connection_made(joined)
        if self._counted is None:
            transport.abort()
        else:
            self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._stop_waiting()
        if self._counted is not None:
            self._limits.leave(self._counted)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take what came."""
        was_in_head = self._is_in_head
        super().data_received(data)
        if was_in_head and self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > _LARGEST_HEAD_BYTES:
                self.send_400_response("The head of the request is too large.")
        # The next request has begun and not yet come whole, or this is the rest of a body that
        # nobody reads: what was received has ended uvicorn's own wait.
        is_between = self.cycle is None or self.cycle.response_complete
        if is_between and self.timeout_keep_alive_task is None and self._head_timer is None:
            self._await_head()

    def on_message_begin(self) -> None:
        """Begin a request."""
        self._is_in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to answer."""
        self._is_in_head = False
        self._stop_waiting()
        super().on_headers_complete()

    def _await_head(self) -> None:
        self._head_timer = self.loop.call_later(self._limits.header_seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._head_timer = None
        self.transport.abort()


def limited_protocol(settings: Settings) -> type[asyncio.Protocol]:
    """Make the protocol that `uvicorn.run(http=…)` answers connections with.

    Parameters
    ----------
    settings
        The service's settings.

    Returns
    -------
    type of asyncio.Protocol
        Counts the connections of one process.
    """
    limits = ConnectionLimits(
        settings.connections_per_address, settings.trusted_proxies, settings.header_timeout_seconds
    )
    # uvicorn only calls it, and hands it to its workers.
    protocol: Any = functools.partial(LimitedHttpProtocol, limits)
    return cast("type[asyncio.Protocol]", protocol)
