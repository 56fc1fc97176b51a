"""Evaluates the requirements of wheels for the environment of a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["browser_environment", "needed_in_browser", "requirements_in_browser"]


def needed_in_browser(
    requires_dist: Iterable[str], python: str, extras: Iterable[str] = ()
) -> frozenset[NormalizedName]:
    """Return the names of the packages that requirements need in the browser.

    Parameters
    ----------
    requires_dist
        Requirements, as in ``Requires-Dist``.
    python
        Minor version of the Python in the browser, such as ``3.14``.
    extras
        Extras of the package that somebody requests.

    Returns
    -------
    frozenset of NormalizedName
        Their names.

    Examples
    --------
    >>> sorted(needed_in_browser(["Jedi>=0.18", "pywin32; os_name == 'nt'"], "3.14"))
    ['jedi']
    """
    requirements = requirements_in_browser(requires_dist, python, extras)
    return frozenset(canonicalize_name(requirement.name) for requirement in requirements)


def requirements_in_browser(
    requires_dist: Iterable[str], python: str, extras: Iterable[str] = ()
) -> tuple[Requirement, ...]:
    """Return the requirements whose markers hold in the browser.

    Parameters
    ----------
    requires_dist, python, extras
        As for `needed_in_browser`.

    Returns
    -------
    tuple of packaging.requirements.Requirement
        In their order.
    """
    environment = browser_environment(python)
    environments = [{**environment, "extra": extra} for extra in ("", *extras)]
    requirements = (Requirement(text) for text in requires_dist)
    return tuple(
        requirement
        for requirement in requirements
        if requirement.marker is None or any(map(requirement.marker.evaluate, environments))
    )


def browser_environment(python: str) -> dict[str, str]:
    """Return what environment markers are compared with in the browser.

    Parameters
    ----------
    python
        Minor version of the Python there.

    Returns
    -------
    dict
        Every variable of PEP 508 but ``extra``.
    """
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": "wasm32",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Emscripten",
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "emscripten",
    }
