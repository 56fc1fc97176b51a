"""Puts a Pyodide distribution with je-kernel into a built site, and configures its kernels."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlencode

from packaging.utils import canonicalize_name

from je_site.assembly import OWN_NAME, assemble
from je_site.cache import atomic_write
from je_site.distribution import (
    STATIC,
    core_lock,
    has_module_entry,
    lock_entry,
    place_core,
    place_wheel,
    prune,
    write_lock,
)
from je_site.errors import LockError
from je_site.external_lock import configured_lock, configures_pyodide, default_lock
from je_site.kernel_settings import OPTIONS, KernelSettings, merge_settings, without_previous_build
from je_site.labextensions import check_front_ends, front_ends_of, install_front_ends
from je_site.lock import locks_folder, parse_lock, read_lock
from je_site.memory_snapshot import SNAPSHOTS, place_snapshot
from je_site.npm_scripts import place_scripts
from je_site.site_lock import merge_site_lock
from je_site.site_record import read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from je_site.assembly import Package
    from je_site.external_lock import ExternalLock
    from je_site.lock import DistributionLock
    from je_site.progress import Reporter
    from je_site.site_lock import SiteLock

__all__ = [
    "KernelOptions",
    "check",
    "env_of_site",
    "install",
    "is_config",
    "pyodide_url",
    "with_env",
]

#: The kernel's plugin, whose settings these are.
_PLUGIN = "@jupyterlite/pyodide-kernel-extension:kernel"

#: The default packages of the larger snapshot: lessons import them most, and it takes longest.
_SNAPSHOT_PACKAGES = ("numpy", "pandas")

_CONFIG = "jupyter-lite.json"
_CONFIG_NAMES = (_CONFIG, "jupyter-lite.ipynb")


@dataclass(frozen=True)
class KernelOptions:
    """The options of a deployer: see `je_site.addon.JeKernelAddon`.

    Attributes
    ----------
    pyodide, preload, env, wheels, pypi, compiled, snapshot, snapshot_packages
        See `je_site.addon.JeKernelAddon`.
    site_lock
        The site's own lock, if it has one.
    """

    pyodide: Literal["local", "cdn"] = "local"
    preload: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    wheels: tuple[Path, ...] = ()
    pypi: bool | None = None
    compiled: bool = True
    snapshot: bool = True
    snapshot_packages: Sequence[str] | None = None
    site_lock: SiteLock | None = None


@dataclass(frozen=True)
class _PlacedDistribution:
    """The distribution in a site."""

    lock_url: str
    pyodide_url: str | None
    preload: tuple[str, ...]
    files: tuple[str, ...]
    packages: tuple[Package, ...]


def install(output: Path, options: KernelOptions, reporter: Reporter) -> None:
    """Put je-kernel into a site, and configure the kernel to load it.

    It can be called again for the same site, with the same or other options.

    Parameters
    ----------
    output
        Root of a site that JupyterLite has built.
    options
        The options of the deployer.
    reporter
        Where to show progress.

    Raises
    ------
    AssemblyError
        When a file cannot be fetched.
    LockError
        When a Pyodide that the deployer configured cannot be read.
    """
    record = read_record(output, "kernel")
    packages: dict[str, Package] = {}
    wrote: dict[str, Any] = {}
    kept: list[str] = []
    root: dict[str, Any] = {}
    for path in _config_paths(output):
        found = _deployer_settings(path, output, record)
        is_root = path == output / _CONFIG
        if not is_root and not ({OPTIONS, "pyodideUrl"} & found.keys()):
            continue  # Without these settings, those of the root apply.
        effective = {**root, **_seen_from_root(found, path.parent.relative_to(output))}
        if path.parent == output:
            root = effective
        served = _serve(output, effective, options, reporter)
        kept += served.files
        packages |= {package.name: package for package in served.packages}
        settings = merge_settings(found, _kernel_settings(served, options, is_root=is_root))
        _write_settings(path, settings)
        wrote[path.relative_to(output).as_posix()] = {"found": found, "wrote": settings}
    prune(output, kept)
    write_record(output, "kernel", wrote)
    install_front_ends(output, front_ends_of(packages.values()))


def check(output: Path) -> None:
    """Check that a site has the files that its lock names.

    Parameters
    ----------
    output
        Root of a built site.

    Raises
    ------
    LockError
        When the lock or a wheel is missing, or a front end does not fit its package.
    """
    for name, entry in read_record(output, "kernel").items():
        url = entry["wrote"][OPTIONS]["lockFileURL"]
        try:
            lock = json.loads((output / url).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise LockError(f"{url}, which {name} names, cannot be read: {error}.") from error
        for package in lock["packages"].values():
            file_name = package["file_name"]
            if "://" not in file_name and not (output / STATIC / file_name).is_file():
                raise LockError(f"{file_name}, which {url} names, is not in the site.")
        versions = {key: package["version"] for key, package in lock["packages"].items()}
        check_front_ends(output, versions)


def is_config(path: str) -> bool:
    """Tell whether a file of a site is one of JupyterLite's configuration files.

    Parameters
    ----------
    path
        Its path, relative to the root of the site.

    Examples
    --------
    >>> is_config("lab/jupyter-lite.json"), is_config("files/data/jupyter-lite.json")
    (True, False)
    """
    folder, _, name = path.rpartition("/")
    return name in _CONFIG_NAMES and "/" not in folder and folder != "files"


def with_env(name: str, content: bytes, env: Mapping[str, str]) -> bytes:
    """Add environment variables to a configuration file that has settings of the kernel.

    Parameters
    ----------
    name
        The file's name.
    content
        The content of the file. Other files are returned unchanged.
    env
        The variables.

    Returns
    -------
    bytes
        The content with the variables.
    """
    try:
        config = json.loads(content)
        settings = _plugin_settings(config, name)
        options = settings[OPTIONS]
        options["env"] = {**options.get("env", {}), **env}
    except (ValueError, KeyError, TypeError, AttributeError):
        # Without these settings, those of the root's configuration apply.
        return content
    return json.dumps(config).encode()


def env_of_site(output: Path) -> dict[str, str]:
    """Return the environment variables of a site's kernels.

    Parameters
    ----------
    output
        Root of a built site.
    """
    env: dict[str, str] = {}
    for path in _config_paths(output):
        try:
            settings = _plugin_settings(json.loads(path.read_text(encoding="utf-8")), path.name)
            env.update(settings[OPTIONS]["env"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return env


def pyodide_url(output: Path) -> str | None:
    """Return the address of the Pyodide of a site's kernels, relative to the root of the site.

    Parameters
    ----------
    output
        Root of a built site.

    Returns
    -------
    str or None
        None for JupyterLite's default.
    """
    found = None
    for name in reversed(_CONFIG_NAMES):
        if (output / name).is_file():
            config = json.loads((output / name).read_text(encoding="utf-8"))
            found = found or _plugin_settings(config, name).get("pyodideUrl")
    return found


def _seen_from_root(settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Rewrite an address that is relative to the folder of an application."""
    url = str(settings.get("pyodideUrl", ""))
    if url.startswith("./"):
        return {**settings, "pyodideUrl": f"./{(folder / url).as_posix()}"}
    return dict(settings)


def _kernel_settings(
    served: _PlacedDistribution, options: KernelOptions, *, is_root: bool
) -> KernelSettings:
    local = served.pyodide_url is not None
    if not is_root:  # The others apply from the root.
        return KernelSettings(served.lock_url, (*served.preload, *options.preload), options.env)
    return KernelSettings(
        lock_url=served.lock_url,
        packages=(*served.preload, *options.preload),
        env=options.env,
        pyodide_url=served.pyodide_url,
        pypi=options.pypi if options.pypi is not None else (False if local else None),
    )


def _serve(
    output: Path, settings: Mapping[str, Any], options: KernelOptions, reporter: Reporter
) -> _PlacedDistribution:
    """Put the configured distribution into the site."""
    if configures_pyodide(settings):
        return _serve_beside(output, configured_lock(output, settings, reporter), options, reporter)
    if options.pyodide == "cdn":
        return _serve_beside(output, default_lock(read_lock(), reporter), options, reporter)
    return _serve_whole(output, options, reporter)


def _serve_whole(output: Path, options: KernelOptions, reporter: Reporter) -> _PlacedDistribution:
    """Serve Pyodide and every wheel."""
    lock = merge_site_lock(read_lock(), options.site_lock)
    core, packages = assemble(
        lock, reporter, extra_wheels=options.wheels, compiled=options.compiled
    )
    pyodide_url = place_core(lock.core, core, output)
    names = {package.name: place_wheel(package, output) for package in packages}
    entries = {package.name: lock_entry(package, names[package.name]) for package in packages}
    lock_url = write_lock(output, core_lock(core)["info"], entries)
    scripts = place_scripts(lock, output, reporter)
    files = (lock_url, pyodide_url, *names.values(), *scripts)
    preload = (*lock.preload, OWN_NAME)
    if options.snapshot and has_module_entry(lock.core):
        besides = options.snapshot_packages
        if besides is None:
            besides = tuple(name for name in _SNAPSHOT_PACKAGES if name in entries)
        for name in besides:
            if name not in entries:
                raise LockError(f"The site does not have {name}, which a snapshot is to have.")
        (decoder,) = (name for name in scripts if name.startswith("npm/zstddec@"))
        to = (output / STATIC, output / lock_url, core, preload, reporter)
        place = partial(place_snapshot, *to, decoder=decoder)
        snapshots = {"snapshot": place()}
        if besides and snapshots["snapshot"] is not None:
            snapshots["large"] = place(besides=besides)
        placed = {kind: name for kind, name in snapshots.items() if name is not None}
        files += tuple(f"{SNAPSHOTS}/{name}/" for name in placed.values())
        if "large" in placed:
            # The other packages are dependencies of these.
            needed = {depend for name in besides for depend in entries[name]["depends"]}
            last = [name for name in besides if name not in needed]
            placed["packages"] = ",".join(last)
            placed["imports"] = ",".join(
                each for name in last for each in entries[name]["imports"][:1]
            )
        if placed:
            pyodide_url += f"?{urlencode(placed, safe=',')}"
    return _PlacedDistribution(lock_url, pyodide_url, preload, files, packages)


def _serve_beside(
    output: Path, upstream: ExternalLock, options: KernelOptions, reporter: Reporter
) -> _PlacedDistribution:
    """Serve the packages that an external Pyodide lacks."""
    lock = merge_site_lock(_lock_for_python(upstream.python), options.site_lock)
    _, packages = assemble(
        lock,
        reporter,
        extra_wheels=options.wheels,
        without=upstream.packages.keys(),
        compiled=options.compiled,
    )
    names = {package.name: place_wheel(package, output) for package in packages}
    entries = {package.name: lock_entry(package, names[package.name]) for package in packages}
    merged_entries = {**_completed(upstream.packages, lock), **entries}
    lock_url = write_lock(output, upstream.info, merged_entries)
    files = (lock_url, *names.values(), *place_scripts(lock, output, reporter))
    return _PlacedDistribution(lock_url, None, (*lock.preload, OWN_NAME), files, packages)


def _completed(
    packages: Mapping[str, Mapping[str, Any]], lock: DistributionLock
) -> dict[str, Mapping[str, Any]]:
    """Add dependencies that Pyodide's lock lacks and the same version in ours has."""
    completed = dict(packages)
    for name, entry in packages.items():
        ours = lock.wheels.get(name)
        if ours is not None and ours.version == entry["version"]:
            known = {canonicalize_name(depend) for depend in entry["depends"]}
            more = [depend for depend in ours.depends if depend not in known]
            completed[name] = {**entry, "depends": [*entry["depends"], *more]}
    return completed


def _lock_for_python(python: str) -> DistributionLock:
    locks = [
        parse_lock(json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(locks_folder().glob("pyodide-*.lock.json"))
    ]
    for lock in locks:
        if lock.python == python:
            return lock
    known = " or ".join(sorted(lock.python for lock in locks))
    raise LockError(
        f"The site's own Pyodide runs Python {python or '(unknown)'}, and je-kernel-site has "
        f"wheels for {known}: use a Pyodide with one of these."
    )


def _config_paths(output: Path) -> Iterator[Path]:
    """List the configuration files of a site, the root's first."""
    for folder in (output, *sorted(path.parent for path in output.glob(f"*/{_CONFIG}"))):
        for name in _CONFIG_NAMES:
            if (folder / name).is_file():
                yield folder / name


def _deployer_settings(path: Path, output: Path, record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the kernel without those of an earlier build."""
    now = _plugin_settings(json.loads(path.read_text(encoding="utf-8")), path.name)
    past = record.get(path.relative_to(output).as_posix(), {})
    settings = without_previous_build(now, past.get("found", {}), past.get("wrote", {}))
    # In case the record was lost: these addresses cannot be the deployer's.
    if str(settings.get("pyodideUrl", "")).startswith(f"./{STATIC}/"):
        del settings["pyodideUrl"]
    if str(settings.get(OPTIONS, {}).get("lockFileURL", "")).startswith(f"./{STATIC}/"):
        del settings[OPTIONS]["lockFileURL"]
    return settings


def _plugin_settings(config: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the kernel's settings in a configuration, made if missing."""
    if name.endswith(".ipynb"):
        config = config.setdefault("metadata", {}).setdefault("jupyter-lite", {})
    plugins = config.setdefault("jupyter-config-data", {}).setdefault("litePluginSettings", {})
    settings: dict[str, Any] = plugins.setdefault(_PLUGIN, {})
    return settings


def _write_settings(path: Path, settings: Mapping[str, Any]) -> None:
    config = json.loads(path.read_text(encoding="utf-8"))
    present = _plugin_settings(config, path.name)
    if present == settings:
        return
    present.clear()
    present.update(settings)
    with atomic_write(path) as file:
        file.write(json.dumps(config, indent=2, sort_keys=True).encode())
