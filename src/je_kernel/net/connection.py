"""A socket for `http.client` connections that uses the browser's network.

`http.client` writes a request to its socket and reads a response from it. This socket
parses the request, sends it by `je_kernel.net.transport`, and returns the bytes of the
response: everything above it is unchanged.
"""

from __future__ import annotations

import http.client
import io
import re
import socket
import sys
from typing import TYPE_CHECKING, Any

from je_kernel import errors
from je_kernel.net import transport
from je_kernel.net.message import Request

if TYPE_CHECKING:
    from je_kernel.net.message import Headers, Response

__all__ = ["BrowserResponse", "BrowserSocket", "connect", "parse_request", "response_head"]


class BrowserSocket:
    """A socket for an `http.client` connection.

    Parameters
    ----------
    origin
        Scheme, host and port of the server, as in ``"https://example.com"``.
    timeout
        Seconds, or None to wait for ever.
    """

    def __init__(self, origin: str, timeout: float | None) -> None:
        self._origin = origin
        self._timeout = timeout
        self._written = bytearray()
        self.response: Response | None = None
        """The response to the last request."""
        self.redirected_to: str | None = None
        """The URL of the response, if it is not that of the request."""

    def sendall(self, data: Any) -> None:
        """Write some bytes of a request."""
        self._written += memoryview(data).cast("B")

    def makefile(self, mode: str = "rb", *_: Any) -> io.BufferedReader:
        """Send the request; return a file with the response.

        Raises
        ------
        je_kernel.errors.NetworkError
            If there is no response. If the body broke off, the error is also an
            `http.client.IncompleteRead`.
        """
        if mode != "rb":
            raise ValueError("this socket is read in mode 'rb' only")
        written, self._written = self._written, bytearray()
        request = parse_request(written, self._origin, self._timeout)
        try:
            response = self.response = transport.send(request)
        except errors.BrokenOffError as error:
            raise errors.combined(error, http.client.IncompleteRead) from None
        self.redirected_to = None if response.url == request.url else response.url
        return io.BufferedReader(_TwoParts(response_head(response), response.body))

    def settimeout(self, value: float | None) -> None:
        """Set the seconds to wait for the next response."""
        self._timeout = value

    def gettimeout(self) -> float | None:
        """Return the seconds to wait."""
        return self._timeout

    def setsockopt(self, *_: Any) -> None:
        """Do nothing: the browser manages its connections."""

    def shutdown(self, _how: int) -> None:
        """Do nothing: no connection is open between requests."""

    def close(self) -> None:
        """Discard the bytes written."""
        self._written.clear()


class _TwoParts(io.RawIOBase):
    """A file of two bytes objects, without a copy of both."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = [memoryview(part) for part in parts]

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while self._parts and not self._parts[0]:
            del self._parts[0]
        if not self._parts:
            return 0
        size = min(len(buffer), len(self._parts[0]))
        buffer[:size] = self._parts[0][:size]
        self._parts[0] = self._parts[0][size:]
        return size


class _Body(io.BytesIO):
    """A body in memory, with the method of a buffered file that BytesIO lacks."""

    def peek(self, size: int = 0) -> bytes:
        position = self.tell()
        ahead = self.read(size if size > 0 else io.DEFAULT_BUFFER_SIZE)
        self.seek(position)
        return ahead


class BrowserResponse(http.client.HTTPResponse):
    """A response that has the final URL, and returns its body without a copy."""

    fp: Any = None  # read when the object is finalized, even if __init__ failed

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        ours = isinstance(sock, BrowserSocket)  # not if other code creates the response
        self._response: Response | None = sock.response if ours else None
        self._redirected_to: str | None = sock.redirected_to if ours else None
        self._request_url = ""

    def begin(self) -> None:
        """Read the status line and the headers."""
        super().begin()
        if self._response is not None and self.fp is not None:
            self.fp = _Body(self._response.body)

    def _safe_read(self, amt: int) -> bytes:
        # The original reads pieces and joins them: two copies.
        data: bytes = self.fp.read(amt)
        if len(data) < amt:
            raise http.client.IncompleteRead(data, amt - len(data))
        return data

    @property
    def url(self) -> str:
        """The URL of the response: after a redirect not that of the request."""
        return self._redirected_to or self._request_url

    @url.setter
    def url(self, request_url: str) -> None:
        # urllib.request sets the URL of the request.
        self._request_url = request_url


def connect(connection: http.client.HTTPConnection) -> None:
    """Connect: replaces `http.client.HTTPConnection.connect`."""
    sys.audit("http.client.connect", connection, connection.host, connection.port)
    timeout: Any = connection.timeout
    if not (timeout is None or isinstance(timeout, (int, float))):
        timeout = socket.getdefaulttimeout()  # the meaning of http.client's default
    connection.sock = BrowserSocket(_origin(connection), timeout)
    if connection.response_class is http.client.HTTPResponse:  # not if a program has its own class
        connection.response_class = BrowserResponse


def _origin(connection: Any) -> str:
    # A tunnel goes through a proxy; the browser reaches the host behind it by itself.
    host = connection._tunnel_host or connection.host
    port = connection._tunnel_port if connection._tunnel_host else connection.port
    scheme = "https" if connection.default_port == http.client.HTTPS_PORT else "http"
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{host}" + ("" if port == connection.default_port else f":{port}")


def parse_request(written: bytes | bytearray, origin: str, timeout: float | None) -> Request:
    r"""Parse a request that `http.client` wrote to its socket.

    Parameters
    ----------
    written
        One whole HTTP/1.1 request.
    origin
        Scheme, host and port of the server.
    timeout
        Seconds, or None to wait for ever.

    Returns
    -------
    Request
        The request with its absolute URL and decoded body.

    Examples
    --------
    >>> written = b"GET /a.csv HTTP/1.1\r\nAccept: */*\r\n\r\n"
    >>> request = parse_request(written, "https://example.com", None)
    >>> request.method, request.url, request.headers
    ('GET', 'https://example.com/a.csv', (('Accept', '*/*'),))
    """
    head, _, body = bytes(written).partition(b"\r\n\r\n")
    request_line, *lines = re.split(r"\r?\n(?![ \t])", head.decode("latin-1"))
    method, target = request_line.split(" ")[:2]
    headers = tuple(_header(line) for line in lines)
    # A request to a proxy has the whole URL.
    url = target if re.match("https?://", target) else origin + target
    return Request(method, url, headers, _body(body, headers), timeout)


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, re.sub(r"\r?\n[ \t]+", " ", value).strip(" \t")


def _body(rest: bytes, headers: Headers) -> bytes | None:
    named = {name.lower(): value for name, value in headers}
    if named.get("transfer-encoding", "").lower() == "chunked":
        return b"".join(_chunks(rest))
    return rest if rest or "content-length" in named else None


def _chunks(rest: bytes) -> list[bytes]:
    chunks: list[bytes] = []
    position = 0
    while True:
        end = rest.index(b"\r\n", position)
        size = int(rest[position:end], 16)
        if size == 0:
            return chunks
        chunks.append(rest[end + 2 : end + 2 + size])
        position = end + 2 + size + 2


def response_head(response: Response) -> bytes:
    """Return the status line and the headers of a response in the format of HTTP/1.1."""
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
