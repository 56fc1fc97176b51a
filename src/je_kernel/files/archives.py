"""Extract untrusted zip archives: all files of one, or none."""

from __future__ import annotations

import io
import re
import stat
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING

from je_kernel.errors import BadNameError, FilesError, UnreadableError
from je_kernel.files import names
from je_kernel.files.encodings import refuse_html

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MOST_BYTES", "MOST_FILES", "check_size", "only_capitals_differ", "unpacked"]

MOST_BYTES = 500_000_000
"""Zip-bomb limit: bytes of an extracted archive. A kernel has 2 to 4 GB of memory."""

MOST_FILES = 10_000
"""Limit of files in an archive. Each is a record in the browser's storage."""

_PIECE = 1 << 20  # bytes
_ENCRYPTED = 0x1
# Their decoders can stop early: the size that an archive states can be false.
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DRIVE_LETTER = re.compile(r"[A-Za-z]:")
# Everything that the standard library raises for damaged archives.
_DAMAGE = (
    *(zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError),
    *(EOFError, OSError, ValueError, OverflowError, IndexError),
)


def unpacked(data: bytes, name: str) -> list[tuple[str, bytes]]:
    """Return the files in an archive, each with its path in the archive.

    Parameters
    ----------
    data
        The archive.
    name
        Its name, for messages.

    Raises
    ------
    UnreadableError
        If it is not a zip archive, is damaged, encrypted or too large, or has two
        files of one name.
    BadNameError
        If a name in it leads out of the folder, or is not allowed.
    """
    try:
        with _opened(data) as archive:
            members = _members(archive, name)
            return [(path, _read(archive, member)) for path, member in members.items()]
    except FilesError:
        raise
    except MemoryError:
        raise UnreadableError(f"What is in {name!r} does not fit into this memory.") from None
    except _DAMAGE as error:
        refuse_html(data, name)
        raise UnreadableError(
            f"Could not unzip {name!r}: it is not a zip archive, or it is damaged ({error}). "
            "Download it or make it once more."
        ) from None


def check_size(data: bytes, name: str) -> None:
    """Refuse a zip bomb in a format that is a zip archive inside, such as .xlsx."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _refuse_large(archive.infolist(), name)
    except _DAMAGE as error:
        if isinstance(error, FilesError):
            raise
        raise UnreadableError(
            f"Could not read {name!r}: it is damaged ({error}). Download it or make it once more."
        ) from None


def only_capitals_differ(paths: Iterable[str]) -> tuple[str, str] | None:
    """Return two paths that differ in capitals only, or None.

    Examples
    --------
    >>> only_capitals_differ(["a.txt", "b.txt", "A.txt"])
    ('a.txt', 'A.txt')
    """
    seen: dict[str, str] = {}
    for path in paths:
        if (other := seen.setdefault(path.casefold(), path)) != path:
            return other, path
    return None


def _opened(data: bytes) -> zipfile.ZipFile:
    try:  # macOS writes UTF-8 without the flag for it
        return zipfile.ZipFile(io.BytesIO(data), metadata_encoding="utf-8")
    except UnicodeDecodeError:
        return zipfile.ZipFile(io.BytesIO(data))


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    members = archive.infolist()
    _refuse_large(members, name)
    by_path: dict[str, zipfile.ZipInfo] = {}
    folders: set[str] = set()
    for member in members:
        inside = member.filename.replace("\\", "/")
        # Metadata that macOS adds.
        if inside.startswith("__MACOSX/") or inside.endswith(".DS_Store"):
            continue
        path = _path(inside, name)
        folders.update(names.parents_of(path))
        if inside.endswith("/"):
            folders.add(path)
            continue
        _refuse_kind(member, path, name)
        if path in by_path:
            raise UnreadableError(
                f"Could not unzip {name!r}: two files in it are called {path!r}. Nothing was "
                "unzipped, for one would replace the other."
            )
        by_path[path] = member
    if both := folders & by_path.keys():
        raise UnreadableError(
            f"Could not unzip {name!r}: {min(both)!r} is both a file and a folder in it."
        )
    return by_path


def _refuse_large(members: list[zipfile.ZipInfo], name: str) -> None:
    if len(members) > MOST_FILES:
        raise UnreadableError(f"{name!r} holds too many files to unpack them here: {len(members)}.")
    if sum(member.file_size for member in members) > MOST_BYTES:
        raise UnreadableError(
            f"What is in {name!r} is too large to unpack here: more than "
            f"{MOST_BYTES // 1_000_000} MB."
        )


def _path(inside: str, name: str) -> str:
    """Return the path of a member. It is resolved alone, so that it cannot leave its folder."""
    try:
        if inside.startswith("/") or _DRIVE_LETTER.match(inside):
            raise BadNameError(f"{inside!r} names a place on somebody's computer.")
        path = names.path_of(inside)
        names.check_new(path)
    except BadNameError as error:
        raise BadNameError(
            f"Could not unzip {name!r}, for a name in it is not allowed. {error}"
        ) from None
    return path


def _refuse_kind(member: zipfile.ZipInfo, path: str, name: str) -> None:
    if stat.S_ISLNK(member.external_attr >> 16):
        raise UnreadableError(
            f"Could not unzip {name!r}: {path!r} in it is a link to another file, not a file."
        )
    if member.flag_bits & _ENCRYPTED:
        raise UnreadableError(
            f"Could not unzip {name!r}: it is locked with a password. Unlock it on a computer, or "
            "ask for an archive without one."
        )
    if member.compress_type not in _COMPRESSIONS:
        raise UnreadableError(
            f"Could not unzip {name!r}: it is compressed in a way that je-kernel cannot read. "
            "Make an ordinary .zip of the same files."
        )


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as stream:
        # In pieces, so that no more is decompressed than the stated size.
        return b"".join(iter(lambda: stream.read(_PIECE), b""))
