"""Failures and unwanted answers, said in the words of a student's lesson.

What is known of a failure comes from `je_kernel.net.diagnostics`; what the
well-known sharing pages are, from `je_kernel.net.links`.
"""

from __future__ import annotations

import http.client
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from je_kernel import errors
from je_kernel.net import links
from je_kernel.net.credentials import shown_url
from je_kernel.net.diagnostics import Evidence, decide, gather
from je_kernel.net.message import whole_number, without_default_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message

    from je_kernel.net.failure import TransportFailure
    from je_kernel.net.message import Request, Response

__all__ = [
    "check",
    "explain",
    "explain_status",
    "http_error_default",
    "shown",
]

_LONGEST_SHOWN = 300

# What a lesson means by an address that ends so: data, and no web page.
_DATA_SUFFIXES = (
    *(".csv", ".tsv", ".tab", ".txt", ".dat", ".json", ".jsonl", ".ndjson", ".geojson", ".xml"),
    *(".xls", ".xlsx", ".xlsm", ".ods", ".parquet", ".feather", ".arrow", ".pkl", ".pickle"),
    *(".npy", ".npz", ".mat", ".sav", ".dta", ".h5", ".hdf5", ".nc", ".db", ".sqlite", ".sqlite3"),
    *(".zip", ".gz", ".bz2", ".xz", ".zst", ".tar", ".tgz", ".png", ".jpg", ".jpeg", ".gif"),
    *(".svg", ".webp", ".tif", ".tiff", ".bmp", ".pdf", ".wav", ".mp3", ".ipynb", ".py", ".whl"),
)
_NOT_FOR_LACK_OF_NETWORK = frozenset(
    {errors.NetworkError, errors.SiteForbidsError, errors.UnreachableError}
)
_PAGE_BEGINNINGS = (b"<!doctype html", b"<html", b"<head")


def explain(failure: TransportFailure, evidence: Evidence | None = None) -> errors.NetworkError:
    """Say why a request got no response that Python may read.

    Parameters
    ----------
    failure
        What the transport saw.
    evidence
        What is known of it; by default it is gathered now.

    Returns
    -------
    NetworkError
        The error to raise; of the subclass that the evidence speaks for.
    """
    if evidence is None:
        evidence = gather(failure)
    kind = decide(evidence)
    page = links.recognise(evidence.url)
    if page is not None and kind in _NOT_FOR_LACK_OF_NETWORK:
        # Whatever else may be wrong: this link could not have worked.
        return errors.SharingLinkError(
            f"Could not read {shown(evidence.url)}\n\n{page.hint}",
            evidence.url,
            link=page.link if page.readable else None,
        )
    error = kind(_text(kind, evidence, failure), evidence.url)
    if isinstance(error, errors.BrokenOffError):
        error.partial = failure.partial
    return error


def _text(kind: type[errors.NetworkError], evidence: Evidence, failure: TransportFailure) -> str:
    host = urlsplit(evidence.url).hostname or "the site"
    why, remedy = _WORDS[kind](host, evidence, failure)
    return f"Could not read {shown(evidence.url)}\n\n{why}\n{remedy}"


_BY_HAND = (
    "download the file with your browser, drag it into the list of files beside this notebook"
    ' and read it by its name, as in pd.read_csv("the-file.csv")'
)


def _site_forbids(host: str, evidence: Evidence, *_: Any) -> tuple[str, str]:
    if evidence.same_origin:
        host = "The address leads on to another site, which"
    return (
        f"{host} answers, but does not let notebooks that run in a browser read its answers."
        " Your code is right: Python installed on a computer could read it. (The rule is called"
        " CORS, and only the people of that site can change it.)",
        f"What you can do: {_BY_HAND}; or look for the same data at another site.",
    )


def _insecure(_host: str, evidence: Evidence, *_: Any) -> tuple[str, str]:
    secure = "https" + evidence.url.removeprefix("http")
    return (
        "The address begins with http://, and this page came over https://: a browser does not"
        " let a secure page read what anybody on the way could have changed.",
        f"Most sites answer at https:// too. Try\n\n    {shown(secure)}",
    )


def _offline(*_: Any) -> tuple[str, str]:
    return (
        "There is no connection to the internet at the moment.",
        "Check the Wi-Fi, then run this cell again.",
    )


def _unreachable(host: str, evidence: Evidence, *_: Any) -> tuple[str, str]:
    if evidence.same_origin:
        return (
            "This site does not answer at the moment, or the network is gone.",
            "Check the Wi-Fi, wait a little, then run this cell again.",
        )
    return (
        f"No answer comes from {host}, although there is a network.",
        "Check the spelling of the address. If it opens in a browser tab all the same, the site"
        f" keeps notebooks out: {_BY_HAND}.",
    )


def _timed_out(host: str, _evidence: Evidence, failure: TransportFailure) -> tuple[str, str]:
    waited = failure.request.timeout
    if failure.partial:
        silence = f" for {waited:g} seconds" if waited else ""
        why = (
            f"{host} began to answer and fell silent{silence} after {len(failure.partial):,} bytes."
        )
    else:
        patience = f" in {waited:g} seconds" if waited else " in time"
        why = f"No answer came from {host}{patience}."
    return (
        why,
        "Run the cell again; if it happens again, the site or the network is slow: give it more"
        " time (as in timeout=60), or try later.",
    )


def _broken_off(host: str, _evidence: Evidence, failure: TransportFailure) -> tuple[str, str]:
    came = f" after {len(failure.partial):,} bytes" if failure.partial else ""
    return (
        f"The answer of {host} began to come and then stopped{came}.",
        "Run the cell again; if it happens again, the network is unsteady.",
    )


def _bad_address(_host: str, _evidence: Evidence, failure: TransportFailure) -> tuple[str, str]:
    detail = f" ({failure.detail})" if failure.detail else ""
    return (
        f"This is not an address that a browser can ask for{detail}.",
        "Check it for spaces and missing parts: it should look like https://site.org/file.csv",
    )


def _unknown(host: str, evidence: Evidence, *_: Any) -> tuple[str, str]:
    if evidence.same_origin:
        return (
            "The browser does not say why. Either this site does not answer at the moment, or the"
            " address leads on to another site, which does not let notebooks in a browser read it"
            " (a rule called CORS).",
            "Check the Wi-Fi, then run this cell again: it may then be known which it is.",
        )
    return (
        f"The browser does not say why. Either {host} does not let notebooks in a browser read"
        " it (a rule called CORS), or nobody answers there.",
        "Open the address in a browser tab. If it does not open there either, check its spelling"
        f" and the network. If it does, {_BY_HAND}.",
    )


_WORDS: dict[type[errors.NetworkError], Callable[..., tuple[str, str]]] = {
    errors.SiteForbidsError: _site_forbids,
    errors.InsecureAddressError: _insecure,
    errors.OfflineError: _offline,
    errors.UnreachableError: _unreachable,
    errors.TimedOutError: _timed_out,
    errors.BrokenOffError: _broken_off,
    errors.BadAddressError: _bad_address,
    errors.NetworkError: _unknown,
}


def shown(url: str) -> str:
    """Return an address as an error message shows it: no secret, no needless port, not endless.

    Parameters
    ----------
    url
        Any address.

    Examples
    --------
    >>> shown("https://me:secret@example.com:443/a.csv?key=1&token=2")
    'https://example.com/a.csv?key=1&token=…'
    """
    url = without_default_port(shown_url(url))
    return url if len(url) <= _LONGEST_SHOWN else url[: _LONGEST_SHOWN - 1] + "…"


# Responses that say what went wrong, or that are not what was asked for.


def check(request: Request, response: Response) -> None:
    """Refuse a web page that came where data was asked for.

    Parameters
    ----------
    request
        What was asked for.
    response
        What came, whole.

    Raises
    ------
    SharingLinkError
        When the link is one of a well-known sharing page.
    NotDataError
        When the address ends as that of a data file does.
    """
    if request.method != "GET" or not 200 <= response.status < 300 or not _is_page(response):
        return
    page = links.recognise(request.url)
    if page is not None and not page.page_is_data:
        raise errors.SharingLinkError(
            f"A web page came from {shown(request.url)}\n\n{page.hint}",
            request.url,
            link=page.link if page.readable else None,
        )
    if _asks_for_data(request):
        raise errors.NotDataError(
            f"A web page came from {shown(request.url)} where data was asked for.\n\n"
            + _why_a_page(request, response),
            request.url,
        )


def _is_page(response: Response) -> bool:
    kind = (response.header("content-type") or "").partition(";")[0].strip().lower()
    if kind not in {"text/html", "application/xhtml+xml"}:
        return False
    # Some servers call every file text/html: the body has the last word.
    beginning = response.body[:1024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    while beginning.startswith((b"<!--", b"<?xml")):
        beginning = beginning.partition(b">")[2].lstrip()
    return beginning.startswith(_PAGE_BEGINNINGS)


def _asks_for_data(request: Request) -> bool:
    accepted = next((v.lower() for k, v in request.headers if k.lower() == "accept"), "")
    if "json" in accepted and "html" not in accepted and "*/*" not in accepted:
        return True
    parts = urlsplit(request.url)
    wants_format = "format=csv" in parts.query or "output=csv" in parts.query
    return wants_format or parts.path.lower().endswith(_DATA_SUFFIXES)


def _why_a_page(request: Request, response: Response) -> str:
    asked, came = urlsplit(request.url), urlsplit(response.url)
    login = ("login", "signin", "sign-in", "sign_in", "accounts.", "/auth", "sso.")
    if asked.hostname != came.hostname or any(mark in came.path.lower() for mark in login):
        led = f"The site led on to {came.hostname}."
        if any(mark in response.url.lower() for mark in login):
            return (
                f"{led} That is a page to log in: the data is not open to everyone.\nAsk its"
                " owner to share it with everyone who has the link."
            )
        return f"{led}\nOpen the address in a browser tab to see what the site says."
    return (
        "Many sites send such a page when the file has moved, or when the address is that of a"
        " page about the file.\nOpen the address in a browser tab, and copy the link of its"
        " download button."
    )


def http_error_default(
    _handler: Any, req: Any, fp: IO[bytes], code: int, msg: str, hdrs: Message
) -> None:
    """Raise the error for an HTTP status: `urllib.request`'s method of this name, explained.

    Parameters
    ----------
    _handler
        The handler whose method this is.
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
    # The browser has followed redirects: what answered may not be what was asked for.
    url = getattr(fp, "url", None) or req.full_url
    phrase = msg or http.client.responses.get(code, "")
    raise errors.status_error(code)(url, code, phrase, hdrs, fp, explain_status(url, code, hdrs))


def explain_status(url: str, code: int, headers: Any = None) -> str:
    """Say what an HTTP status means for who asked, and what to do.

    Parameters
    ----------
    url
        The address that was asked for.
    code
        The status, as 404.
    headers
        The headers of the answer, asked by ``get``.

    Returns
    -------
    str
        Sentences for a student.

    Examples
    --------
    >>> print(explain_status("https://example.com/x.csv", 503))
    Could not read https://example.com/x.csv
    Something is wrong on the side of example.com, not in your code. Wait a little, then run this cell again.
    """  # noqa: E501
    host = urlsplit(url).hostname or "The site"
    page = links.recognise(url)
    if page is not None and not page.page_is_data:
        return f"Could not read {shown(url)}\n{page.hint}"
    return f"Could not read {shown(url)}\n{_status_words(host, code, headers)}"


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
    return f"{host} did not accept the question as it was put. Check the address and what is sent."


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
