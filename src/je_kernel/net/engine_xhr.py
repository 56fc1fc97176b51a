"""The synchronous XMLHttpRequest engine: for browsers without stack switching.

In a worker it returns bytes and has a timeout, for the whole response. On a page's main
thread the standard forbids both: there the body is text in a charset that maps every byte
to one character, and there is no timeout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import js
from pyodide.ffi import JsException, to_js

from je_kernel.net.failure import TransportFailure
from je_kernel.net.message import Response

if TYPE_CHECKING:
    from je_kernel.net.failure import FailureKind
    from je_kernel.net.message import Headers, Request

__all__ = ["send"]


def send(request: Request) -> Response:
    """Send a request and block until the response is complete.

    Raises
    ------
    TransportFailure
        If there is no whole response.
    """
    in_worker = hasattr(js, "WorkerGlobalScope")
    xhr = js.XMLHttpRequest.new()
    try:
        _open(xhr, request, in_worker=in_worker)
        xhr.send(None if request.body is None else to_js(request.body))
    except JsException as error:
        raise TransportFailure(_kind(error), request, str(error)) from None
    body = _bytes_of(xhr.response) if in_worker else _bytes_in(xhr.responseText)
    status, reason = int(xhr.status), str(xhr.statusText)
    return Response(status, reason, _final_url(xhr, request), _headers(xhr), body)


def _open(xhr: Any, request: Request, *, in_worker: bool) -> None:
    xhr.open(request.method, request.url, False)
    if in_worker:
        xhr.responseType = "arraybuffer"
        if request.timeout is not None:
            # Zero would mean: no timeout.
            xhr.timeout = max(1, int(request.timeout * 1000))
    else:
        xhr.overrideMimeType("text/plain; charset=x-user-defined")
    xhr.withCredentials = request.credentials
    for name, value in request.headers:
        xhr.setRequestHeader(name, value)


def _bytes_of(buffer: Any) -> bytes:
    body: bytes = buffer.to_bytes() if buffer else b""  # JavaScript's null is not None
    return body


def _bytes_in(text: Any) -> bytes:
    # x-user-defined maps the byte 0x80 to U+F780: the low half of each character is the byte.
    return str(text).encode("utf-16-le")[::2]


def _headers(xhr: Any) -> Headers:
    lines = str(xhr.getAllResponseHeaders() or "").split("\r\n")
    pairs = (line.split(":", 1) for line in lines if ":" in line)
    return tuple((name.strip(), value.strip()) for name, value in pairs)


def _final_url(xhr: Any, request: Request) -> str:
    url = js.URL.new(request.url)
    url.hash = ""
    final = str(xhr.responseURL)
    return request.url if final in ("", str(url.href)) else final


def _kind(error: JsException) -> FailureKind:
    kinds: dict[str, FailureKind] = {"TimeoutError": "timeout", "SyntaxError": "bad-url"}
    return kinds.get(str(error.name), "network")
