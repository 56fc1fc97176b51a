"""Adapt `urllib3`: its backend for browsers uses our transport.

Everything above the connections (pools, retries, responses) is unchanged. A streamed
response is read piece by piece.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from je_kernel import errors
from je_kernel.net import streaming, transport
from je_kernel.net.message import Request, without_default_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from je_kernel.net.message import Response
    from je_kernel.net.patches import Patches

__all__ = ["SEND_OPTIONS", "SendOptions", "adapt", "body_of"]


@dataclass(frozen=True)
class SendOptions:
    """Options that a library above `urllib3` knows of the request being sent.

    Parameters
    ----------
    streamed
        Whether the response is read piece by piece.
    timeout
        The read timeout in seconds, if it is known: a connection knows only the connect
        timeout.
    translate
        Converts an error while a streamed body is read into one of that library; by
        default it becomes one of `urllib3`.
    """

    streamed: bool = True
    timeout: float | None = None
    translate: Callable[[errors.NetworkError], Exception] | None = None


SEND_OPTIONS: ContextVar[SendOptions] = ContextVar("send_options", default=SendOptions())  # noqa: B039 (it is frozen)
"""The options of the request being sent."""


def adapt(module: ModuleType, patches: Patches) -> None:
    """Patch the connections of ``urllib3.contrib.emscripten``."""
    original_getresponse = module.EmscriptenHTTPConnection.getresponse

    def send_request(request: Any) -> Any:
        try:
            response = transport.send(_request_of(request))
        except errors.TimedOutError as error:
            # urllib3 takes any OSError for a broken connection; this one is a timeout.
            raise module.TimeoutError(str(error)) from error
        return _response_for(module, request, response, response.body)

    def send_streaming_request(request: Any) -> Any:
        options = SEND_OPTIONS.get()
        if not options.streamed:
            return None  # urllib3 then calls send_request
        try:
            head, body = streaming.open_file(_request_of(request), options.translate or _as_urllib3)
        except errors.TimedOutError as error:
            raise module.TimeoutError(str(error)) from error
        return _response_for(module, request, head, body)

    def getresponse(self: Any) -> Any:
        internal = self._response
        response = original_getresponse(self)
        response.reason = getattr(internal, "reason", None) or ""
        return response

    patches.set(module, "send_request", send_request)
    patches.set(module, "send_streaming_request", send_streaming_request)
    patches.set(module.EmscriptenHTTPConnection, "getresponse", getresponse)


def _request_of(request: Any) -> Request:
    timeout = SEND_OPTIONS.get().timeout or request.timeout or None
    # urllib3 writes every port.
    url = without_default_port(request.url)
    return Request(
        request.method, url, tuple(request.headers.items()), body_of(request.body), timeout
    )


def body_of(body: Any) -> bytes | None:
    """Return the bytes of a request's body, which may be of any type that `urllib3` accepts."""
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return body_of(body.read())
    if isinstance(body, (bytearray, memoryview)):
        return bytes(body)
    return b"".join(part.encode() if isinstance(part, str) else part for part in body)


def _response_for(module: ModuleType, request: Any, response: Response, body: Any) -> Any:
    # The URL of a response is that of its request.
    request.url = response.url
    result = module.EmscriptenResponse(
        status_code=response.status,
        headers=dict(response.headers),
        body=body,
        request=request,
    )
    result.reason = response.reason
    return result


def _as_urllib3(error: errors.NetworkError) -> Exception:
    from urllib3 import exceptions

    timed_out = isinstance(error, errors.TimedOutError)
    return errors.combined(
        error, exceptions.TimeoutError if timed_out else exceptions.ProtocolError
    )
