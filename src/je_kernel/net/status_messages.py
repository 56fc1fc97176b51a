"""Messages for HTTP error statuses, and the errors of `urllib.request` that carry them."""

from __future__ import annotations

import http.client
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from je_kernel import errors
from je_kernel.net import links
from je_kernel.net.error_messages import displayed_url
from je_kernel.net.message import whole_number

if TYPE_CHECKING:
    from email.message import Message

__all__ = ["http_error_default", "status_message"]


def http_error_default(
    _handler: Any, req: Any, fp: IO[bytes], code: int, msg: str, hdrs: Message
) -> None:
    """Raise the error for an HTTP status: replaces `urllib.request`'s method of this name.

    Parameters
    ----------
    _handler
        The handler.
    req
        The `urllib.request.Request`.
    fp
        The body of the response.
    code
        The status.
    msg
        The reason phrase.
    hdrs
        The headers of the response.

    Raises
    ------
    StatusError
        Always: a `urllib.error.HTTPError`, of the class for this status.
    """
    # The browser has followed redirects: the URL may not be that of the request.
    url = getattr(fp, "url", None) or req.full_url
    phrase = msg or http.client.responses.get(code, "")
    raise errors.status_error(code)(url, code, phrase, hdrs, fp, status_message(url, code, hdrs))


def status_message(url: str, code: int, headers: Any = None) -> str:
    """Return the message for an HTTP status: what it means, and what to do.

    Parameters
    ----------
    url
        The address.
    code
        The status, as 404.
    headers
        The headers of the response, with a method ``get``.

    Returns
    -------
    str
        Sentences for a student.

    Examples
    --------
    >>> print(status_message("https://example.com/x.csv", 503))
    Could not read https://example.com/x.csv
    Something is wrong on the side of example.com, not in your code. Wait a little, then run this cell again.
    """  # noqa: E501
    host = urlsplit(url).hostname or "The site"
    page = links.recognise(url)
    if page is not None and not page.page_is_data:
        return f"Could not read {displayed_url(url)}\n{page.hint}"
    return f"Could not read {displayed_url(url)}\n{_status_words(host, code, headers)}"


def _status_words(host: str, code: int, headers: Any) -> str:
    if code == 401:
        return (
            f"{host} gives this only to people who are logged in, or to programs that send a key."
            " If the site gave you a key, send it the way the site's instructions say."
        )
    if code == 403:
        return (
            f"{host} refuses to give this. It may be private, or the site may refuse programs."
            " Open the address in a browser tab: if you see the data there, download it and drag"
            " it into the list of files beside this notebook."
        )
    if code in {404, 410}:
        return f"{host} has nothing at this address. {_why_not_found(host)}"
    if code == 429:
        return f"{host} was asked too often. {_wait_for(headers)}, then run this cell again."
    if code >= 500:
        return (
            f"Something is wrong on the side of {host}, not in your code. Wait a little, then run"
            " this cell again."
        )
    return f"{host} did not accept the request. Check the address and what is sent."


def _why_not_found(host: str) -> str:
    if host == "raw.githubusercontent.com":
        return (
            "Check the spelling, capital letters too, and whether the branch is called main or"
            " master. A private repository looks the same: its files cannot be read from here."
        )
    return "Check the spelling, capital letters too. The file may have been moved or renamed."


def _wait_for(headers: Any) -> str:
    after = headers.get("Retry-After") if headers is not None else None
    seconds = whole_number(str(after))
    if seconds is not None:
        minutes = -(-seconds // 60)
        return f"Wait {seconds} seconds" if seconds < 120 else f"Wait {minutes} minutes"
    return "Wait a minute"
