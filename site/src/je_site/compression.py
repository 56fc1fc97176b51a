"""Compresses files with gzip for the server, and caches the result.

Compressing Pyodide's WebAssembly takes seconds, which the first student who opens a site should
not wait for. So the build compresses large files, and the cache folder keeps them by content;
small files are compressed when they are first requested, and kept in memory.
"""

from __future__ import annotations

import contextlib
import gzip
from functools import lru_cache
from typing import TYPE_CHECKING

from je_site.cache import atomic_write, cache_folder, sha256_of
from je_site.errors import AssemblyError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["gzipped"]

_LEVEL = 6
_LARGE = 256 << 10
_SMALL_FILES_IN_MEMORY = 1024


def gzipped(path: Path) -> bytes:
    """Return the gzip-compressed content of a file.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    bytes
        Always the same for the same content.
    """
    status = path.stat()
    if status.st_size < _LARGE:
        return _compressed(path, status.st_mtime_ns, status.st_size)
    digest = _digest(path, status.st_mtime_ns, status.st_size)
    cached = cache_folder() / "gzip" / f"{digest}.gz"
    with contextlib.suppress(OSError):
        return cached.read_bytes()
    content = _compress(path)
    with contextlib.suppress(AssemblyError, OSError), atomic_write(cached) as file:
        file.write(content)
    return content


def _compress(path: Path) -> bytes:
    return gzip.compress(path.read_bytes(), _LEVEL, mtime=0)


# A file that has changed has another time or size.


@lru_cache(_SMALL_FILES_IN_MEMORY)
def _compressed(path: Path, _modified: int, _size: int) -> bytes:
    return _compress(path)


@lru_cache
def _digest(path: Path, _modified: int, _size: int) -> str:
    return sha256_of(path)
