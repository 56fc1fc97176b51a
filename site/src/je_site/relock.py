"""Regenerates a lock of je-kernel-site: ``python -m je_site.relock SERIES``. For developers.

`RECIPES` states the packages of each series. Pyodide's own lock states the versions and the
sha256 of its wheels, and the mirror and PyPI are searched for files with the same sha256. A
pure-Python wheel that Pyodide rebuilt, and the mirror does not have, comes from PyPI in the
same version, with the sha256 that it has there. At the end the requirements of all wheels are
compared with the locked versions.

A package that Pyodide's lock does not know keeps the version that the present
lock states; ``--upgrade`` takes the newest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from pkginfo import get_metadata
from pyodide_lock.utils import parse_top_level_import_name

from je_site.lock import MIRROR, PYPI, RELEASE, locks_folder
from je_site.requirements import requirements_in_browser
from je_site.sources import OTHER_PLATFORM

if TYPE_CHECKING:
    from packaging.requirements import Requirement

__all__ = ["RECIPES", "Recipe", "main", "relock"]

#: Packages that JupyterLite's kernel would install one by one, slowly, if they were not
#: preloaded. The names are those that its worker uses.
_KERNEL = ("micropip", "piplite", "ipykernel", "comm", "pyodide-kernel", "jedi", "ipython")

# fmt: off
_CLASSROOM = (
    "anywidget", "beautifulsoup4", "fsspec", "html5lib", "httpx", "ipywidgets", "lxml",
    "matplotlib", "numpy", "openpyxl", "pandas", "pillow", "psygnal", "pydantic",
    "pyodide-http", "regex", "requests", "scikit-learn", "scipy", "seaborn", "sympy",
    "typing-extensions", "tzdata", "urllib3", "xlrd",
)
# fmt: on

# fmt: off
#: Packages that lessons draw with, and their tools.
_PLOTS = (
    "altair", "bokeh", "bqplot", "folium", "ipycanvas", "ipydatagrid", "ipyleaflet", "ipympl",
    "jinja2", "narwhals", "nbformat", "networkx", "patsy", "plotly", "pyyaml", "statsmodels",
    "tqdm", "wordcloud",
)
# fmt: on

#: Files of npm packages that figures would fetch from elsewhere, and that decompress the memory
#: snapshot. The versions are those that folium 0.20 and plotly 6.9 ask for.
_SCRIPTS = {
    "@fortawesome/fontawesome-free@6.2.0": r"css/all\.min\.css|webfonts/.*\.woff2",
    "bootstrap@5.2.2": r"dist/js/bootstrap\.bundle\.min\.js|dist/css/bootstrap\.min\.css",
    "glyphicons-only-bootstrap@1.0.1": r"css/bootstrap\.min\.css|fonts/.*\.woff2?",
    "jquery@3.7.1": r"dist/jquery\.min\.js",
    "leaflet@1.9.3": r"dist/leaflet\.(js|css)|dist/images/.*\.png",
    "leaflet.awesome-markers@2.0.5": r"dist/leaflet\.awesome-markers\.(js|css)|dist/images/.*\.png",
    "leaflet.heat@0.2.0": r"dist/leaflet-heat\.js",
    "leaflet.markercluster@1.1.0": r"dist/leaflet\.markercluster\.js|dist/MarkerCluster.*\.css",
    "plotly.js@3.7.0": r"dist/plotly-geo-assets\.js",
    "zstddec@0.3.4": r"dist/zstddec\.mjs",
}

#: Dependencies of je-kernel itself, for showing shared notebooks.
_OURS = ("latex2mathml", "markdown-it-py", "mdit-py-plugins")

_TEST = ("attrs", "hypothesis", "pluggy", "pytest", "sortedcontainers", "tblib")


@dataclass(frozen=True)
class Recipe:
    """The content of a lock.

    Attributes
    ----------
    core
        Version of Pyodide's npm package.
    entry
        Which of its modules JupyterLite's worker loads.
    release
        The release of Pyodide whose wheels are used; it has the core's ABI.
    mirror
        Name and version of the PyPI package that contains that release.
    mirror_folder
        Where in its wheel.
    wanted
        Packages to lock; what they need is added.
    test
        Packages that only the tests need.
    pins
        Versions to prefer to Pyodide's own.
    optional
        Packages to lock although only Pyodide's own servers have them. A build that
        cannot reach these leaves them out.
    without_compiled
        Packages that run without their compiled modules, of which only Pyodide's servers
        have wheels for a browser: PyPI's wheel for another platform, without these.
    needed
        Dependencies that a package does not state.
    not_needed
        Dependencies in Pyodide's lock that the packages do not need.
    scripts
        Files of npm packages that figures fetch: a pattern for each package.
    preload
        The packages that every kernel loads, as JupyterLite's worker spells them:
        those which it would install itself otherwise.
    """

    core: str
    entry: str
    release: str
    mirror: tuple[str, str]
    mirror_folder: str = "open_webui/frontend/pyodide/"
    wanted: tuple[str, ...] = (*_KERNEL, *_CLASSROOM, *_OURS)
    test: tuple[str, ...] = _TEST
    pins: dict[str, str] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()
    without_compiled: frozenset[str] = frozenset()
    needed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    not_needed: frozenset[tuple[str, str]] = frozenset()
    scripts: dict[str, str] = field(default_factory=dict)
    preload: tuple[str, ...] = _KERNEL


RECIPES = {
    "314": Recipe(
        core="314.0.6",
        entry="pyodide.mjs",
        release="314.0.3",
        mirror=("open-webui", "0.12.4"),
        wanted=(*_KERNEL, *_CLASSROOM, *_PLOTS, *_OURS),
        # pytest-pyodide does not run on pytest 9. jsonschema 4.18 and later need
        # rpds-py, which is compiled and only on Pyodide's servers. plotly 7 has no
        # scatter_mapbox and its like, which older lessons draw their maps with.
        pins={"pytest": "8.4.2", "jsonschema": "4.17.3", "plotly": "6.9.0"},
        optional=frozenset({"statsmodels"}),
        # je-kernel has a module in the place of wordcloud's only compiled one.
        without_compiled=frozenset({"markupsafe", "pyyaml", "wordcloud"}),
        # Plotly Express does not import without NumPy, and no figure shows without nbformat.
        needed={"plotly": ("nbformat", "numpy")},
        scripts=_SCRIPTS,
        # Pyodide's recipes add these for tests, or for optional parts.
        not_needed=frozenset(
            (name, depend)
            for name, depends in {
                "bokeh": ("pandas", "six"),
                "networkx": ("decorator", "matplotlib", "numpy", "setuptools"),
                "patsy": ("six",),
            }.items()
            for depend in depends
        ),
    ),
    "0.29": Recipe(
        core="0.29.3",
        entry="pyodide.js",
        release="0.28.3",
        mirror=("open-webui", "0.9.6"),
        wanted=tuple(name for name in (*_KERNEL, *_CLASSROOM, *_OURS) if name != "lxml"),
        pins={"pytest": "8.4.2"},
        # Part of Python's standard library, which that Pyodide had apart.
        optional=frozenset({"sqlite3"}),
        not_needed=frozenset({("matplotlib-inline", "matplotlib")}),
        preload=tuple(
            {"pyodide-kernel": "pyodide_kernel"}.get(name, name) for name in ("sqlite3", *_KERNEL)
        ),
    ),
}

#: Wheels that jupyterlite-pyodide-kernel carries. `widgetsnbextension` is an
#: empty one there, which is all that ipywidgets needs in a browser.
_KERNEL_WHEELS: dict[str, dict[str, list[str]]] = {
    "piplite": {"imports": ["piplite"], "depends": ["micropip"]},
    "pyodide-kernel": {
        "imports": ["pyodide_kernel"],
        "depends": ["comm", "ipykernel", "ipython"],
    },
    "ipykernel": {"imports": ["ipykernel"], "depends": []},
    "widgetsnbextension": {"imports": ["widgetsnbextension"], "depends": []},
}

#: Files of Pyodide's npm package that no page loads.
_NOT_NEEDED = re.compile(r"\.(map|d\.ts|html|md)$|^package\.json$")


def relock(series: str, *, upgrade: bool = False) -> dict[str, Any]:
    """Return the content of the lock of a series.

    Parameters
    ----------
    series
        A key of `RECIPES`.
    upgrade
        Whether packages unknown to Pyodide's lock get their newest version.

    Returns
    -------
    dict
        The JSON of the lock.
    """
    with tempfile.TemporaryDirectory() as folder:
        return _Relock(series, RECIPES[series], Path(folder), upgrade=upgrade).run()


class _Relock:
    """Makes one lock, with its downloads in a folder."""

    def __init__(self, series: str, recipe: Recipe, folder: Path, *, upgrade: bool) -> None:
        self.series = series
        self.recipe = recipe
        self.folder = folder
        self.present = {} if upgrade else _present_versions(series)
        self.wheels: dict[str, dict[str, Any]] = {}
        self.requirements: dict[str, tuple[Requirement, ...]] = {}

    def run(self) -> dict[str, Any]:
        core, info = self._core()
        self.python = ".".join(info["python"].split(".")[:2])
        self.release = self._npm_pack(self.recipe.release)[2]["packages"]
        mirror = self._mirror()
        self.mirror_zip = zipfile.ZipFile(self.folder / mirror["file_name"])
        self._lock_all(self.recipe.wanted, test=False)
        self._lock_all(self.recipe.test, test=True)
        self._check_requirements()
        return {
            "series": self.series,
            "python": self.python,
            "release": self.recipe.release,
            "core": core,
            "mirror": mirror,
            "preload": list(self.recipe.preload),
            "kernel_wheels": _KERNEL_WHEELS,
            "scripts": [
                self._scripts(package, pattern)
                for package, pattern in sorted(self.recipe.scripts.items())
            ],
            "wheels": dict(sorted(self.wheels.items())),
        }

    def _scripts(self, package: str, pattern: str) -> dict[str, Any]:
        integrity, files = self._npm_files(package)
        npm, _, version = package.rpartition("@")
        names = sorted(name for name in files if re.fullmatch(pattern, name))
        return {
            "npm": npm,
            "version": version,
            "integrity": integrity,
            "files": {name: hashlib.sha256(files[name]).hexdigest() for name in names},
        }

    def _npm_pack(self, version: str) -> tuple[str, dict[str, bytes], dict[str, Any]]:
        """Return Pyodide's npm package: its integrity, its files by name, and its lock."""
        integrity, files = self._npm_files(f"pyodide@{version}")
        by_name = {Path(path).name: content for path, content in files.items()}
        return integrity, by_name, json.loads(by_name["pyodide-lock.json"])

    def _npm_files(self, package: str) -> tuple[str, dict[str, bytes]]:
        output = subprocess.run(  # noqa: S603
            ["npm", "pack", package, "--json"],  # noqa: S607
            cwd=self.folder,
            check=True,
            capture_output=True,
        ).stdout
        report = json.loads(output)
        packed = report[0] if isinstance(report, list) else next(iter(report.values()))
        with tarfile.open(self.folder / packed["filename"]) as archive:
            files = {
                member.name.partition("/")[2]: archive.extractfile(member).read()  # type: ignore[union-attr]
                for member in archive.getmembers()
                if member.isfile()
            }
        return packed["integrity"], files

    def _core(self) -> tuple[dict[str, Any], dict[str, Any]]:
        integrity, files, lock = self._npm_pack(self.recipe.core)
        core = {
            "npm": "pyodide",
            "version": self.recipe.core,
            "integrity": integrity,
            "entry": self.recipe.entry,
            "files": {
                name: hashlib.sha256(content).hexdigest()
                for name, content in sorted(files.items())
                if not _NOT_NEEDED.search(name)
            },
        }
        return core, lock["info"]

    def _mirror(self) -> dict[str, str]:
        name, version = self.recipe.mirror
        path = self._pip_download(f"{name}=={version}", "mirror")
        path = path.rename(self.folder / path.name)
        return {
            "pypi": name,
            "version": version,
            "file_name": path.name,
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            "folder": self.recipe.mirror_folder,
        }

    def _lock_all(self, names: tuple[str, ...], *, test: bool) -> None:
        pending = [canonicalize_name(name) for name in names]
        while pending:
            name = pending.pop()
            if name in self.wheels or name in _KERNEL_WHEELS:
                continue
            entry = self._lock_one(name)
            if test:
                entry["test"] = True
            self.wheels[name] = entry
            print(f"{name} {entry['version']}: {', '.join(entry['sources'])}", file=sys.stderr)
            pending.extend(entry["depends"])

    def _check_requirements(self) -> None:
        """Refuse versions that do not fit each other, where the release has not chosen both."""
        chosen = {
            name
            for name, entry in self.wheels.items()
            if entry["version"] == self.release.get(name, {}).get("version")
        }
        unmet = [
            f"{name} {self.wheels[name]['version']} needs {requirement}, "
            f"and {self.wheels[depend]['version']} is locked"
            for name, requirements in self.requirements.items()
            for requirement in requirements
            if (depend := canonicalize_name(requirement.name)) in self.wheels
            and not {name, depend} <= chosen
            and self.wheels[depend]["version"] not in requirement.specifier
        ]
        if unmet:
            raise SystemExit("\n".join(unmet))

    def _lock_one(self, name: str) -> dict[str, Any]:
        released = self.release.get(name)
        pinned = self.recipe.pins.get(name)
        if released is not None and pinned is None and name not in self.recipe.without_compiled:
            in_release = self._lock_released(name, released)
            if in_release is not None:
                return in_release
        version = pinned or (released or {}).get("version") or self.present.get(name)
        path = self._pip_download(f"{name}=={version}" if version else name, name)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        return self._entry(name, path, sha256, [PYPI], released)

    def _lock_released(self, name: str, released: dict[str, Any]) -> dict[str, Any] | None:
        """Lock the file of the Pyodide release, if anybody else has it too."""
        file_name, sha256 = released["file_name"], released["sha256"]
        sources = [RELEASE]
        path = self.folder / file_name
        try:
            content = self.mirror_zip.read(self.recipe.mirror_folder + file_name)
        except KeyError:
            content = b""
        if hashlib.sha256(content).hexdigest() == sha256:
            sources.append(MIRROR)
            path.write_bytes(content)
        if file_name.endswith("none-any.whl"):
            try:
                found = self._pip_download(f"{name}=={released['version']}", name)
            except subprocess.CalledProcessError:
                found = None
            if found and hashlib.sha256(found.read_bytes()).hexdigest() == sha256:
                sources.append(PYPI)
                path = found
        if sources == [RELEASE]:
            if name not in self.recipe.optional:
                return None
            path.touch()
        return self._entry(name, path, sha256, sources, released)

    def _entry(
        self,
        name: str,
        path: Path,
        sha256: str,
        sources: list[str],
        released: dict[str, Any] | None,
    ) -> dict[str, Any]:
        released = released or {}
        depends = {canonicalize_name(depend) for depend in released.get("depends", [])}
        version = str(released.get("version"))
        imports = released.get("imports")
        if path.suffix == ".whl" and path.stat().st_size:
            metadata = get_metadata(str(path))
            if metadata is None:
                raise SystemExit(f"{path.name} has no metadata")
            version = str(metadata.version)
            if PYPI in sources and version != released.get("version"):
                depends = set()  # Pyodide's list is of another version.
            self.requirements[name] = requirements_in_browser(metadata.requires_dist, self.python)
            depends |= {canonicalize_name(r.name) for r in self.requirements[name]}
            imports = imports or sorted(parse_top_level_import_name(path) or [])
        depends |= {canonicalize_name(need) for need in self.recipe.needed.get(name, ())}
        entry: dict[str, Any] = {
            "version": version,
            "file_name": path.name,
            "sha256": sha256,
            "imports": imports or [],
            "depends": sorted(d for d in depends if (name, d) not in self.recipe.not_needed),
            "sources": sources,
        }
        if name in self.recipe.optional:
            entry["optional"] = True
        if name in self.recipe.without_compiled:
            entry["without_compiled"] = True
        if released.get("package_type", "package") != "package":
            entry["package_type"] = released["package_type"]
            entry["install_dir"] = released["install_dir"]
        return entry

    def _pip_download(self, requirement: str, name: str) -> Path:
        """Download one pure-Python wheel, or one to leave compiled modules out of."""
        platform = OTHER_PLATFORM if name in self.recipe.without_compiled else "any"
        folder = self.folder / f"download-{name}"
        subprocess.run(  # noqa: S603
            [
                *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
                *("--disable-pip-version-check", "--only-binary=:all:", "--platform", platform),
                "--ignore-requires-python",
                *("--python-version", self.python if hasattr(self, "python") else "3.13"),
                *("--dest", str(folder), requirement),
            ],
            check=True,
        )
        (path,) = folder.glob("*.whl")
        return path


def _present_versions(series: str) -> dict[str, str]:
    path = locks_folder() / f"pyodide-{series}.lock.json"
    if not path.exists():
        return {}
    wheels = json.loads(path.read_text(encoding="utf-8"))["wheels"]
    return {name: entry["version"] for name, entry in wheels.items()}


def main() -> None:
    """Write the locks that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m je_site.relock", description=__doc__)
    parser.add_argument("series", nargs="+", choices=sorted(RECIPES))
    parser.add_argument("--upgrade", action="store_true")
    options = parser.parse_args()
    for series in options.series:
        text = json.dumps(relock(series, upgrade=options.upgrade), indent=1) + "\n"
        path = locks_folder() / f"pyodide-{series}.lock.json"
        path.write_text(text, encoding="utf-8")
        print(path)


if __name__ == "__main__":
    main()
