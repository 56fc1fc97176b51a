"""The user's cache folder: verified files by content, and atomic writes.

Several processes may use it at once, and any of them may be stopped at any time: a file gets
its name only when it is complete (`os.replace` of a temporary file beside it), and is verified
by its sha256 whenever it is used.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from platformdirs import user_cache_dir

from je_site.errors import AssemblyError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "CACHE_DIR_ENV_VAR",
    "atomic_write",
    "cache_folder",
    "copy_atomically",
    "disk_errors_as_assembly_errors",
    "is_verified",
    "sha256_of",
    "sweep_leftovers",
    "temporary_folder",
    "write_if_changed",
]

#: The environment variable that names another folder.
CACHE_DIR_ENV_VAR = "JE_KERNEL_CACHE_DIR"


def cache_folder() -> Path:
    """Return the folder of fetched and generated files.

    Returns
    -------
    pathlib.Path
        ``$JE_KERNEL_CACHE_DIR``, or the usual place of this system. It need not exist.
    """
    named = os.environ.get(CACHE_DIR_ENV_VAR)
    return Path(named) if named else Path(user_cache_dir("je-kernel"))


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    str
        In hexadecimal.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_verified(path: Path, sha256: str) -> bool:
    """Tell whether a file has the right content; remove it otherwise.

    Parameters
    ----------
    path
        The file, in the cache.
    sha256
        The right sha256, in hexadecimal.

    Returns
    -------
    bool
        Whether it exists and is right.
    """
    try:
        if sha256_of(path) == sha256:
            return True
        path.unlink(missing_ok=True)
    except FileNotFoundError:
        pass
    return False


@contextlib.contextmanager
def disk_errors_as_assembly_errors(path: Path) -> Iterator[None]:
    """Turn errors of a full or read-only disk into one clear sentence.

    Parameters
    ----------
    path
        The file or folder that is written.

    Raises
    ------
    AssemblyError
        When the disk is full, or the folder must not be written to.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise AssemblyError(
                f"The disk is full: {path} could not be written. Free some space, or name "
                f"a folder on another disk with {CACHE_DIR_ENV_VAR}; what is whole is kept."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise AssemblyError(
                f"{path} must not be written to. Name another folder with {CACHE_DIR_ENV_VAR}."
            ) from error
        raise


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[BinaryIO]:
    """Write a file that appears complete, or not at all.

    Parameters
    ----------
    path
        The file. Its folder is made, and an existing file is replaced.

    Yields
    ------
    BinaryIO
        An open temporary file, which becomes `path` unless the block raises.

    Raises
    ------
    AssemblyError
        When the disk is full, or the folder must not be written to.
    """
    with disk_errors_as_assembly_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".part-", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                yield file
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_if_changed(path: Path, content: bytes) -> None:
    """Write a file, unless it has this content already.

    Parameters
    ----------
    path
        The file. Its folder is made.
    content
        Its content.

    Raises
    ------
    AssemblyError
        When the disk is full, or the folder must not be written to.
    """
    if not path.is_file() or path.read_bytes() != content:
        with atomic_write(path) as file:
            file.write(content)


def copy_atomically(source: Path, target: Path) -> None:
    """Copy a file that appears complete, or not at all.

    Parameters
    ----------
    source
        The file.
    target
        The path of the copy.

    Raises
    ------
    AssemblyError
        When the disk is full, or the folder must not be written to.
    """
    with source.open("rb") as reader, atomic_write(target) as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a temporary folder on the disk of the cache.

    Yields
    ------
    pathlib.Path
        An empty folder.
    """
    root = cache_folder()
    with disk_errors_as_assembly_errors(root):
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".work-", dir=root) as folder:
            yield Path(folder)


def sweep_leftovers() -> None:
    """Remove files in the cache of processes that were killed more than a day ago."""
    root = cache_folder()
    leftovers = (*root.glob(".work-*"), *root.glob("*/.part-*"), *root.glob("*/*/.part-*"))
    yesterday = time.time() - 24 * 60 * 60
    for path in leftovers:
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < yesterday:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
