"""Error messages for failed requests: what happened, why, and what to do next.

`je_kernel.net.diagnostics` finds the cause of a failure, and `je_kernel.net.links`
recognises the pages of sharing sites. This module has the text of each error, the
CORS error among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from je_kernel import errors
from je_kernel.net import links
from je_kernel.net.credentials import redact_url
from je_kernel.net.diagnostics import Diagnosis, error_class
from je_kernel.net.message import without_default_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from je_kernel.net.failure import TransportFailure

__all__ = ["displayed_url", "network_error"]

_LONGEST_SHOWN = 300

_WITH_A_NETWORK = frozenset({errors.NetworkError, errors.SiteForbidsError, errors.UnreachableError})


def network_error(
    failure: TransportFailure, diagnosis: Diagnosis | None = None
) -> errors.NetworkError:
    """Return the error for a request without a response that Python may read.

    Parameters
    ----------
    failure
        The failure.
    diagnosis
        Its diagnosis; by default the kind of the failure alone decides.

    Returns
    -------
    NetworkError
        The error to raise, of the subclass for the diagnosis.
    """
    if diagnosis is None:
        diagnosis = Diagnosis(failure.kind, failure.request.url)
    kind = error_class(diagnosis)
    page = links.recognise(diagnosis.url)
    if page is not None and kind in _WITH_A_NETWORK:
        # Whatever the cause is, this link cannot work.
        return errors.SharingLinkError(
            f"Could not read {displayed_url(diagnosis.url)}\n\n{page.hint}",
            diagnosis.url,
            link=page.link if page.readable else None,
        )
    error = kind(_text(kind, diagnosis, failure), diagnosis.url)
    if isinstance(error, errors.BrokenOffError):
        error.partial = failure.partial
    return error


def _text(kind: type[errors.NetworkError], diagnosis: Diagnosis, failure: TransportFailure) -> str:
    host = urlsplit(diagnosis.url).hostname or "the site"
    why, remedy = _WORDS[kind](host, diagnosis, failure)
    return f"Could not read {displayed_url(diagnosis.url)}\n\n{why}\n{remedy}"


_BY_HAND = (
    "download the file with your browser, drag it into the list of files beside this notebook"
    ' and read it by its name, as in pd.read_csv("the-file.csv")'
)


def _site_forbids(host: str, diagnosis: Diagnosis, *_: Any) -> tuple[str, str]:
    if diagnosis.same_origin:
        host = "The address leads on to another site, which"
    return (
        f"{host} answers, but does not let notebooks that run in a browser read its answers."
        " Your code is right: Python installed on a computer could read it. (The rule is called"
        " CORS, and only the people of that site can change it.)",
        f"What you can do: {_BY_HAND}; or look for the same data at another site.",
    )


def _insecure(_host: str, diagnosis: Diagnosis, *_: Any) -> tuple[str, str]:
    secure = "https" + diagnosis.url.removeprefix("http")
    return (
        "The address begins with http://, and this page came over https://: a browser does not"
        " let a secure page read what anybody on the way could have changed.",
        f"Most sites answer at https:// too. Try\n\n    {displayed_url(secure)}",
    )


def _offline(*_: Any) -> tuple[str, str]:
    return (
        "There is no connection to the internet at the moment.",
        "Check the Wi-Fi, then run this cell again.",
    )


def _unreachable(host: str, diagnosis: Diagnosis, *_: Any) -> tuple[str, str]:
    if diagnosis.same_origin:
        return (
            "This site does not answer at the moment, or the network is gone.",
            "Check the Wi-Fi, wait a little, then run this cell again.",
        )
    return (
        f"No answer comes from {host}, although there is a network.",
        "Check the spelling of the address. If it opens in a browser tab all the same, the site"
        f" keeps notebooks out: {_BY_HAND}.",
    )


def _timed_out(host: str, _diagnosis: Diagnosis, failure: TransportFailure) -> tuple[str, str]:
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


def _broken_off(host: str, _diagnosis: Diagnosis, failure: TransportFailure) -> tuple[str, str]:
    amount = f" after {len(failure.partial):,} bytes" if failure.partial else ""
    return (
        f"The answer of {host} began to come and then stopped{amount}.",
        "Run the cell again; if it happens again, the network is unsteady.",
    )


def _bad_address(_host: str, _diagnosis: Diagnosis, failure: TransportFailure) -> tuple[str, str]:
    detail = f" ({failure.detail})" if failure.detail else ""
    return (
        f"This is not an address that a browser can ask for{detail}.",
        "Check it for spaces and missing parts: it should look like https://site.org/file.csv",
    )


def _unknown(host: str, diagnosis: Diagnosis, *_: Any) -> tuple[str, str]:
    if diagnosis.same_origin:
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


def displayed_url(url: str) -> str:
    """Return an address for a message: redacted, without the default port, shortened.

    Parameters
    ----------
    url
        Any address.

    Examples
    --------
    >>> displayed_url("https://me:secret@example.com:443/a.csv?key=1&token=2")
    'https://example.com/a.csv?key=1&token=…'
    """
    url = without_default_port(redact_url(url))
    return url if len(url) <= _LONGEST_SHOWN else url[: _LONGEST_SHOWN - 1] + "…"
