"""Returns the wheel of je-kernel itself, and builds it in a checkout.

The published je-kernel-site bundles it. In a checkout it is built when the sources have
changed. The build is reproducible, so that the same sources have the same file name in a site.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from je_site.cache import atomic_write, copy_atomically, temporary_folder
from je_site.errors import AssemblyError
from je_site.lock import locks_folder

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["own_wheel"]

#: The sources of the wheel, in the checkout.
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "src/je_kernel")

#: 2020-02-02, hatchling's own default for a reproducible build.
_EPOCH = "1580601600"


def own_wheel() -> Path:
    """Return the wheel of je-kernel, built first if the checkout has changed.

    Returns
    -------
    pathlib.Path
        In ``wheels/`` of the checkout, or in this package.

    Raises
    ------
    AssemblyError
        When it cannot be built.
    """
    folder = locks_folder()
    if folder.name == "bundled":
        return _only_wheel(folder)
    checkout = folder.parent
    record = folder / ".built.json"
    digest = _digest_of(checkout)
    built = _recorded(record).get(digest)
    if built and (folder / built).is_file():
        return folder / built
    path = _build(checkout, folder)
    with atomic_write(record) as file:
        file.write(json.dumps({digest: path.name}).encode())
    return path


def _only_wheel(folder: Path) -> Path:
    found = sorted(folder.glob("je_kernel-*.whl"))
    if not found:
        raise AssemblyError(
            f"{folder} has no wheel of je-kernel: this installation of je-kernel-site is "
            "damaged; install it again."
        )
    return found[-1]


def _recorded(record: Path) -> dict[str, str]:
    try:
        recorded: dict[str, str] = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return recorded


def _digest_of(checkout: Path) -> str:
    digest = hashlib.sha256()
    for name in _SOURCES:
        path = checkout / name
        files = sorted(path.rglob("*")) if path.is_dir() else [path]
        for file in files:
            if file.is_file() and file.suffix != ".pyc":
                digest.update(f"{file.relative_to(checkout).as_posix()}\0".encode())
                digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _build(checkout: Path, folder: Path) -> Path:
    with temporary_folder() as work:
        command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(work)]
        environment = {**os.environ, "SOURCE_DATE_EPOCH": _EPOCH}
        done = subprocess.run(  # noqa: S603
            command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
        )
        built = list(work.glob("je_kernel-*.whl"))
        if done.returncode or not built:
            raise AssemblyError(
                f"The wheel of je-kernel could not be built from {checkout}: "
                f"{_reason(done.stderr or done.stdout)}."
            )
        for old in folder.glob("je_kernel-*.whl"):
            if old.name != built[0].name:
                old.unlink(missing_ok=True)
        copy_atomically(built[0], folder / built[0].name)
        return folder / built[0].name


def _reason(said: str) -> str:
    if "No module named hatchling" in said:
        return "hatchling is not installed (pip install hatchling)"
    lines = said.strip().splitlines()
    return lines[-1].rstrip(".") if lines else "hatchling said nothing"
