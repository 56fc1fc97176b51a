"""Handle a request without a response: use a saved copy or the relay, else raise the error.

A saved copy replaces a response when the network is gone; the relay, when a site does
not let notebooks read it. Neither hides any other failure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from je_kernel import settings
from je_kernel.errors import NetworkError, SiteForbidsError
from je_kernel.net import relay, response_cache
from je_kernel.net.diagnostics import diagnose, error_class
from je_kernel.net.error_messages import network_error
from je_kernel.net.failure import TransportFailure

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from je_kernel.net.message import Request, Response
    from je_kernel.net.waiting import Wait

__all__ = ["fall_back"]


async def fall_back(
    failure: TransportFailure,
    send: Callable[[Request], Awaitable[Response]],
    wait: Wait | None,
) -> Response:
    """Return a response from elsewhere, or raise the error that explains the failure.

    Parameters
    ----------
    failure
        The failure of the request.
    send
        Sends a request; it raises `TransportFailure`.
    wait
        How to wait for the browser; None where Python cannot.

    Returns
    -------
    Response
        A saved copy, with a warning, or the response of the relay.

    Raises
    ------
    NetworkError
        If there is no fallback.
    """
    request = failure.request
    diagnosis = await diagnose(failure, wait)
    error = network_error(failure, diagnosis)
    wants_relay = error_class(diagnosis) in {SiteForbidsError, NetworkError}
    relay_url = settings.current().relay_url if wants_relay else None
    if relay_url is not None and (reason := relay.refusal(request)):
        error.text += f"\n\n{reason}"
    if diagnosis.may_lack_network:
        copy = await response_cache.lookup(request, wait)
        if copy is not None:
            return copy
    if relay_url is not None and relay.may_relay(request):
        try:
            response = await relay.fetch(request, relay_url, send)
        except TransportFailure:
            raise error from None
        if 200 <= response.status < 300:
            return response
    raise error from None
