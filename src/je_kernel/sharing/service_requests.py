"""Carrying a conversation: who sends the requests, keeps the token and waits.

In the browser requests go through `je_kernel.net.transport`, which is synchronous
for the caller in every browser; on CPython through `urllib`.
"""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, TypeVar

from je_kernel import runtime
from je_kernel.net.message import Request, Response
from je_kernel.notebook.autosave import pause
from je_kernel.sharing.protocol import Recall, Wait

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.sharing.protocol import Remember, Steps
    from je_kernel.sharing.tokens import Token

__all__ = ["converse", "send"]

Result = TypeVar("Result")


def converse(
    steps: Steps[Result],
    remember: Callable[[Token | None], None],
    recall: Callable[[], Token | None],
) -> Result:
    """Carry a conversation to its end.

    Parameters
    ----------
    steps
        The conversation.
    remember
        Keeps a token.
    recall
        Returns the token that is kept.

    Returns
    -------
    object
        The conversation's result.
    """
    answer: Response | Token | None = None
    failure: OSError | None = None
    try:
        while True:
            action = steps.send(answer) if failure is None else steps.throw(failure)
            if isinstance(action, Recall):
                answer, failure = recall(), None
            else:
                answer, failure = _done(action, remember)
    except StopIteration as stop:
        result: Result = stop.value
        return result


def _done(
    action: Request | Wait | Remember, remember: Callable[[Token | None], None]
) -> tuple[Response | None, OSError | None]:
    """Do what a conversation wants, and return the answer or why there is none."""
    if isinstance(action, Request):
        try:
            return send(action), None
        except OSError as error:
            return None, error
    if isinstance(action, Wait):
        pause(action.seconds)
    else:
        remember(action.token)
    return None, None


def send(request: Request) -> Response:
    """Send a request and return the whole response, whatever its status.

    Parameters
    ----------
    request
        What to ask.

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
    """A redirect would take the token along to wherever it leads."""

    def redirect_request(self, *_: Any) -> None:
        """Follow none: the response that redirects is the answer."""


def _send_by_urllib(request: Request) -> Response:
    asked = urllib.request.Request(  # noqa: S310 (the address is the operator's)
        request.url, request.body, dict(request.headers), method=request.method
    )
    opener = urllib.request.build_opener(_NoRedirects)
    try:
        with opener.open(asked, timeout=request.timeout) as answer:
            return _response(answer)
    except urllib.error.HTTPError as error:
        with error:
            return _response(error)


def _response(answer: Any) -> Response:
    headers = tuple(answer.headers.items())
    return Response(answer.status, answer.reason or "", answer.url, headers, answer.read())
