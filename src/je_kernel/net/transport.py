"""The synchronous HTTP transport: `send` returns the whole response, or raises an error.

Two engines carry it. Where Python can wait for the browser (JSPI: Chromium and
Firefox, from a cell) it is ``fetch``, which times out on silence, shows progress
and can be interrupted. Elsewhere (WebKit, and calls that come from JavaScript
events) it is the synchronous XMLHttpRequest, which blocks the kernel and times
out on the whole response. The setting ``JE_KERNEL_NETWORK_ENGINE`` forces one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from je_kernel import coroutines, runtime, settings
from je_kernel.errors import ArgumentError, NotInBrowserError
from je_kernel.net import fetch_restrictions, progress, response_cache, waiting
from je_kernel.net.failure import TransportFailure
from je_kernel.net.fallback import fall_back
from je_kernel.net.message import Request
from je_kernel.net.page_check import reject_unexpected_page

if TYPE_CHECKING:
    from je_kernel.net.message import Response
    from je_kernel.net.waiting import Wait

__all__ = ["exchange", "fall_back_from", "send", "send_async", "sync_wait", "uses_fetch"]


def send(request: Request) -> Response:
    """Send a request and wait for its whole response, whatever its status.

    Parameters
    ----------
    request
        The request. Headers that a browser forbids are dropped.

    Returns
    -------
    Response
        From the network, or from what `je_kernel.net.fallback` tries after a failure.

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
    return coroutines.run(exchange(request, sync_wait()))


async def send_async(request: Request) -> Response:
    """Send a request from a coroutine: as `send`, while other tasks run."""
    return await exchange(request, waiting.suspend)


async def exchange(request: Request, wait: Wait | None) -> Response:
    """Send a request and wait for its whole response: `send` and `send_async` in one.

    Parameters
    ----------
    request
        The request.
    wait
        How to wait for the browser; None where Python cannot.
    """
    request = with_settings(request)
    try:
        response = await _carry(request, wait)
    except TransportFailure as failure:
        return await fall_back_from(failure, wait)
    reject_unexpected_page(request, response)
    response_cache.store(request, response, len(response.body))
    return response


async def fall_back_from(failure: TransportFailure, wait: Wait | None) -> Response:
    """Return the response of a fallback, or raise the error that explains the failure."""
    return await fall_back(failure, lambda request: _carry(request, wait), wait)


def with_settings(request: Request) -> Request:
    """Return a request with what the settings add to it."""
    allowed = settings.current().network_credentials
    return replace(request, credentials=True) if allowed else request


def sync_wait() -> Wait | None:
    """Return how synchronous code waits for the browser at this moment; None if it cannot."""
    forced = settings.current().network_engine == "fetch"
    return waiting.block if forced or runtime.can_run_sync() else None


def uses_fetch(wait: Wait | None) -> bool:
    """Return whether the engine is ``fetch``, whose promises Python waits for."""
    if wait is waiting.block:
        return settings.current().network_engine != "xhr"
    return wait is not None


async def _carry(request: Request, wait: Wait | None) -> Response:
    if wait is not None and uses_fetch(wait):
        response = await _fetch(request, wait)
    else:
        from je_kernel.net import engine_xhr

        response = engine_xhr.send(fetch_restrictions.allowed(request))
    return fetch_restrictions.normalized(request, response)


async def _fetch(request: Request, wait: Wait) -> Response:
    from je_kernel.net.engine_fetch import Download, content_length

    download = Download(fetch_restrictions.allowed(request), wait)
    try:
        head = await download.head()
        if most := response_cache.storable_bytes(request, head):
            download.make_copy(most)
        length = content_length(head)
        with progress.track(request, length) as tracked:
            body = await download.body(length, tracked.update)
    except BaseException:
        # An interrupt or a cancelled task as well: nobody waits for the response any more.
        download.abort()
        raise
    return replace(head, body=body, copy=download.copy)
