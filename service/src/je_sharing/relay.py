"""The relay: fetches data from other hosts for notebooks, within narrow limits.

It is off until an operator lists hosts. It reads only, over http and https, takes no cookies and
no credentials, follows redirects only to listed hosts, and connects to the very address it has
checked, so that a name cannot point elsewhere between the check and the connection.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, urljoin, urlsplit

import aiohappyeyeballs
import h11

from je_sharing.errors import BadGatewayError, BadRequestError, ForbiddenError

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_PORTS = {"http": 80, "https": 443}
_REDIRECTS = {301, 302, 303, 307, 308}
_MOST_REDIRECTS = 5
_MOST_HEADER_BYTES = 64 * 1024
_CHUNK = 64 * 1024
# How long an address may keep silent before the next one is tried beside it (RFC 8305).
_NEXT_ADDRESS_SECONDS = 0.25
# Each may hold an answer of the largest size.
_AT_ONCE = 8
# Special networks that Python's list lacks, in some versions or in all.
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20", "fec0::/10")
)


@dataclass(frozen=True)
class Relayed:
    """What another host answered.

    Parameters
    ----------
    status
        Its status.
    content_type
        Its `Content-Type`, or `application/octet-stream`.
    body
        Its body.
    url
        Where it was found after redirects.
    """

    status: int
    content_type: str
    body: bytes
    url: str


async def resolve(host: str, port: int) -> list[str]:
    """Look up the addresses of a host.

    Raises
    ------
    OSError
        When it has none.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(item[4][0]) for item in found))


def is_public(address: str) -> bool:
    """Tell whether an address is on the public internet.

    Parameters
    ----------
    address
        IPv4 or IPv6.

    Returns
    -------
    bool
        False for private, loopback, link-local, multicast and reserved addresses, also when
        hidden inside an IPv6 address (mapped, 6to4, NAT64, Teredo).

    Examples
    --------
    >>> is_public("93.184.215.14"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or _nat64(parsed)
        if parsed.teredo is not None:
            return False
        if inner is not None:
            return is_public(str(inner))
    is_special = parsed.is_multicast or parsed.is_reserved or any(parsed in net for net in _SPECIAL)
    return parsed.is_global and not is_special


def _nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address in ipaddress.IPv6Network("64:ff9b::/96"):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


class Relay:
    """Reads from listed hosts.

    Parameters
    ----------
    hosts
        Host names that may be read; `*.example.org` lists the hosts under `example.org`.
    max_bytes
        Largest body.
    timeout_seconds
        Time for everything, redirects and waiting for a turn included.
    lookup
        Finds the addresses of a host.
    may_connect
        Decides about an address.
    """

    def __init__(
        self,
        hosts: Sequence[str],
        *,
        max_bytes: int,
        timeout_seconds: float,
        lookup: Resolve = resolve,
        may_connect: Callable[[str], bool] = is_public,
    ) -> None:
        self._hosts = frozenset(hosts)
        self._max_bytes = max_bytes
        self._timeout = timeout_seconds
        self._lookup = lookup
        self._may_connect = may_connect
        self._tls = ssl.create_default_context()
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def get(self, url: str) -> Relayed:
        """Read a URL.

        Parameters
        ----------
        url
            http or https, of a listed host.

        Returns
        -------
        Relayed
            The answer.

        Raises
        ------
        BadRequestError
            When it is not such a URL.
        ForbiddenError
            When the host, of the URL or of a redirect, is not listed or not public.
        BadGatewayError
            When the host cannot be read, or answers too much or too slowly.
        """
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                return await self._follow(url)
        except TimeoutError:
            raise BadGatewayError("The other host took too long to answer.") from None
        except (OSError, h11.RemoteProtocolError, asyncio.IncompleteReadError) as error:
            raise BadGatewayError("The other host cannot be read.") from error

    async def _follow(self, url: str) -> Relayed:
        for _ in range(_MOST_REDIRECTS + 1):
            parts = self._checked(url)
            status, headers, body = await self._read(parts)
            location = headers.get("location")
            if status not in _REDIRECTS or not location:
                kind = headers.get("content-type", "application/octet-stream")
                return Relayed(status, kind, body, url)
            url = urljoin(url, location)
        raise BadGatewayError("The other host redirects too often.")

    def _checked(self, url: str) -> SplitResult:
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise BadRequestError("That is not a URL.") from None
        host = (parts.hostname or "").lower()
        if parts.scheme not in _PORTS or not host or not url.isascii() or _has_controls(url):
            raise BadRequestError("The relay reads http and https URLs only.")
        if parts.username is not None or parts.password is not None:
            raise BadRequestError("The relay takes no credentials.")
        if port not in {None, _PORTS[parts.scheme]}:
            raise ForbiddenError("The relay reads the usual ports only.")
        if not self._is_listed(host):
            raise ForbiddenError(
                f"The relay does not read {host!r}: the operator has not listed it."
            )
        return parts

    def _is_listed(self, host: str) -> bool:
        labels = host.split(".")
        parents = {"*." + ".".join(labels[start:]) for start in range(1, len(labels))}
        return host in self._hosts or not parents.isdisjoint(self._hosts)

    async def _read(self, parts: SplitResult) -> tuple[int, dict[str, str], bytes]:
        reader, writer = await self._connect(parts)
        try:
            return await self._converse(reader, writer, parts)
        finally:
            writer.close()

    async def _connect(
        self, parts: SplitResult
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host = parts.hostname or ""
        port = _PORTS[parts.scheme]
        addresses = await self._lookup(host, port)
        # One bad address is enough: a name that mixes public and private ones is a trap.
        if not addresses or not all(self._may_connect(address) for address in addresses):
            raise ForbiddenError(f"The relay does not read {host!r}: its address is not public.")
        tls = self._tls if parts.scheme == "https" else None
        # A black hole among the addresses costs a moment, not all the time there is.
        connection = await aiohappyeyeballs.start_connection(
            [_endpoint(address, port) for address in addresses],
            happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS,
            interleave=1,
        )
        # The certificate must be the host's.
        return await asyncio.open_connection(
            sock=connection, ssl=tls, server_hostname=host if tls else None
        )

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, parts: SplitResult
    ) -> tuple[int, dict[str, str], bytes]:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_MOST_HEADER_BYTES)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        request = h11.Request(
            method="GET",
            target=target,
            headers=[
                ("Host", parts.hostname or ""),
                ("Accept", "*/*"),
                ("Accept-Encoding", "identity"),
                ("User-Agent", "je-sharing-relay"),
                ("Connection", "close"),
            ],
        )
        writer.write(connection.send(request) or b"")
        writer.write(connection.send(h11.EndOfMessage()) or b"")
        await writer.drain()
        return await self._receive(reader, connection)

    async def _receive(
        self, reader: asyncio.StreamReader, connection: h11.Connection
    ) -> tuple[int, dict[str, str], bytes]:
        status, headers, body = 0, dict[str, str](), bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await reader.read(_CHUNK))
            elif isinstance(event, h11.Response):
                status = event.status_code
                headers = {n.decode("latin-1"): v.decode("latin-1") for n, v in event.headers}
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._max_bytes:
                    raise BadGatewayError(f"The answer is larger than {self._max_bytes:,} bytes.")
            elif isinstance(event, h11.EndOfMessage):
                return status, headers, bytes(body)
            elif isinstance(event, h11.ConnectionClosed):
                raise BadGatewayError("The other host ended the connection early.")


def _endpoint(address: str, port: int) -> aiohappyeyeballs.AddrInfoType:
    """Say where to connect to, in the words of `getaddrinfo`: an address, and no name."""
    if ":" in address:
        end = (address, port, 0, 0)
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", end
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)


def _has_controls(url: str) -> bool:
    return any(character <= " " or character == "\x7f" for character in url)
