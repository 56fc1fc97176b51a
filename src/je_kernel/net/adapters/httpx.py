"""`httpx`: both its transports are ours, the asynchronous one without blocking the kernel.

A transport is not told whether its answer is to be streamed: it has to ask the client.
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
    """Send what `httpx` sends through our transport."""
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

    def handle_request(_self: Any, asked: Any) -> Any:
        def translate(error: errors.NetworkError) -> errors.NetworkError:
            return _as_httpx(module, error, asked)

        request = _request_of(asked, b"".join(asked.stream))
        try:
            if not _streamed.get():
                return _response_for(module, asked, transport.send(request))
            head, body = streaming.open_stream(request, translate)
        except errors.NetworkError as error:
            raise translate(error) from None
        return _response_for(module, asked, head, Streamed(body))

    async def handle_async_request(_self: Any, asked: Any) -> Any:
        def translate(error: errors.NetworkError) -> errors.NetworkError:
            return _as_httpx(module, error, asked)

        request = _request_of(asked, b"".join([part async for part in asked.stream]))
        try:
            if not _streamed.get():
                return _response_for(module, asked, await transport.send_async(request))
            head, body = await streaming.open_stream_async(request, translate)
        except errors.NetworkError as error:
            raise translate(error) from None
        return _response_for(module, asked, head, Streamed(body))

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
    """Open and close nothing: connections, certificates and proxies are the browser's."""


async def _nothing_async(*_: Any, **__: Any) -> None:
    await asyncio.sleep(0)


def _request_of(asked: Any, body: bytes) -> Request:
    timeouts = asked.extensions.get("timeout", {})
    headers = tuple((name.decode("latin-1"), v.decode("latin-1")) for name, v in asked.headers.raw)
    return Request(asked.method, str(asked.url), headers, body or None, timeouts.get("read"))


def _response_for(module: ModuleType, asked: Any, response: Response, stream: Any = None) -> Any:
    if response.url != str(asked.url):
        # The client takes the address of a response from its request.
        asked.url = module.URL(response.url)
    return module.Response(
        response.status,
        headers=list(response.headers),
        stream=stream or module.ByteStream(response.body),
        extensions={
            "http_version": b"HTTP/1.1",
            "reason_phrase": response.reason.encode("latin-1"),
        },
    )


def _as_httpx(module: ModuleType, error: errors.NetworkError, asked: Any) -> errors.NetworkError:
    if isinstance(error, errors.TimedOutError):
        return errors.combined(error, module.ReadTimeout, request=asked)
    if isinstance(error, errors.BrokenOffError):
        return errors.combined(error, module.RemoteProtocolError, request=asked)
    if isinstance(error, errors.BadAddressError):
        return errors.combined(error, module.UnsupportedProtocol, request=asked)
    return errors.combined(error, module.ConnectError, request=asked)
