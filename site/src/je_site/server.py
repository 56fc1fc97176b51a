"""Serves a built site: right types, precise caching, nothing outside its folder.

>>> from je_site.server import serve
>>> with serve(getfixture("tmp_path")) as served:
...     served.url.startswith("http://127.0.0.1:")
True
"""

from __future__ import annotations

import contextlib
import email.utils
import errno
import http
import mimetypes
import posixpath
import re
import socket
import sys
import threading
import urllib.parse
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from je_site.compression import MemoryOfCompressed
from je_site.distribution import STATIC
from je_site.errors import ServeError
from je_site.forwarding import forward, is_for_service
from je_site.site_kernel import is_config, with_env

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "RequestRecord",
    "Served",
    "Sharing",
    "SiteServer",
    "cache_control",
    "content_type",
    "serve",
]

_TYPES = {
    ".css": "text/css",
    ".csv": "text/csv",
    ".html": "text/html",
    ".ipynb": "application/json",
    ".js": "text/javascript",
    ".json": "application/json",
    ".map": "application/json",
    ".md": "text/markdown",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".toml": "application/toml",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
    ".webp": "image/webp",
    ".whl": "application/zip",
    ".woff": "font/woff",
    ".woff2": "font/woff2",
    ".zip": "application/zip",
}
_TEXT = ("text/", "application/json", "application/manifest+json", "image/svg+xml")
_COMPRESSIBLE = (*_TEXT, "application/wasm", "application/toml")

#: Where JupyterLite and its extensions have what a bundler made.
_BUNDLED = re.compile(r"^(build|extensions)/")
#: A name that the bundler made of the content: ``221.bd81adfe732d749d.js``.
_HASHED_NAME = re.compile(
    r"(^|[./-])[0-9a-f]{7,}\.([a-z0-9]+\.)*(js|mjs|css|wasm|woff2?|ttf|svg|png)$"
)
#: A query by which a page asks for one version of a file: ``bundle.js?_=428cebd``.
_HASHED_QUERY = re.compile(r"^(_|v|sha256)=[0-9a-f]{7,}$")
_FOR_EVER = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"
_SMALLEST_COMPRESSED = 1024
_CHUNK = 1 << 18

_ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def content_type(path: str) -> str:
    """Return the type of a file, by its name.

    Parameters
    ----------
    path
        The file's name.

    Returns
    -------
    str
        Its ``Content-Type``.

    Examples
    --------
    >>> content_type("pyodide.mjs")
    'text/javascript; charset=utf-8'
    """
    suffix = posixpath.splitext(path)[1].lower()
    found = _TYPES.get(suffix) or mimetypes.guess_type(path)[0] or "application/octet-stream"
    return f"{found}; charset=utf-8" if found.startswith("text/") else found


def cache_control(path: str, query: str = "") -> str:
    """Return how long a browser may keep a file of a site.

    Parameters
    ----------
    path
        The file's path, relative to the root of the site.
    query
        What the address has after its question mark.

    Returns
    -------
    str
        The ``Cache-Control`` header: for ever, where the address changes with
        the content; to be revalidated with each use, everywhere else.

    Examples
    --------
    >>> cache_control("static/je-kernel/pyodide-314.0.6/pyodide.mjs")
    'public, max-age=31536000, immutable'
    >>> cache_control("build/lab/bundle.js"), cache_control("lab/index.html")
    ('no-cache', 'no-cache')
    """
    if path.startswith(f"{STATIC}/"):
        return _FOR_EVER
    if _BUNDLED.search(path) and (_HASHED_NAME.search(path) or _HASHED_QUERY.search(query)):
        return _FOR_EVER
    return _REVALIDATE


@dataclass(frozen=True)
class RequestRecord:
    """One answered request, for tests and benchmarks.

    Attributes
    ----------
    method
        ``GET`` or ``HEAD``.
    path
        As asked for, with its query.
    status
        The HTTP status of the answer.
    sent
        Size of the body as sent, in bytes.
    headers
        Of the request, their names in lower case.
    """

    method: str
    path: str
    status: int
    sent: int
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Served:
    """A site that is being served.

    Attributes
    ----------
    url
        Its address; ends with a slash.
    port
        The port.
    """

    url: str
    port: int


@dataclass(frozen=True)
class Sharing:
    """By what the kernels of a served site share notebooks.

    It is told to the pages as they are served: the site itself, as it was built,
    says nothing of it and can be served elsewhere.

    Attributes
    ----------
    port
        Of a service on this machine, which is asked under the site's own
        address; None for none.
    url
        Address of a service elsewhere, if `port` is None.
    """

    port: int | None = None
    url: str | None = None


class SiteServer(ThreadingHTTPServer):
    """An HTTP server of one folder.

    Parameters
    ----------
    root
        The folder.
    host, port
        Where to listen; port 0 is any that is free.
    isolated
        Whether to send the headers that make pages cross-origin isolated.
    on_request
        Called, in any thread, with each request, just before it is answered.

    Raises
    ------
    ServeError
        When the port is in use or the host is not this machine's.
    """

    daemon_threads = True
    # Another server on the port must be an error, not a silent sharing.
    allow_reuse_port = False
    request_queue_size = 64

    def __init__(
        self,
        root: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        isolated: bool = False,
        on_request: Callable[[RequestRecord], None] | None = None,
    ) -> None:
        self.root = root.resolve()
        self.isolated = isolated
        self.sharing: Sharing | None = None
        """By what kernels share notebooks; to be set before the first request."""
        self.on_request = on_request
        self.compressed = MemoryOfCompressed()
        self.host = host
        if ":" in host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((host, port), _Handler)
        except OSError as error:
            raise ServeError(_why_not(error, host, port)) from error
        except OverflowError as error:
            raise ServeError(f"{port} is not a port: choose one from 1 to 65535.") from error

    @property
    def url(self) -> str:
        """Address of the site; ends with a slash."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104
        bare = f"[{host}]" if ":" in host and not host.startswith("[") else host
        return f"http://{bare}:{self.server_address[1]}/"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of browsers that hang up."""
        if isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            return
        super().handle_error(request, client_address)


def _why_not(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use, perhaps by another `je-kernel serve`: stop that, or choose "
            f"another port, such as --port {_free_port(host)}."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is for the system: choose one from 1024, such as --port 8000."
    return f"{host}:{port} cannot be listened on: {error.strerror or error}."


def _free_port(host: str) -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: SiteServer
    protocol_version = "HTTP/1.1"
    # A body in several small packets must not wait for the acknowledgement of the first.
    disable_nagle_algorithm = True
    timeout = 60

    def do_GET(self) -> None:
        """Answer with a file, or what the sharing service says."""
        if not self._forwarded():
            self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """Answer with a file's headers, or what the sharing service says."""
        if not self._forwarded():
            self._answer(with_body=False)

    def do_POST(self) -> None:
        """Pass on what is for the sharing service."""
        if not self._forwarded():
            self.close_connection = True
            self._send_status(http.HTTPStatus.METHOD_NOT_ALLOWED, with_body=True)

    do_PUT = do_DELETE = do_OPTIONS = do_POST  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Keep quiet: a session is hundreds of requests."""

    def _answer(self, *, with_body: bool) -> None:
        parts = urllib.parse.urlsplit(self.path)
        path = self._file_of(parts.path)
        if path is None:
            self._send_status(http.HTTPStatus.NOT_FOUND, with_body=with_body)
        elif path.is_dir():
            query = f"?{parts.query}" if parts.query else ""
            self._redirect(f"{parts.path}/{query}")
        else:
            self._send_file(path, parts.query, with_body=with_body)

    def _forwarded(self) -> bool:
        """Pass the request on, if it is for the sharing service; tell whether it was."""
        sharing = self.server.sharing
        path = urllib.parse.urlsplit(self.path).path
        if sharing is None or sharing.port is None or not is_for_service(path):
            return False
        status, sent = forward(self, sharing.port)
        self._record(http.HTTPStatus(status), sent)
        return True

    def _file_of(self, url_path: str) -> Path | None:
        """Find what a path names, within the root: a file, or a folder to redirect to."""
        name = urllib.parse.unquote(url_path)
        if "\0" in name or "\\" in name:
            return None
        root = self.server.root
        try:
            path = (root / name.lstrip("/")).resolve()
            if not path.is_relative_to(root):
                return None
            if not path.is_dir():
                return path if path.is_file() and not name.endswith("/") else None
            index = path / "index.html"
            if not index.is_file():
                return None
            return index if name.endswith("/") else path
        except (OSError, ValueError):
            return None

    def _redirect(self, location: str) -> None:
        # Not "//host": that would be another host's address.
        headers = {"Location": "/" + location.lstrip("/"), "Cache-Control": _REVALIDATE}
        self._record(http.HTTPStatus.MOVED_PERMANENTLY, 0)
        self._send_headers(http.HTTPStatus.MOVED_PERMANENTLY, headers, 0)

    def _send_status(self, status: http.HTTPStatus, *, with_body: bool) -> None:
        body = f"{status.value} {status.phrase}\n".encode()
        headers = {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": _REVALIDATE}
        self._record(status, len(body) if with_body else 0)
        self._send_headers(status, headers, len(body))
        if with_body:
            self.wfile.write(body)

    def _send_file(self, path: Path, query: str, *, with_body: bool) -> None:
        relative = path.relative_to(self.server.root).as_posix()
        if self.server.sharing is not None and is_config(relative):
            self._send_config(path, self.server.sharing, with_body=with_body)
            return
        stat = path.stat()
        kind = content_type(relative)
        compressible = kind.startswith(_COMPRESSIBLE) and stat.st_size >= _SMALLEST_COMPRESSED
        wants_range = "Range" in self.headers
        compress = compressible and not wants_range and self._accepts_gzip()
        tag = f'"{stat.st_mtime_ns:x}-{stat.st_size:x}{"-gz" if compress else ""}"'
        headers = {
            "Content-Type": kind,
            "Cache-Control": cache_control(relative, query),
            "ETag": tag,
            "Last-Modified": email.utils.formatdate(stat.st_mtime, usegmt=True),
        }
        if compressible:
            headers["Vary"] = "Accept-Encoding"
        if self._is_current(tag, stat):
            self._record(http.HTTPStatus.NOT_MODIFIED, 0)
            self._send_headers(http.HTTPStatus.NOT_MODIFIED, headers, None)
            return
        if compress:
            self._send_compressed(path, tag, headers, with_body=with_body)
        else:
            self._send_plain(path, stat, headers, with_body=with_body)

    def _send_config(self, path: Path, sharing: Sharing, *, with_body: bool) -> None:
        """Send a configuration that says by what to share."""
        # By the address that this very browser has the site under.
        host = self.headers.get("Host") or f"127.0.0.1:{self.server.server_address[1]}"
        url = sharing.url or f"{self.headers.get('X-Forwarded-Proto', 'http')}://{host}"
        env = {"JE_KERNEL_SHARING_URL": url}
        body = with_env(path.name, path.read_bytes(), env)
        headers = {"Content-Type": "application/json", "Cache-Control": "no-store"}
        self._record(http.HTTPStatus.OK, len(body) if with_body else 0)
        self._send_headers(http.HTTPStatus.OK, headers, len(body))
        if with_body:
            self.wfile.write(body)

    def _accepts_gzip(self) -> bool:
        accepted = self.headers.get("Accept-Encoding", "")
        return bool(re.search(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", accepted))

    def _is_current(self, tag: str, stat: os.stat_result) -> bool:
        """Tell whether the browser has this already."""
        tags = self.headers.get("If-None-Match")
        if tags is not None:
            return tags.strip() == "*" or tag in [
                t.strip().removeprefix("W/") for t in tags.split(",")
            ]
        since = self.headers.get("If-Modified-Since")
        if since is None:
            return False
        with contextlib.suppress(TypeError, ValueError, IndexError, OverflowError):
            return int(stat.st_mtime) <= email.utils.parsedate_to_datetime(since).timestamp()
        return False

    def _send_headers(
        self, status: http.HTTPStatus, headers: Mapping[str, str], length: int | None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if length is not None:
            self.send_header("Content-Length", str(length))
        if self.server.isolated:
            for name, value in _ISOLATION.items():
                self.send_header(name, value)
        self.end_headers()

    def _send_compressed(
        self, path: Path, tag: str, headers: Mapping[str, str], *, with_body: bool
    ) -> None:
        content = self.server.compressed.get(path, tag)
        all_headers = {**headers, "Content-Encoding": "gzip"}
        self._record(http.HTTPStatus.OK, len(content) if with_body else 0)
        self._send_headers(http.HTTPStatus.OK, all_headers, len(content))
        if with_body:
            self.wfile.write(content)

    def _send_plain(
        self, path: Path, stat: os.stat_result, headers: dict[str, str], *, with_body: bool
    ) -> None:
        size = stat.st_size
        headers["Accept-Ranges"] = "bytes"
        span = self._range(size, headers["ETag"])
        if span == (0, 0) and size:
            headers["Content-Range"] = f"bytes */{size}"
            self._record(http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, 0)
            self._send_headers(http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, headers, 0)
            return
        start, end = span or (0, size)
        status = http.HTTPStatus.PARTIAL_CONTENT if span else http.HTTPStatus.OK
        if span:
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        self._record(status, end - start if with_body else 0)
        self._send_headers(status, headers, end - start)
        if with_body:
            with path.open("rb") as file:
                self._send_part(file, start, end)

    def _range(self, size: int, tag: str) -> tuple[int, int] | None:
        """Start and end of the part asked for; (0, 0) if there is no such part, None for all."""
        condition = self.headers.get("If-Range")
        if condition is not None and condition.strip() != tag:
            return None
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "").strip())
        if match is None or not (match[1] or match[2]):
            return None
        if not match[1]:
            return (max(0, size - int(match[2])), size) if int(match[2]) else (0, 0)
        start = int(match[1])
        end = min(size, int(match[2]) + 1) if match[2] else size
        return (start, end) if start < end else (0, 0)

    def _send_part(self, file: BinaryIO, start: int, end: int) -> None:
        file.seek(start)
        left = end - start
        while left > 0:
            chunk = file.read(min(_CHUNK, left))
            if not chunk:
                self.close_connection = True  # The file shrank: the browser must not wait.
                return
            self.wfile.write(chunk)
            left -= len(chunk)

    def _record(self, status: http.HTTPStatus, sent: int) -> None:
        """Record the answer before it is sent: who has it finds it in the record."""
        if self.server.on_request is not None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.server.on_request(
                RequestRecord(self.command, self.path, int(status), sent, headers)
            )


@contextlib.contextmanager
def serve(
    root: Path | str,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    isolated: bool = False,
    sharing: Sharing | None = None,
    on_request: Callable[[RequestRecord], None] | None = None,
) -> Iterator[Served]:
    """Serve a folder while a block runs. For tests and benchmarks.

    Parameters
    ----------
    root
        The folder.
    host, port
        Where to listen; port 0 is any that is free.
    isolated
        Whether to send the headers that make pages cross-origin isolated.
    sharing
        By what the site's kernels share notebooks, if the site itself does not say.
    on_request
        Called, in any thread, with each request, just before it is answered.

    Yields
    ------
    Served
        Where it is served.

    Raises
    ------
    ServeError
        When it cannot listen there.
    """
    server = SiteServer(Path(root), host=host, port=port, isolated=isolated, on_request=on_request)
    server.sharing = sharing
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Served(server.url, server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
