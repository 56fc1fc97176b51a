"""Send one request to a sharing service: through the browser, or by `urllib` on CPython."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

from je_kernel import runtime
from je_kernel.net.message import Request, Response

__all__ = ["send"]


def send(request: Request) -> Response:
    """Send a request and return the whole response, whatever its status.

    Parameters
    ----------
    request
        The request.

    Raises
    ------
    OSError
        If there is no response.
    """
    if runtime.in_browser():
        from je_kernel.net import transport

        return transport.send(request)
    return _send_by_urllib(request)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """Return a redirect as the response: to follow it would send the token elsewhere."""

    def redirect_request(self, *_: Any) -> None:
        """Follow no redirect."""


def _send_by_urllib(request: Request) -> Response:
    outgoing = urllib.request.Request(  # noqa: S310 (the address is the operator's)
        request.url, request.body, dict(request.headers), method=request.method
    )
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(outgoing, timeout=request.timeout) as answer:
            return _response(answer)
    except urllib.error.HTTPError as error:
        with error:
            return _response(error)


def _response(answer: Any) -> Response:
    headers = tuple(answer.headers.items())
    return Response(answer.status, answer.reason or "", answer.url, headers, answer.read())
