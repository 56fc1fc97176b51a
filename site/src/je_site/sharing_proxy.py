"""Forwards requests to the sharing service on this machine."""

from __future__ import annotations

import contextlib
import http
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from starlette.applications import Starlette

__all__ = ["SharingProxy"]

#: Paths of a site's address that are the sharing service's.
_PATHS = ("/api/v1/{rest:path}", "/s/{rest:path}")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")

# Of one connection, not of the message.
_HOP_BY_HOP = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"te"}
    | {b"trailer", b"transfer-encoding", b"upgrade", b"proxy-connection", b"expect"}
)
# Set here, never trusted from clients.
_OURS = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"forwarded"})
_TIMEOUT = httpx.Timeout(200, connect=10)  # seconds; the service itself gives up before
_NOT_RUNNING = "The sharing service is not running. Stop the site's server and start it again."
_OTHER_ORIGIN = "This service is for the pages of its own site only."


class SharingProxy:
    """The routes of a site that the sharing service answers.

    Parameters
    ----------
    port
        Where the service listens.
    allowed_hosts
        Further host names whose pages may use the service, for sites behind a proxy
        that rewrites the host.
    """

    def __init__(self, port: int, allowed_hosts: Sequence[str] = ()) -> None:
        self._allowed_hosts = allowed_hosts
        # The environment's proxy is not for this machine's own ports.
        self._client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            timeout=_TIMEOUT,
            trust_env=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
        )
        self._client.headers.clear()
        self.routes = [Route(path, self._forward, methods=_METHODS) for path in _PATHS]

    @contextlib.asynccontextmanager
    async def lifespan(self, _: Starlette) -> AsyncIterator[None]:
        """Close the connections at the end."""
        async with self._client:
            yield

    async def _forward(self, request: Request) -> Response:
        if not self._is_own_page(request):
            return _error(http.HTTPStatus.FORBIDDEN, "FORBIDDEN", _OTHER_ORIGIN)
        try:
            async with self._client.stream(
                request.method,
                "/",
                headers=_request_headers(request),
                content=request.stream() if _has_body(request) else None,
                # Unchanged: httpx would resolve dots in the path.
                extensions={"target": _target(request)},
            ) as answer:
                body = b"".join([chunk async for chunk in answer.aiter_raw()])
        except (httpx.HTTPError, ClientDisconnect):
            return _error(http.HTTPStatus.SERVICE_UNAVAILABLE, "SERVICE_UNAVAILABLE", _NOT_RUNNING)
        passed = Response(body, answer.status_code)
        passed.raw_headers = _end_to_end(answer.headers.raw, {b"date", b"server"})
        return passed

    def _is_own_page(self, request: Request) -> bool:
        """Tell whether a request comes from a page of this site, or from no page."""
        origin = request.headers.get("origin")
        if origin is None:
            return True
        try:
            parts = urlsplit(origin)
            return parts.netloc == request.headers.get("host") or (
                parts.hostname in self._allowed_hosts
            )
        except ValueError:
            return False


def _has_body(request: Request) -> bool:
    return "transfer-encoding" in request.headers or "content-length" in request.headers


def _target(request: Request) -> bytes:
    query: bytes = request.scope["query_string"]
    path: bytes = request.scope["raw_path"]
    return path + b"?" + query if query else path


def _request_headers(request: Request) -> list[tuple[bytes, bytes]]:
    client = request.client.host if request.client else ""
    return [
        *_end_to_end(request.headers.raw, _OURS),
        (b"x-forwarded-for", client.encode("ascii")),
    ]


def _end_to_end(
    headers: Sequence[tuple[bytes, bytes]], dropped: frozenset[bytes] | set[bytes]
) -> list[tuple[bytes, bytes]]:
    return [
        (name.lower(), value)
        for name, value in headers
        if name.lower() not in _HOP_BY_HOP and name.lower() not in dropped
    ]


def _error(status: http.HTTPStatus, code: str, message: str) -> Response:
    body = {"error_code": code, "message": message}
    return JSONResponse(body, status, headers={"Cache-Control": "no-store"})
