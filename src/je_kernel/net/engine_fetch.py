"""The engine of browsers that can wait: ``fetch``, and WebAssembly stack switching (JSPI).

The conversation with ``fetch`` is a generator that yields calls of JavaScript's
asynchronous functions and is sent what they resolve to: a synchronous and an
asynchronous driver run the same one.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import js
from pyodide.code import run_js
from pyodide.ffi import run_sync, to_js

from je_kernel.net import progress
from je_kernel.net.failure import TransportFailure
from je_kernel.net.message import Response

if TYPE_CHECKING:
    from collections.abc import Generator

    from je_kernel.net.failure import FailureKind
    from je_kernel.net.message import Request

__all__ = ["send", "send_async"]


# A promise that the browser rejects while Python holds it is the end of Pyodide 314
# in WebKit: there, and so in all that is awaited, JavaScript takes care of it.
_SETTLE = """
(target, method, ...args) => target[method](...args).then(
  value => [value],
  error => [undefined, String(error.name), String(error.message)],
)
"""


@dataclass(frozen=True)
class _Call:
    """A call of an asynchronous method of a JavaScript object."""

    target: Any
    method: str
    arguments: tuple[Any, ...] = ()


class _Rejected(Exception):  # noqa: N818
    """A promise was rejected: the name and the text of the JavaScript error."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(text)
        self.name = name


def send(request: Request) -> Response:
    """Send a request and wait for the whole response. Needs `runtime.can_run_sync`.

    Raises
    ------
    TransportFailure
        If no whole response comes.
    """
    # Settled here as well: what JavaScript rejects while `run_sync` waits for it,
    # JupyterLite's kernel shows under the cell even if it is caught.
    settle = run_js(_SETTLE)
    conversation = _converse(request)
    step = next(conversation)
    while not isinstance(step, Response):
        try:
            result, *rejection = run_sync(settle(step.target, step.method, *step.arguments))
        except BaseException as error:
            step = _step(conversation.throw, error)
            continue
        if rejection:
            step = _step(conversation.throw, _Rejected(*rejection))
        else:
            step = _step(conversation.send, result)
    return step


async def send_async(request: Request) -> Response:
    """Send a request from a coroutine: as `send`, without holding up other tasks.

    Raises
    ------
    TransportFailure
        If no whole response comes.
    """
    settle = run_js(_SETTLE)
    conversation = _converse(request)
    step = next(conversation)
    while not isinstance(step, Response):
        try:
            result, *rejection = await settle(step.target, step.method, *step.arguments)
        except BaseException as error:
            step = _step(conversation.throw, error)
            continue
        if rejection:
            step = _step(conversation.throw, _Rejected(*rejection))
        else:
            step = _step(conversation.send, result)
    return step


def _step(advance: Any, value: Any) -> Any:
    """Advance a conversation to its next call, or to the response that ends it."""
    try:
        return advance(value)
    except StopIteration as end:
        return end.value


def _converse(request: Request) -> Generator[Any, Any, Response]:
    deadline = _Deadline(request.timeout)
    chunks: list[Any] = []
    response = None
    try:
        arguments = request.url, _options(request, deadline)
        response = yield from deadline.guard(_Call(js.globalThis, "fetch", arguments))
        headers = tuple((str(name), str(value)) for name, value in _pairs(response.headers))
        if response.body:  # JavaScript's null is not None
            yield from _read(response.body.getReader(), chunks, deadline, request, headers)
    except _Rejected as error:
        raise TransportFailure(
            _kind(error, request, begun=response is not None),
            request,
            str(error),
            _joined(chunks),
        ) from None
    except BaseException:
        # An interrupt or a cancelled task: nobody waits for the answer any more.
        deadline.abort()
        raise
    url = str(response.url) if response.redirected else request.url
    status, reason = int(response.status), str(response.statusText)
    return Response(status, reason, url, headers, _joined(chunks))


def _read(
    reader: Any, chunks: list[Any], deadline: _Deadline, request: Request, headers: Any
) -> Generator[Any, Any, None]:
    read = _Call(reader, "read")
    with progress.watch(request, _announced(headers)) as watched:
        while True:
            part = yield from deadline.guard(read)
            if part.done:
                return
            chunks.append(part.value)
            watched.update(part.value.byteLength)


class _Deadline:
    """Aborts a fetch in which nothing has happened for a number of seconds."""

    def __init__(self, seconds: float | None) -> None:
        self._controller = js.AbortController.new()
        self._abort = self._controller.abort.bind(self._controller)
        self._milliseconds = None if seconds is None else max(0, int(seconds * 1000))
        self.signal = self._controller.signal

    def guard(self, call: _Call) -> Generator[Any, Any, Any]:
        """Wait for what a call resolves to, no longer than the seconds allow."""
        if self._milliseconds is None:
            return (yield call)
        timer = js.setTimeout(self._abort, self._milliseconds)
        try:
            return (yield call)
        finally:
            js.clearTimeout(timer)

    def abort(self) -> None:
        """Give up now."""
        self._abort()


def _options(request: Request, deadline: _Deadline) -> Any:
    options = {
        "method": request.method,
        "headers": [list(header) for header in request.headers],
        "signal": deadline.signal,
        # The browser's own default sends nothing to other sites, and lets a site
        # behind a login be read by the notebooks that it serves.
        "credentials": "include" if request.credentials else "same-origin",
    }
    if request.body is not None:
        options["body"] = request.body
    return to_js(options, dict_converter=js.Object.fromEntries)


def _pairs(headers: Any) -> list[list[str]]:
    pairs: list[list[str]] = js.Array.from_(headers).to_py()
    return pairs


def _announced(headers: tuple[tuple[str, str], ...]) -> int | None:
    """How many bytes will come, where the server says so in a way that can be trusted."""
    named = {name.lower(): value for name, value in headers}
    length = named.get("content-length", "")
    return int(length) if length.isdecimal() and "content-encoding" not in named else None


def _joined(chunks: list[Any]) -> bytes:
    """Copy JavaScript's chunks into one bytes object, each byte once."""
    if not chunks:
        return b""
    if len(chunks) == 1:
        whole: bytes = chunks[0].to_bytes()
        return whole
    size = sum(chunk.byteLength for chunk in chunks)
    # A BytesIO hands out the buffer it was filled in without another copy.
    buffer = io.BytesIO()
    buffer.seek(size - 1)
    buffer.write(b"\0")
    with buffer.getbuffer() as view:
        position = 0
        for chunk in chunks:
            end = position + chunk.byteLength
            chunk.assign_to(view[position:end])
            position = end
    return buffer.getvalue()


def _kind(error: _Rejected, request: Request, *, begun: bool) -> FailureKind:
    if error.name == "AbortError":
        return "timeout"
    if begun:
        return "interrupted"
    return "network" if js.URL.canParse(request.url) else "bad-url"
