"""Middleware: metrics and access log, response headers, rate limit, client secret, errors."""

import asyncio
import hmac
import logging
import time
from collections.abc import Iterable, Mapping

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from je_sharing.errors import TooManyRequestsError, error_response, response_for
from je_sharing.logs import log_request
from je_sharing.metrics import REQUEST_SECONDS, REQUESTS
from je_sharing.rate_limits import address_prefix

_log = logging.getLogger(__name__)
_METHODS = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"}
_API = "/api/"
_NOT_COUNTED = {"/health", "/health/live", "/health/ready"}
# A minute, per address prefix.
_WRONG_SECRETS = 30


class RequestLogMiddleware:
    """Counts and logs each request, and adds headers to each response.

    A path contains a readable id, which gives access to the notebook, so the log has the name of
    the operation. The scope's `je_sharing.status` is the status of the response, 0 before it.

    Parameters
    ----------
    app
        The application.
    headers
        Added to every response that does not set them itself.
    access_log
        Whether to log a line a request.
    """

    def __init__(self, app: ASGIApp, *, headers: Mapping[str, str], access_log: bool) -> None:
        self._app = app
        self._headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers.items()
        ]
        self._access_log = access_log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request and record it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        scope["je_sharing.status"] = 0

        async def watch(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["je_sharing.status"] = message["status"]
                own = message["headers"]
                names = {name for name, _ in own}
                message["headers"] = [
                    *own,
                    *(item for item in self._headers if item[0] not in names),
                ]
            await send(message)

        try:
            await self._app(scope, receive, watch)
        finally:
            self._record(scope, scope["je_sharing.status"], time.perf_counter() - begun)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        operation = getattr(scope.get("route"), "operation_id", None) or "other"
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        REQUESTS.labels(method, operation, status).inc()
        REQUEST_SECONDS.labels(operation).observe(seconds)
        if self._access_log:
            log_request(method=method, route=operation, status=status, seconds=seconds)


class ClientSecretMiddleware:
    """Requires a shared secret in every API call.

    Wrong secrets are rate limited per address; the right one never is, since others at the same
    address may be guessing.

    Parameters
    ----------
    app
        The application.
    header
        Header that carries the secret.
    secret
        The secret.
    """

    def __init__(self, app: ASGIApp, *, header: str, secret: str) -> None:
        self._app = app
        self._header = header.lower().encode("latin-1")
        self._secret = secret.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if self._demands(scope) and not self._is_given(scope["headers"]):
            answer = error_response(403, "This service is for its own site only.")
            try:
                limits = scope["state"]["services"].limits
                limits.check("secret", scope["je_sharing.address"], _WRONG_SECRETS)
            except TooManyRequestsError as error:
                answer = response_for(error)
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _demands(self, scope: Scope) -> bool:
        if scope["type"] != "http" or scope["method"] == "OPTIONS":
            return False
        path: str = scope["path"]
        return path.startswith(_API)

    def _is_given(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        # A request with several values is refused: it would be several guesses.
        given = [value for name, value in headers if name == self._header]
        return len(given) == 1 and hmac.compare_digest(given[0], self._secret)


class RateLimitMiddleware:
    """Limits requests per address prefix; the scope's `je_sharing.address` is the prefix.

    Parameters
    ----------
    app
        The application.
    limit
        Requests a minute; 0 for no limit.
    """

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] == "http":
            client = scope.get("client")
            address = address_prefix(client[0]) if client else "unknown"
            scope["je_sharing.address"] = address
            if self._limit and scope["path"] not in _NOT_COUNTED:
                try:
                    limits = scope["state"]["services"].limits
                    limits.check("request", address, self._limit)
                except TooManyRequestsError as error:
                    await response_for(error)(scope, receive, send)
                    return
        await self._app(scope, receive, send)


class ErrorMiddleware:
    """Answers what takes too long (503) and what fails unexpectedly (500).

    It comes last, so that its answers pass through the other middleware: without CORS headers a
    page could not tell them from a network failure.

    Parameters
    ----------
    app
        The application.
    timeout_seconds
        Time for a whole request.
    """

    def __init__(self, app: ASGIApp, *, timeout_seconds: float) -> None:
        self._app = app
        self._timeout_seconds = timeout_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._app(scope, receive, send)
            return
        except TimeoutError:
            answer = error_response(503, "The request took too long. Try again.")
        except Exception:
            # The traceback names code, not contents: neither tokens nor notebooks are in it.
            _log.exception("a request failed")
            answer = error_response(500, "Something went wrong on our side. Try again.")
        if not scope["je_sharing.status"]:
            await answer(scope, receive, send)


class HeadMiddleware:
    """Answers HEAD as GET; the server leaves the body out.

    Parameters
    ----------
    app
        The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


class OptionsMiddleware:
    """Answers OPTIONS for every path, without a token, as the contract has it.

    Parameters
    ----------
    app
        The application.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["method"] == "OPTIONS":
            answer = Response(status_code=204, headers={"Allow": "GET, POST, PUT, DELETE, OPTIONS"})
            await answer(scope, receive, send)
            return
        await self._app(scope, receive, send)
