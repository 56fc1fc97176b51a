"""A Pyodide of a few hundred bytes, a lock of it, and small real servers that have it.

Everything that je-kernel-site does with the real one can be done with this one,
in milliseconds and without the internet.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import json
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from je_site import assembly, external_lock, lesson_packages, site_kernel, sources
from je_site.cache import CACHE_DIR_ENV_VAR
from je_site.lock import DistributionLock, parse_lock
from je_site.progress import Reporter
from je_site.server import RequestRecord, serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RELEASE = "314.0.3"
CORE = "314.0.6"


def wheel_bytes(
    name: str,
    version: str,
    source: str = "",
    requires: tuple[str, ...] = (),
    module: str = "",
    tag: str = "py3-none-any",
) -> bytes:
    """Make a wheel of one module."""
    stem = name.replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    extras = {requirement.split("'")[1] for requirement in requires if "extra ==" in requirement}
    needs += "".join(f"Provides-Extra: {extra}\n" for extra in extras)
    files = {
        f"{module or stem}/__init__.py": source or f"name = {name!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}",
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in files) + f"{info}/RECORD,,\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return buffer.getvalue()


#: What the core's release has, and our lock does not.
SHAPELY = "shapely-2.1.2-cp314-cp314-pyemscripten_2026_0_wasm32.whl"
RELEASED = {
    SHAPELY: wheel_bytes("shapely", "2.1.2", tag="cp314-cp314-pyemscripten_2026_0_wasm32"),
}

_CORE_FILES = {
    "pyodide.mjs": b"export const loadPyodide = () => {};",
    "pyodide.asm.mjs": b"export default 1;",
    "pyodide.asm.wasm": b"\0asm" + b"\1\0\0\0" * 500,
    "python_stdlib.zip": b"PK\5\6" + b"\0" * 18,
    "pyodide-lock.json": json.dumps(
        {
            "info": {"abi_version": "2026_0", "arch": "wasm32", "python": "3.14.2"},
            "packages": {
                "numpy": {
                    "name": "numpy",
                    "version": "2.4.3",
                    "file_name": "numpy-2.4.3-cp314-cp314-pyemscripten_2026_0_wasm32.whl",
                    "sha256": "0" * 64,
                    "imports": ["numpy"],
                    "depends": [],
                    "install_dir": "site",
                    "package_type": "package",
                    "unvendored_tests": False,
                },
                "shapely": {
                    "name": "shapely",
                    "version": "2.1.2",
                    "file_name": SHAPELY,
                    "sha256": hashlib.sha256(RELEASED[SHAPELY]).hexdigest(),
                    "imports": ["shapely"],
                    "depends": ["numpy"],
                    "install_dir": "site",
                    "package_type": "package",
                    "unvendored_tests": False,
                },
                # A library in C, whose version is none that pip reads.
                "libopenssl": {
                    "name": "libopenssl",
                    "version": "1.1.1w",
                    "file_name": "libopenssl-1.1.1w.zip",
                    "sha256": "0" * 64,
                    "imports": [],
                    "depends": [],
                    "install_dir": "dynlib",
                    "package_type": "shared_library",
                    "unvendored_tests": False,
                },
            },
        }
    ).encode(),
}


#: Package, version, what it needs, and who has its wheel.
_PACKAGES = (
    ("micropip", "0.11.1", (), ("release", "mirror")),
    ("comm", "0.2.3", (), ("pypi",)),
    ("jedi", "0.19.2", ("parso",), ("release", "pypi")),
    ("parso", "0.8.6", (), ("release", "pypi")),
    ("ipython", "9.12.0", ("jedi",), ("pypi",)),
    ("numpy", "2.4.3", (), ("release", "mirror")),
    ("pyodide-http", "0.2.2", (), ("pypi",)),
    ("latex2mathml", "3.79.0", (), ("pypi",)),
    ("markdown-it-py", "4.0.0", (), ("pypi",)),
    ("mdit-py-plugins", "0.5.0", (), ("pypi",)),
)
WHEELS = {
    f"{name.replace('-', '_')}-{version}-py3-none-any.whl": wheel_bytes(name, version)
    for name, version, _, _ in _PACKAGES
}


def core_archive() -> bytes:
    """Pack the core as npm does."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in _CORE_FILES.items():
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


CORE_ARCHIVE = core_archive()
INTEGRITY = "sha512-" + base64.b64encode(hashlib.sha512(CORE_ARCHIVE).digest()).decode()


def mirror_bytes() -> bytes:
    """Make the PyPI wheel that carries the release."""
    buffer = io.BytesIO(wheel_bytes("mirror", "1.0"))
    with zipfile.ZipFile(buffer, "a") as archive:
        for name, version, _, origins in _PACKAGES:
            if "mirror" in origins:
                file_name = f"{name}-{version}-py3-none-any.whl"
                archive.writestr(zipfile.ZipInfo(f"mirror/pyodide/{file_name}"), WHEELS[file_name])
    return buffer.getvalue()


MIRROR = mirror_bytes()


_DECODER = {
    "npm": "zstddec",
    "version": "0",
    "integrity": INTEGRITY,
    "files": {"dist/zstddec.mjs": hashlib.sha256(b"").hexdigest()},
}


def tiny_lock(**changes: object) -> DistributionLock:
    """Return the lock; `changes` replace fields of the wheels, by their names."""
    wheels = {}
    for name, version, depends, origins in _PACKAGES:
        file_name = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
        wheels[name] = {
            "version": version,
            "file_name": file_name,
            "sha256": hashlib.sha256(WHEELS[file_name]).hexdigest(),
            "imports": [name.replace("-", "_")],
            "depends": list(depends),
            "sources": list(origins),
            **changes.get(name.replace("-", "_"), {}),  # type: ignore[dict-item]
        }
    return parse_lock(
        {
            "series": "314",
            "python": "3.14",
            "release": RELEASE,
            "core": {
                "npm": "pyodide",
                "version": CORE,
                "integrity": INTEGRITY,
                "entry": "pyodide.mjs",
                "files": {n: hashlib.sha256(c).hexdigest() for n, c in _CORE_FILES.items()},
            },
            "mirror": {
                "pypi": "mirror",
                "version": "1.0",
                "file_name": "mirror-1.0-py3-none-any.whl",
                "sha256": hashlib.sha256(MIRROR).hexdigest(),
                "folder": "mirror/pyodide/",
            },
            "preload": ["micropip", "piplite", "comm", "jedi", "ipython"],
            "wheels": wheels,
            "kernel_wheels": {"piplite": {"imports": ["piplite"], "depends": ["micropip"]}},
            "scripts": [_DECODER],
        }
    )


class World:
    """Pyodide's servers, PyPI and npm, each of which can be out of reach."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch
        self.releases = folder / "releases"
        self.pypi = folder / "pypi"
        self.npm = folder / "npm"
        self.requests: list[RequestRecord] = []
        self.url = ""
        for path in (self.releases / RELEASE, self.releases / CORE, self.pypi, self.npm):
            path.mkdir(parents=True)

    def fill(self) -> None:
        """Put everything where it belongs."""
        for name, version, _, origins in _PACKAGES:
            file_name = f"{name.replace('-', '_')}-{version}-py3-none-any.whl"
            if "release" in origins:
                (self.releases / RELEASE / file_name).write_bytes(WHEELS[file_name])
            if "pypi" in origins:
                (self.pypi / file_name).write_bytes(WHEELS[file_name])
        (self.pypi / "mirror-1.0-py3-none-any.whl").write_bytes(MIRROR)
        for name, content in _CORE_FILES.items():
            (self.releases / CORE / name).write_bytes(content)
        for name, content in RELEASED.items():
            (self.releases / CORE / name).write_bytes(content)
        archive = f"pyodide-{CORE}.tgz"
        (self.npm / archive).write_bytes(CORE_ARCHIVE)
        described = {
            "name": "pyodide",
            "version": CORE,
            "dist": {"tarball": f"{self.url}npm/{archive}", "integrity": INTEGRITY},
        }
        index = {"name": "pyodide", "dist-tags": {"latest": CORE}, "versions": {CORE: described}}
        (self.npm / "pyodide").write_text(json.dumps(index))

    def publish(self, name: str, version: str, **details: object) -> bytes:
        """Put a wheel on PyPI; `details` are those of `wheel_bytes`."""
        content = wheel_bytes(name, version, **details)  # type: ignore[arg-type]
        tag = details.get("tag", "py3-none-any")
        (self.pypi / f"{name.replace('-', '_')}-{version}-{tag}.whl").write_bytes(content)
        return content

    @contextlib.contextmanager
    def out_of_reach(self) -> Iterator[None]:
        """Have nobody answer while a block runs."""
        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setenv("PIP_FIND_LINKS", "")
            monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
            for module in (sources, external_lock):
                monkeypatch.setattr(module, "release_url", lambda _: "http://127.0.0.1:9/full/")
            yield

    @contextlib.contextmanager
    def without_releases(self, cache: Path) -> Iterator[None]:
        """Have Pyodide's servers not answer while a block runs, with a cache that has no more."""
        with pytest.MonkeyPatch.context() as monkeypatch:
            fill_cache(cache, monkeypatch)
            for module in (sources, external_lock):
                monkeypatch.setattr(module, "release_url", lambda _: "http://127.0.0.1:9/full/")
            yield

    def releases_are_down(self) -> None:
        """Make Pyodide's servers refuse connections."""
        for module in (sources, external_lock):
            self.monkeypatch.setattr(module, "release_url", lambda _: "http://127.0.0.1:9/full/")

    def pypi_is_down(self) -> None:
        """Leave pip nothing to find."""
        for path in self.pypi.iterdir():
            path.unlink()

    def npm_is_down(self) -> None:
        """Make npm's registry refuse connections."""
        self.monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")

    def everything_is_down(self) -> None:
        """Cut the line."""
        self.releases_are_down()
        self.pypi_is_down()
        self.npm_is_down()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    folder = tmp_path / "cache"
    monkeypatch.setenv(CACHE_DIR_ENV_VAR, str(folder))
    return folder


@contextlib.contextmanager
def reachable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Run servers that have everything."""
    there = World(folder / "world", monkeypatch)
    with serve(folder / "world", on_request=there.requests.append) as served:
        there.url = served.url
        there.fill()
        for module in (sources, external_lock):
            monkeypatch.setattr(
                module, "release_url", lambda version: f"{served.url}releases/{version}/"
            )
        monkeypatch.setenv("PIP_NO_INDEX", "1")
        monkeypatch.setenv("PIP_FIND_LINKS", str(there.pypi))
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("npm_config_registry", f"{served.url}npm/")
        monkeypatch.setenv("npm_config_cache", str(folder / "npm-cache"))
        monkeypatch.setenv("npm_config_fetch_retries", "0")
        yield there


@pytest.fixture
def world(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Servers that have everything."""
    with reachable(tmp_path, monkeypatch) as there:
        yield there


@pytest.fixture
def core_in_cache(cache: Path) -> Path:
    """Pyodide itself, fetched earlier."""
    return _fill_core(cache)


def _fill_core(cache: Path) -> Path:
    folder = cache / "core" / f"pyodide-{CORE}"
    folder.mkdir(parents=True)
    for name, content in _CORE_FILES.items():
        (folder / name).write_bytes(content)
    return folder


def fill_cache(cache: Path, monkeypatch: pytest.MonkeyPatch) -> DistributionLock:
    """Make a cache with everything of the tiny lock in it, and return that."""
    monkeypatch.setenv(CACHE_DIR_ENV_VAR, str(cache))
    _fill_core(cache)
    return _fill_wheels(cache)


@pytest.fixture
def full_cache(cache: Path, core_in_cache: Path) -> DistributionLock:
    """A lock, everything of which was fetched earlier."""
    return _fill_wheels(cache)


def _fill_wheels(cache: Path) -> DistributionLock:
    lock = tiny_lock()
    for wheel in lock.wheels.values():
        path = cache / "wheels" / wheel.sha256 / wheel.file_name
        path.parent.mkdir(parents=True)
        path.write_bytes(WHEELS[wheel.file_name])
    (cache / "npm" / "zstddec@0" / "dist").mkdir(parents=True)
    (cache / "npm" / "zstddec@0" / "dist" / "zstddec.mjs").touch()
    return lock


@pytest.fixture
def tiny_site(
    tmp_path: Path, full_cache: DistributionLock, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The least that JupyterLite makes of a site; je-kernel's lock is the tiny one."""
    monkeypatch.setattr(site_kernel, "read_lock", lambda *_: full_cache)
    monkeypatch.setattr(external_lock, "read_lock", lambda *_: full_cache)
    monkeypatch.setattr(lesson_packages, "read_lock", lambda *_: full_cache)
    monkeypatch.setattr(site_kernel, "_lock_for_python", lambda python: full_cache)
    site = tmp_path / "site"
    site.mkdir()
    (site / "jupyter-lite.json").write_text(json.dumps({"jupyter-config-data": {}}))
    return site


def assembled(lock: DistributionLock, **options: object) -> dict[str, Path]:
    """Assemble, without compiling, and return the wheels by name."""
    _, packages = assembly.assemble(lock, Reporter(), compiled=False, **options)  # type: ignore[arg-type]
    return {package.name: package.path for package in packages}
