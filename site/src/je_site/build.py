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
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, field, fields
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from je_site.addon import ERROR_MARK
from je_site.assembly import assemble
from je_site.cache import atomic_write, cache_folder, disk_errors_as_assembly_errors, sha256_of
from je_site.errors import BuildError
from je_site.lesson_packages import SiteNeeds, site_lock_for_build
from je_site.lessons import files_in
from je_site.lock import locks_folder, read_lock
from je_site.own_wheel import own_wheel
from je_site.progress import progress_reporter
from je_site.site_lock import LOCK_NAME, merge_site_lock, site_lock_path
from je_site.site_record import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["BuildOptions", "build", "build_if_needed", "build_site", "default_contents"]


@dataclass(frozen=True)
class BuildOptions:
    """The options of a build.

    Attributes
    ----------
    contents
        Files and folders for the site's file browser. None for the demo's.
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
    offline
        Whether browsers keep what was used of the site, so that it works without a
        network. None: what the project in `lite_dir` says, and yes where there is none.
    """

    contents: Sequence[Path] | None = None
    pyodide: Literal["local", "cdn"] | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    packages: Sequence[str] = ()
    wheels: tuple[Path, ...] = ()
    pypi: bool | None = None
    compiled: bool = True
    lite_dir: Path | None = None
    front_page: bool | None = None
    preload: Sequence[str] = ()
    lock: Path | None = None
    snapshot: bool | None = None
    snapshot_packages: Sequence[str] | None = None
    offline: bool | None = None

    @property
    def site_lock_path(self) -> Path | None:
        """The path of the site's own lock, which need not exist."""
        beside = site_lock_path(self.lite_dir, self.contents or ())
        return self.lock or beside or (Path(LOCK_NAME) if self.packages else None)

    @property
    def needs(self) -> SiteNeeds:
        """Where the site's requirements come from, besides the project's configuration."""
        files = () if self.lite_dir is None else (self.lite_dir / "files",)
        lessons = (*(self.contents or ()), *(path for path in files if path.is_dir()))
        return SiteNeeds(lessons, tuple(self.packages), self.wheels)


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
    """Build a site.

    The signature is stable: tests and benchmarks of this project call it.

    Parameters
    ----------
    output
        The folder. An existing site is replaced when the new one is complete.
    contents, pyodide, env, packages, wheels, pypi, compiled, lite_dir
        See `BuildOptions`; paths may be text.
    front_page, preload, lock, snapshot, snapshot_packages, offline
        See `BuildOptions`.
    quiet
        Whether to show no progress.

    Returns
    -------
    pathlib.Path
        `output`.

    Raises
    ------
    BuildError
        When JupyterLite cannot build it, or `output` contains other files.
    """
    options = _options_from(
        {
            "contents": contents,
            "pyodide": pyodide,
            "env": dict(env or {}),
            "packages": packages,
            "wheels": wheels,
            "pypi": pypi,
            "compiled": compiled,
            "lite_dir": lite_dir,
            "front_page": front_page,
            "preload": preload,
            "lock": lock,
            "snapshot": snapshot,
            "snapshot_packages": snapshot_packages,
            "offline": offline,
        }
    )
    build_site(Path(output), options, quiet=quiet)
    return Path(output)


def build_site(output: Path, options: BuildOptions, *, quiet: bool = False) -> None:
    """Build a site.

    Parameters
    ----------
    output
        The folder. An existing site is replaced when the new one is complete.
    options
        The options.
    quiet
        Whether to show no progress.

    Raises
    ------
    BuildError
        When JupyterLite cannot build it, or `output` contains other files.
    """
    _check_replaceable(output)
    fingerprint = _fingerprint(options)
    with progress_reporter(quiet=quiet) as reporter, _building_beside(output) as fresh:
        # Fetched here, where there may be a terminal; the addon finds it in the cache.
        ahead = options.pyodide != "cdn" and options.lite_dir is None
        if ahead:
            site_lock = site_lock_for_build(options.site_lock_path, options.needs, reporter)
            assemble(merge_site_lock(read_lock(), site_lock), reporter, compiled=options.compiled)
        with reporter.bar("JupyterLite"):
            log = _run_jupyterlite(fresh, options)
        for warning in re.findall(r"^je-kernel: (.*)$", log, re.MULTILINE):
            reporter.warn(warning)
        _check_addon_ran(fresh, options)
        _replace(output, fresh)
    record = {
        "options": _plain(options),
        "inputs": fingerprint + _lock_digest(options),  # This build may have made the lock.
        "site": sha256_of(output / "jupyter-lite.json"),
    }
    with atomic_write(_record_path(output)) as file:
        file.write(json.dumps(record).encode())


def _check_addon_ran(site: Path, options: BuildOptions) -> None:
    """Refuse a site that JupyterLite built without the addon."""
    if (site / RECORD).is_file():
        return
    project = options.lite_dir or "the project"
    raise BuildError(
        "JupyterLite built the site without je-kernel. Run the build again; if this stays, see "
        f"whether the configuration of {project} disables the addon je-kernel."
    )


def build_if_needed(output: Path, options: BuildOptions | None, *, quiet: bool = False) -> bool:
    """Build a site if it is missing, or older than its inputs.

    Parameters
    ----------
    output
        The site.
    options
        The options; None for those of the last build.
    quiet
        Whether to show no progress.

    Returns
    -------
    bool
        Whether it was built.

    Raises
    ------
    BuildError
        When JupyterLite cannot build it, or `output` contains other files.
    """
    record = _read_record(output)
    if options is None and not record and (output / "jupyter-lite.json").is_file():
        return False  # Another tool has built it, such as `jupyter lite build`.
    wanted = options if options is not None else _options_from(record.get("options", {}))
    if record.get("options") == _plain(wanted) and record["inputs"] == (
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
        One folder; none if it does not exist.
    """
    folder = locks_folder()
    content = folder / "content" if folder.name == "bundled" else folder.parent / "site" / "content"
    return (content,) if content.is_dir() else ()


def _contents_of(options: BuildOptions) -> Sequence[Path]:
    if options.contents is not None:
        return options.contents
    # A JupyterLite project has its own contents, in `files`.
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
    """Make a temporary folder on the disk of the site."""
    with disk_errors_as_assembly_errors(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{output.name}-", dir=output.parent) as folder:
            yield Path(folder) / "site"


def _replace(output: Path, fresh: Path) -> None:
    if output.exists():
        output.rename(fresh.with_name("old"))
    fresh.rename(output)


def _run_jupyterlite(output: Path, options: BuildOptions) -> str:
    """Run ``jupyter lite build``, which runs the addon; return its log."""
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
        yield "--no-sourcemaps"  # They are half of the size of a site.
    # Options that are None are left to the project's own configuration.
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
    # Without a project, our landing page is the front page.
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
    if lock is not None and options.lite_dir is None:  # It is no lesson.
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
    """Return the path of the record of a build. It is not in the site, which is published."""
    name = hashlib.sha256(str(output.resolve()).encode()).hexdigest()[:20]
    return cache_folder() / "sites" / f"{name}.json"


def _read_record(output: Path) -> dict[str, Any]:
    """Return the record of a site's build, unless the site was changed since."""
    try:
        record: dict[str, Any] = json.loads(_record_path(output).read_text(encoding="utf-8"))
        if record["site"] == sha256_of(output / "jupyter-lite.json"):
            return record
    except (OSError, ValueError, KeyError):
        pass
    return {}


def _plain(options: BuildOptions) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(asdict(options), default=_absolute))
    return plain


def _absolute(path: Path) -> str:
    return str(path.resolve())


def _options_from(values: Mapping[str, Any]) -> BuildOptions:
    """Make options of JSON, or of arguments in which paths may be text."""
    names = {each.name for each in fields(BuildOptions)}
    options = {name: value for name, value in values.items() if name in names}
    for name in ("contents", "wheels"):
        if options.get(name) is not None:
            options[name] = tuple(map(Path, options[name]))
    for name in ("lite_dir", "lock"):
        if options.get(name) is not None:
            options[name] = Path(options[name])
    return BuildOptions(**options)


def _lock_digest(options: BuildOptions) -> str:
    path = options.site_lock_path
    return sha256_of(path) if path is not None and path.is_file() else ""


def _fingerprint(options: BuildOptions) -> str:
    """Return a digest of all inputs of a build, except the site's own lock."""
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
    for path in chain.from_iterable(map(files_in, roots)):
        if path == options.site_lock_path:
            continue
        digest.update(f"{path}\0{sha256_of(path)}\n".encode())
    return digest.hexdigest()
