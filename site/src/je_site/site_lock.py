"""Reads and writes the lock of a site, ``je-kernel.lock``, which the deployer commits.

It states the packages that the lessons of a site need and the lock of je-kernel-site lacks,
each with its sha256, and the packages that no browser can have, each with the reason.
A build uses exactly these packages. Only ``je-kernel lock`` changes the file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, fields, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from je_site.cache import atomic_write
from je_site.errors import LockError
from je_site.lock import PYPI, RELEASE, DistributionLock, Wheel, parse_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = [
    "LOCK_NAME",
    "SiteLock",
    "merge_site_lock",
    "read_site_lock",
    "site_lock_path",
    "write_site_lock",
]

LOCK_NAME = "je-kernel.lock"
_VERSION = 1


@dataclass(frozen=True)
class SiteLock:
    """The packages that a site adds to those of `je_site.lock`.

    Attributes
    ----------
    series
        The series of Pyodide that it was resolved for.
    requested
        Requirements of the deployer.
    wheels
        The packages, by normalised name.
    unavailable
        Reasons, in half a sentence, by the module that a lesson imports or the package
        that it requires.
    """

    series: str
    requested: tuple[str, ...] = ()
    wheels: Mapping[str, Wheel] = field(default_factory=dict)
    unavailable: Mapping[str, str] = field(default_factory=dict)


def site_lock_path(lite_dir: Path | None, contents: Sequence[Path]) -> Path | None:
    """Return where the lock of a site is, or would be.

    Parameters
    ----------
    lite_dir
        The JupyterLite project, if there is one.
    contents
        Files and folders of the site's contents.

    Returns
    -------
    pathlib.Path or None
        In the project, or else in the first folder of contents, or beside the first
        file; None where there is none of these.
    """
    places = [path for path in (lite_dir, *contents) if path is not None]
    if not places:
        return None
    return (places[0].parent if places[0].is_file() else places[0]) / LOCK_NAME


def read_site_lock(path: Path) -> SiteLock | None:
    """Read a site's lock.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    SiteLock or None
        None when there is no such file.

    Raises
    ------
    LockError
        When it is damaged, or of another version of je-kernel-site.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["version"] != _VERSION:
            raise LockError(
                f"{path} has version {data['version']} of its format, and this je-kernel-site "
                f"reads version {_VERSION}: install the version that wrote it, or remove the "
                "file and run: je-kernel lock"
            )
        wheels = {name: parse_wheel(name, entry) for name, entry in data["packages"].items()}
        site_lock = SiteLock(
            series=str(data["series"]),
            requested=tuple(str(Requirement(text)) for text in data["requested"]),
            wheels=wheels,
            unavailable=dict(data["unavailable"]),
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LockError(
            f"{path} cannot be read ({type(error).__name__}: {error}): take it from version "
            "control again, or remove it and run: je-kernel lock"
        ) from error
    for wheel in wheels.values():
        problem = _problem_with(wheel)
        if problem:
            raise LockError(f"{path} cannot be used: its {wheel.name} {problem}.")
    return site_lock


def _problem_with(wheel: Wheel) -> str | None:
    """Say what is wrong with an entry; its names become paths and arguments of pip."""
    if canonicalize_name(wheel.name) != wheel.name or not re.fullmatch(r"[a-z0-9-]+", wheel.name):
        return "is not spelled as package names are"
    if not re.fullmatch(r"[0-9a-f]{64}", wheel.sha256):
        return "has no sha256"
    if PurePosixPath(wheel.file_name).name != wheel.file_name or "\\" in wheel.file_name:
        return "has a file name that is a path"
    if not wheel.sources or not set(wheel.sources) <= {RELEASE, PYPI}:
        return f"comes from {wheel.sources}, not from {RELEASE} or {PYPI}"
    if wheel.sources == (RELEASE,):
        return None if re.fullmatch(r"[0-9a-z.]+", wheel.release) else "names no release"
    try:
        _, version, _, _ = parse_wheel_filename(wheel.file_name)
    except InvalidWheelFilename:
        return "is not a wheel"
    return None if str(version) == wheel.version else f"is a wheel of version {version}"


def write_site_lock(path: Path, site_lock: SiteLock) -> None:
    """Write a site's lock.

    Parameters
    ----------
    path
        The file.
    site_lock
        What it states.
    """
    data = {
        "version": _VERSION,
        "series": site_lock.series,
        "requested": list(site_lock.requested),
        "packages": {name: _plain(site_lock.wheels[name]) for name in sorted(site_lock.wheels)},
        "unavailable": dict(sorted(site_lock.unavailable.items())),
    }
    with atomic_write(path) as file:
        file.write(f"{json.dumps(data, indent=1, ensure_ascii=False)}\n".encode())


def _plain(wheel: Wheel) -> dict[str, Any]:
    """Return what differs from the defaults, and the name not twice."""
    return {
        each.name: getattr(wheel, each.name)
        for each in fields(wheel)
        if each.name != "name" and getattr(wheel, each.name) != each.default
    }


def merge_site_lock(lock: DistributionLock, site_lock: SiteLock | None) -> DistributionLock:
    """Add a site's packages to the committed lock.

    Parameters
    ----------
    lock
        The committed lock.
    site_lock
        The site's own, or None.

    Returns
    -------
    DistributionLock
        Both. What the committed lock has by now is taken from there.

    Raises
    ------
    LockError
        When the site's lock is of another Pyodide, or names a wheel for another one.
    """
    if site_lock is None:
        return lock
    if site_lock.series != lock.series:
        raise LockError(
            f"{LOCK_NAME} is for Pyodide {site_lock.series}, and the site has Pyodide "
            f"{lock.series}: run: je-kernel lock --update"
        )
    further = {
        name: wheel
        for name, wheel in site_lock.wheels.items()
        if name not in lock.kernel_wheels and (name not in lock.wheels or lock.wheels[name].test)
    }
    for wheel in further.values():
        if wheel.file_name.endswith(".whl") and not _fits(wheel.file_name, lock.python):
            raise LockError(
                f"{LOCK_NAME} names {wheel.file_name}, which is not for Python {lock.python} in "
                "a browser: run: je-kernel lock --update"
            )
    return replace(lock, wheels={**lock.wheels, **further})


def _fits(file_name: str, python: str) -> bool:
    abis = ("none", "abi3", f"cp{python.replace('.', '')}")
    return any(
        tag.abi in abis and (tag.platform == "any" or tag.platform.endswith("_wasm32"))
        for tag in parse_wheel_filename(file_name)[3]
    )
