"""Reads the locks of je-kernel-site: the versions of Pyodide and of all wheels in a site.

Each lock is a JSON file of this repository, one for each series of Pyodide that a
supported JupyterLite runs. Only it states the versions of anything in the browser,
except for the few wheels that jupyterlite-pyodide-kernel itself contains (the
*kernel wheels*): a site gets those of the installed version, because they belong to
its JavaScript.

The entries that reach the browser are `pyodide_lock.PackageSpec`. The whole
document is not a `pyodide_lock.PyodideLockSpec`: the ``info`` table of Pyodide 314
has no ``version``, which `pyodide_lock` 0.1 requires. jupyterlite-pyodide-lock
requires jupyterlite-core older than 0.6, and its successor, the addon of
jupyterlite-pyodide-kernel 0.8, resolves over the network in each build and needs uv.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from je_site.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "Core",
    "DistributionLock",
    "KernelWheel",
    "Mirror",
    "Scripts",
    "Wheel",
    "dependency_closure",
    "installed_pyodide_version",
    "locks_folder",
    "parse_lock",
    "parse_wheel",
    "read_lock",
    "series_of",
]

#: The sources of wheels, in the order in which they are tried.
RELEASE, MIRROR, PYPI = "release", "mirror", "pypi"


@dataclass(frozen=True)
class Core:
    """Pyodide itself, without the wheels: an npm package.

    Attributes
    ----------
    npm
        Name of the npm package.
    version
        Its version, which is Pyodide's.
    integrity
        The npm registry's integrity string of the package's archive.
    entry
        The module that a page loads: ``pyodide.mjs``, or ``pyodide.js`` where
        JupyterLite's worker is a classic one.
    files
        The files that a browser needs, and the sha256 of each, in hexadecimal.
    """

    npm: str
    version: str
    integrity: str
    entry: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Mirror:
    """A PyPI wheel that contains a Pyodide distribution.

    It is a mirror only: what comes from it must have the digests of the lock.

    Attributes
    ----------
    pypi
        Name on PyPI.
    version
        Its version.
    file_name
        Its wheel's file name.
    sha256
        Of that wheel, in hexadecimal.
    folder
        Where in the wheel the distribution is.
    """

    pypi: str
    version: str
    file_name: str
    sha256: str
    folder: str


@dataclass(frozen=True)
class Wheel:
    """One locked package.

    Attributes
    ----------
    name
        Normalised name.
    version, file_name, sha256
        Which file it is; the sha256 in hexadecimal is what counts.
    imports
        The modules whose import in a cell loads this package.
    depends
        Normalised names of the packages that Pyodide must load with it.
        Pyodide reads these only, never a wheel's own metadata.
    sources
        Where exactly this file is available: ``release`` (a release of Pyodide),
        ``mirror`` and ``pypi``.
    test
        Whether only this project's tests need it. No site has it.
    optional
        Whether a site is built without it if no source has it. An empty package
        replaces it if others need it.
    without_compiled
        Whether the file is for another platform, and the site serves it without
        its compiled modules.
    package_type, install_dir
        As in Pyodide's own lock.
    release
        The release of Pyodide that has the file, where that is not the lock's.
    """

    name: str
    version: str
    file_name: str
    sha256: str
    imports: tuple[str, ...]
    depends: tuple[str, ...]
    sources: tuple[str, ...]
    test: bool = False
    optional: bool = False
    without_compiled: bool = False
    package_type: str = "package"
    install_dir: str = "site"
    release: str = ""


@dataclass(frozen=True)
class KernelWheel:
    """A package whose wheel is part of jupyterlite-pyodide-kernel, in any version.

    Attributes
    ----------
    name
        Normalised name.
    imports, depends
        As in `Wheel`.
    """

    name: str
    imports: tuple[str, ...]
    depends: tuple[str, ...]


@dataclass(frozen=True)
class Scripts:
    """Files of an npm package that figures and kernels fetch from the site.

    Attributes
    ----------
    npm, version
        The package.
    integrity
        The npm registry's integrity string of the package's archive.
    files
        The files, and the sha256 of each, in hexadecimal.
    """

    npm: str
    version: str
    integrity: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class DistributionLock:
    """Everything that is locked for one series of Pyodide.

    Attributes
    ----------
    series
        ``314`` or ``0.29``: see `series_of`.
    python
        ``3.14``: the minor version of its Python.
    release
        The release of Pyodide that built the wheels; it has the core's ABI.
    core, mirror
        Where everything comes from.
    preload
        The packages that every kernel loads as it starts, besides je-kernel.
    wheels, kernel_wheels
        The packages, by normalised name.
    scripts
        What figures and the memory snapshot fetch from the site.
    """

    series: str
    python: str
    release: str
    core: Core
    mirror: Mirror
    preload: tuple[str, ...]
    wheels: Mapping[str, Wheel]
    kernel_wheels: Mapping[str, KernelWheel]
    scripts: tuple[Scripts, ...] = ()

    def served_wheels(self, *, with_tests: bool = False) -> tuple[Wheel, ...]:
        """Return the wheels of a site.

        Parameters
        ----------
        with_tests
            Whether to add those that only this project's tests need.

        Returns
        -------
        tuple of Wheel
            Sorted by name.
        """
        return tuple(
            self.wheels[name]
            for name in sorted(self.wheels)
            if with_tests or not self.wheels[name].test
        )

    def depends_of(self, name: str) -> tuple[str, ...]:
        """Return what a package needs, directly.

        Parameters
        ----------
        name
            Normalised name of a locked package.

        Returns
        -------
        tuple of str
            Normalised names.
        """
        return (self.wheels.get(name) or self.kernel_wheels[name]).depends

    def closure(self, names: Iterable[str]) -> frozenset[str]:
        """Return packages and everything that they need, directly or not.

        Parameters
        ----------
        names
            Names of locked packages.

        Returns
        -------
        frozenset of str
            Normalised names.

        Raises
        ------
        LockError
            When a package is not locked.
        """

        def depends_of(name: str) -> Iterable[str]:
            if name not in self.wheels and name not in self.kernel_wheels:
                raise LockError(f"The lock for Pyodide {self.series} has no package {name!r}.")
            return map(canonicalize_name, self.depends_of(name))

        return dependency_closure(map(canonicalize_name, names), depends_of)


def dependency_closure(
    names: Iterable[str], depends_of: Callable[[str], Iterable[str]]
) -> frozenset[str]:
    """Return packages and everything that they need, directly or not.

    Parameters
    ----------
    names
        Names of the packages.
    depends_of
        Returns the names of what a package needs directly.

    Returns
    -------
    frozenset of str
        Names.
    """
    closure: set[str] = set()
    pending = [*names]
    while pending:
        name = pending.pop()
        if name not in closure:
            closure.add(name)
            pending += depends_of(name)
    return frozenset(closure)


def series_of(version: str) -> str:
    """Name the series of Pyodide releases that a version belongs to.

    Releases of one series share an ABI. Since 314 the first number is the
    series (it is Python's version); before, the first two were.

    Parameters
    ----------
    version
        A version of Pyodide.

    Returns
    -------
    str
        The series.

    Raises
    ------
    LockError
        When the text is not a version.

    Examples
    --------
    >>> series_of("314.0.6"), series_of("0.29.3")
    ('314', '0.29')
    """
    match = re.match(r"(\d+)\.(\d+)", version)
    if match is None:
        raise LockError(f"{version!r} is not a version of Pyodide.")
    return f"0.{match[2]}" if match[1] == "0" else match[1]


def installed_pyodide_version() -> str:
    """Return the version of Pyodide that the installed JupyterLite kernel expects.

    Returns
    -------
    str
        Such as ``314.0.6``.
    """
    from jupyterlite_pyodide_kernel.constants import (  # type: ignore[import-untyped]
        PYODIDE_VERSION,
    )

    return str(PYODIDE_VERSION)


def locks_folder() -> Path:
    """Return the folder of the locks: the checkout's, or what the published wheel bundles.

    Returns
    -------
    pathlib.Path
        ``wheels/`` of a checkout, or ``bundled/`` of this package.
    """
    bundled = Path(__file__).parent / "bundled"
    if bundled.is_dir():
        return bundled
    return Path(__file__).parents[3] / "wheels"


def read_lock(version: str | None = None) -> DistributionLock:
    """Read the lock of a version of Pyodide.

    Parameters
    ----------
    version
        A version of Pyodide. By default, the one that the installed JupyterLite
        kernel expects.

    Returns
    -------
    DistributionLock
        The lock of the version's series.

    Raises
    ------
    LockError
        When there is no lock for that series, or it cannot be read.
    """
    series = series_of(version or installed_pyodide_version())
    path = locks_folder() / f"pyodide-{series}.lock.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        known = ", ".join(sorted(p.name[8:-10] for p in path.parent.glob("pyodide-*.lock.json")))
        raise LockError(
            f"This version of je-kernel-site has no lock for Pyodide {series} (it has {known}): "
            "install a version of jupyterlite-pyodide-kernel that runs one of these."
        ) from None
    except (OSError, ValueError) as error:
        raise LockError(f"The lock {path} cannot be read: {error}.") from error
    return parse_lock(data)


def parse_lock(data: Mapping[str, Any]) -> DistributionLock:
    """Turn the JSON of a committed lock into a `DistributionLock`.

    Parameters
    ----------
    data
        What the file contains.

    Returns
    -------
    DistributionLock
        The same, typed.

    Raises
    ------
    LockError
        When something is missing or unknown.
    """
    try:
        return DistributionLock(
            series=data["series"],
            python=data["python"],
            release=data["release"],
            core=Core(**data["core"]),
            mirror=Mirror(**data["mirror"]),
            preload=tuple(data["preload"]),
            wheels={name: parse_wheel(name, entry) for name, entry in data["wheels"].items()},
            kernel_wheels={
                name: KernelWheel(name=name, **_with_tuples(entry))
                for name, entry in data["kernel_wheels"].items()
            },
            scripts=tuple(Scripts(**entry) for entry in data.get("scripts", ())),
        )
    except (KeyError, TypeError) as error:
        raise LockError(f"The committed lock is malformed: {error}.") from error


def parse_wheel(name: str, entry: Mapping[str, Any]) -> Wheel:
    """Turn a wheel's JSON into a `Wheel`.

    Parameters
    ----------
    name
        Normalised name of the package.
    entry
        What a lock states of it.

    Returns
    -------
    Wheel
        The same, typed.

    Raises
    ------
    TypeError
        When something is missing or unknown.
    """
    return Wheel(name=name, **_with_tuples(entry))


def _with_tuples(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
