"""An HTTP proxy that writes down every request, and lets through only those to this machine."""

from __future__ import annotations

import http.client
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["LoggingProxy"]

_HERE = {"127.0.0.1", "localhost"}
# Of one connection, not of the message that it carries.
_HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade"}


class LoggingProxy:
    """A proxy for a browser whose every request is to be known.

    Examples
    --------
    >>> with LoggingProxy() as proxy:
    ...     proxy.asked
    []
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        """The address of each request; ``host:port`` where a tunnel was asked for."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """What a browser is told to send its requests to."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @property
    def origins(self) -> set[str]:
        """The origins of all requests; a tunnel counts by its ``host:port``."""
        return {_origin(address) for address in self.asked}

    def __enter__(self) -> LoggingProxy:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_CONNECT(self) -> None:
                owner.asked.append(self.path)
                self.send_error(403, "There is nothing but this machine")

            def _forward(self) -> None:
                owner.asked.append(self.path)
                address = urllib.parse.urlsplit(self.path)
                if address.scheme != "http" or address.hostname not in _HERE:
                    self.send_error(403, "There is nothing but this machine")
                    return
                _forward(self, address)

            do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = _forward  # noqa: N815

            def log_message(self, *_: Any) -> None:
                """Say nothing: `asked` remembers."""

        return Handler


def _forward(client: BaseHTTPRequestHandler, address: urllib.parse.SplitResult) -> None:
    """Pass a request on, and its answer back."""
    body = client.rfile.read(int(client.headers.get("Content-Length", 0)))
    target = address._replace(scheme="", netloc="").geturl() or "/"
    server = http.client.HTTPConnection(address.hostname or "", address.port or 80)
    try:
        server.request(client.command, target, body, dict(_end_to_end(client.headers.items())))
        answer = server.getresponse()
        content = answer.read()
    finally:
        server.close()
    client.send_response_only(answer.status, answer.reason)
    for name, value in _end_to_end(answer.getheaders()):
        if name.lower() != "content-length" or client.command == "HEAD":
            client.send_header(name, value)
    if client.command != "HEAD" and answer.status not in (204, 304):
        client.send_header("Content-Length", str(len(content)))
    client.end_headers()
    client.wfile.write(content)


def _end_to_end(headers: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    return [(name, value) for name, value in headers if name.lower() not in _HOP_BY_HOP]


def _origin(address: str) -> str:
    parts = urllib.parse.urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else address
