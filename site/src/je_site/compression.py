"""Compressed forms of files, for serving.

To compress Pyodide's WebAssembly takes seconds, which the first student to open a
site should not wait for. So large files are compressed once, and kept in the
cache by their content; small ones are kept in memory.
"""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

from je_site.cache import atomic_write, cache_folder, sha256_of
from je_site.errors import AssemblyError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["GzipCache", "gzipped"]

_LEVEL = 6
_LARGE = 256 << 10


def gzipped(path: Path) -> bytes:
    """Return the gzip-compressed content of a file.

    Parameters
    ----------
    path
        The file. If it is large, the result is kept in the cache.

    Returns
    -------
    bytes
        Always the same for the same content.
    """
    if path.stat().st_size < _LARGE:
        return gzip.compress(path.read_bytes(), _LEVEL, mtime=0)
    kept = cache_folder() / "gzip" / f"{sha256_of(path)}.gz"
    with contextlib.suppress(OSError):
        return kept.read_bytes()
    content = gzip.compress(path.read_bytes(), _LEVEL, mtime=0)
    with contextlib.suppress(AssemblyError, OSError), atomic_write(kept) as file:
        file.write(content)
    return content


class GzipCache:
    """Compressed files in memory; the least used are dropped.

    Parameters
    ----------
    capacity
        How much to keep, in bytes.
    """

    def __init__(self, capacity: int = 128 << 20) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[str, str], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def get(self, path: Path, tag: str) -> bytes:
        """Return the compressed content of a file.

        Parameters
        ----------
        path
            The file.
        tag
            Something that changes when the file does.

        Returns
        -------
        bytes
            Compressed with gzip.
        """
        key = (str(path), tag)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        content = gzipped(path)
        with self._lock:
            if key not in self._kept:
                self._kept[key] = content
                self._size += len(content)
            while self._size > self._capacity and len(self._kept) > 1:
                self._size -= len(self._kept.popitem(last=False)[1])
        return content
