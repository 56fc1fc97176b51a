"""Builds a complete site with JupyterLite.

>>> from je_site.build import build                              # doctest: +SKIP
>>> build("_output", contents=["lessons"], env={"JE_KERNEL_LOG_LEVEL": "info"})  # doctest: +SKIP
PosixPath('_output')
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from je_site.addon import ERROR_MARK
from je_site.assembly import assemble
from je_site.cache import atomic_write, cache_folder, full_disk_is_an_assembly_error, sha256_of
from je_site.errors import BuildError
from je_site.lesson_packages import SiteNeeds, site_lock_for_build
from je_site.lock import locks_folder, read_lock
from je_site.own_wheel import own_wheel
from je_site.progress import progress_reporter
from je_site.site_lock import LOCK_NAME, merge_site_lock, site_lock_path
from je_site.site_record import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["BuildOptions", "build", "build_if_needed", "build_site", "default_contents"]


@dataclass(frozen=True)
class BuildOptions:
    """What a site is built of.

    Attributes
    ----------
    contents
        Files and folders for the site's file browser. None: the demo's.
    pyodide
        ``local``: the site serves Pyodide itself. ``cdn``: as JupyterLite does by
        default. None: what the project in `lite_dir` says, or else ``local``.
    env
        Environment variables of the kernel.
    packages
        Further packages that the site should have, as pip's requirements.
    preload
        Packages of the site that every kernel loads as it starts.
    lock
        The site's own lock. None: ``je-kernel.lock`` in `lite_dir`, or else in the
        first folder of contents.
    wheels
        Further wheels to serve.
    pypi
        Whether ``%pip install`` may ask PyPI. None: only with ``cdn``.
    compiled
        Whether to compile the Python of the wheels ahead of time.
    lite_dir
        A JupyterLite project whose configuration the site should have.
    front_page
        Whether our landing page is the front page of the site. None: what the
        project in `lite_dir` says, and yes where there is none.
    snapshot
        Whether to make the memory snapshot from which kernels start. None: what the
        project in `lite_dir` says, and yes where there is none.
    snapshot_packages
        Packages that a second, larger snapshot has imported as well; none for no such
        snapshot. None: what the project says.
    """

    contents: tuple[Path, ...] | None = None
    pyodide: Literal["local", "cdn"] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    packages: tuple[str, ...] = ()
    wheels: tuple[Path, ...] = ()
    pypi: bool | None = None
    compiled: bool = True
    lite_dir: Path | None = None
    front_page: bool | None = None
    preload: tuple[str, ...] = ()
    lock: Path | None = None
    snapshot: bool | None = None
    snapshot_packages: tuple[str, ...] | None = None
    offline: bool | None = None

    @property
    def site_lock_path(self) -> Path | None:
        """Where the site's own lock is, or would be."""
        beside = site_lock_path(self.lite_dir, self.contents or ())
        return self.lock or beside or (Path(LOCK_NAME) if self.packages else None)

    @property
    def needs(self) -> SiteNeeds:
        """What the site needs of packages, as far as the project does not say it."""
        files = () if self.lite_dir is None else (self.lite_dir / "files",)
        lessons = (*(self.contents or ()), *(path for path in files if path.is_dir()))
        return SiteNeeds(lessons, self.packages, self.wheels)


def build(
    output: Path | str,
    *,
    contents: Sequence[Path | str] | None = None,
    pyodide: Literal["local", "cdn"] | None = None,
    env: Mapping[str, str] | None = None,
    packages: Sequence[str] = (),
    wheels: Sequence[Path | str] = (),
    pypi: bool | None = None,
    compiled: bool = True,
    lite_dir: Path | str | None = None,
    front_page: bool | None = None,
    quiet: bool = True,
    preload: Sequence[str] = (),
    lock: Path | str | None = None,
    snapshot: bool | None = None,
    snapshot_packages: Sequence[str] | None = None,
    offline: bool | None = None,
) -> Path:
    """Build a site, anew.

    The signature is stable: tests and benchmarks of this project call it.

    Parameters
    ----------
    output
        Where to; a site that is there is replaced, once the new one is whole.
    contents
        Files and folders for the site's file browser. By default the demo's.
    pyodide
        ``local``: the site serves Pyodide itself. ``cdn``: as JupyterLite does by
        default. None: what the project in `lite_dir` says, or else ``local``.
    env
        Environment variables of the kernel.
    packages
        Further packages that the site should have, as pip's requirements.
    preload
        Packages of the site that every kernel loads as it starts.
    lock
        The site's own lock. None: ``je-kernel.lock`` in `lite_dir`, or else in the
        first folder of contents.
    wheels
        Further wheels to serve.
    pypi
        Whether ``%pip install`` may ask PyPI. By default only with ``cdn``.
    compiled
        Whether to compile the Python of the wheels ahead of time.
    lite_dir
        A JupyterLite project whose configuration the site should have.
    front_page
        Whether our landing page is the front page of the site. By default what the
        project in `lite_dir` says, and yes where there is none.
    quiet
        Whether to show no progress.
    snapshot
        Whether to make the memory snapshot from which kernels start. By default what
        the project in `lite_dir` says, and yes where there is none.
    snapshot_packages
        Packages that a second, larger snapshot has imported as well; none for no such
        snapshot. None: what the project says.
    offline
        Whether browsers keep what was used of the site, so that it works without a
        network. By default what the project in `lite_dir` says, and yes where there is none.

    Returns
    -------
    pathlib.Path
        `output`.

    Raises
    ------
    BuildError
        When JupyterLite cannot build it, or `output` has something else in it.
    """
    options = BuildOptions(
        contents=None if contents is None else tuple(Path(path) for path in contents),
        pyodide=pyodide,
        env=dict(env or {}),
        packages=tuple(packages),
        wheels=tuple(Path(path) for path in wheels),
        pypi=pypi,
        compiled=compiled,
        lite_dir=None if lite_dir is None else Path(lite_dir),
        front_page=front_page,
        preload=tuple(preload),
        lock=None if lock is None else Path(lock),
        snapshot=snapshot,
        snapshot_packages=_tuple_or_none(snapshot_packages),
        offline=offline,
    )
    build_site(Path(output), options, quiet=quiet)
    return Path(output)


def build_site(output: Path, options: BuildOptions, *, quiet: bool = False) -> None:
    """Build a site, anew.

    Parameters
    ----------
    output
        Where to; a site that is there is replaced, once the new one is whole.
    options
        What it is built of.
    quiet
        Whether to show no progress.

    Raises
    ------
    BuildError
        When JupyterLite cannot build it, or `output` has something else in it.
    """
    _check_replaceable(output)
    fingerprint = _fingerprint(options)
    with progress_reporter(quiet=quiet) as reporter, _building_beside(output) as fresh:
        # Fetched here, where there may be a terminal, so that the addon finds it in the cache.
        ahead = options.pyodide != "cdn" and options.lite_dir is None
        if ahead:
            added = site_lock_for_build(options.site_lock_path, options.needs, reporter)
            assemble(merge_site_lock(read_lock(), added), reporter, compiled=options.compiled)
        with reporter.bar("JupyterLite"):
            log = _run_jupyterlite(fresh, options)
        for warning in re.findall(r"^je-kernel: (.*)$", log, re.MULTILINE):
            reporter.warn(warning)
        _check_addon_ran(fresh, options)
        _replace(output, fresh)
    memory = {
        "options": _plain(options),
        "inputs": fingerprint + _lock_digest(options),  # Which this build may have made.
        "site": sha256_of(output / "jupyter-lite.json"),
    }
    with atomic_write(_record_path(output)) as file:
        file.write(json.dumps(memory).encode())


def _check_addon_ran(site: Path, options: BuildOptions) -> None:
    """Refuse a site that JupyterLite built without the addon's part in it."""
    if (site / RECORD).is_file():
        return
    project = options.lite_dir or "the project"
    raise BuildError(
        "JupyterLite built the site without je-kernel. Run the build again; if this stays, see "
        f"whether the configuration of {project} disables the addon je-kernel."
    )


def build_if_needed(output: Path, options: BuildOptions | None, *, quiet: bool = False) -> bool:
    """Build a site if it is missing, or older than what it is built of.

    Parameters
    ----------
    output
        The site.
    options
        What it should be built of; None for what it was built of last time.
    quiet
        Whether to show no progress.

    Returns
    -------
    bool
        Whether it was built.

    Raises
    ------
    BuildError
        When JupyterLite cannot build it, or `output` has something else in it.
    """
    memory = _read_record(output)
    if options is None and not memory and (output / "jupyter-lite.json").is_file():
        return False  # Not our work, such as that of a plain `jupyter lite build`.
    wanted = options if options is not None else _options_from(memory.get("options", {}))
    if memory.get("options") == _plain(wanted) and memory["inputs"] == (
        _fingerprint(wanted) + _lock_digest(wanted)
    ):
        return False
    build_site(output, wanted, quiet=quiet)
    return True


def default_contents() -> tuple[Path, ...]:
    """Return the demo's contents.

    Returns
    -------
    tuple of pathlib.Path
        One folder; none if it is not there.
    """
    folder = locks_folder()
    content = folder / "content" if folder.name == "bundled" else folder.parent / "site" / "content"
    return (content,) if content.is_dir() else ()


def _contents_of(options: BuildOptions) -> tuple[Path, ...]:
    if options.contents is not None:
        return options.contents
    # A JupyterLite project has its own, in its `files`.
    return () if options.lite_dir is not None else default_contents()


def _check_replaceable(output: Path) -> None:
    if not output.exists():
        return
    if not output.is_dir():
        raise BuildError(f"{output} is a file: name a folder for the site.")
    ours = (output / RECORD).is_file() or (output / "jupyter-lite.json").is_file()
    if not ours and any(output.iterdir()):
        raise BuildError(
            f"{output} has something in it that is not a JupyterLite site: name another folder, "
            "or empty it first."
        )


@contextlib.contextmanager
def _building_beside(output: Path) -> Iterator[Path]:
    """Make a folder on the same disk as the site's, gone afterwards."""
    with full_disk_is_an_assembly_error(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as folder:
            yield Path(folder) / "site"


def _replace(output: Path, fresh: Path) -> None:
    if output.exists():
        output.rename(fresh.with_name("old"))
    fresh.rename(output)


def _run_jupyterlite(output: Path, options: BuildOptions) -> str:
    """Run ``jupyter lite build``, in which our addon does the rest; return its log."""
    work = output.parent / "work"
    lite_dir = (options.lite_dir or work / "lite").resolve()
    (work / "lite").mkdir(parents=True)
    for path in (*_contents_of(options), *options.wheels, lite_dir):
        if not path.exists():
            raise BuildError(f"{path} does not exist: name a file or folder that does.")
    command = [
        *(sys.executable, "-m", "jupyterlite_core", "build"),
        *("--lite-dir", str(lite_dir), "--output-dir", str(output.resolve())),
        f"--LiteBuildConfig.cache_dir={work / 'cache'}",
        *_flags(options),
    ]
    done = subprocess.run(  # noqa: S603
        command,
        cwd=work,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode:
        raise BuildError(_error_from_log(done.stdout))
    return done.stdout


def _flags(options: BuildOptions) -> Iterator[str]:
    for path in _contents_of(options):
        yield f"--contents={path.resolve()}"
    if options.lite_dir is None:
        yield "--no-sourcemaps"  # Half of what a site would weigh otherwise.
    # What is not said here is left to the project's own configuration.
    if options.pyodide is not None:
        yield f"--JeKernelAddon.pyodide={options.pyodide}"
    if not options.compiled:
        yield "--JeKernelAddon.compile=False"
    if options.snapshot is not None:
        yield f"--JeKernelAddon.snapshot={options.snapshot}"
    if options.snapshot_packages is not None:
        for name in options.snapshot_packages or ("[]",):
            yield f"--JeKernelAddon.snapshot_packages={name}"
    if options.offline is not None:
        yield f"--JeKernelAddon.offline={options.offline}"
    if options.pypi is not None:
        yield f"--JeKernelAddon.pypi={options.pypi}"
    # A site that is ours altogether greets with our page; a project has said what it wants.
    front_page = options.lite_dir is None if options.front_page is None else options.front_page
    if front_page or options.front_page is not None:
        yield f"--JeKernelAddon.front_page={front_page}"
    for name in options.packages:
        yield f"--JeKernelAddon.packages={name}"
    for name in options.preload:
        yield f"--JeKernelAddon.preload={name}"
    lock = options.site_lock_path
    if lock is not None and (options.lock is not None or options.lite_dir is None):
        yield f"--JeKernelAddon.lock={lock.resolve()}"
    if lock is not None and options.lite_dir is None:  # It is the deployer's, and no lesson.
        yield f"--LiteBuildConfig.extra_ignore_contents=/{re.escape(lock.name)}$"
    for path in options.wheels:
        yield f"--JeKernelAddon.wheels={path.resolve()}"
    for name, value in options.env.items():
        yield f"--JeKernelAddon.env={name}={value}"


def _error_from_log(log: str) -> str:
    ours = [line.partition(ERROR_MARK)[2] for line in log.splitlines() if ERROR_MARK in line]
    if ours:
        return ours[-1].strip()
    tail = "\n".join(log.splitlines()[-25:])
    return f"JupyterLite could not build the site. The end of its log:\n{tail}"


def _record_path(output: Path) -> Path:
    """Where it is remembered what a site was built of: not in the site, which is published."""
    name = hashlib.sha256(str(output.resolve()).encode()).hexdigest()[:20]
    return cache_folder() / "sites" / f"{name}.json"


def _read_record(output: Path) -> dict[str, Any]:
    """Return what is remembered of a site, if it still is as we built it."""
    try:
        memory: dict[str, Any] = json.loads(_record_path(output).read_text(encoding="utf-8"))
        if memory["site"] == sha256_of(output / "jupyter-lite.json"):
            return memory
    except (OSError, ValueError, KeyError):
        pass
    return {}


def _plain(options: BuildOptions) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(options), default=_absolute))
    return plain


def _absolute(path: Path) -> str:
    return str(path.resolve())


def _options_from(plain: Mapping[str, Any]) -> BuildOptions:
    contents = plain.get("contents")
    lite_dir = plain.get("lite_dir")
    return BuildOptions(
        contents=None if contents is None else tuple(map(Path, contents)),
        pyodide=plain.get("pyodide"),
        env=plain.get("env", {}),
        packages=tuple(plain.get("packages", ())),
        wheels=tuple(map(Path, plain.get("wheels", ()))),
        pypi=plain.get("pypi"),
        compiled=plain.get("compiled", True),
        lite_dir=None if lite_dir is None else Path(lite_dir),
        front_page=plain.get("front_page"),
        preload=tuple(plain.get("preload", ())),
        lock=None if plain.get("lock") is None else Path(plain["lock"]),
        snapshot=plain.get("snapshot"),
        snapshot_packages=_tuple_or_none(plain.get("snapshot_packages")),
        offline=plain.get("offline"),
    )


def _tuple_or_none(names: Iterable[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


def _lock_digest(options: BuildOptions) -> str:
    path = options.site_lock_path
    return sha256_of(path) if path is not None and path.is_file() else ""


def _fingerprint(options: BuildOptions) -> str:
    """Digest everything that a site is built of, but its own lock."""
    digest = hashlib.sha256()
    for name in ("jupyterlite-core", "jupyterlite-pyodide-kernel", "je-kernel-site"):
        digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    roots = [own_wheel(), *sorted(locks_folder().glob("*.lock.json")), *_contents_of(options)]
    here = Path(__file__).parent
    roots += [
        *options.wheels,
        *sorted(here.glob("*.*")),
        *(here / name for name in ("icons", "lab_page", "offline", "pages")),
    ]
    if options.lite_dir is not None:
        roots.append(options.lite_dir)
    for path in _files_in(roots):
        if path == options.site_lock_path:
            continue
        digest.update(f"{path}\0{sha256_of(path)}\n".encode())
    return digest.hexdigest()


def _files_in(roots: Iterable[Path]) -> Iterator[Path]:
    """List files, leaving out hidden folders and those that JupyterLite ignores."""
    for root in roots:
        if root.is_file():
            yield root
            continue
        for folder, folders, names in os.walk(root):
            folders[:] = sorted(f for f in folders if f[0] not in "._" and f != "node_modules")
            yield from (Path(folder) / name for name in sorted(names) if name[0] != ".")
