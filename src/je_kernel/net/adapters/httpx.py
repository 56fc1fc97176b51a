"""`httpx`: both its transports are ours, the asynchronous one without blocking the kernel."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from je_kernel import errors
from je_kernel.net import transport
from je_kernel.net.message import Request

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.message import Response
    from je_kernel.net.patches import Patches

__all__ = ["adapt"]


def adapt(module: ModuleType, patches: Patches) -> None:
    """Send what `httpx` sends through our transport."""

    def handle_request(_self: Any, asked: Any) -> Any:
        request = _request_of(asked, b"".join(asked.stream))
        try:
            response = transport.send(request)
        except errors.NetworkError as error:
            raise _as_httpx(module, error, asked) from None
        return _response_for(module, asked, response)

    async def handle_async_request(_self: Any, asked: Any) -> Any:
        request = _request_of(asked, b"".join([part async for part in asked.stream]))
        try:
            response = await transport.send_async(request)
        except errors.NetworkError as error:
            raise _as_httpx(module, error, asked) from None
        return _response_for(module, asked, response)

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


def _response_for(module: ModuleType, asked: Any, response: Response) -> Any:
    if response.url != str(asked.url):
        # The client takes the address of a response from its request.
        asked.url = module.URL(response.url)
    return module.Response(
        response.status,
        headers=list(response.headers),
        stream=module.ByteStream(response.body),
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
