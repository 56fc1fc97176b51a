"""The lowest seam: the socket of an `http.client` connection.

`http.client` writes a request to its socket and reads a response from it. Ours
takes the bytes of the one, has the browser send them, and gives back the bytes
of the other: everything above keeps its own behaviour, because it is not touched.
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
    """What an `http.client` connection writes to and reads from.

    Parameters
    ----------
    origin
        Scheme, host and port that the connection is to, as ``"https://example.com"``.
    timeout
        Seconds, or None to wait for ever.
    """

    def __init__(self, origin: str, timeout: float | None) -> None:
        self._origin = origin
        self._timeout = timeout
        self._written = bytearray()
        self.answer: Response | None = None
        """The response to what was written last, once it has come."""
        self.redirected_to: str | None = None
        """The URL that it came from, if that is not the one asked for."""

    def sendall(self, data: Any) -> None:
        """Take some bytes of a request."""
        self._written += memoryview(data).cast("B")

    def makefile(self, mode: str = "rb", *_: Any) -> io.BufferedReader:
        """Send the request that was written; return a file with the response.

        Raises
        ------
        je_kernel.errors.NetworkError
            If there is no response. One that broke off midway is also the
            `http.client.IncompleteRead` that it would have been.
        """
        if mode != "rb":
            raise ValueError("this socket is read in mode 'rb' only")
        written, self._written = self._written, bytearray()
        request = parse_request(written, self._origin, self._timeout)
        try:
            self.answer = transport.send(request)
        except errors.BrokenOffError as error:
            raise errors.combined(error, http.client.IncompleteRead) from None
        self.redirected_to = None if self.answer.url == request.url else self.answer.url
        return io.BufferedReader(_TwoParts(response_head(self.answer), self.answer.body))

    def settimeout(self, value: float | None) -> None:
        """Set the seconds to wait for the next response."""
        self._timeout = value

    def gettimeout(self) -> float | None:
        """Return the seconds to wait."""
        return self._timeout

    def setsockopt(self, *_: Any) -> None:
        """Do nothing: the browser's connections are its own."""

    def shutdown(self, _how: int) -> None:
        """Do nothing: nothing is open between two requests."""

    def close(self) -> None:
        """Forget what was written."""
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
    """A body that was read already, with the one method a buffered file has besides."""

    def peek(self, size: int = 0) -> bytes:
        position = self.tell()
        ahead = self.read(size if size > 0 else io.DEFAULT_BUFFER_SIZE)
        self.seek(position)
        return ahead


class BrowserResponse(http.client.HTTPResponse):
    """A response that knows where it came from, and hands out its body without copying it."""

    fp: Any = None  # also when there is no response: a file is closed as it is forgotten

    def __init__(self, sock: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        ours = isinstance(sock, BrowserSocket)  # or somebody made this response by hand
        self._answer: Response | None = sock.answer if ours else None
        self._redirected_to: str | None = sock.redirected_to if ours else None
        self._asked = ""

    def begin(self) -> None:
        """Read the status line and the headers."""
        super().begin()
        if self._answer is not None and self.fp is not None:
            self.fp = _Body(self._answer.body)

    def _safe_read(self, amt: int) -> bytes:
        # The standard one reads in pieces and joins them: two copies of what is there already.
        data: bytes = self.fp.read(amt)
        if len(data) < amt:
            raise http.client.IncompleteRead(data, amt - len(data))
        return data

    @property
    def url(self) -> str:
        """The URL that answered, which is not the one asked for after a redirect."""
        return self._redirected_to or self._asked

    @url.setter
    def url(self, asked: str) -> None:
        # urllib.request tells each response what was asked for.
        self._asked = asked


def connect(connection: http.client.HTTPConnection) -> None:
    """Open a connection: `http.client.HTTPConnection.connect`, on the browser's network."""
    sys.audit("http.client.connect", connection, connection.host, connection.port)
    timeout: Any = connection.timeout
    if not (timeout is None or isinstance(timeout, (int, float))):
        timeout = socket.getdefaulttimeout()  # what http.client's own default stands for
    connection.sock = BrowserSocket(_origin(connection), timeout)
    if connection.response_class is http.client.HTTPResponse:  # or it is somebody's own
        connection.response_class = BrowserResponse


def _origin(connection: Any) -> str:
    # A tunnel leads through a proxy; the browser finds its own way to the host behind it.
    host = connection._tunnel_host or connection.host
    port = connection._tunnel_port if connection._tunnel_host else connection.port
    scheme = "https" if connection.default_port == http.client.HTTPS_PORT else "http"
    if ":" in host:
        host = f"[{host}]"
    return f"{scheme}://{host}" + ("" if port == connection.default_port else f":{port}")


def parse_request(written: bytes | bytearray, origin: str, timeout: float | None) -> Request:
    r"""Read what `http.client` wrote to its socket.

    Parameters
    ----------
    written
        One whole request, as HTTP/1.1 writes it.
    origin
        Scheme, host and port that it was written to.
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
    # What is meant for a proxy names the whole URL.
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
    """Write the status line and the headers of a response as HTTP/1.1 does."""
    lines = [f"HTTP/1.1 {response.status} {response.reason}"]
    lines += [f"{name}: {value}" for name, value in response.headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")
