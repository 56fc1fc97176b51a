"""Assembles a Pyodide distribution in the cache: the core, and every wheel.

Verified files in the cache are not fetched again: a build that was stopped continues where
it was, and with a full cache it needs no network.
"""

from __future__ import annotations

import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name
from pkginfo import get_metadata
from pyodide_lock.utils import parse_top_level_import_name

from je_site.bytecode import compile_wheels
from je_site.cache import (
    cache_folder,
    disk_errors_as_assembly_errors,
    is_verified,
    sha256_of,
    sweep_leftovers,
    temporary_folder,
)
from je_site.compression import gzipped
from je_site.errors import AssemblyError
from je_site.kernel_wheels import installed_kernel_wheels
from je_site.lock import PYPI
from je_site.own_wheel import own_wheel
from je_site.placeholder import empty_wheel
from je_site.portable_wheel import portable_wheel
from je_site.requirements import needed_in_browser
from je_site.sources import (
    cached_wheel,
    core_from_npm,
    core_from_release,
    wheels_from_mirror,
    wheels_from_pypi,
    wheels_from_release,
)

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence
    from pathlib import Path

    from je_site.lock import Core, DistributionLock, Wheel
    from je_site.progress import Reporter
    from je_site.sources import FetchResult

__all__ = [
    "OWN_NAME",
    "Package",
    "assemble",
    "assemble_core",
    "fetch_wheels",
    "kernel_packages",
    "own_packages",
]

OWN_NAME = "je-kernel"

#: What je-kernel depends on and no start uses: the import that needs it loads it.
_LOADED_BY_IMPORT = frozenset({"pyodide-http"})


@dataclass(frozen=True)
class Package:
    """A package of a distribution, and the wheel that it is loaded from.

    Attributes
    ----------
    name, version, imports, depends, package_type, install_dir
        As in Pyodide's lock.
    path
        The wheel, on this machine.
    sha256
        Of that file, in hexadecimal.
    original
        The original wheel, where `path` is a compiled one. It has the front end as well.
    """

    name: str
    version: str
    path: Path
    sha256: str
    imports: tuple[str, ...]
    depends: tuple[str, ...]
    package_type: str = "package"
    install_dir: str = "site"
    original: Path | None = None


def assemble(
    lock: DistributionLock,
    reporter: Reporter,
    *,
    extra_wheels: Sequence[Path] = (),
    without: Container[str] = (),
    with_tests: bool = False,
    compiled: bool = True,
) -> tuple[Path, tuple[Package, ...]]:
    """Fetch the missing files of a distribution, and return all of it.

    Parameters
    ----------
    lock
        The lock of the distribution.
    reporter
        Where to show progress.
    extra_wheels
        Wheels of the deployer.
    without
        Names of locked packages to leave out.
    with_tests
        Whether to add packages that only this project's tests need.
    compiled
        Whether to compile the Python of the wheels ahead of time.

    Returns
    -------
    core : pathlib.Path
        Folder of Pyodide itself.
    packages : tuple of Package
        All packages, sorted by name.

    Raises
    ------
    AssemblyError
        When a file cannot be fetched, or differs from the locked one.
    """
    sweep_leftovers()
    core = assemble_core(lock.core, reporter)
    packages = (
        *_locked_packages(lock, reporter, without, with_tests=with_tests),
        *(p for p in kernel_packages(lock) if p.name not in without),
        *own_packages(lock, extra_wheels),
    )
    if compiled:
        packages = _compiled(packages, core, lock.core.version, reporter)
    by_name = {package.name: package for package in packages}
    return core, _without_cycles(by_name)


def _without_cycles(packages: Mapping[str, Package]) -> tuple[Package, ...]:
    """Remove dependency cycles, and sort by name.

    Pyodide installs a package after its dependencies, and waits for ever where two
    packages depend on each other. A dependency that is removed is loaded when imported.
    """
    depends = {name: [*packages[name].depends] for name in sorted(packages)}
    while True:
        try:
            TopologicalSorter(depends).prepare()
        except CycleError as error:
            needed, needing = error.args[1][:2]
            depends[needing].remove(needed)
        else:
            break
    return tuple(replace(packages[name], depends=tuple(depends[name])) for name in depends)


def assemble_core(core: Core, reporter: Reporter) -> Path:
    """Fetch Pyodide itself, if it is not in the cache.

    Parameters
    ----------
    core
        Which one.
    reporter
        Where to show progress.

    Returns
    -------
    pathlib.Path
        A folder with its files.

    Raises
    ------
    AssemblyError
        When it cannot be fetched, or differs from the locked one.
    """
    folder = cache_folder() / "core" / f"{core.npm}-{core.version}"
    if _has_core(folder, core):
        return folder
    problems = []
    for source, name in ((core_from_npm, "npm"), (core_from_release, "Pyodide's servers")):
        with temporary_folder() as work:
            unpacked = work / "core"
            unpacked.mkdir()
            problem = source(core, unpacked, reporter) or _put_core(unpacked, folder, core)
            if problem is None:
                return folder
            problems.append(f"{name}: {problem}")
    raise AssemblyError(
        f"Pyodide {core.version} could not be had from anywhere ({'; '.join(problems)}): connect "
        "to the internet once; what is already here is kept."
    )


def _has_core(folder: Path, core: Core) -> bool:
    if not core.files:
        return (folder / "pyodide-lock.json").is_file()
    return all(is_verified(folder / name, sha256) for name, sha256 in core.files.items())


def _put_core(unpacked: Path, folder: Path, core: Core) -> str | None:
    """Move verified files into the cache; return what is wrong with them, if anything."""
    for name, sha256 in core.files.items():
        if not (unpacked / name).is_file() or sha256_of(unpacked / name) != sha256:
            return f"its {name} is not the file that the lock means"
    with disk_errors_as_assembly_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for file in unpacked.iterdir():
            file.replace(folder / file.name)
    for name in core.files:
        if name.endswith((".wasm", ".mjs", ".js")):
            gzipped(folder / name)  # Compressed now, not when the first page is opened.
    return None


def _locked_packages(
    lock: DistributionLock, reporter: Reporter, without: Container[str], *, with_tests: bool
) -> tuple[Package, ...]:
    served = lock.served_wheels(with_tests=with_tests)
    wheels = [wheel for wheel in served if wheel.name not in without]
    unavailable = _fetch(lock, wheels, reporter)
    needed = {*lock.preload, *(name for wheel in wheels for name in wheel.depends)}
    missed = [wheel.name for wheel in unavailable if wheel.name not in lock.preload]
    if missed:
        reporter.warn(
            f"Pyodide's servers alone have {' and '.join(missed)}, and they cannot be reached: "
            "the site is built without, and an import of it fails."
        )
    return tuple(
        _empty_package(wheel) if wheel in unavailable else _locked_package(wheel)
        for wheel in wheels
        if wheel not in unavailable or wheel.name in needed
    )


def _locked_package(wheel: Wheel) -> Package:
    path, sha256 = cached_wheel(wheel), wheel.sha256
    if wheel.without_compiled:
        path = portable_wheel(path)
        sha256 = sha256_of(path)
    return Package(
        name=wheel.name,
        version=wheel.version,
        path=path,
        sha256=sha256,
        imports=wheel.imports,
        depends=wheel.depends,
        package_type=wheel.package_type,
        install_dir=wheel.install_dir,
    )


def _empty_package(wheel: Wheel) -> Package:
    path = empty_wheel(wheel.name, wheel.version)
    return Package(wheel.name, wheel.version, path, sha256_of(path), imports=(), depends=())


def _fetch(lock: DistributionLock, wheels: Iterable[Wheel], reporter: Reporter) -> list[Wheel]:
    """Fetch wheels; return the optional ones that are not available."""
    missing, problems = fetch_wheels(lock, wheels, reporter)
    _raise_for_required([wheel for wheel in missing if not wheel.optional], problems)
    return missing


def fetch_wheels(
    lock: DistributionLock, wheels: Iterable[Wheel], reporter: Reporter
) -> tuple[list[Wheel], list[str]]:
    """Fetch the wheels that the cache does not have, from each source in turn.

    Parameters
    ----------
    lock
        The lock of the wheels.
    wheels
        The wheels.
    reporter
        Where to show progress.

    Returns
    -------
    missing : list of Wheel
        The wheels that no source has.
    problems : list of str
        The reasons: half a sentence for each source.
    """
    missing = [w for w in wheels if not is_verified(cached_wheel(w), w.sha256)]
    problems: list[str] = []

    def after(fetched: FetchResult) -> list[Wheel]:
        problems.extend(fetched.problems)
        return [wheel for wheel in missing if wheel.name not in fetched.paths]

    missing = after(wheels_from_release(lock, missing, reporter))
    # The wheels on PyPI are small, and the mirror is large: both are fetched at once.
    mirrored = [wheel for wheel in missing if PYPI not in wheel.sources]
    with ThreadPoolExecutor(2) as pool:
        sources = (
            pool.submit(wheels_from_mirror, lock, mirrored, reporter),
            pool.submit(wheels_from_pypi, lock, missing, reporter),
        )
        for source in sources:
            missing = after(source.result())
    untried = [wheel for wheel in missing if wheel not in mirrored]
    missing = after(wheels_from_mirror(lock, untried, reporter))
    return missing, problems


def _raise_for_required(missing: Sequence[Wheel], problems: Sequence[str]) -> None:
    if not missing:
        return
    names = ", ".join(wheel.file_name for wheel in missing[:3])
    more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
    raise AssemblyError(
        f"{names}{more} could not be had from anywhere ({'; '.join(problems)}): connect to "
        "the internet once; what is already here is kept."
    )


def kernel_packages(lock: DistributionLock) -> tuple[Package, ...]:
    """Return the packages of the installed JupyterLite kernel.

    Parameters
    ----------
    lock
        The lock that names them.

    Returns
    -------
    tuple of Package
        In the order of the lock.

    Raises
    ------
    AssemblyError
        When one is not installed.
    """
    return tuple(
        Package(
            name=name,
            version=wheel.version,
            path=wheel.path,
            sha256=sha256_of(wheel.path),
            imports=lock.kernel_wheels[name].imports,
            depends=lock.kernel_wheels[name].depends,
        )
        for name, wheel in installed_kernel_wheels(lock).items()
    )


def own_packages(lock: DistributionLock, extra_wheels: Sequence[Path] = ()) -> tuple[Package, ...]:
    """Return je-kernel itself, and the packages of the deployer's wheels.

    Parameters
    ----------
    lock
        The lock that they complete.
    extra_wheels
        Wheels of the deployer.

    Returns
    -------
    tuple of Package
        je-kernel first.

    Raises
    ------
    AssemblyError
        When one cannot be read.
    """
    own = _package_of(own_wheel(), lock)
    own = replace(own, depends=tuple(n for n in own.depends if n not in _LOADED_BY_IMPORT))
    return (own, *(_package_of(path, lock) for path in extra_wheels))


def _package_of(path: Path, lock: DistributionLock) -> Package:
    """Return the package of a wheel, from its metadata."""
    try:
        metadata = get_metadata(str(path))
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise AssemblyError(f"{path} is not a wheel that can be read: {error}.") from error
    if metadata is None or not metadata.name:
        raise AssemblyError(f"{path} is not a wheel that can be read: it has no metadata.")
    return Package(
        name=canonicalize_name(str(metadata.name)),
        version=str(metadata.version),
        path=path,
        sha256=sha256_of(path),
        imports=tuple(sorted(parse_top_level_import_name(path) or ())),
        depends=tuple(sorted(needed_in_browser(metadata.requires_dist, lock.python))),
    )


def _compiled(
    packages: Sequence[Package], core: Path, version: str, reporter: Reporter
) -> tuple[Package, ...]:
    wheels = {p.name: (p.path, p.sha256) for p in packages if p.path.suffix == ".whl"}
    compiled = compile_wheels(wheels, core, version, reporter)
    return tuple(
        replace(p, path=compiled[p.name], sha256=sha256_of(compiled[p.name]), original=p.path)
        if p.name in compiled
        else p
        for p in packages
    )
