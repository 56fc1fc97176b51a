"""What a conformance case is. Nothing here needs pytest: it also runs inside browsers."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import traceback
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = ["CASES", "Case", "Law", "Site", "case", "load", "run"]

_MODULES = (
    "urllib_cases",
    "http_client_cases",
    "trouble_cases",
    "requests_cases",
    "httpx_cases",
    "data_cases",
)


@dataclass(frozen=True)
class Site:
    """Where a case finds its servers, and where it runs.

    Parameters
    ----------
    httpbin, local, other
        Addresses without a slash at the end: of httpbin, of our server, and of
        our server under another name, which makes it another origin.
    refused
        An address at which nothing listens.
    in_browser
        Whether this is a browser. Only cases that carry a `Law` may ask.
    waits
        Whether Python can wait for the browser here (or needs not).
    """

    httpbin: str
    local: str
    other: str
    refused: str
    in_browser: bool = False
    waits: bool = True

    def to_json(self) -> str:
        """Return the site for `from_json`."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Site:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class Law:
    """A difference that browsers force: one row of the table in the documentation."""

    topic: str
    python: str
    browser: str


@dataclass(frozen=True)
class Case:
    """One fact about the network, as Python code that asserts it."""

    name: str
    check: Callable[..., Any]
    arguments: tuple[Any, ...]
    needs: tuple[str, ...]
    law: Law | None
    core: bool


CASES: dict[str, Case] = {}


def case(
    *,
    each: Iterable[Any] | None = None,
    needs: Iterable[str] = (),
    law: Law | None = None,
    core: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as a case, or as one case for each of some values.

    Parameters
    ----------
    each
        Values for the argument after ``site``.
    needs
        Names of the packages that it imports.
    law
        What browsers do otherwise, if they do.
    core
        Whether it is one of those that every browser is tried with.
    """

    def register(check: Callable[..., Any]) -> Callable[..., Any]:
        name = check.__name__.replace("_", " ")
        variants = [((), name)] if each is None else [((v,), f"{name}: {v}") for v in each]
        for arguments, full_name in variants:
            assert full_name not in CASES, full_name
            CASES[full_name] = Case(full_name, check, arguments, tuple(needs), law, core)
        return check

    return register


def load() -> dict[str, Case]:
    """Import every module of cases."""
    for module in _MODULES:
        importlib.import_module(f"tests.conformance.{module}")
    return CASES


async def run(name: str, site: Site) -> str | None:
    """Run one case.

    Returns
    -------
    str or None
        The traceback if it failed.
    """
    found = CASES[name]
    try:
        result = found.check(site, *found.arguments)
        if inspect.isawaitable(result):
            await result
    except Exception:
        return traceback.format_exc()
    return None


def run_here(name: str, site: Site) -> str | None:
    """Run one case in this Python."""
    return asyncio.run(run(name, site))
