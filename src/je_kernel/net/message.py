"""The classes of HTTP requests and responses, and helpers for headers and URLs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

__all__ = ["Headers", "Request", "Response", "whole_number", "without_default_port"]

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    Parameters
    ----------
    method
        The method, in capitals.
    url
        The absolute ``http:`` or ``https:`` URL.
    headers
        Names and values in the order they were set; a name may repeat.
    body
        The whole body in bytes, or None for no body.
    timeout
        Seconds of silence after which to give up, or None to wait for ever.
    credentials
        Whether cookies and logins of another site are sent to that site.
    """

    method: str
    url: str
    headers: Headers = ()
    body: bytes | None = None
    timeout: float | None = None
    credentials: bool = False


@dataclass(frozen=True)
class Response:
    """One whole HTTP response.

    Parameters
    ----------
    status
        The status code, such as 200.
    reason
        The reason phrase, such as ``"OK"``.
    url
        The URL of the response: that of the request unless there was a redirect.
    headers
        Names and values, without the content and transfer encodings, which the browser
        has decoded.
    body
        The whole body in bytes, decoded.
    copy
        A JavaScript ``Response`` with the same body, not read yet, from which
        `je_kernel.net.response_cache` stores a copy; None if there is none.
    """

    status: int
    reason: str
    url: str
    headers: Headers = ()
    body: bytes = b""
    copy: Any = field(default=None, compare=False, repr=False)

    def header(self, name: str) -> str | None:
        """Return the first header of this name, whatever its case.

        Examples
        --------
        >>> Response(200, "OK", "http://x/", (("Content-Type", "text/csv"),)).header("content-type")
        'text/csv'
        """
        lower = name.lower()
        return next((value for key, value in self.headers if key.lower() == lower), None)


def whole_number(text: str) -> int | None:
    """Return the number in a header, or None: a server may write anything there.

    Parameters
    ----------
    text
        At most 18 ASCII digits; Python refuses to convert thousands of them.

    Examples
    --------
    >>> whole_number("42"), whole_number("-1"), whole_number("9" * 5000)
    (42, None, None)
    """
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def without_default_port(url: str) -> str:
    """Return an address without its port if it is the default one.

    Parameters
    ----------
    url
        Any address; an invalid one is returned unchanged.

    Examples
    --------
    >>> without_default_port("https://example.com:443/a.csv"), without_default_port("http://[::1]:80/")
    ('https://example.com/a.csv', 'http://[::1]/')
    >>> without_default_port("https://example.com:8443/")
    'https://example.com:8443/'
    """
    try:
        parts = urlsplit(url)
        if parts.port is None or parts.port != {"http": 80, "https": 443}.get(parts.scheme):
            return url
    except ValueError:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition(":")[0]))
