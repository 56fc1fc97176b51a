"""Compiles the Python of wheels to bytecode, when the site is built.

A quarter of a kernel's start, and more than half of ``import pandas``, is
compiling. So the wheels of a site have a ``.pyc`` beside each ``.py``, with an unchecked
hash (PEP 552), so that Python does not read the source. Bytecode is for one minor
version of Python, which the deployer's machine seldom has: Pyodide compiles it, in Node.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from je_site.cache import atomic_write, cache_folder, copy_atomically, temporary_folder
from je_site.errors import AssemblyError
from je_site.progress import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from je_site.progress import Bar, Reporter

__all__ = ["compile_wheels", "compiled_wheel", "node_command"]

_SCRIPT = Path(__file__).with_name("compile_wheels.mjs")
_RECIPE = Path(__file__).with_name("compile_wheel.py.txt")
_OLDEST_NODE = 18
_PROCESSES = 2


@dataclass(frozen=True)
class _Job:
    name: str
    source: Path
    target: Path


def compiled_wheel(sha256: str, file_name: str, core_version: str) -> Path:
    """Return the path of the compiled form of a wheel in the cache.

    Parameters
    ----------
    sha256
        Of the original wheel, in hexadecimal.
    file_name
        Its name.
    core_version
        Version of the Pyodide that compiles.

    Returns
    -------
    pathlib.Path
        In the cache; it need not exist.
    """
    folder = f"{core_version}-{_recipe_digest()}"
    return cache_folder() / "compiled" / folder / sha256 / file_name


@lru_cache(maxsize=1)
def _recipe_digest() -> str:
    return hashlib.sha256(_RECIPE.read_bytes()).hexdigest()[:10]


def node_command() -> str | None:
    """Return the path of a Node that can run Pyodide.

    Returns
    -------
    str or None
        None when there is none, or it is older than 18.
    """
    node = shutil.which("node") or shutil.which("nodejs")
    if node is None:
        return None
    output = subprocess.run(  # noqa: S603
        [node, "--version"], capture_output=True, text=True, check=False
    ).stdout
    version = output.strip().removeprefix("v").partition(".")[0]
    return node if version.isdigit() and int(version) >= _OLDEST_NODE else None


def compile_wheels(
    wheels: Mapping[str, tuple[Path, str]],
    core: Path,
    core_version: str,
    reporter: Reporter,
) -> dict[str, Path]:
    """Compile the wheels whose compiled form is not in the cache.

    Parameters
    ----------
    wheels
        Path and sha256 of each, by the package's name.
    core
        Folder of the unpacked Pyodide that compiles.
    core_version
        Its version.
    reporter
        Where to show progress.

    Returns
    -------
    dict
        The compiled wheels by name. Without Node, those in the cache only, after a
        warning.

    Raises
    ------
    AssemblyError
        When a wheel cannot be compiled.
    """
    targets = {
        name: compiled_wheel(sha256, path.name, core_version)
        for name, (path, sha256) in wheels.items()
    }
    jobs = [
        _Job(name, wheels[name][0], target)
        for name, target in targets.items()
        if not _is_whole(target)
    ]
    if jobs:
        node = node_command()
        if node is None:
            reporter.warn(
                f"Node {_OLDEST_NODE} or newer is not installed, so {counted(jobs)} are not "
                "compiled ahead of time: the site works, and its kernel starts more slowly."
            )
            return {name: path for name, path in targets.items() if path.is_file()}
        with reporter.bar(f"Compiling {counted(jobs)}", len(jobs)) as bar:
            _compile_in_parallel(node, jobs, core, bar)
    return targets


def _is_whole(path: Path) -> bool:
    """Tell whether a compiled wheel exists and is intact."""
    digest = path.with_suffix(".sha256")
    try:
        return digest.read_text() == hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return False


def _compile_in_parallel(node: str, jobs: Sequence[_Job], core: Path, bar: Bar) -> None:
    shares: list[list[_Job]] = [[] for _ in range(_PROCESSES)]
    loads = [0] * _PROCESSES
    # The longest jobs first, each to the process with the least work.
    for size, job in sorted(
        ((_python_size(job.source), job) for job in jobs), key=lambda pair: -pair[0]
    ):
        least = loads.index(min(loads))
        shares[least].append(job)
        loads[least] += size
    with ThreadPoolExecutor(_PROCESSES) as pool:
        for _ in pool.map(
            lambda share: _compile_share(node, share, core, bar), filter(None, shares)
        ):
            pass


def _python_size(wheel: Path) -> int:
    """Return the size of the Python files of a wheel, in bytes."""
    with zipfile.ZipFile(wheel) as archive:
        return sum(item.file_size for item in archive.infolist() if item.filename.endswith(".py"))


def _compile_share(node: str, jobs: Sequence[_Job], core: Path, bar: Bar) -> None:
    with temporary_folder() as work:
        plan = work / "plan.json"
        outputs = {job.name: work / f"{number}.whl" for number, job in enumerate(jobs)}
        described = [[job.name, str(job.source), str(outputs[job.name])] for job in jobs]
        plan.write_text(json.dumps({"recipe": str(_RECIPE), "wheels": described}))
        by_name = {job.name: job for job in jobs}
        # A file, not a pipe: nobody reads it meanwhile, and a full pipe would block Node.
        with (work / "stderr").open("w+") as stderr:
            command = [node, str(_SCRIPT), str(core / "pyodide.mjs"), str(plan)]
            with subprocess.Popen(  # noqa: S603
                command, stdout=subprocess.PIPE, stderr=stderr, text=True
            ) as process:
                for line in process.stdout or ():
                    word, _, name = line.strip().partition(" ")
                    if word == "compiled" and name in by_name:
                        _keep(outputs[name], by_name[name].target)
                        bar.advance()
            stderr.seek(0)
            if process.returncode:
                raise AssemblyError(_node_error(stderr.read(), process.returncode))


def _node_error(output: str, code: int) -> str:
    """Return an error message from the output of Node, which may quote all of Pyodide."""
    errors = [
        line.strip()[:300] for line in output.splitlines() if re.match(r"\s*(\w*Error)\b", line)
    ]
    reason = errors[-1] if errors else f"it ended with {code}"
    if "ENOSPC" in output or "No space left" in output:
        reason = "the disk is full"
    return f"Pyodide in Node could not compile the wheels: {reason}."


def _keep(output: Path, target: Path) -> None:
    if _is_whole(target):
        return  # Another process has written it, and may be using it.
    copy_atomically(output, target)
    with atomic_write(target.with_suffix(".sha256")) as file:
        file.write(hashlib.sha256(output.read_bytes()).hexdigest().encode())
    with contextlib.suppress(OSError):
        output.unlink()
