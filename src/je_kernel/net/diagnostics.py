"""What can be found out of a failure that the browser keeps to itself.

A browser tells a script only that a request failed, not why, so that a page
cannot spy out the network it is in. What there is to go by is gathered here:
what the addresses say, what the browser says of the network, and whether the
host answers a request whose response may not be looked at (a *probe*).

A probe goes to the address that was asked for or to this site itself, nowhere
else, and is given up after `PROBE_SECONDS`. Where the browser cannot wait for
one in the middle of a cell (no JSPI: every browser on an iPad), it runs after
the cell, and the same failure in the next minute is told apart by its outcome.
"""

from __future__ import annotations

import ipaddress
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from je_kernel import errors, runtime

if TYPE_CHECKING:
    import asyncio

    from je_kernel.net.failure import TransportFailure

__all__ = [
    "PROBE_SECONDS",
    "Diagnosis",
    "diagnose",
    "diagnose_async",
    "error_class",
    "is_loopback",
    "is_private_host",
]

PROBE_SECONDS = 3
_REMEMBERED_SECONDS = 60


@dataclass(frozen=True)
class _Probed:
    host: bool | None
    site: bool | None


@dataclass(frozen=True)
class Diagnosis:
    """What is known about a failure.

    Parameters
    ----------
    kind
        What the transport saw: a `je_kernel.net.failure.FailureKind`.
    url
        The address that was asked for.
    page
        The address of this site; empty where there is none.
    online
        What the browser says of the network; None where it says nothing.
    host_answers
        Whether the host answered a probe; None where none could be made.
    site_answers
        Whether this site answered a probe; None where none could be made.
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

    def with_probes(self, probed: _Probed) -> Diagnosis:
        """Return the diagnosis and what probes have found."""
        return replace(self, host_answers=probed.host, site_answers=probed.site)

    @property
    def same_origin(self) -> bool:
        """Whether the address is of this site."""
        return _origin(self.url) == _origin(self.page)

    @property
    def refused(self) -> bool:
        """Whether the site answers and does not let this one read it."""
        return error_class(self) is errors.SiteForbidsError

    @property
    def undecided(self) -> bool:
        """Whether it could not be told why there is no response."""
        return error_class(self) is errors.NetworkError

    @property
    def may_lack_network(self) -> bool:
        """Whether a network that is gone would explain it."""
        kind = error_class(self)
        if kind in {errors.InsecureAddressError, errors.BadAddressError}:
            return False
        # What the host answered a while ago does not say that it would answer now.
        return self.remembered or kind is not errors.SiteForbidsError

    @property
    def insecure(self) -> bool:
        """Whether the browser forbids the address for coming over ``http://``."""
        asked, page = urlsplit(self.url), urlsplit(self.page)
        # https://w3c.github.io/webappsec-secure-contexts/#is-origin-trustworthy
        return page.scheme == "https" and asked.scheme == "http" and not is_loopback(self.url)

    @property
    def offline(self) -> bool:
        """Whether there is no network at all, as far as it would matter for the address."""
        if is_loopback(self.url):
            return False
        elsewhere = not self.same_origin and self.host_answers is False
        return self.online is False or (elsewhere and self.site_answers is False)


def error_class(diagnosis: Diagnosis) -> type[errors.NetworkError]:
    """Tell which kind of failure the diagnosis speaks for.

    Parameters
    ----------
    diagnosis
        What is known.

    Returns
    -------
    type of NetworkError
        `NetworkError` itself where the diagnosis does not suffice.

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
    # What is of this site may still lead on to another one, which forbids.
    if diagnosis.host_answers is False or (
        diagnosis.same_origin and diagnosis.site_answers is False
    ):
        return errors.UnreachableError
    return errors.NetworkError


def diagnose(failure: TransportFailure) -> Diagnosis:
    """Find out what can be known of a failure, with probes where the addresses do not tell.

    Parameters
    ----------
    failure
        What the transport saw.

    Returns
    -------
    Diagnosis
        What is known; in ordinary Python, only what the failure itself says.
    """
    known = _without_probes(failure)
    if not _worth_probing(known):
        return known
    if runtime.can_run_sync():
        from pyodide.ffi import run_sync

        probed: _Probed = run_sync(_probe(known.url, known.page))
        return known.with_probes(probed)
    found = _found.get(_origin(known.url))
    _probe_after_the_cell(known.url, known.page)
    if found is None or time.monotonic() - found[0] > _REMEMBERED_SECONDS:
        return known
    return replace(known.with_probes(found[1]), remembered=True)


async def diagnose_async(failure: TransportFailure) -> Diagnosis:
    """Find out what can be known of a failure: as `gather`, from a coroutine.

    Parameters
    ----------
    failure
        What the transport saw.
    """
    known = _without_probes(failure)
    if not _worth_probing(known):
        return known
    return known.with_probes(await _probe(known.url, known.page))


def _without_probes(failure: TransportFailure) -> Diagnosis:
    url = failure.request.url
    if failure.kind != "network" or not runtime.in_browser():
        return Diagnosis(failure.kind, url)
    import js

    here = str(js.location.href)
    page = here if here.startswith("http") else f"{js.location.origin}/"
    return Diagnosis(failure.kind, url, page, bool(js.navigator.onLine))


def _worth_probing(known: Diagnosis) -> bool:
    if known.kind != "network" or not known.page or known.insecure:
        return False
    return known.online is not False or is_loopback(known.url)


# What was found out of an origin after a cell, and when.
_found: dict[tuple[str, str, int | None], tuple[float, _Probed]] = {}
_probing: set[asyncio.Future[None]] = set()


def _probe_after_the_cell(url: str, page: str) -> None:
    import asyncio

    async def probe() -> None:
        _found[_origin(url)] = (time.monotonic(), await _probe(url, page))

    # Kept until it is done: the event loop itself holds a task only weakly.
    task = asyncio.ensure_future(probe())
    _probing.add(task)
    task.add_done_callback(_probing.discard)


async def _probe(url: str, page: str) -> _Probed:
    import asyncio

    import js

    host, site = await asyncio.gather(_answers(url), _answers(page))
    if not host and bool(getattr(js, "crossOriginIsolated", False)):
        # An isolated page may not even ask a site that does not expect it.
        return _Probed(None, site)
    return _Probed(host, site)


# In JavaScript, because an error of WebKit's fetch cannot be awaited from Python:
# it has no stack, and Pyodide then never resumes.
_ASK = """
(url, milliseconds) => fetch(url, {
  method: "HEAD", mode: "no-cors", cache: "no-store", credentials: "omit",
  referrerPolicy: "no-referrer", signal: AbortSignal.timeout(milliseconds),
}).then(() => true, () => false)
"""


async def _answers(url: str) -> bool:
    """Return whether anything comes when the head of a response is asked for, unseen."""
    from pyodide.code import run_js

    return bool(await run_js(_ASK)(url, PROBE_SECONDS * 1000))


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
        return parts.scheme, parts.hostname or "", port
    except ValueError:
        return "", url, None


def is_loopback(url: str) -> bool:
    """Return whether an address is of this very computer.

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
    """Return whether a host is of this computer or a local network, by its name or number.

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
    # A browser also takes 0x7f.1 and 2130706433 for numbers; a real name does not end so.
    last = host.rpartition(".")[2]
    return "." not in host or last.isdigit() or last.startswith("0x")
