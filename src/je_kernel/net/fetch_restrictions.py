"""Restrictions of fetch: forbidden headers and methods, and the headers of decoded bodies.

The Fetch standard says which headers and methods a script may set
(https://fetch.spec.whatwg.org/#forbidden-request-header). The browser would drop the same
headers, with a warning in its console. It also decodes bodies, and leaves headers that are
then wrong.
"""

from __future__ import annotations

import gzip
import http.client
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from je_kernel.net.failure import TransportFailure
from je_kernel.net.message import whole_number

if TYPE_CHECKING:
    from je_kernel.net.message import Request, Response

__all__ = ["allowed", "is_forbidden", "is_gzip_file", "normalized", "normalized_head"]

_log = logging.getLogger("je_kernel")

_FORBIDDEN_HEADERS = frozenset(
    {
        *("accept-charset", "accept-encoding", "access-control-request-headers"),
        *("access-control-request-method", "access-control-request-private-network"),
        *("connection", "content-length", "cookie", "cookie2", "date", "dnt", "expect", "host"),
        *("keep-alive", "origin", "referer", "set-cookie", "te", "trailer", "transfer-encoding"),
        *("upgrade", "via"),
        # No longer forbidden, but it causes a CORS preflight, which hardly any site with
        # data allows.
        "user-agent",
    }
)
# https://www.rfc-editor.org/rfc/rfc9110#name-tokens
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_A_VALUE = re.compile(r"[\0\r\n]|[^\x00-\xff]")
_FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
# Of encodings that the browser has decoded, or of its own connection.
_DECODED_HEADERS = frozenset(
    {"connection", "content-encoding", "keep-alive", "trailer", "transfer-encoding", "upgrade"}
)
_SPELLINGS = {"etag": "ETag", "www-authenticate": "WWW-Authenticate", "content-md5": "Content-MD5"}
_GZIP_MAGIC = b"\x1f\x8b"


def is_forbidden(header: str) -> bool:
    """Return whether a script may not set a request header.

    Examples
    --------
    >>> [is_forbidden(name) for name in ("Host", "Sec-Fetch-Mode", "Authorization")]
    [True, True, False]
    """
    name = header.lower()
    return name in _FORBIDDEN_HEADERS or name.startswith(("proxy-", "sec-"))


def allowed(request: Request) -> Request:
    """Return a request without the headers that a browser forbids.

    Parameters
    ----------
    request
        The request.

    Returns
    -------
    Request
        Without these headers; each is logged.

    Raises
    ------
    TransportFailure
        If a browser cannot send the request.
    """
    if request.method in _FORBIDDEN_METHODS or not _TOKEN.fullmatch(request.method):
        raise TransportFailure("bad-url", request, f"browsers send no {request.method} requests")
    if request.body and request.method in {"GET", "HEAD"}:
        detail = f"browsers send no body with a {request.method} request; use POST"
        raise TransportFailure("bad-url", request, detail)
    for name, value in request.headers:
        if not _TOKEN.fullmatch(name) or _NOT_IN_A_VALUE.search(value):
            detail = f"browsers send no header {name!r} like this"
            raise TransportFailure("bad-url", request, detail)
    dropped = [name for name, _ in request.headers if is_forbidden(name)]
    if dropped:
        _log.debug("the browser sets these headers itself: %s", ", ".join(dropped))
    headers = tuple(header for header in request.headers if not is_forbidden(header[0]))
    body = None if request.method in {"GET", "HEAD"} else request.body
    return replace(request, headers=headers, body=body)


def normalized(request: Request, response: Response) -> Response:
    """Return a response whose headers are true of the body that the browser has decoded.

    Parameters
    ----------
    request
        The request.
    response
        The response as the browser returns it.

    Returns
    -------
    Response
        Without the encodings, with the length of the body, and with the reason phrase and
        the spelling of names that servers use.

    Raises
    ------
    TransportFailure
        If the body is truncated and the browser has not noticed.
    """
    if is_truncated(request, response, len(response.body)):
        raise TransportFailure("interrupted", request, "the body is short", response.body)
    if _was_decompressed(response):
        response = replace(response, body=gzip.compress(response.body, compresslevel=1))
    head = normalized_head(response)
    if request.method == "HEAD":
        return head
    headers = tuple(header for header in head.headers if header[0] != "Content-Length")
    if response.status not in {204, 304}:
        headers = (*headers, ("Content-Length", str(len(response.body))))
    return replace(head, headers=headers)


def normalized_head(response: Response) -> Response:
    """Return the head of a response with headers that are true of the decoded body.

    Parameters
    ----------
    response
        The response as the browser returns it, with or without its body.

    Returns
    -------
    Response
        Its length is the one that the server states, if the body was not encoded.
    """
    dropped = _DECODED_HEADERS
    if response.header("content-encoding") is not None:
        dropped = dropped | {"content-length"}
    headers = ((_spelled(n), v) for n, v in response.headers if n.lower() not in dropped)
    # HTTP/2 and 3 have no reason phrase; libraries and people expect one.
    reason = response.reason or http.client.responses.get(response.status, "")
    return replace(response, reason=reason, headers=tuple(headers))


def _spelled(name: str) -> str:
    """Return a header's name in the spelling of servers; browsers return lower case.

    The case matters when a lesson makes a dict of the headers.
    """
    lower = name.lower()
    return _SPELLINGS.get(lower) or "-".join(part.capitalize() for part in lower.split("-"))


def is_truncated(request: Request, response: Response, size: int) -> bool:
    """Return whether a body is truncated; WebKit does not report it.

    Parameters
    ----------
    request
        The request.
    response
        The response as the browser returns it.
    size
        The length of the body in bytes.
    """
    length = whole_number(response.header("content-length") or "")
    if request.method == "HEAD" or response.status in {204, 304} or length is None:
        return False
    # The length may be that of an encoding whose header the site does not expose; a body
    # that does not compress is a little shorter than its encoding.
    encoded = response.header("content-encoding") is not None
    return not encoded and length - size > 64 + length // 500


def is_gzip_file(url: str) -> bool:
    """Return whether an address names a gzip file.

    Examples
    --------
    >>> is_gzip_file("https://data.example/rain.csv.gz?v=2")
    True
    """
    return urlsplit(url).path.lower().endswith((".gz", ".tgz"))


def _was_decompressed(response: Response) -> bool:
    """Return whether the browser has decompressed a ``.gz`` file.

    It does so if the server declares the file's compression as a content encoding. In
    ordinary Python the body is the compressed file, and libraries decompress a file of
    this name: so it is compressed again.
    """
    return (
        response.status == 200
        and is_gzip_file(response.url)
        and bool(response.body)
        and not response.body.startswith(_GZIP_MAGIC)
        and not (response.header("content-type") or "").lower().startswith("text/html")
    )
