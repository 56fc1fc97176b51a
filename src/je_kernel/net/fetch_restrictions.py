"""What a browser forbids, and what it does to a response on the way.

Which headers and methods a script may set is the law of the Fetch standard
(https://fetch.spec.whatwg.org/#forbidden-request-header). What is dropped here
would be dropped by the browser as well, with a complaint in its console.
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
        # Not forbidden any more, but it makes browsers ask the site for leave
        # first (a CORS preflight), and next to no site with data gives it.
        "user-agent",
    }
)
# https://www.rfc-editor.org/rfc/rfc9110#name-tokens
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_A_VALUE = re.compile(r"[\0\r\n]|[^\x00-\xff]")
_FORBIDDEN_METHODS = frozenset({"CONNECT", "TRACE", "TRACK"})
# The browser has undone these, or they are about its own connection.
_UNDONE_HEADERS = frozenset(
    {"connection", "content-encoding", "keep-alive", "trailer", "transfer-encoding", "upgrade"}
)
_SPELLINGS = {"etag": "ETag", "www-authenticate": "WWW-Authenticate", "content-md5": "Content-MD5"}
_GZIP_MAGIC = b"\x1f\x8b"


def is_forbidden(header: str) -> bool:
    """Return whether a request header is not Python's to set.

    Examples
    --------
    >>> [is_forbidden(name) for name in ("Host", "Sec-Fetch-Mode", "Authorization")]
    [True, True, False]
    """
    name = header.lower()
    return name in _FORBIDDEN_HEADERS or name.startswith(("proxy-", "sec-"))


def allowed(request: Request) -> Request:
    """Make a request one that a browser can send.

    Parameters
    ----------
    request
        As Python asked for it.

    Returns
    -------
    Request
        Without the headers that a browser forbids; each is logged.

    Raises
    ------
    TransportFailure
        If a browser cannot send anything like it.
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
    """Make the headers of a response say what its body is, now that the browser has decoded it.

    Parameters
    ----------
    request
        What was asked for.
    response
        What the browser made of the answer.

    Returns
    -------
    Response
        Without the encodings that were undone, and with the length of the body;
        names are spelled, and the status is named, as servers do.

    Raises
    ------
    TransportFailure
        If the body is not whole and the browser did not mind.
    """
    if is_truncated(request, response, len(response.body)):
        raise TransportFailure("interrupted", request, "the body is short", response.body)
    if _was_unpacked(response):
        response = replace(response, body=gzip.compress(response.body, compresslevel=1))
    head = normalized_head(response)
    if request.method == "HEAD":
        return head
    headers = tuple(header for header in head.headers if header[0] != "Content-Length")
    if response.status not in {204, 304}:
        headers = (*headers, ("Content-Length", str(len(response.body))))
    return replace(head, headers=headers)


def normalized_head(response: Response) -> Response:
    """Make the headers of a response say what its body will be once the browser has decoded it.

    Parameters
    ----------
    response
        What the browser made of the answer, its body or nothing of it.

    Returns
    -------
    Response
        The length is the one that was announced, unless the body comes encoded.
    """
    dropped = _UNDONE_HEADERS
    if response.header("content-encoding") is not None:
        dropped = dropped | {"content-length"}
    kept = ((_spelled(name), v) for name, v in response.headers if name.lower() not in dropped)
    # HTTP/2 and 3 have no reason phrase; libraries and people expect one.
    reason = response.reason or http.client.responses.get(response.status, "")
    return replace(response, reason=reason, headers=tuple(kept))


def _spelled(name: str) -> str:
    """Spell a header's name as servers do; browsers make all of it lower case.

    Names are found in any case, but not any more once a lesson has made a dict of them.
    """
    lower = name.lower()
    return _SPELLINGS.get(lower) or "-".join(part.capitalize() for part in lower.split("-"))


def is_truncated(request: Request, response: Response, came: int) -> bool:
    """Return whether a body is not whole, which not every browser minds (WebKit does not).

    Parameters
    ----------
    request
        What was asked for.
    response
        What the browser made of the answer.
    came
        How many bytes of its body there are.
    """
    announced = whole_number(response.header("content-length") or "")
    if request.method == "HEAD" or response.status in {204, 304} or announced is None:
        return False
    # The length may be that of an encoding which the site does not let us see, and
    # what does not compress is a little shorter than its encoding.
    encoded = response.header("content-encoding") is not None
    return not encoded and announced - came > 64 + announced // 500


def is_gzip_file(url: str) -> bool:
    """Return whether an address is that of a file packed with gzip.

    Examples
    --------
    >>> is_gzip_file("https://data.example/rain.csv.gz?v=2")
    True
    """
    return urlsplit(url).path.lower().endswith((".gz", ".tgz"))


def _was_unpacked(response: Response) -> bool:
    """Tell whether the browser has unpacked a ``.gz`` file.

    It does so where the server calls the packing of the file an encoding of the
    response. Ordinary Python hands out the file as it is stored, and libraries
    unpack what is called ``.gz``: they are given it packed again.
    """
    return (
        response.status == 200
        and is_gzip_file(response.url)
        and bool(response.body)
        and not response.body.startswith(_GZIP_MAGIC)
        and not (response.header("content-type") or "").lower().startswith("text/html")
    )
