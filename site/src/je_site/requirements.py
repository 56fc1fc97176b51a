"""What a wheel's metadata says that it needs, where it runs in a browser."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["browser_environment", "needed_in_browser", "requirements_in_browser"]


def needed_in_browser(requires_dist: Iterable[str], python: str) -> frozenset[NormalizedName]:
    """Return the packages that requirements name, without what Pyodide is not.

    Parameters
    ----------
    requires_dist
        Requirements, as in ``Requires-Dist``.
    python
        Minor version of the Python in the browser, such as ``3.14``.

    Returns
    -------
    frozenset of NormalizedName
        Their names.

    Examples
    --------
    >>> sorted(needed_in_browser(["Jedi>=0.18", "pywin32; os_name == 'nt'"], "3.14"))
    ['jedi']
    """
    requirements = requirements_in_browser(requires_dist, python)
    return frozenset(canonicalize_name(requirement.name) for requirement in requirements)


def requirements_in_browser(requires_dist: Iterable[str], python: str) -> tuple[Requirement, ...]:
    """Return requirements, without those of what Pyodide is not.

    Parameters
    ----------
    requires_dist, python
        As for `needed_in_browser`.

    Returns
    -------
    tuple of packaging.requirements.Requirement
        In their order.
    """
    environment = {**browser_environment(python), "extra": ""}
    requirements = (Requirement(text) for text in requires_dist)
    return tuple(
        requirement
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate(environment)
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
