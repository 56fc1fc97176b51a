"""The relay: a server of the site's operator that fetches public data for notebooks.

A browser refuses data of a site that does not allow other sites to read it (CORS). The
relay fetches it and adds the permission; the project's sharing service has one. The
request is ``GET {relay_url}?url={the address, percent-encoded}``. The sharing service's
relay, at ``…/api/v1/relay``, needs a token of that service as well.

The relay is used only after the browser has refused the direct request, only for plain
GETs of public addresses, and never for a request that holds a secret
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
    from collections.abc import Awaitable, Callable

    from je_kernel.net.message import Response
    from je_kernel.sharing.tokens import Token

__all__ = ["fetch", "may_relay", "refusal", "relay_request"]

_OF_A_SHARING_SERVICE = "/api/v1/relay"

# By the relay's address. The session of such a token shares nothing; it is stored nowhere else.
_tokens: dict[str, Token] = {}

# Any other header may identify the user. The relay does not need these: they are left out.
_HARMLESS_HEADERS = frozenset(
    {"accept", "accept-encoding", "accept-language", "connection", "host", "user-agent"}
)


def may_relay(request: Request) -> bool:
    """Return whether a request may be sent through a relay.

    Parameters
    ----------
    request
        The request of the student's code.

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
    """Return why a request is not sent through the relay, if the only reason is a secret in it.

    Parameters
    ----------
    request
        The request of the student's code.

    Returns
    -------
    str or None
        Sentences for a student.
    """
    secret = secret_in(request)
    if secret is None or request.method != "GET":
        return None
    return (
        f"The relay of this site could send the request instead, but the request holds {secret}."
        " That tells who you are, and a relay never gets it. If the data is open to everyone,"
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


async def fetch(
    request: Request, relay_url: str, send: Callable[[Request], Awaitable[Response]]
) -> Response:
    """Send a request through a relay, with a token if the relay is a sharing service's.

    Parameters
    ----------
    request
        The request; `may_relay` has allowed it.
    relay_url
        The relay's address, from the setting ``JE_KERNEL_RELAY_URL``.
    send
        Sends a request.

    Returns
    -------
    Response
        The relay's response, with the address of the request.
    """
    if not urlsplit(relay_url).path.endswith(_OF_A_SHARING_SERVICE):
        response = await send(relay_request(request, relay_url))
        return replace(response, url=request.url)
    token = _tokens.get(relay_url)
    is_new = token is None or token.ending(time.time())
    if is_new:
        token = await _issue(relay_url, send)
    response = await send(relay_request(request, relay_url, token))
    if response.status == 403 and not is_new:  # the service may have changed its keys
        token = await _issue(relay_url, send)
        response = await send(relay_request(request, relay_url, token))
    return replace(response, url=request.url)


async def _issue(relay_url: str, send: Callable[[Request], Awaitable[Response]]) -> Token | None:
    """Request a token from the relay's service."""
    from je_kernel.sharing.protocol import token_in
    from je_kernel.sharing.tokens import Token

    root = relay_url.rpartition(_OF_A_SHARING_SERVICE)[0]
    response = await send(Request("POST", f"{root}/api/v1/auth/issue", (), b""))
    text = token_in(response)
    if text is None:
        return None
    _tokens[relay_url] = Token.of(text, time.time())
    return _tokens[relay_url]


def relay_request(request: Request, relay_url: str, token: Token | None = None) -> Request:
    """Return the request to a relay that stands for another request.

    Parameters
    ----------
    request
        The request; `may_relay` has allowed it.
    relay_url
        The relay's address, from the setting ``JE_KERNEL_RELAY_URL``.
    token
        A token of the relay's service, if it needs one.

    Examples
    --------
    >>> from je_kernel.net.message import Request
    >>> relay_request(Request("GET", "https://a.org/x?y=1"), "https://b.org/relay").url
    'https://b.org/relay?url=https%3A%2F%2Fa.org%2Fx%3Fy%3D1'
    """
    address = request.url.partition("#")[0]
    joint = "&" if urlsplit(relay_url).query else "?"
    url = f"{relay_url}{joint}url={quote(address, safe='')}"
    headers = (("Authorization", f"Bearer {token.text}"),) if token else ()
    return replace(request, url=url, headers=headers)
