"""Serves a built site over HTTP, with the sharing service beside it.

>>> from je_site.server import serve
>>> with serve(getfixture("tmp_path")) as served:
...     served.url.startswith("http://127.0.0.1:")
True
"""

from __future__ import annotations

import contextlib
import errno
import http
import logging
import mimetypes
import os
import posixpath
import re
import socket
import stat
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import NotModifiedResponse, StaticFiles
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from je_site.compression import gzipped
from je_site.distribution import STATIC
from je_site.errors import ServeError
from je_site.sharing_proxy import SharingProxy
from je_site.site_kernel import is_config, with_env

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "RequestRecord",
    "Served",
    "Sharing",
    "SiteServer",
    "cache_control",
    "content_type",
    "free_port",
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

#: Folders of files that a bundler made.
_BUNDLED = re.compile(r"^(build|extensions)/")
#: Types of files whose names contain a hash of the content: ``221.bd81adfe732d749d.js``.
_HASHED_KINDS = frozenset({"js", "mjs", "css", "wasm", "woff", "woff2", "ttf", "svg", "png"})
_HASH = re.compile(r"[0-9a-f]{7,}")
#: A query that names one version of a file: ``bundle.js?_=428cebd``.
_HASHED_QUERY = re.compile(r"^(_|v|sha256)=[0-9a-f]{7,}$")
_FOR_EVER = "public, max-age=31536000, immutable"
_REVALIDATE = "no-cache"
#: Limit of the wait for the head of a request, and for the next request.
_HEAD_SECONDS = 60
_SMALLEST_COMPRESSED = 1024

_ISOLATION = {
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
}
#: A single range with plausible numbers. Others are ignored, as RFC 9110 allows.
_RANGE = re.compile(rb"bytes=([0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})")
_LOCAL_NAMES = ("localhost", "*.localhost", "127.0.0.1", "::1", "[::1]")
_GRACE_SECONDS = 1
#: In bytes. Larger files are sent in parts.
_SMALL = 1 << 20
_BACKLOG = 256


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
    if _BUNDLED.search(path) and (_has_hashed_name(path) or _HASHED_QUERY.search(query)):
        return _FOR_EVER
    return _REVALIDATE


def _has_hashed_name(path: str) -> bool:
    *stems, kind = path.rpartition("/")[2].split(".")
    hashed = any(_HASH.fullmatch(stem.rpartition("-")[2]) for stem in stems)
    return hashed and kind in _HASHED_KINDS


@dataclass(frozen=True)
class RequestRecord:
    """A request and its response, for tests and benchmarks.

    Attributes
    ----------
    method
        ``GET`` or ``HEAD``.
    path
        As requested, with its query.
    status
        The HTTP status of the response.
    sent
        Size of the body of the response, in bytes.
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
    """The sharing service of a served site.

    The server adds it to the configuration that it serves. The files of the site do not
    name it, so that they can be served elsewhere.

    Attributes
    ----------
    port
        Port of a service on this machine, which has the site's own address; None for
        none.
    url
        Address of a service elsewhere, if `port` is None.
    """

    port: int | None = None
    url: str | None = None


class _Site(StaticFiles):
    """The files of a site."""

    def __init__(self, root: Path, *, isolated: bool, sharing: Sharing | None) -> None:
        super().__init__(directory=root, check_dir=False)
        self._root = root
        self._isolation = _ISOLATION if isolated else {}
        self._sharing = sharing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # One change of thread; Starlette itself makes five for a small file.
        response = await anyio.to_thread.run_sync(self._respond, scope)
        response.headers.setdefault("Cache-Control", _REVALIDATE)
        response.headers.update(self._isolation)
        await response(scope, receive, send)

    def _respond(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            return _status(http.HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})
        # "folder/" is the index of a folder, and "file/" does not exist.
        index = "index.html" if scope["path"].endswith("/") else ""
        try:
            path, found = self.lookup_path(self.get_path({**scope, "path": scope["path"] + index}))
            if found is not None and stat.S_ISREG(found.st_mode):
                return self.file_response(path, found, scope)
            if path and Path(path, "index.html").is_file():
                # Relative to this host, whatever its name; "//name" would be another host.
                query = scope["query_string"] and b"?" + scope["query_string"]
                location = b"/" + scope["raw_path"].lstrip(b"/") + b"/" + query
                return Response(status_code=301, headers={"Location": location.decode("latin-1")})
        except (OSError, ValueError):
            pass  # An invalid name, or a file without permission.
        return _status(http.HTTPStatus.NOT_FOUND)

    def file_response(
        self,
        full_path: str | os.PathLike[str],
        stat_result: os.stat_result,
        scope: Scope,
        status_code: int = 200,  # noqa: ARG002
    ) -> Response:
        path = Path(full_path)
        relative = path.relative_to(self._root).as_posix()
        requested = Headers(scope=scope)
        if self._sharing is not None and is_config(relative):
            return _config(path, self._sharing, requested)
        kind = content_type(relative)
        ranged = "range" in requested
        if ranged and not _RANGE.fullmatch(requested["range"].encode("latin-1")):
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"range"]
        compressible = (
            kind.startswith(_COMPRESSIBLE) and stat_result.st_size >= _SMALLEST_COMPRESSED
        )
        compress = compressible and not ranged and _accepts_gzip(requested)
        tag = f"{stat_result.st_mtime_ns:x}-{stat_result.st_size:x}{'-gz' if compress else ''}"
        headers = {
            "Cache-Control": cache_control(relative, scope["query_string"].decode("latin-1")),
            "ETag": f'"{tag}"',
        }
        if compressible:
            headers["Vary"] = "Accept-Encoding"
        response = _File(path, headers=headers, media_type=kind, stat_result=stat_result)
        if self.is_not_modified(response.headers, requested):
            return NotModifiedResponse(response.headers)
        if compress:
            del response.headers["Accept-Ranges"], response.headers["Content-Length"]
            response.headers["Content-Encoding"] = "gzip"
            return Response(gzipped(path), headers=response.headers)
        if not ranged and stat_result.st_size < _SMALL:
            del response.headers["Content-Length"]
            return Response(path.read_bytes(), headers=response.headers)
        return response


class _File(FileResponse):
    chunk_size = 1 << 18


def _status(status: http.HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    return PlainTextResponse(f"{status.value} {status.phrase}\n", status, headers)


def _accepts_gzip(headers: Headers) -> bool:
    for item in headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = item.replace(" ", "").partition(";")
        if coding == "gzip":
            return weight.rstrip("0.") != "q="
    return False


def _config(path: Path, sharing: Sharing, headers: Headers) -> Response:
    """Return a configuration that names the sharing service."""
    # At the address that this browser uses for the site.
    scheme, host = headers.get("x-forwarded-proto", "http"), headers.get("host", "localhost")
    env = {"JE_KERNEL_SHARING_URL": sharing.url or f"{scheme}://{host}"}
    body = with_env(path.name, path.read_bytes(), env)
    return Response(body, headers={"Cache-Control": "no-store"}, media_type="application/json")


class _Recorder:
    """Middleware that records each response before it is sent."""

    def __init__(self, app: ASGIApp, on_request: Callable[[RequestRecord], None]) -> None:
        self._app = app
        self._on_request = on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def record(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._on_request(_record_of(scope, message))
            await send(message)

        await self._app(scope, receive, record)


def _record_of(scope: Scope, start: Message) -> RequestRecord:
    path = scope["raw_path"] + (scope["query_string"] and b"?" + scope["query_string"])
    has_body = scope["method"] != "HEAD" and start["status"] != http.HTTPStatus.NOT_MODIFIED
    length = Headers(raw=start["headers"]).get("content-length", "0") if has_body else "0"
    headers = dict(Headers(scope=scope))
    return RequestRecord(
        scope["method"], path.decode("latin-1"), start["status"], int(length), headers
    )


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Downloads that the shutdown interrupts are no errors.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
        await super().shutdown(sockets)


class _HeadTimeout(HttpToolsProtocol):
    """Closes a connection whose request head is late; uvicorn has no such timeout."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._await_head()

    def on_message_begin(self) -> None:
        self._await_head()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._stop_waiting()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class SiteServer:
    """An HTTP server of one folder.

    It listens from the start, and responds while `run` runs.

    Parameters
    ----------
    root
        The folder.
    host, port
        Where to listen; port 0 is any that is free.
    isolated
        Whether to send the headers that make pages cross-origin isolated.
    allowed_hosts
        Further host names of the site, such as those of a proxy. A server that listens on
        this machine only refuses requests for other host names than this machine's, as a
        protection from DNS rebinding.
    on_request
        Called with each request, just before the response is sent.

    Raises
    ------
    ServeError
        When the port is in use or the host is not this machine's.
    """

    def __init__(
        self,
        root: Path,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        isolated: bool = False,
        allowed_hosts: Sequence[str] = (),
        on_request: Callable[[RequestRecord], None] | None = None,
    ) -> None:
        self.root = root.resolve()
        self.sharing: Sharing | None = None
        """The sharing service; set before `run`."""
        self._isolated = isolated
        self._allowed_hosts = tuple(allowed_hosts)
        self._on_request = on_request
        self._host = host
        self._socket = _listening(host, port)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            factory=True,
            http=_HeadTimeout,
            ws="none",
            log_config=None,
            log_level="error",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_HEAD_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        self._server = _Server(config)

    @property
    def url(self) -> str:
        """Address of the site; ends with a slash."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)  # noqa: S104
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"

    def run(self) -> None:
        """Respond to requests until `stop` is called."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """Make `run` return, from any thread or signal handler."""
        self._server.should_exit = True

    def close(self) -> None:
        """Free the port."""
        self._socket.close()

    def _app(self) -> Starlette:
        site = _Site(self.root, isolated=self._isolated, sharing=self.sharing)
        routes: list[Route | Mount] = [Mount("/", site)]
        lifespan = None
        if self.sharing is not None and self.sharing.port is not None:
            service = SharingProxy(self.sharing.port, self._allowed_hosts)
            routes = [*service.routes, *routes]
            lifespan = service.lifespan
        middleware = [Middleware(TrustedHostMiddleware, self._names(), www_redirect=False)]
        if self._on_request is not None:
            middleware.insert(0, Middleware(_Recorder, self._on_request))
        return Starlette(routes=routes, middleware=middleware, lifespan=lifespan)

    def _names(self) -> list[str]:
        """Return the permitted host names."""
        if not _is_loopback(self._host):
            return ["*"]
        return [*_LOCAL_NAMES, self._host, *self._allowed_hosts]


def _listening(host: str, port: int) -> socket.socket:
    """Return a listening socket, without sharing a port in use."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise ServeError(_listen_error(error, host, port)) from error
    return listener


def _listen_error(error: OSError | OverflowError, host: str, port: int) -> str:
    if isinstance(error, OverflowError):
        return f"{port} is not a port: choose one from 1 to 65535."
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} is in use, perhaps by another `je-kernel serve`: stop that, or choose "
            f"another port, such as --port {free_port(host)}."
        )
    if error.errno == errno.EACCES:
        return f"Port {port} is for the system: choose one from 1024, such as --port 8000."
    return f"{host}:{port} cannot be listened on: {error.strerror or error}."


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port of this machine that nothing listens on.

    Parameters
    ----------
    host
        The address to listen on.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


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
        The sharing service, if the site itself does not name one.
    on_request
        Called, in any thread, with each request, just before the response is sent.

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
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        yield Served(server.url, server.port)
    finally:
        server.stop()
        thread.join()
        server.close()
