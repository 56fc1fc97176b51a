"""One synchronous transport: `send` a request, get the whole response or an error for people.

Two engines carry it. Where Python can wait for the browser (JSPI: Chromium and
Firefox, from a cell) it is ``fetch``, which times out on silence, shows progress
and can be interrupted. Elsewhere (WebKit, and calls that come from JavaScript
events) it is the synchronous XMLHttpRequest, which blocks the kernel and times
out on the whole response. The setting ``JE_KERNEL_NETWORK_ENGINE`` forces one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from je_kernel import runtime, settings
from je_kernel.errors import ArgumentError, NotInBrowserError
from je_kernel.net import fetch_restrictions, response_cache
from je_kernel.net.failure import TransportFailure
from je_kernel.net.fallback import recover, recover_async
from je_kernel.net.message import Request
from je_kernel.net.page_check import reject_unexpected_page

if TYPE_CHECKING:
    from je_kernel.net.message import Response

__all__ = ["instead", "instead_async", "send", "send_async", "waits", "with_settings"]


def send(request: Request) -> Response:
    """Send a request and wait for its whole response, whatever its status.

    Parameters
    ----------
    request
        What to ask. Headers that a browser forbids are dropped.

    Returns
    -------
    Response
        From the network or, where there is none, what `fallback` finds instead.

    Raises
    ------
    je_kernel.errors.NetworkError
        If there is no response; its class and text say why.
    NotInBrowserError
        In ordinary Python.
    """
    if not isinstance(request, Request):
        raise ArgumentError('send takes a request, as in send(Request("GET", "https://…")).')
    if not runtime.in_browser():
        raise NotInBrowserError(
            "je_kernel.net.send works in a notebook in the browser. Here, use urllib.request."
        )
    request = with_settings(request)
    try:
        response = _carry(request)
    except TransportFailure as failure:
        return instead(failure)
    reject_unexpected_page(request, response)
    response_cache.keep(request, response)
    return response


async def send_async(request: Request) -> Response:
    """Send a request from a coroutine: as `send`, while other tasks go on."""
    request = with_settings(request)
    try:
        response = await _carry_async(request)
    except TransportFailure as failure:
        return await instead_async(failure)
    reject_unexpected_page(request, response)
    response_cache.keep(request, response)
    return response


def instead(failure: TransportFailure) -> Response:
    """Find another way to what a request asked for, as `je_kernel.net.fallback.recover` does.

    Parameters
    ----------
    failure
        Why there is no response.

    Raises
    ------
    je_kernel.errors.NetworkError
        If there is no other way.
    """
    return recover(failure, _carry)


async def instead_async(failure: TransportFailure) -> Response:
    """Find another way to what a request asked for: as `instead`, from a coroutine.

    Parameters
    ----------
    failure
        Why there is no response.
    """
    return await recover_async(failure, _carry_async)


def with_settings(request: Request) -> Request:
    """Return a request as the settings want it sent."""
    allowed = settings.current().network_credentials
    return replace(request, credentials=True) if allowed else request


def _carry(request: Request) -> Response:
    lawful = fetch_restrictions.allowed(request)
    if waits():
        from je_kernel.net.engine_fetch import send as engine
    else:
        from je_kernel.net.engine_xhr import send as engine
    return fetch_restrictions.normalized(request, engine(lawful))


async def _carry_async(request: Request) -> Response:
    from je_kernel.net import engine_fetch

    lawful = fetch_restrictions.allowed(request)
    return fetch_restrictions.normalized(request, await engine_fetch.send_async(lawful))


def waits() -> bool:
    """Return whether a request is sent by ``fetch``, for whose promises Python can wait."""
    forced = settings.current().network_engine
    return forced == "fetch" or (forced == "auto" and runtime.can_run_sync())
