"""Passes requests on to a service on this machine."""

from __future__ import annotations

import contextlib
import http
import http.client
import json
import select
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from http.server import BaseHTTPRequestHandler

__all__ = ["forward", "is_for_service"]

#: What of a site's address is the sharing service's.
_PREFIXES = ("/api/v1/", "/s/")

# What is between two machines, and not for the next.
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "proxy-connection"}
)
# Said anew: by whom it is asked is not for the browser to say.
_OURS = frozenset({"x-forwarded-for", "x-forwarded-proto", "forwarded", "content-length"})
_CHUNK = 1 << 18
_TIMEOUT = 200.0  # seconds; the service itself gives up before
#: What is still read of a body that the service no longer wants, so that the answer arrives.
_MOST_DRAINED = 64 << 20
_ERROR = "The sharing service is not running. Stop the site's server and start it again."


def is_for_service(path: str) -> bool:
    """Tell whether a path of a site is the sharing service's.

    Parameters
    ----------
    path
        The path, without its query.

    Examples
    --------
    >>> is_for_service("/s/brave-quiet-otter"), is_for_service("/api/contents/all.json")
    (True, False)
    """
    return path.startswith(_PREFIXES)


def forward(handler: BaseHTTPRequestHandler, port: int) -> tuple[int, int]:
    """Pass a request on to a service on this machine, and its answer back.

    Parameters
    ----------
    handler
        What has the request.
    port
        Where the service listens.

    Returns
    -------
    tuple of int
        The status of the answer, and the size of its body in bytes.
    """
    length = _length_of(handler)
    if length is None:
        handler.close_connection = True
        return _answer(handler, http.HTTPStatus.LENGTH_REQUIRED, {}, b"")
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
    try:
        connection.putrequest(
            handler.command, handler.path, skip_host=True, skip_accept_encoding=True
        )
        for name, value in handler.headers.items():
            if name.lower() not in _HOP_BY_HOP | _OURS:
                connection.putheader(name, value)
        connection.putheader("X-Forwarded-For", str(handler.client_address[0]))
        connection.putheader("Content-Length", str(length))
        connection.endheaders()
        _send_body(handler, connection, length)
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        handler.close_connection = True
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        said = json.dumps({"error_code": "SERVICE_UNAVAILABLE", "message": _ERROR}).encode()
        return _answer(handler, http.HTTPStatus.SERVICE_UNAVAILABLE, headers, said)
    finally:
        connection.close()
    passed = {
        name: value
        for name, value in answer.getheaders()
        if name.lower() not in _HOP_BY_HOP | {"content-length", "date", "server"}
    }
    told = answer.getheader("Content-Length") if handler.command == "HEAD" else None
    return _answer(handler, answer.status, passed, body, told)


def _length_of(handler: BaseHTTPRequestHandler) -> int | None:
    """Return the size of the request's body in bytes, None if it is not said."""
    if "Transfer-Encoding" in handler.headers:
        return None
    text = handler.headers.get("Content-Length", "0")
    return int(text) if text.isascii() and text.isdigit() else None


def _send_body(
    handler: BaseHTTPRequestHandler, connection: http.client.HTTPConnection, length: int
) -> None:
    """Send the body as it comes; what the service wants no more of is read all the same."""
    left = length
    drained = 0
    wanted = True
    while left > 0:
        chunk = handler.rfile.read(min(_CHUNK, left))
        if not chunk:
            raise ConnectionAbortedError("the browser hung up")
        left -= len(chunk)
        wanted = wanted and _sent(connection.sock, chunk)
        if not wanted:
            drained += len(chunk)
            if drained > _MOST_DRAINED:
                handler.close_connection = True
                return


def _sent(service: socket.socket, chunk: bytes) -> bool:
    """Send some of a body, unless the service has answered already: it is too large, perhaps."""
    rest = memoryview(chunk)
    while rest:
        readable, writable, _ = select.select([service], [service], [], _TIMEOUT)
        if readable:
            return False
        if not writable:
            raise TimeoutError("the service does not read")
        rest = rest[service.send(rest) :]
    return True


def _answer(
    handler: BaseHTTPRequestHandler,
    status: int,
    headers: dict[str, str],
    body: bytes,
    length: str | None = None,
) -> tuple[int, int]:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if status not in (http.HTTPStatus.NO_CONTENT, http.HTTPStatus.NOT_MODIFIED):
        handler.send_header("Content-Length", length or str(len(body)))
    handler.end_headers()
    if body and handler.command != "HEAD":
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(body)
    return int(status), len(body)
