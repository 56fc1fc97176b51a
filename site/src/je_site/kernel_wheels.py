"""Finds the wheels in the labextension of jupyterlite-pyodide-kernel.

They belong to its JavaScript, so a site uses those of the installed version.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.version import Version

from je_site.errors import AssemblyError

if TYPE_CHECKING:
    from je_site.lock import DistributionLock

__all__ = ["InstalledKernelWheel", "installed_kernel_wheels", "kernel_extension"]

_EXTENSION = "share/jupyter/labextensions/@jupyterlite/pyodide-kernel-extension"


@dataclass(frozen=True)
class InstalledKernelWheel:
    """A wheel in the labextension.

    Attributes
    ----------
    name, version
        Of the package.
    path
        The file.
    """

    name: str
    version: str
    path: Path


def kernel_extension() -> Path:
    """Return the folder of the installed labextension.

    Returns
    -------
    pathlib.Path
        It contains ``package.json`` and ``static``.

    Raises
    ------
    AssemblyError
        When the labextension is not installed.
    """
    folder = Path(sys.prefix) / _EXTENSION
    if not (folder / "package.json").is_file():
        raise AssemblyError(
            f"{folder} is missing: install jupyterlite-pyodide-kernel into the environment "
            "that runs this command."
        )
    return folder


def installed_kernel_wheels(lock: DistributionLock) -> dict[str, InstalledKernelWheel]:
    """Find the kernel wheels of a lock.

    Parameters
    ----------
    lock
        Names them.

    Returns
    -------
    dict
        The newest version of each, by normalised name.

    Raises
    ------
    AssemblyError
        When the labextension does not have one of them.
    """
    folder = kernel_extension() / "static" / "pypi"
    index = json.loads((folder / "all.json").read_text(encoding="utf-8"))
    found = {}
    for name in lock.kernel_wheels:
        if name not in index:
            raise AssemblyError(
                f"The installed jupyterlite-pyodide-kernel carries no wheel of {name}: "
                "install a version that je-kernel-site supports."
            )
        releases = index[name]["releases"]
        version = max(releases, key=Version)
        found[name] = InstalledKernelWheel(name, version, folder / releases[version][0]["filename"])
    return found
