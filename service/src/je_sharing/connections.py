"""Limit the connections of each address, and the time for the head of a request.

uvicorn limits neither: it waits for a request, and for the rest of its head, as long as the
connection is open.
"""

import asyncio
import functools
import ipaddress
from collections import Counter
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from je_sharing.settings import Settings

_MAX_HEAD_BYTES = 64 * 1024


class ConnectionLimits:
    """Limits that the connections of one process share.

    Parameters
    ----------
    per_address
        Open connections per address; 0 for any number.
    exempt
        Networks without a limit, separated by commas: the trusted proxies; `*` for all.
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
            What to pass to `leave` when the connection ends; None if the address has too many.
        """
        subject = self._subject(address)
        if subject and self._open[subject] >= self._per_address:
            return None
        if subject:
            self._open[subject] += 1
        return subject

    def leave(self, subject: str) -> None:
        """Stop counting a connection."""
        if subject:
            self._open[subject] -= 1
            if not self._open[subject]:
                del self._open[subject]

    def _subject(self, address: str) -> str:
        """Return the network that a connection counts for; empty if it does not count."""
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


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with the limits.

    Parameters
    ----------
    limits
        The limits of the process.
    **uvicorn
        uvicorn's own arguments.

    Notes
    -----
    Bytes that arrive while no request is being answered belong to the head of the next one, or to
    a body that nobody reads. They start a timer, which the next request stops.
    """

    def __init__(self, limits: ConnectionLimits, **uvicorn: Any) -> None:
        super().__init__(**uvicorn)
        self._limits = limits
        self._subject: str | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept or refuse a connection."""
        peer = transport.get_extra_info("peername")
        self._subject = self._limits.enter(peer[0] if isinstance(peer, tuple) else "")
        super().connection_made(transport)
        if self._subject is None:
            transport.abort()
        else:
            self._start_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop counting a connection."""
        self._stop_timer()
        if self._subject is not None:
            self._limits.leave(self._subject)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive bytes."""
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_timer()
            self._head_bytes = 0
            return
        self._start_timer()
        self._head_bytes += len(data)
        if self._head_bytes > _MAX_HEAD_BYTES:
            self.transport.abort()

    def _start_timer(self) -> None:
        if self._timer is None:
            self._timer = self.loop.call_later(self._limits.header_seconds, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def limited_protocol(settings: Settings) -> type[asyncio.Protocol]:
    """Make the protocol class for `uvicorn.run(http=…)`.

    Parameters
    ----------
    settings
        The service's settings.

    Returns
    -------
    type of asyncio.Protocol
        Its connections share the limits.
    """
    limits = ConnectionLimits(
        settings.connections_per_address, settings.trusted_proxies, settings.header_timeout_seconds
    )
    # uvicorn only calls it and pickles it for its workers.
    protocol: Any = functools.partial(LimitedProtocol, limits)
    return cast("type[asyncio.Protocol]", protocol)
