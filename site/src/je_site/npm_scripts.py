"""Puts npm files into a site: scripts and styles of figures, and the snapshot's decoder.

They have the same path as on a content delivery network for npm::

    static/je-kernel/npm/leaflet@1.9.3/dist/leaflet.js
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

from je_site.cache import (
    cache_folder,
    copy_atomically,
    is_verified,
    sha256_of,
    temporary_folder,
)
from je_site.distribution import STATIC
from je_site.errors import AssemblyError
from je_site.sources import script_from_network, scripts_from_npm

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from je_site.lock import DistributionLock, Scripts
    from je_site.progress import Reporter

__all__ = ["place_scripts"]


def place_scripts(lock: DistributionLock, output: Path, reporter: Reporter) -> tuple[str, ...]:
    """Put the locked scripts into a site, and fetch them first if they are not in the cache.

    Parameters
    ----------
    lock
        Names them.
    output
        Root of the site.
    reporter
        Where to show progress.

    Returns
    -------
    tuple of str
        Their paths, relative to ``static/je-kernel``.

    Raises
    ------
    AssemblyError
        When one cannot be fetched, or differs from the locked file.
    """
    placed = []
    for scripts in lock.scripts:
        folder = _fetched(scripts, lock, reporter)
        for name in scripts.files:
            relative = f"npm/{scripts.npm}@{scripts.version}/{name}"
            target = output / STATIC / relative
            if not is_verified(target, scripts.files[name]):
                copy_atomically(folder / name, target)
            placed.append(relative)
    return tuple(placed)


def _fetched(scripts: Scripts, lock: DistributionLock, reporter: Reporter) -> Path:
    folder = cache_folder() / "npm" / f"{scripts.npm}@{scripts.version}"
    missing = _missing(scripts, folder)
    if not missing:
        return folder
    problems = []
    with temporary_folder() as work:
        problem = scripts_from_npm(scripts, work, reporter)
        if problem:
            problems.append(f"npm: {problem}")
        _keep(scripts, missing, work, folder)
    for name in _missing(scripts, folder):
        try:
            script_from_network(lock, scripts, name, folder / name)
        except (OSError, http.client.HTTPException) as error:
            problems.append(f"{name}: {error}")
            break
    if _missing(scripts, folder):
        raise AssemblyError(
            f"{scripts.npm} {scripts.version} could not be had from anywhere "
            f"({'; '.join(problems) or 'it is not the one that the lock means'}): connect to the "
            "internet once; what is already here is kept."
        )
    return folder


def _missing(scripts: Scripts, folder: Path) -> list[str]:
    return [
        name for name, sha256 in scripts.files.items() if not is_verified(folder / name, sha256)
    ]


def _keep(scripts: Scripts, names: Iterable[str], work: Path, folder: Path) -> None:
    for name in names:
        if (work / name).is_file() and sha256_of(work / name) == scripts.files[name]:
            copy_atomically(work / name, folder / name)
