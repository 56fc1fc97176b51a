"""Puts the labextensions that wheels contain into a site.

A wheel of widgets contains its labextension, under ``share/jupyter/labextensions``, and its Python
and JavaScript must have the same version. So the pages get the labextensions of the wheels that
the kernel can load, out of these wheels, in place of those in the environment of the build.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from je_site.cache import atomic_write
from je_site.errors import AssemblyError, LockError
from je_site.site_record import read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from je_site.assembly import Package

__all__ = ["FrontEnd", "check_front_ends", "front_ends_of", "install_front_ends"]

_IN_WHEEL = re.compile(
    r"[^/]+\.data/data/share/jupyter/labextensions/((?:@[^/]+/)?[^/]+)/package\.json"
)
_IN_SITE = "extensions"
_ENVIRONMENT = Path(sys.prefix) / "share/jupyter/labextensions"
_CONFIG = "jupyter-lite.json"
_SETTINGS = "build/schemas/all_federated.json"

#: Large front ends that a page fetches with the first output that needs them, and the type of
#: these outputs; None for widgets.
_DEFERRED = {"jupyterlab-plotly": "application/vnd.plotly.v1+json", "ipydatagrid": None}
_MAPS = "static/je-kernel/npm/plotly.js@*/dist/plotly-geo-assets.js"
_DEFERRED_FRONT_END = Path(__file__).with_name("deferred_front_end.js")


@dataclass(frozen=True)
class FrontEnd:
    """A labextension inside a wheel.

    Attributes
    ----------
    name
        Its own name, such as ``jupyter-matplotlib``.
    version
        Its own version.
    package, package_version
        The package that it belongs to, such as ipympl 0.10.0.
    wheel
        Where it is.
    folder
        Its folder in the wheel, with a slash at the end.
    build
        How JupyterLab loads it.
    """

    name: str
    version: str
    package: str
    package_version: str
    wheel: Path
    folder: str
    build: Mapping[str, Any]


def front_ends_of(packages: Iterable[Package]) -> tuple[FrontEnd, ...]:
    """Find the front ends of packages.

    Parameters
    ----------
    packages
        The packages that the kernel of a site can load.

    Returns
    -------
    tuple of FrontEnd
        Sorted by name.

    Raises
    ------
    AssemblyError
        When two packages bring a front end of the same name.
    """
    found: dict[str, FrontEnd] = {}
    for package in packages:
        for front_end in _front_ends_in(package):
            other = found.setdefault(front_end.name, front_end)
            if other is not front_end:
                raise AssemblyError(
                    f"Both {other.package} {other.package_version} and {front_end.package} "
                    f"{front_end.package_version} bring the front end {front_end.name}, and a "
                    "page can have one: leave one of the packages out."
                )
    return tuple(found[name] for name in sorted(found))


def _front_ends_in(package: Package) -> Iterable[FrontEnd]:
    wheel = package.original or package.path
    if wheel.suffix != ".whl":
        return
    with zipfile.ZipFile(wheel) as archive:
        for path in archive.namelist():
            found = _IN_WHEEL.fullmatch(path)
            if found is None:
                continue
            described = json.loads(archive.read(path))
            build = described.get("jupyterlab", {}).get("_build", {})
            if build.get("load") and described["name"] == found[1]:
                yield FrontEnd(
                    name=described["name"],
                    version=described["version"],
                    package=package.name,
                    package_version=package.version,
                    wheel=wheel,
                    folder=path.removesuffix("package.json"),
                    build=build,
                )


def install_front_ends(output: Path, front_ends: Iterable[FrontEnd]) -> None:
    """Put front ends into a site, and make its pages load them.

    Front ends of an earlier call that are not among them are removed.

    Parameters
    ----------
    output
        Root of a site that JupyterLite has built.
    front_ends
        The front ends of its kernel's packages.

    Raises
    ------
    AssemblyError
        When the deployer gave the site another version of one of them.
    """
    recorded = read_record(output, "front ends")
    entries = {}
    record = {}
    for front_end in front_ends:
        _refuse_another(output, front_end, ours=recorded.get(front_end.name))
        entries[front_end.name] = _place(output, front_end)
        record[front_end.name] = {
            "package": front_end.package,
            "version": front_end.package_version,
            "sha256": _digest(output, front_end.name),
        }
    for name in recorded.keys() - entries.keys():
        shutil.rmtree(output / _IN_SITE / name, ignore_errors=True)
    _write_config(output, entries, recorded.keys() | entries.keys())
    _write_settings(output, recorded.keys() | entries.keys(), entries.keys())
    write_record(output, "front ends", record)


def check_front_ends(output: Path, versions: Mapping[str, str]) -> None:
    """Check that a site's pages have the front ends that fit its kernel's packages.

    Parameters
    ----------
    output
        Root of a built site.
    versions
        Version of each package in the kernel's lock.

    Raises
    ------
    LockError
        When one is missing, or belongs to another version.
    """
    config = json.loads((output / _CONFIG).read_text(encoding="utf-8"))
    loaded = {
        entry["name"]: entry["load"]
        for entry in config["jupyter-config-data"].get("federated_extensions", ())
    }
    for name, entry in read_record(output, "front ends").items():
        package, version = entry["package"], entry["version"]
        if versions.get(package) != version:
            raise LockError(
                f"The site has the front end {name} of {package} {version}, and its kernel "
                f"{package} {versions.get(package, '(none)')}: build the site again."
            )
        there = (output / _IN_SITE / name / loaded.get(name, "missing")).is_file()
        if not there or _digest(output, name) != entry["sha256"]:
            raise LockError(
                f"The front end {name} is not in the site as {package} {version} brings it: "
                "build the site again."
            )


def _refuse_another(output: Path, front_end: FrontEnd, ours: Mapping[str, Any] | None) -> None:
    """Refuse another version of a front end, which the deployer has chosen."""
    path = output / _IN_SITE / front_end.name / "package.json"
    if not path.is_file() or (ours and _digest(output, front_end.name) == ours["sha256"]):
        return
    there = path.read_bytes()
    environment = _ENVIRONMENT / front_end.name / "package.json"
    if environment.is_file() and environment.read_bytes() == there:
        return
    version = json.loads(there).get("version")
    if version != front_end.version:
        raise AssemblyError(
            f"The site was given version {version} of the front end {front_end.name}, and its "
            f"kernel has {front_end.package} {front_end.package_version}, which needs version "
            f"{front_end.version}: take {front_end.name} out of the site's federated_extensions, "
            "or out of its folder extensions; the package brings its own."
        )


def _place(output: Path, front_end: FrontEnd) -> dict[str, Any]:
    """Write the files of a front end; return how a page loads it."""
    target = output / _IN_SITE / front_end.name
    shutil.rmtree(target, ignore_errors=True)
    with zipfile.ZipFile(front_end.wheel) as archive:
        for item in archive.infolist():
            relative = PurePosixPath(item.filename.removeprefix(front_end.folder))
            within = item.filename.startswith(front_end.folder) and ".." not in relative.parts
            if within and not item.is_dir() and relative.suffix != ".map":
                with atomic_write(target / relative) as file:
                    file.write(archive.read(item))
    entry = {"name": front_end.name, **front_end.build}
    return _deferred(output, front_end, entry) if front_end.name in _DEFERRED else entry


def _deferred(output: Path, front_end: FrontEnd, entry: Mapping[str, Any]) -> dict[str, Any]:
    """Write a small script, which loads the front end when it is needed."""
    target = output / _IN_SITE / front_end.name
    mime_type = _DEFERRED[front_end.name]
    maps = next(output.glob(_MAPS), None)
    described = json.dumps(
        {
            "name": front_end.name,
            "version": front_end.version,
            "load": PurePosixPath(entry["load"]).name,
            "module": entry["mimeExtension" if mime_type else "extension"],
            "mimeType": mime_type,
            "maps": maps and f"../../../{maps.relative_to(output).as_posix()}",
        }
    )
    source = _DEFERRED_FRONT_END.read_text(encoding="utf-8").replace("/* front end */", described)
    name = f"deferred.{hashlib.sha256(source.encode()).hexdigest()[:10]}.js"
    load = PurePosixPath(entry["load"]).parent / name
    with atomic_write(target / load) as file:
        file.write(source.encode())
    return {**entry, "load": load.as_posix()}


def _digest(output: Path, name: str) -> str:
    try:
        content = (output / _IN_SITE / name / "package.json").read_bytes()
    except OSError:
        return ""
    return hashlib.sha256(content).hexdigest()


def _write_config(
    output: Path, entries: Mapping[str, Mapping[str, Any]], ours: Iterable[str]
) -> None:
    path = output / _CONFIG
    config = json.loads(path.read_text(encoding="utf-8"))
    data = config.setdefault("jupyter-config-data", {})
    others = [e for e in data.get("federated_extensions", ()) if e["name"] not in ours]
    data["federated_extensions"] = sorted(
        (*others, *entries.values()), key=lambda entry: str(entry["name"])
    )
    with atomic_write(path) as file:
        file.write(json.dumps(config, indent=2, sort_keys=True).encode())


def _write_settings(output: Path, ours: Iterable[str], present: Iterable[str]) -> None:
    """Collect the settings schemas of the front ends, as JupyterLite does for its own."""
    path = output / _SETTINGS
    if not path.parent.is_dir():
        return
    owners = frozenset(ours)
    settings = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    settings = [entry for entry in settings if entry["id"].rpartition(":")[0] not in owners]
    for name in sorted(present):
        folder = output / _IN_SITE / name
        version = json.loads((folder / "package.json").read_text(encoding="utf-8"))["version"]
        settings += [
            {
                "id": f"{name}:{schema.stem}",
                "raw": "{}",
                "schema": json.loads(schema.read_text(encoding="utf-8")),
                "settings": {},
                "version": version,
            }
            for schema in sorted((folder / "schemas").rglob("*.json"))
        ]
    with atomic_write(path) as file:
        file.write(json.dumps(settings).encode())
