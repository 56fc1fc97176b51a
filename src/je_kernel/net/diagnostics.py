"""Diagnose why a request failed, and choose the exception class.

A browser tells a script only that a request failed, not why, so that a page cannot
explore the network it is in. The diagnosis goes by the addresses, by what the browser
says of the network, and by whether the host answers a request whose response the script
may not read (a *probe*).

A probe goes to the address of the request or to this site itself, nowhere else, and
takes at most `PROBE_SECONDS`. Where the browser cannot wait for one in the middle of a
cell (no JSPI: every browser on an iPad), it runs after the cell, and its outcome serves
the same failure in the next minute.
"""

from __future__ import annotations

import ipaddress
import math
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from je_kernel import errors, runtime

if TYPE_CHECKING:
    import asyncio

    from je_kernel.net.failure import TransportFailure
    from je_kernel.net.waiting import Wait

__all__ = [
    "PROBE_SECONDS",
    "Diagnosis",
    "diagnose",
    "error_class",
    "is_loopback",
    "is_private_host",
]

PROBE_SECONDS = 3
_REMEMBERED_SECONDS = 60


@dataclass(frozen=True)
class Diagnosis:
    """The known facts of a failure, and the conclusions from them.

    Parameters
    ----------
    kind
        The kind of the failure: a `je_kernel.net.failure.FailureKind`.
    url
        The address of the request.
    page
        The address of this site; empty if there is none.
    online
        The browser's ``navigator.onLine``; None if there is no browser.
    host_answers
        Whether the host answered a probe; None without a probe.
    site_answers
        Whether this site answered a probe; None without a probe.
    remembered
        Whether the probes are those of an earlier failure.
    """

    kind: str
    url: str
    page: str = ""
    online: bool | None = None
    host_answers: bool | None = None
    site_answers: bool | None = None
    remembered: bool = False

    @property
    def same_origin(self) -> bool:
        """Whether the address belongs to this site."""
        return _origin(self.url) == _origin(self.page)

    @property
    def may_lack_network(self) -> bool:
        """Whether the cause may be that there is no network."""
        kind = error_class(self)
        if kind in {errors.InsecureAddressError, errors.BadAddressError}:
            return False
        # A host that answered a minute ago may not answer now.
        return self.remembered or kind is not errors.SiteForbidsError

    @property
    def insecure(self) -> bool:
        """Whether the browser blocks the address: ``http://`` on a secure page (mixed content)."""
        url, page = urlsplit(self.url), urlsplit(self.page)
        # https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy
        return page.scheme == "https" and url.scheme == "http" and not is_loopback(self.url)

    @property
    def offline(self) -> bool:
        """Whether there is no network, for an address that needs one."""
        if is_loopback(self.url):
            return False
        elsewhere = not self.same_origin and self.host_answers is False
        return self.online is False or (elsewhere and self.site_answers is False)


def error_class(diagnosis: Diagnosis) -> type[errors.NetworkError]:
    """Return the class of the error for a failure.

    Parameters
    ----------
    diagnosis
        The facts of the failure.

    Returns
    -------
    type of NetworkError
        `NetworkError` itself if the cause is unknown.

    Examples
    --------
    >>> error_class(Diagnosis("network", "http://a.org/", page="https://b.org/")).__name__
    'InsecureAddressError'
    """
    by_kind: dict[str, type[errors.NetworkError]] = {
        "timeout": errors.TimedOutError,
        "interrupted": errors.BrokenOffError,
        "bad-url": errors.BadAddressError,
    }
    if diagnosis.kind in by_kind:
        return by_kind[diagnosis.kind]
    if diagnosis.insecure:
        return errors.InsecureAddressError
    if diagnosis.host_answers:
        return errors.SiteForbidsError
    if diagnosis.offline:
        return errors.OfflineError
    # An address of this site may still redirect to another site, which forbids.
    if diagnosis.host_answers is False or (
        diagnosis.same_origin and diagnosis.site_answers is False
    ):
        return errors.UnreachableError
    return errors.NetworkError


async def diagnose(failure: TransportFailure, wait: Wait | None) -> Diagnosis:
    """Find the cause of a failure, with probes where the addresses do not tell it.

    Parameters
    ----------
    failure
        The failure.
    wait
        How to wait for a probe. None where Python cannot: then the probes run after the
        cell, and those of an earlier failure are used.
    """
    diagnosis = _without_probes(failure)
    if not _worth_probing(diagnosis):
        return diagnosis
    if wait is not None:
        probed: Diagnosis = await wait(_probe(diagnosis))
        return probed
    moment, earlier = _probed.get(_origin(diagnosis.url), (-math.inf, diagnosis))
    _probe_after_the_cell(diagnosis)
    if time.monotonic() - moment > _REMEMBERED_SECONDS:
        return diagnosis
    return replace(earlier, url=diagnosis.url, online=diagnosis.online, remembered=True)


def _without_probes(failure: TransportFailure) -> Diagnosis:
    url = failure.request.url
    if failure.kind != "network" or not runtime.in_browser():
        return Diagnosis(failure.kind, url)
    import js

    here = str(js.location.href)
    page = here if here.startswith("http") else f"{js.location.origin}/"
    return Diagnosis(failure.kind, url, page, bool(js.navigator.onLine))


def _worth_probing(diagnosis: Diagnosis) -> bool:
    if diagnosis.kind != "network" or not diagnosis.page or diagnosis.insecure:
        return False
    return diagnosis.online is not False or is_loopback(diagnosis.url)


# When an origin was last probed after a cell, and the diagnosis.
_probed: dict[tuple[str, str, int | None], tuple[float, Diagnosis]] = {}
_probing: set[asyncio.Future[None]] = set()


def _probe_after_the_cell(diagnosis: Diagnosis) -> None:
    import asyncio

    async def probe() -> None:
        probed = await _probe(diagnosis)
        _probed[_origin(diagnosis.url)] = (time.monotonic(), probed)

    # Kept until it is done: the event loop itself holds a task only weakly.
    task = asyncio.ensure_future(probe())
    _probing.add(task)
    task.add_done_callback(_probing.discard)


async def _probe(diagnosis: Diagnosis) -> Diagnosis:
    import asyncio

    import js

    host, site = await asyncio.gather(_answers(diagnosis.url), _answers(diagnosis.page))
    # A cross-origin isolated page cannot probe a site that does not expect it.
    is_known = host or not getattr(js, "crossOriginIsolated", False)
    return replace(diagnosis, host_answers=host if is_known else None, site_answers=site)


# In JavaScript: an error of WebKit's fetch has no stack, and Python that awaits it never resumes.
_PROBE = """
(url, milliseconds) => fetch(url, {
  method: "HEAD", mode: "no-cors", cache: "no-store", credentials: "omit",
  referrerPolicy: "no-referrer", signal: AbortSignal.timeout(milliseconds),
}).then(() => true, () => false)
"""


async def _answers(url: str) -> bool:
    """Return whether the host answers a HEAD request whose response stays opaque."""
    from pyodide.code import run_js

    return bool(await run_js(_PROBE)(url, PROBE_SECONDS * 1000))


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, parts.hostname or "", port
    except ValueError:
        return "", url, None


def is_loopback(url: str) -> bool:
    """Return whether an address is of this computer itself.

    Examples
    --------
    >>> is_loopback("http://127.0.0.1:8000/a"), is_loopback("https://example.com/")
    (True, False)
    """
    return _is_loopback_host(_origin(url)[1])


def _is_loopback_host(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_private_host(host: str) -> bool:
    """Return whether a host is of this computer or a local network, by its name or IP address.

    Parameters
    ----------
    host
        A host name or an IP address, without port or brackets.

    Examples
    --------
    >>> [is_private_host(h) for h in ("localhost", "10.1.2.3", "printer.local", "example.com")]
    [True, True, True, False]
    """
    host = host.rstrip(".").lower()
    if _is_loopback_host(host) or host.endswith(
        (".local", ".internal", ".lan", ".home.arpa", ".test")
    ):
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        pass
    # Browsers also read 0x7f.1 and 2130706433 as IP addresses; no domain name ends so.
    last = host.rpartition(".")[2]
    return "." not in host or last.isdigit() or last.startswith("0x")
