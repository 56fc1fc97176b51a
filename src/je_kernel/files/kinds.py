"""Determine the kind and the media type of a file from its extension."""

from __future__ import annotations

import mimetypes
from typing import Literal, TypeAlias

from je_kernel.files.names import extension

__all__ = ["Kind", "ReadAs", "kind_of", "mimetype_of"]

Kind: TypeAlias = Literal[
    "folder", "table", "text", "json", "image", "array", "notebook", "database", "archive", "file"
]
"""The kind of a file, as `files.list()` shows it."""

ReadAs: TypeAlias = Literal[
    "table", "text", "objects", "image", "array", "file", "json", "notebook", "database", "archive"
]
"""What a file can be read as."""

_TEXT_MIMETYPE = "text/plain"
# JupyterLite's media type of unknown files, in its own spelling.
_UNKNOWN_MIMETYPE = "octet/stream"

# The media types are those of JupyterLite 0.8.
_BY_EXTENSION: dict[str, tuple[Kind, str]] = {
    ".csv": ("table", "text/csv"),
    ".tsv": ("table", "text/tab-separated-values"),
    ".xlsx": ("table", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ".xls": ("table", "application/vnd.ms-excel"),
    ".parquet": ("table", _UNKNOWN_MIMETYPE),
    ".jsonl": ("table", _UNKNOWN_MIMETYPE),
    ".ndjson": ("table", _UNKNOWN_MIMETYPE),
    ".json": ("json", "application/json"),
    ".geojson": ("json", "application/geo+json"),
    ".txt": ("text", _TEXT_MIMETYPE),
    ".log": ("text", _TEXT_MIMETYPE),
    ".md": ("text", "text/markdown"),
    ".rst": ("text", _UNKNOWN_MIMETYPE),
    ".html": ("text", "text/html"),
    ".htm": ("text", "text/html"),
    ".xml": ("text", "application/xml"),
    ".css": ("text", "text/css"),
    ".js": ("text", "application/javascript"),
    ".py": ("text", "text/x-python"),
    ".r": ("text", _UNKNOWN_MIMETYPE),
    ".sql": ("text", "application/x-sql"),
    ".tex": ("text", "application/x-tex"),
    ".yaml": ("text", "application/x-yaml"),
    ".yml": ("text", "application/x-yaml"),
    ".toml": ("text", "application/toml"),
    ".ini": ("text", _TEXT_MIMETYPE),
    ".png": ("image", "image/png"),
    ".jpg": ("image", "image/jpeg"),
    ".jpeg": ("image", "image/jpeg"),
    ".gif": ("image", "image/gif"),
    ".webp": ("image", "image/webp"),
    ".bmp": ("image", "image/bmp"),
    ".svg": ("image", "image/svg+xml"),
    ".npy": ("array", _UNKNOWN_MIMETYPE),
    ".npz": ("array", _UNKNOWN_MIMETYPE),
    ".ipynb": ("notebook", "application/x-ipynb+json"),
    ".db": ("database", _UNKNOWN_MIMETYPE),
    ".sqlite": ("database", _UNKNOWN_MIMETYPE),
    ".sqlite3": ("database", _UNKNOWN_MIMETYPE),
    ".zip": ("archive", "application/zip"),
    ".gz": ("archive", "application/gzip"),
    ".pdf": ("file", "application/pdf"),
}


def kind_of(path: str) -> Kind:
    """Return the kind of a file, by its extension.

    Examples
    --------
    >>> kind_of("data/Penguins.CSV"), kind_of("plot.png"), kind_of("README")
    ('table', 'image', 'file')
    """
    known = _BY_EXTENSION.get(extension(path))
    if known:
        return known[0]
    return "text" if mimetype_of(path).startswith("text/") else "file"


def mimetype_of(path: str) -> str:
    """Return the media type that JupyterLite gives a file, by its extension.

    Examples
    --------
    >>> mimetype_of("x.csv"), mimetype_of("x.unknown")
    ('text/csv', 'octet/stream')
    """
    ending = extension(path)
    if ending in _BY_EXTENSION:
        return _BY_EXTENSION[ending][1]
    # Without the machine's own list, and without types that are not registered.
    return mimetypes.MimeTypes(()).guess_type(f"x{ending}")[0] or _UNKNOWN_MIMETYPE
