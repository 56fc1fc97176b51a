"""`urllib3`: its own browser backend, with our transport in place of its requests.

What `urllib3` does above its connections (pools, retries, responses) is its own.
A response that is to be streamed is read piece by piece, as it comes.
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

__all__ = ["WANTED", "Wanted", "adapt", "body_of"]


@dataclass(frozen=True)
class Wanted:
    """What a library above knows of the request that it has `urllib3` send.

    Parameters
    ----------
    streamed
        Whether the response is to be read piece by piece as it comes.
    timeout
        Seconds to wait for what is to be read, if that is known: a connection
        is told only how long to wait before it is made.
    translate
        Makes an error that comes up while a streamed body is read one of that
        library; without it, it is one of `urllib3`.
    """

    streamed: bool = True
    timeout: float | None = None
    translate: Callable[[errors.NetworkError], Exception] | None = None


WANTED: ContextVar[Wanted] = ContextVar("wanted", default=Wanted())  # noqa: B039 (it is frozen)
"""What is wanted of the request being sent; whoever sends one can set it."""


def adapt(module: ModuleType, patches: Patches) -> None:
    """Have the connections of ``urllib3.contrib.emscripten`` use our transport."""
    response_theirs = module.EmscriptenHTTPConnection.getresponse

    def send_request(asked: Any) -> Any:
        try:
            response = transport.send(_request_of(asked))
        except errors.TimedOutError as error:
            # Any OSError is taken for a broken connection; this is a timeout to urllib3 as well.
            raise module.TimeoutError(str(error)) from error
        return _response_for(module, asked, response, response.body)

    def send_streaming_request(asked: Any) -> Any:
        wanted = WANTED.get()
        if not wanted.streamed:
            return None  # urllib3 then calls send_request
        try:
            head, body = streaming.open_file(_request_of(asked), wanted.translate or _as_urllib3)
        except errors.TimedOutError as error:
            raise module.TimeoutError(str(error)) from error
        return _response_for(module, asked, head, body)

    def getresponse(self: Any) -> Any:
        internal = self._response
        response = response_theirs(self)
        response.reason = getattr(internal, "reason", None) or ""
        return response

    patches.set(module, "send_request", send_request)
    patches.set(module, "send_streaming_request", send_streaming_request)
    patches.set(module.EmscriptenHTTPConnection, "getresponse", getresponse)


def _request_of(asked: Any) -> Request:
    timeout = WANTED.get().timeout or asked.timeout or None
    # urllib3 writes out every port.
    url = without_default_port(asked.url)
    return Request(asked.method, url, tuple(asked.headers.items()), body_of(asked.body), timeout)


def body_of(body: Any) -> bytes | None:
    """Return the bytes of a request's body, in whatever way it is given."""
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return body_of(body.read())
    if isinstance(body, (bytearray, memoryview)):
        return bytes(body)
    return b"".join(part.encode() if isinstance(part, str) else part for part in body)


def _response_for(module: ModuleType, asked: Any, response: Response, body: Any) -> Any:
    # The backend takes the address of a response from its request.
    asked.url = response.url
    made = module.EmscriptenResponse(
        status_code=response.status,
        headers=dict(response.headers),
        body=body,
        request=asked,
    )
    made.reason = response.reason
    return made


def _as_urllib3(error: errors.NetworkError) -> Exception:
    from urllib3 import exceptions

    timed_out = isinstance(error, errors.TimedOutError)
    return errors.combined(
        error, exceptions.TimeoutError if timed_out else exceptions.ProtocolError
    )
