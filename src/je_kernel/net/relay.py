"""The way round a site that does not let notebooks read it: a relay of the operator's own.

A site's operator can run a relay, a small server that fetches public data and
hands it on with permission to read it (the project's sharing service has one).
It is asked for ``GET {relay_url}?url={the address, percent-encoded}``. The sharing
service's relay, at ``…/api/v1/relay``, wants a token of that service as well.

It is used only after a browser has refused the direct way, for nothing but
plain GETs of public addresses, and never when what is asked or how says who asks
(`je_kernel.net.credentials`).
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from je_kernel.net.credentials import secret_in
from je_kernel.net.diagnostics import is_private_host
from je_kernel.net.message import Request

if TYPE_CHECKING:
    from collections.abc import Generator

    from je_kernel.net.message import Response
    from je_kernel.sharing.tokens import Token

__all__ = ["answer_of", "ask", "may_relay", "refusal", "relayed"]

_OF_A_SHARING_SERVICE = "/api/v1/relay"

# By the relay's address. They name a session that shares nothing, and are kept nowhere else.
_tokens: dict[str, Token] = {}

# Everything else may say who asks or has no meaning for a relay; these a relay does
# not need either, so they are left out.
_HARMLESS_HEADERS = frozenset(
    {"accept", "accept-encoding", "accept-language", "connection", "host", "user-agent"}
)


def may_relay(request: Request) -> bool:
    """Return whether a request is one that may be shown to a relay.

    Parameters
    ----------
    request
        What the student's code asked for.

    Examples
    --------
    >>> from je_kernel.net.message import Request
    >>> may_relay(Request("GET", "https://example.com/rain.csv"))
    True
    >>> may_relay(Request("GET", "http://192.168.1.20/rain.csv"))
    False
    >>> may_relay(Request("GET", "https://example.com/rain?api_key=1a2b3c4d"))
    False
    """
    return _is_plain_and_public(request) and secret_in(request) is None


def refusal(request: Request) -> str | None:
    """Say why a request is not shown to a relay, where a secret in it is all that forbids it.

    Parameters
    ----------
    request
        What the student's code asked for.

    Returns
    -------
    str or None
        Sentences for a student.
    """
    secret = secret_in(request)
    if secret is None or request.method != "GET":
        return None
    return (
        f"The relay of this site could have asked instead, but the request holds {secret}: that"
        " says who you are, and is shown to nobody on the way. If the data is open to everyone,"
        " ask without it. If not, download the file with your browser, drag it into the list of"
        " files beside this notebook and read it by its name."
    )


def _is_plain_and_public(request: Request) -> bool:
    try:
        parts = urlsplit(request.url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return (
        request.method == "GET"
        and request.body is None
        and parts.scheme in {"http", "https"}
        and bool(host)
        and not is_private_host(host)
        and all(name.lower() in _HARMLESS_HEADERS for name, _ in request.headers)
    )


def ask(request: Request, relay_url: str) -> Generator[Request, Response, Response]:
    """Ask a relay for what a request asks for, with a token where it wants one.

    A conversation: it yields requests, is sent their responses, and returns the last one.

    Parameters
    ----------
    request
        What the student's code asked for; `may_relay` has allowed it.
    relay_url
        The relay's address, as the setting ``JE_KERNEL_RELAY_URL`` gives it.
    """
    if not urlsplit(relay_url).path.endswith(_OF_A_SHARING_SERVICE):
        return (yield relayed(request, relay_url))
    held = _tokens.get(relay_url)
    if held is None or held.ending(time.time()):
        return (yield relayed(request, relay_url, (yield from _issued(relay_url))))
    response = yield relayed(request, relay_url, held)
    if response.status == 403:  # the service may have changed its keys since
        response = yield relayed(request, relay_url, (yield from _issued(relay_url)))
    return response


def _issued(relay_url: str) -> Generator[Request, Response, Token | None]:
    """Ask the relay's service for a token."""
    from je_kernel.sharing.protocol import token_in
    from je_kernel.sharing.tokens import Token

    root = relay_url.rpartition(_OF_A_SHARING_SERVICE)[0]
    response = yield Request("POST", f"{root}/api/v1/auth/issue", (), b"")
    text = token_in(response)
    if text is None:
        return None
    _tokens[relay_url] = Token.of(text, time.time())
    return _tokens[relay_url]


def relayed(request: Request, relay_url: str, token: Token | None = None) -> Request:
    """Return the request that asks a relay for what a request asks for.

    Parameters
    ----------
    request
        What the student's code asked for; `may_relay` has allowed it.
    relay_url
        The relay's address, as the setting ``JE_KERNEL_RELAY_URL`` gives it.
    token
        The relay's own token, if it wants one.

    Examples
    --------
    >>> from je_kernel.net.message import Request
    >>> relayed(Request("GET", "https://a.org/x?y=1"), "https://b.org/relay").url
    'https://b.org/relay?url=https%3A%2F%2Fa.org%2Fx%3Fy%3D1'
    """
    address = request.url.partition("#")[0]
    joint = "&" if urlsplit(relay_url).query else "?"
    url = f"{relay_url}{joint}url={quote(address, safe='')}"
    headers = (("Authorization", f"Bearer {token.text}"),) if token else ()
    return replace(request, url=url, headers=headers)


def answer_of(request: Request, response: Response) -> Response:
    """Return a relay's response as if it had come from the address that was asked for.

    Parameters
    ----------
    request
        What the student's code asked for.
    response
        What the relay answered.
    """
    return replace(response, url=request.url)
