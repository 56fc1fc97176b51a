"""Writes a Pyodide distribution: into a site, or flat into one folder.

In a site, each file has a name that changes with its content, so that browsers may cache
it for ever::

    static/je-kernel/pyodide-314.0.6/pyodide.mjs …
    static/je-kernel/pyodide-314.0.6/je-kernel-5c4b3a2918.mjs
    static/je-kernel/wheels/1f2e3d4c5b/pandas-3.0.2-….whl
    static/je-kernel/npm/leaflet@1.9.3/dist/leaflet.js
    static/je-kernel/pyodide-lock-6a7b8c9d0e.json
"""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyodide_lock import PackageSpec

from je_site.bundle import bundle
from je_site.cache import atomic_write, copy_atomically, write_if_changed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from je_site.assembly import Package
    from je_site.lock import Core

__all__ = [
    "STATIC",
    "core_lock",
    "has_module_entry",
    "lock_entry",
    "place_core",
    "place_wheel",
    "prune",
    "write_flat",
    "write_lock",
]

#: The folder of these files in a site.
STATIC = "static/je-kernel"
_DIGITS = 10
_ENTRY = Path(__file__).with_name("entry.mjs")


def core_lock(core: Path) -> dict[str, Any]:
    """Read the lock that comes with Pyodide itself.

    Parameters
    ----------
    core
        Folder of an unpacked Pyodide.

    Returns
    -------
    dict
        With ``info`` and ``packages``.
    """
    lock: dict[str, Any] = json.loads((core / "pyodide-lock.json").read_text(encoding="utf-8"))
    return lock


def lock_entry(package: Package, file_name: str) -> dict[str, Any]:
    """Return the entry of a package in Pyodide's lock.

    Parameters
    ----------
    package
        The package.
    file_name
        Its wheel: a URL, or a path relative to the lock.

    Returns
    -------
    dict
        The package's entry.
    """
    spec = PackageSpec(
        name=package.name,
        version=package.version,
        file_name=file_name,
        install_dir=package.install_dir,
        sha256=package.sha256,
        package_type=package.package_type,  # type: ignore[arg-type]
        imports=list(package.imports),
        depends=list(package.depends),
    )
    return spec.model_dump()


def place_core(core: Core, folder: Path, output: Path) -> str:
    """Copy Pyodide itself into a site.

    Parameters
    ----------
    core
        The locked Pyodide.
    folder
        Its files.
    output
        Root of the site.

    Returns
    -------
    str
        Address of the module that a kernel loads, relative to the root of the site. It is
        ``entry.mjs``, which loads Pyodide's own, or Pyodide's own where that is a script.
    """
    target = output / STATIC / f"pyodide-{core.version}"
    for name in core.files:
        _copy_if_absent(folder / name, target / name)
    entry = core.entry
    if has_module_entry(core):
        module = bundle(_ENTRY).encode()
        entry = f"je-kernel-{hashlib.sha256(module).hexdigest()[:_DIGITS]}.mjs"
        write_if_changed(target / entry, module)
    return f"./{STATIC}/pyodide-{core.version}/{entry}"


def has_module_entry(core: Core) -> bool:
    """Tell whether ``entry.mjs`` can replace the entry module of a Pyodide.

    Parameters
    ----------
    core
        The locked Pyodide. JupyterLite loads 0.29 and older by scripts.
    """
    return core.entry == "pyodide.mjs"


def place_wheel(package: Package, output: Path) -> str:
    """Copy a wheel into a site.

    Parameters
    ----------
    package
        The package.
    output
        Root of the site.

    Returns
    -------
    str
        The wheel's path, relative to ``static/je-kernel``, where the lock is.
    """
    relative = f"wheels/{package.sha256[:_DIGITS]}/{package.path.name}"
    _copy_if_absent(package.path, output / STATIC / relative)
    return relative


def _copy_if_absent(source: Path, target: Path) -> None:
    """Copy a file whose name changes with its content."""
    if not target.is_file() or target.stat().st_size != source.stat().st_size:
        copy_atomically(source, target)


def write_lock(output: Path, info: Mapping[str, Any], packages: Mapping[str, Any]) -> str:
    """Write the lock of a site.

    Parameters
    ----------
    output
        Root of the site.
    info, packages
        Its content.

    Returns
    -------
    str
        Its address, relative to the root of the site.
    """
    content = _lock_bytes(info, packages)
    name = f"pyodide-lock-{hashlib.sha256(content).hexdigest()[:_DIGITS]}.json"
    path = output / STATIC / name
    if not path.is_file() or path.read_bytes() != content:
        with atomic_write(path) as file:
            file.write(content)
    return f"./{STATIC}/{name}"


def _lock_bytes(info: Mapping[str, Any], packages: Mapping[str, Any]) -> bytes:
    text = json.dumps({"info": dict(info), "packages": dict(packages)}, sort_keys=True)
    return text.encode()


def prune(output: Path, keep: Iterable[str]) -> None:
    """Remove files of earlier builds from a site.

    Parameters
    ----------
    output
        Root of the site.
    keep
        Files of this build: addresses relative to the root of the site, or paths relative
        to ``static/je-kernel``. A folder stands for its content.
    """
    root = output / STATIC
    kept = {name.removeprefix(f"./{STATIC}/") for name in keep}
    for path in (
        *root.glob("pyodide-*/je-kernel-*"),
        *root.glob("pyodide-*"),
        *root.glob("wheels/*/*"),
        *root.glob("npm/@*/*"),
        *root.glob("npm/*"),
        *root.glob("snapshots/*"),
    ):
        name = path.relative_to(root).as_posix()
        if name in kept or any(other.startswith(f"{name}/") for other in kept):
            continue
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for folder in root.glob("wheels/*"):
        if not any(folder.iterdir()):
            folder.rmdir()


def write_flat(folder: Path, core: Core, core_folder: Path, packages: Iterable[Package]) -> None:
    """Write a whole distribution into one folder, as Pyodide's releases have it.

    Parameters
    ----------
    folder
        The folder. Other files in it stay.
    core, core_folder
        Pyodide itself, and its files.
    packages
        All packages.
    """
    entries = {}
    for package in packages:
        copy_atomically(package.path, folder / package.path.name)
        entries[package.name] = lock_entry(package, package.path.name)
    for name in core.files:
        copy_atomically(core_folder / name, folder / name)
    with atomic_write(folder / "pyodide-lock.json") as file:
        file.write(_lock_bytes(core_lock(core_folder)["info"], entries))
