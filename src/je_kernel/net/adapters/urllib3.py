"""`urllib3`: its own browser backend, with our transport in place of its requests.

What `urllib3` does above its connections (pools, retries, responses) is its own.
A response that is to be streamed, piece by piece as it comes, is left to its
backend, which can; where that fails, our transport has the last word.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from je_kernel import errors, runtime
from je_kernel.net import browser_law, transport
from je_kernel.net.message import Request

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.message import Response
    from je_kernel.net.patches import Patches

__all__ = ["WANTED", "Wanted", "adapt"]


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
    """

    streamed: bool = True
    timeout: float | None = None


WANTED: ContextVar[Wanted] = ContextVar("wanted", default=Wanted())  # noqa: B039 (it is frozen)
"""What is wanted of the request being sent; whoever sends one can set it."""


def adapt(module: ModuleType, patches: Patches) -> None:
    """Have the connections of ``urllib3.contrib.emscripten`` use our transport."""
    stream_theirs = module.send_streaming_request
    response_theirs = module.EmscriptenHTTPConnection.getresponse

    def send_request(asked: Any) -> Any:
        try:
            response = transport.send(_request_of(asked))
        except errors.TimedOutError as error:
            # Any OSError is taken for a broken connection; this is a timeout to urllib3 as well.
            raise module.TimeoutError(str(error)) from error
        return _response_for(module, asked, response)

    def send_streaming_request(asked: Any) -> Any:
        if not WANTED.get().streamed or not runtime.can_run_sync():
            return None  # urllib3 then calls send_request
        asked.headers = {
            name: value
            for name, value in asked.headers.items()
            if not browser_law.is_forbidden(name)
        }
        try:
            return stream_theirs(asked)
        except module._RequestError:
            return None

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
    return Request(
        asked.method, asked.url, tuple(asked.headers.items()), _body(asked.body), timeout
    )


def _body(body: Any) -> bytes | None:
    if body is None or isinstance(body, bytes):
        return body
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return _body(body.read())
    if isinstance(body, (bytearray, memoryview)):
        return bytes(body)
    return b"".join(part.encode() if isinstance(part, str) else part for part in body)


def _response_for(module: ModuleType, asked: Any, response: Response) -> Any:
    # The backend takes the address of a response from its request.
    asked.url = response.url
    made = module.EmscriptenResponse(
        status_code=response.status,
        headers=dict(response.headers),
        body=response.body,
        request=asked,
    )
    made.reason = response.reason
    return made
