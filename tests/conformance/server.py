"""An HTTP server that does, on purpose, what well-behaved servers do not.

It adds to httpbin what the conformance cases need and httpbin lacks: lengths
that are lies, connections that break, answers that never come, encodings,
redirects between origins, and resources that no other site may read.
"""

from __future__ import annotations

import base64
import gzip
import json
import socket
import struct
import threading
import time
import zlib
from array import array
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import brotli

from tests.conformance import files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["serve", "serve_httpbin"]

TEXT = b"rain,sun\n1,2\n3,4\n" * 64


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "awkward"
    # Or the body waits until the head is acknowledged: 40 ms for nothing, a thousand times.
    disable_nagle_algorithm = True
    query: dict[str, str]
    body: bytes
    hung_up = 0  # how many clients have, of those that it was waited for

    def log_message(self, *_: Any) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.body = self._read_body()
        if self.command == "OPTIONS" and "Access-Control-Request-Method" in self.headers:
            self._preflight(parts.path)
            return
        name = parts.path.strip("/").partition("/")[0].replace("-", "_").partition(".")[0]
        route: Callable[[], None] = getattr(self, f"route_{name}", self.route_not_there)
        with suppress(BrokenPipeError, ConnectionResetError):
            route()

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            chunks = []
            while size := int(self.rfile.readline(), 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _preflight(self, path: str) -> None:
        if path.startswith("/no-cors"):
            self._send(403, b"")
            return
        self._send(
            204,
            None,
            ("Access-Control-Allow-Methods", self.headers["Access-Control-Request-Method"]),
            (
                "Access-Control-Allow-Headers",
                self.headers.get("Access-Control-Request-Headers", ""),
            ),
            ("Access-Control-Max-Age", "600"),
        )

    def _start(self, status: int, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        if not self.path.startswith("/no-cors"):
            self.send_header("Access-Control-Allow-Origin", "*")
            self.send_header("Access-Control-Expose-Headers", "*")
        if not any(name == "Cache-Control" for name, _ in headers):
            self.send_header("Cache-Control", "no-store")
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()

    def _send(self, status: int, body: bytes | None, *headers: tuple[str, str]) -> None:
        length = () if body is None else (("Content-Length", str(len(body))),)
        self._start(status, *headers, *length)
        if body is not None and self.command != "HEAD":
            self.wfile.write(body)

    def _abort(self) -> None:
        """Break the connection with a reset instead of an orderly end."""
        self.wfile.flush()
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
        self.close_connection = True

    def _wait_for_hang_up(self) -> None:
        self.connection.settimeout(60)
        with suppress(OSError):
            while self.connection.recv(1024):
                pass
        _Handler.hung_up += 1
        self.close_connection = True

    def route_not_there(self) -> None:
        self._send(404, b"nothing here\n", ("Content-Type", "text/plain"))

    # What is asked is told.

    def route_echo(self) -> None:
        asked = {
            "method": self.command,
            "path": self.path,
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "body": base64.b64encode(self.body).decode(),
        }
        self._send(200, json.dumps(asked).encode(), ("Content-Type", "application/json"))

    def route_status(self) -> None:
        status = int(self.path.split("?")[0].rstrip("/").rpartition("/")[2])
        bodyless = status in {204, 205, 304}
        self._send(status, None if bodyless else f"status {status}\n".encode())
        if bodyless:
            self.close_connection = True

    # Bodies, framed in every way.

    def route_plain(self) -> None:
        size = int(self.query.get("size", len(TEXT)))
        body = (TEXT * (size // len(TEXT) + 1))[:size]
        self._send(200, body, ("Content-Type", "text/csv; charset=utf-8"))

    def route_bytes(self) -> None:
        self._send(200, bytes(range(256)) * 4, ("Content-Type", "application/octet-stream"))

    def route_empty(self) -> None:
        self._send(200, b"")

    def route_chunked(self) -> None:
        self._start(200, ("Transfer-Encoding", "chunked"), ("Content-Type", "text/csv"))
        for start in range(0, len(TEXT), 100):
            chunk = TEXT[start : start + 100]
            self.wfile.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def route_heartbeat(self) -> None:
        self._start(200, ("Transfer-Encoding", "chunked"), ("Content-Type", "text/plain"))
        self.wfile.write(b"5\r\nbeat\n\r\n")
        self.wfile.flush()
        self._wait_for_hang_up()

    def route_without_length(self) -> None:
        self._start(200, ("Connection", "close"), ("Content-Type", "text/csv"))
        self.wfile.write(TEXT)
        self.close_connection = True

    def _encoded(self, encoding: str, body: bytes) -> None:
        self._send(200, body, ("Content-Encoding", encoding), ("Content-Type", "text/csv"))

    def route_gzip(self) -> None:
        self._encoded("gzip", gzip.compress(TEXT))

    def route_deflate(self) -> None:
        self._encoded("deflate", zlib.compress(TEXT))

    def route_br(self) -> None:
        self._encoded("br", brotli.compress(TEXT))

    def route_negotiated(self) -> None:
        accepted = self.headers.get("Accept-Encoding", "")
        if "gzip" in accepted:
            self.route_gzip()
        else:
            self._send(200, TEXT, ("Content-Type", "text/csv"))

    def route_negotiated_chunked(self) -> None:
        packed = "gzip" in self.headers.get("Accept-Encoding", "")
        extra = [("Content-Encoding", "gzip")] if packed else []
        self._start(200, ("Transfer-Encoding", "chunked"), ("Content-Type", "text/csv"), *extra)
        body = gzip.compress(TEXT) if packed else TEXT
        self.wfile.write(f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")

    def route_big(self) -> None:
        # Of numbers, so that no piece of it is like another.
        body = array("I", range(int(self.query["mb"]) * 2**18)).tobytes()
        if "chunked" not in self.query:
            self._send(200, body)
            return
        self._start(200, ("Transfer-Encoding", "chunked"))
        for start in range(0, len(body), 2**20):
            self.wfile.write(b"100000\r\n" + body[start : start + 2**20] + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    # Files as libraries want them.

    def route_files(self) -> None:
        name = unquote(urlsplit(self.path).path.rpartition("/")[2])
        made = files.make(name)
        if made is None:
            self.route_not_there()
            return
        body, kind = made
        wanted = self.headers.get("Range", "")
        if wanted.startswith("bytes=") and "ranges" in self.query:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            start, end = int(first), min(int(last or len(body)) + 1, len(body))
            span = ("Content-Range", f"bytes {start}-{end - 1}/{len(body)}")
            self._send(206, body[start:end], ("Content-Type", kind), span)
            return
        self._send(200, body, ("Content-Type", kind), ("Accept-Ranges", "bytes"))

    def route_stored_packed(self) -> None:
        # Some servers call the packing of a .gz file an encoding of the response.
        packed = gzip.compress(files.CSV)
        self._send(200, packed, ("Content-Encoding", "gzip"), ("Content-Type", "text/csv"))

    def route_page(self) -> None:
        page = b"<!DOCTYPE html><html><body><p>Nothing but a page</p></body></html>"
        self._send(200, page, ("Content-Type", "text/html"))

    def route_openml(self) -> None:
        what, _, _ = self.path.removeprefix("/openml/").partition("/")
        if what == "people":
            self._send(200, files.ARFF, ("Content-Type", "text/plain"))
            return
        told = files.openml(what, f"http://{self.headers['Host']}/openml/people")
        self._send(200, json.dumps(told).encode(), ("Content-Type", "application/json"))

    # Headers.

    def route_duplicate_headers(self) -> None:
        self._send(200, b"", ("X-Twice", "one"), ("X-Twice", "two"))

    def route_header(self) -> None:
        self._send(200, b"", ("X-Said", self.query["value"]))

    def route_latin_header(self) -> None:
        self._send(200, b"", ("X-Word", "caf\xe9"))

    def route_many_headers(self) -> None:
        count = int(self.query["n"])
        self._send(200, b"", *((f"X-Header-{n}", "x") for n in range(count)))

    def route_large_header(self) -> None:
        self._send(200, b"", ("X-Large", "x" * int(self.query["size"])))

    def route_cookie(self) -> None:
        seen = self.headers.get("Cookie", "")
        self._send(200, seen.encode(), ("Set-Cookie", "biscuit=chocolate; Path=/"))

    def route_login(self) -> None:
        right = "Basic " + base64.b64encode(b"ada:lovelace").decode()
        if self.headers.get("Authorization") == right:
            self._send(200, b"welcome\n")
        else:
            self._send(401, b"who are you?\n", ("WWW-Authenticate", 'Basic realm="the engine"'))

    def route_etag(self) -> None:
        if self.headers.get("If-None-Match") == '"one"':
            self._send(304, None, ("ETag", '"one"'))
            return
        self._send(200, TEXT, ("ETag", '"one"'), ("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT"))

    # Redirects.

    def route_redirect(self) -> None:
        self._send(int(self.query.get("code", 302)), b"", ("Location", self.query["to"]))

    def route_loop(self) -> None:
        self._send(302, b"", ("Location", self.path))

    # Trouble.

    def route_no_cors(self) -> None:
        self._send(200, TEXT, ("Content-Type", "text/csv"))

    def route_too_short(self) -> None:
        self._start(200, ("Content-Length", str(len(TEXT))), ("Connection", "close"))
        self.wfile.write(TEXT[: len(TEXT) // 2])
        self.close_connection = True

    def route_cut_off(self) -> None:
        came = int(self.query.get("came", 200_000))
        self._start(200, ("Content-Length", str(came + 800_000)), ("Connection", "close"))
        self.wfile.write(b"x" * came)
        self.wfile.flush()
        time.sleep(0.2)  # the client is to have seen the beginning
        self.close_connection = True

    def route_too_long(self) -> None:
        self._start(200, ("Content-Length", "10"), ("Connection", "close"))
        self.wfile.write(TEXT[:20])
        self.close_connection = True

    def route_huge_lie(self) -> None:
        self._start(200, ("Content-Length", str(10**13)), ("Connection", "close"))
        self.wfile.write(TEXT)
        self.close_connection = True

    def route_reset(self) -> None:
        self._abort()

    def route_reset_midway(self) -> None:
        self._start(200, ("Content-Length", "1000000"))
        self.wfile.write(b"x" * 200_000)
        time.sleep(0.2)  # the client is to have seen the beginning
        self._abort()

    def route_broken_chunks(self) -> None:
        self._start(200, ("Transfer-Encoding", "chunked"))
        self.wfile.write(b"5\r\nhello\r\nnot a number\r\n")
        self._abort()

    def route_broken_gzip(self) -> None:
        packed = bytearray(gzip.compress(TEXT))
        packed[10] = 0x07  # a kind of block that does not exist
        self._encoded("gzip", bytes(packed))

    def route_garbage(self) -> None:
        self.wfile.write(b"\x00\x01\x02 this is no HTTP\r\n\r\n")
        self.close_connection = True

    def route_never(self) -> None:
        self._wait_for_hang_up()

    def route_hung_up(self) -> None:
        self._send(200, b"%d" % _Handler.hung_up)

    def route_stall(self) -> None:
        self._start(200, ("Content-Length", "1000"))
        self.wfile.write(b"x" * 500)
        self.wfile.flush()
        self._wait_for_hang_up()

    def route_delay(self) -> None:
        time.sleep(float(self.query["seconds"]))
        self._send(200, b"late\n")

    def route_drip(self) -> None:
        count, pause = int(self.query["n"]), float(self.query["pause"])
        self._start(200, ("Content-Length", str(count)), ("Content-Type", "text/plain"))
        for _ in range(count):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(pause)

    # A remote procedure.

    def route_RPC2(self) -> None:  # noqa: N802
        import xmlrpc.client

        numbers, _ = xmlrpc.client.loads(self.body)
        answer = xmlrpc.client.dumps((sum(numbers),), methodresponse=True).encode()
        self._send(200, answer, ("Content-Type", "text/xml"))

    def route_robots(self) -> None:
        self._send(200, b"User-agent: *\nDisallow: /private\n", ("Content-Type", "text/plain"))


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Keep quiet: connections are broken here on purpose."""


@contextmanager
def serve() -> Iterator[int]:
    """Run the server on this machine for as long as the context lasts; gives its port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serve_httpbin() -> Iterator[int]:
    """Run a real httpbin for as long as the context lasts; gives its port."""
    import logging

    import httpbin
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log(self, *_: Any) -> None:
            pass

    logging.getLogger("httpbin").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, httpbin.app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
