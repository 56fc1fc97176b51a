"""The engine of browsers that can wait: ``fetch``, and WebAssembly stack switching (JSPI).

The conversation with ``fetch`` is a generator that yields calls of JavaScript's
asynchronous functions and is sent what they resolve to: a synchronous and an
asynchronous driver run the same one.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import js
from pyodide.code import run_js
from pyodide.ffi import create_proxy, to_js

from je_kernel.compatibility import emscripten_module
from je_kernel.net import progress
from je_kernel.net.failure import TransportFailure
from je_kernel.net.message import Response, whole_number

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from je_kernel.net.failure import FailureKind
    from je_kernel.net.message import Request

__all__ = ["Stream", "announced", "send", "send_async"]


# A promise that the browser rejects while Python holds it is the end of Pyodide 314
# in WebKit: there, and so in all that is awaited, JavaScript takes care of it.
#
# An interrupt would only be seen when Python runs again, which may be never, and then by
# whatever runs first. So the buffer that interrupts are written to (Pyodide's
# `setInterruptBuffer`), where there is one, is looked at while Python waits.
_SETTLE = """
module => async (target, method, ...args) => {
  const signals = module.Py_EmscriptenSignalBuffer;
  let timer;
  const interrupt = new Promise(resolve => {
    if (signals) {
      timer = setInterval(() => {
        if (signals[0] === 2) {
          signals[0] = 0;
          resolve([undefined, "Interrupt", ""]);
        }
      }, 50);
    }
  });
  const settled = (async () => target[method](...args))().then(
    value => [value],
    error => [undefined, String(error.name), String(error.message)],
  );
  try {
    return await Promise.race([settled, interrupt]);
  } finally {
    clearInterval(timer);
  }
}
"""
# Smaller bodies are poured into Python's memory when all of them has come.
_SMALL_BYTES = 1_000_000
_SPARE_BYTES = 4_000_000


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
    response: Response = _wait(_converse(request))
    return response


async def send_async(request: Request) -> Response:
    """Send a request from a coroutine: as `send`, without holding up other tasks.

    Raises
    ------
    TransportFailure
        If no whole response comes.
    """
    response: Response = await _wait_async(_converse(request))
    return response


def _wait(calls: Generator[_Call, Any, Any]) -> Any:
    from pyodide.ffi import run_sync

    conversation = _Conversation(calls)
    while not conversation.over:
        try:
            outcome = run_sync(conversation.promise())
        except BaseException as error:
            conversation.failed(error)
        else:
            conversation.settled(outcome)
    return conversation.result


async def _wait_async(calls: Generator[_Call, Any, Any]) -> Any:
    conversation = _Conversation(calls)
    while not conversation.over:
        try:
            outcome = await conversation.promise()
        except BaseException as error:
            conversation.failed(error)
        else:
            conversation.settled(outcome)
    return conversation.result


class _Conversation:
    """Where a conversation with JavaScript stands.

    Parameters
    ----------
    calls
        Yields the calls, is sent what they resolve to, and returns the result.
    """

    def __init__(self, calls: Generator[_Call, Any, Any]) -> None:
        self._calls = calls
        # Settled here as well: what JavaScript rejects while `run_sync` waits for it,
        # JupyterLite's kernel shows under the cell even if it is caught.
        self._settle = _settle()
        self.over = False
        self.result: Any = None
        self._advance(calls.send, None)

    def promise(self) -> Any:
        """Make the call that is due."""
        return self._settle(self._due.target, self._due.method, *self._due.arguments)

    def settled(self, outcome: Any) -> None:
        """Go on with what the call came to."""
        value, *rejection = outcome
        if not rejection:
            self._advance(self._calls.send, value)
        elif rejection[0] == "Interrupt":
            self.failed(KeyboardInterrupt())
        else:
            self.failed(_Rejected(*rejection))

    def failed(self, error: BaseException) -> None:
        """Go on with an error instead."""
        self._advance(self._calls.throw, error)

    def _advance(self, step: Any, value: Any) -> None:
        try:
            self._due: _Call = step(value)
        except StopIteration as end:
            self.over, self.result = True, end.value


def _converse(request: Request) -> Generator[_Call, Any, Response]:
    download = _Download(request)
    try:
        head = yield from download.begin()
        with progress.watch(request, announced(head)) as watched:
            body = yield from download.body(announced(head), watched.update)
    except BaseException:
        # An interrupt or a cancelled task: nobody waits for the answer any more.
        download.abort()
        raise
    return replace(head, body=body)


def announced(head: Response) -> int | None:
    """Return how many bytes will come, where the server says so in a way that can be trusted.

    Parameters
    ----------
    head
        A response without its body, as the browser tells it.
    """
    encoded = head.header("content-encoding") is not None
    return None if encoded else whole_number(head.header("content-length") or "")


class _Download:
    """One request: the head of its response, and the body chunk by chunk."""

    def __init__(self, request: Request) -> None:
        self._request = request
        self._deadline = _Deadline(request.timeout)
        self._begun = False
        self._stream: Any = None
        self._reader: Any = None

    def begin(self) -> Generator[_Call, Any, Response]:
        """Ask, and wait for the head of the response."""
        arguments = self._request.url, _options(self._request, self._deadline)
        answer = yield from self._settled(_Call(js.globalThis, "fetch", arguments))
        self._begun = True
        if answer.body:  # JavaScript's null is not None
            self._stream = answer.body
        url = str(answer.url) if answer.redirected else self._request.url
        headers = tuple((str(name), str(value)) for name, value in _pairs(answer.headers))
        return Response(int(answer.status), str(answer.statusText), url, headers)

    def next_chunk(self) -> Generator[_Call, Any, Any]:
        """Wait for more of the body: a Uint8Array, or None at its end."""
        if self._stream is None:
            return None
        if self._reader is None:
            self._reader = self._stream.getReader()
        part = yield from self._settled(_Call(self._reader, "read"))
        return None if part.done else part.value

    def body(
        self, announced: int | None, tell: Callable[[int], None]
    ) -> Generator[_Call, Any, bytes]:
        """Wait for the whole body.

        Parameters
        ----------
        announced
            How many bytes will come, if that is known.
        tell
            Is told a few times a second how many more have come.
        """
        if self._stream is None:
            return b""
        body = _Body(self._deadline.carrier(self._stream, announced), announced)
        while not body.over:
            try:
                tell((yield from body.fetch()))
            except _Rejected as error:
                raise self._failure(error, body.whole()) from None
        return body.whole()

    def abort(self) -> None:
        """Give up."""
        self._deadline.abort()

    def _settled(self, call: _Call) -> Generator[_Call, Any, Any]:
        try:
            return (yield from self._deadline.guard(call))
        except _Rejected as error:
            raise self._failure(error) from None

    def _failure(self, error: _Rejected, came: bytes = b"") -> TransportFailure:
        return TransportFailure(self._kind(error), self._request, str(error), came)

    def _kind(self, error: _Rejected) -> FailureKind:
        if error.name == "AbortError":
            return "timeout"
        if self._begun:
            return "interrupted"
        return "network" if js.URL.canParse(self._request.url) else "bad-url"


class Stream:
    """A response that is read chunk by chunk, as its body comes.

    Each of its conversations can be had in two ways: the ordinary one needs
    `runtime.can_run_sync`, the other a coroutine.

    Parameters
    ----------
    request
        What to ask.
    """

    def __init__(self, request: Request) -> None:
        self._download = _Download(request)

    def begin(self) -> Response:
        """Ask, and wait for the response without its body.

        Raises
        ------
        TransportFailure
            If no response comes.
        """
        head: Response = _wait(self._begin())
        return head

    async def begin_async(self) -> Response:
        """Ask, and wait for the response without its body: as `begin`."""
        head: Response = await _wait_async(self._begin())
        return head

    def next_chunk(self) -> Any:
        """Wait for more of the body: a Uint8Array, or None at its end.

        Raises
        ------
        TransportFailure
            If the body breaks off.
        """
        return _wait(self._download.next_chunk())

    async def next_chunk_async(self) -> Any:
        """Wait for more of the body: as `next_chunk`."""
        return await _wait_async(self._download.next_chunk())

    def abort(self) -> None:
        """Give up what has not come yet."""
        self._download.abort()

    def _begin(self) -> Generator[_Call, Any, Response]:
        try:
            return (yield from self._download.begin())
        except BaseException:
            self._download.abort()
            raise


class _Body:
    """A body on its way into one bytes object, each byte copied once.

    Where the length is known JavaScript puts what comes straight into Python's memory,
    while the browser fetches more, and it need not hold it all. Not before an eighth is
    there: to a server that lies about its length no more memory is given than that.

    Parameters
    ----------
    carrier
        What ``download.js`` makes of the body's stream.
    announced
        How many bytes will come, if that is known.
    """

    def __init__(self, carrier: Any, announced: int | None) -> None:
        self._carrier = carrier
        self._announced = announced or 0
        # A BytesIO hands out the buffer it was filled in without another copy.
        self._buffer = io.BytesIO()
        self._reserved = 0
        self._filled = 0
        self._held = 0
        self.over = False
        """Whether there is no more to come."""

    def fetch(self) -> Generator[_Call, Any, int]:
        """Wait for more; return how many bytes have come."""
        room = self._room() if self._reserved else None
        try:
            told = yield _Call(self._carrier, "fetch", (room, self._enough()))
        finally:
            # Not released: after an interrupt JavaScript may still be writing there.
            if room is not None:
                room.destroy()
        placed, added, self.over, *rejection = told
        self._filled += placed
        self._held += added
        if rejection:
            raise _Rejected(*rejection)
        if not self.over and not self._reserved and self._filled + self._held >= self._enough():
            self._reserve(self._announced)
            self._pour()
        return int(placed + added)

    def whole(self) -> bytes:
        """Return everything that has come."""
        if not self._filled and (only := self._carrier.only):
            body: bytes = only.to_bytes()
            return body
        self._reserve(self._filled + self._held)
        self._pour()
        self._buffer.truncate(self._filled)
        return self._buffer.getvalue()

    def _enough(self) -> float:
        if self._reserved or not self._announced:
            return math.inf
        return max(self._announced / 8, _SMALL_BYTES)

    def _reserve(self, room: int) -> None:
        if self._reserved < room:
            self._buffer.seek(room + min(room // 8, _SPARE_BYTES) - 1)
            self._buffer.write(b"\0")
            self._reserved = room

    def _pour(self) -> None:
        if self._held:
            room = self._room()
            self._carrier.pour(room)
            room.destroy()
            self._filled, self._held = self._filled + self._held, 0

    def _room(self) -> Any:
        return create_proxy(self._buffer.getbuffer()[self._filled :])


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

    def carrier(self, stream: Any, size: int | None) -> Any:
        """Have a body carried that is to stay silent no longer than the seconds allow."""
        return _download_js()(stream, size, self._abort, self._milliseconds)

    def abort(self) -> None:
        """Give up now."""
        self._abort()


@cache
def _settle() -> Any:
    return run_js(_SETTLE)(emscripten_module())


@cache
def _download_js() -> Any:
    return run_js(Path(__file__).with_name("download.js").read_text("utf-8"))


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
