"""Adapt `httpx`: its synchronous and its asynchronous client use our transport.

A transport does not learn whether its response is streamed: the client's ``send`` passes
it in a context variable.
"""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any

from je_kernel import errors
from je_kernel.net import streaming, transport
from je_kernel.net.message import Request

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from types import ModuleType

    from je_kernel.net.message import Response
    from je_kernel.net.patches import Patches

__all__ = ["adapt"]


_streamed: ContextVar[bool] = ContextVar("streamed", default=False)


def adapt(module: ModuleType, patches: Patches) -> None:
    """Replace the transports of `httpx`."""
    send_theirs = module.Client.send
    send_async_theirs = module.AsyncClient.send

    @wraps(send_theirs)
    def send(self: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        before = _streamed.set(stream)
        try:
            return send_theirs(self, request, stream=stream, **options)
        finally:
            _streamed.reset(before)

    @wraps(send_async_theirs)
    async def send_async(self: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        before = _streamed.set(stream)
        try:
            return await send_async_theirs(self, request, stream=stream, **options)
        finally:
            _streamed.reset(before)

    class Streamed(module.SyncByteStream, module.AsyncByteStream):  # type: ignore[name-defined,misc]
        """The body of a response as it comes."""

        def __init__(self, body: Any) -> None:
            self._body = body

        def __iter__(self) -> Iterator[bytes]:
            return iter(self._body)

        def __aiter__(self) -> AsyncIterator[bytes]:
            return aiter(self._body)

        def close(self) -> None:
            self._body.close()

        async def aclose(self) -> None:
            self._body.close()

    def handle_request(_self: Any, original: Any) -> Any:
        def translate(error: errors.NetworkError) -> errors.NetworkError:
            return _as_httpx(module, error, original)

        request = _request_of(original, b"".join(original.stream))
        try:
            if not _streamed.get():
                return _response_for(module, original, transport.send(request))
            head, body = streaming.open_stream(request, translate)
        except errors.NetworkError as error:
            raise translate(error) from None
        return _response_for(module, original, head, Streamed(body))

    async def handle_async_request(_self: Any, original: Any) -> Any:
        def translate(error: errors.NetworkError) -> errors.NetworkError:
            return _as_httpx(module, error, original)

        request = _request_of(original, b"".join([part async for part in original.stream]))
        try:
            if not _streamed.get():
                return _response_for(module, original, await transport.send_async(request))
            head, body = await streaming.open_stream_async(request, translate)
        except errors.NetworkError as error:
            raise translate(error) from None
        return _response_for(module, original, head, Streamed(body))

    patches.set(module.Client, "send", send)
    patches.set(module.AsyncClient, "send", send_async)
    for name, method in (
        ("__init__", _nothing),
        ("close", _nothing),
        ("handle_request", handle_request),
    ):
        patches.set(module.HTTPTransport, name, method)
    for name, method in (
        ("__init__", _nothing),
        ("aclose", _nothing_async),
        ("handle_async_request", handle_async_request),
    ):
        patches.set(module.AsyncHTTPTransport, name, method)
    for name in ("__enter__", "__exit__"):
        patches.set(module.HTTPTransport, name, getattr(module.BaseTransport, name))
    for name in ("__aenter__", "__aexit__"):
        patches.set(module.AsyncHTTPTransport, name, getattr(module.AsyncBaseTransport, name))


def _nothing(*_: Any, **__: Any) -> None:
    """Do nothing: the browser manages connections, certificates and proxies."""


async def _nothing_async(*_: Any, **__: Any) -> None:
    await asyncio.sleep(0)


def _request_of(original: Any, body: bytes) -> Request:
    timeouts = original.extensions.get("timeout", {})
    headers = tuple(
        (name.decode("latin-1"), v.decode("latin-1")) for name, v in original.headers.raw
    )
    return Request(original.method, str(original.url), headers, body or None, timeouts.get("read"))


def _response_for(module: ModuleType, original: Any, response: Response, stream: Any = None) -> Any:
    if response.url != str(original.url):
        # The URL of a response is that of its request.
        original.url = module.URL(response.url)
    return module.Response(
        response.status,
        headers=list(response.headers),
        stream=stream or module.ByteStream(response.body),
        extensions={
            "http_version": b"HTTP/1.1",
            "reason_phrase": response.reason.encode("latin-1"),
        },
    )


def _as_httpx(module: ModuleType, error: errors.NetworkError, original: Any) -> errors.NetworkError:
    if isinstance(error, errors.TimedOutError):
        return errors.combined(error, module.ReadTimeout, request=original)
    if isinstance(error, errors.BrokenOffError):
        return errors.combined(error, module.RemoteProtocolError, request=original)
    if isinstance(error, errors.BadAddressError):
        return errors.combined(error, module.UnsupportedProtocol, request=original)
    return errors.combined(error, module.ConnectError, request=original)
