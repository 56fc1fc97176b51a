"""A server of another origin: it allows notebooks to read it, or does not, as the path says."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

__all__ = ["CrossOriginServer"]

CSV = b"a,b\n1,2\n"
PAGE = b"<!doctype html><html><title>A page</title></html>"
INDEX = "application/vnd.pypi.simple.v1+json"

# What the stand-in for a package index lists: the names of files tell everything.
PACKAGES = {
    "oldpure": ["oldpure-1.0-py3-none-any.whl", "oldpure-2.0-cp314-cp314-win_amd64.whl"],
    "compiled": [
        "compiled-1.0-cp314-cp314-win_amd64.whl",
        "compiled-1.0-cp314-cp314-macosx_11_0_arm64.whl",
        "compiled-1.0.tar.gz",
    ],
    "onlysource": ["onlysource-1.0.tar.gz"],
}


class _Handler(BaseHTTPRequestHandler):
    server: CrossOriginServer

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        self.server.seen.append(f"{self.command} {self.path}")
        status, kind, body = self._what(parts.path, parse_qs(parts.query))
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if not parts.path.startswith("/closed"):
            self.send_header("Access-Control-Allow-Origin", "*")
        if parts.path.startswith("/unstored"):
            self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if self.command != "HEAD":
            self._send(body, slowly=parts.path.startswith("/slow"))

    do_GET = do_HEAD = do_OPTIONS = _answer  # noqa: N815

    def _what(self, path: str, query: dict[str, list[str]]) -> tuple[int, str, bytes]:
        if path.startswith("/page"):
            return 200, "text/html", PAGE
        if path.startswith("/missing"):
            return 404, "text/html", PAGE
        if path == "/relay":
            return 200, "text/csv", b"relayed " + query["url"][0].encode()
        if path.startswith("/slow"):
            return 200, "text/csv", b"x" * 4_000_000
        if path.startswith("/large"):
            return 200, "text/csv", bytes(range(256)) * 12_000
        if path.startswith("/simple/"):
            files = PACKAGES.get(path.split("/")[2])
            if files is None:
                return 404, "text/plain", b"no such package"
            return 200, INDEX, json.dumps(self._listing(files)).encode()
        return 200, "text/csv", CSV

    def _listing(self, files: list[str]) -> dict[str, object]:
        base = f"http://{self.headers['Host']}/files"
        entries = [{"filename": name, "url": f"{base}/{name}", "hashes": {}} for name in files]
        return {"meta": {"api-version": "1.1"}, "name": "x", "files": entries}

    def _send(self, body: bytes, *, slowly: bool) -> None:
        # Eight parts, each after the reader has had time to show the one before.
        size = len(body) // 8 if slowly else len(body)
        for start in range(0, len(body), max(size, 1)):
            self.wfile.write(body[start : start + size])
            self.wfile.flush()
            if slowly:
                self.server.pause.wait(0.3)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class CrossOriginServer(ThreadingHTTPServer):
    """The server, running as long as its ``with`` block."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[str] = []
        self.pause = threading.Event()

    @property
    def url(self) -> str:
        """Its origin: another one than that of a page on 127.0.0.1."""
        return f"http://localhost:{self.server_port}"

    def __enter__(self) -> CrossOriginServer:
        self._thread = threading.Thread(target=self.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop answering, for good."""
        if self._thread.is_alive():
            self.shutdown()
            self._thread.join()
            self.server_close()
