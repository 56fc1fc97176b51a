"""Files in a folder of this computer's disk: what CPython has."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import sys
import tempfile
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from je_kernel.errors import (
    BadNameError,
    FilesError,
    MissingFileError,
    NoSpaceError,
    ReadOnlyError,
    StoreError,
)
from je_kernel.files import names
from je_kernel.files.kinds import mimetype_of
from je_kernel.files.models import Entry, Usage
from je_kernel.files.store import (
    Children,
    Copy,
    Found,
    Has,
    MakeFolder,
    Measure,
    Move,
    NewFile,
    Paths,
    Read,
    Refused,
    Remove,
    Stat,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from je_kernel.files.store import Request

__all__ = ["FolderStore"]

_MOST_PATHS = 5000  # enough to guess from; a home folder holds millions
_MOST_LARGEST = 5


class FolderStore:
    """A folder as a store.

    Parameters
    ----------
    root
        The folder that names cannot leave.
    why
        Why this store was chosen, for `je_kernel.doctor`.
    """

    def __init__(self, root: str | os.PathLike[str], why: str = "") -> None:
        self.root = Path(root).resolve()
        self.why = why

    @property
    def name(self) -> str:
        """What this store is."""
        return "a folder of this computer"

    async def perform_async(self, request: Request) -> Any:
        """Do what is asked; a disk is quick enough not to wait for."""
        return self.perform(request)

    def perform(self, request: Request) -> Any:
        """Do what is asked."""
        changes = isinstance(request, (Write, MakeFolder, Move, Copy, Remove))
        try:
            with alone_in(self.root) if changes else contextlib.nullcontext():
                return self._perform(request)
        except (FilesError, Refused):
            raise
        except OSError as error:
            raise _explained(error) from error

    def _perform(self, request: Request) -> Any:
        match request:
            case Stat(path):
                return self._entry(path)
            case Has(path):
                return self._entry(path) is not None
            case Children(path):
                return self._children(path)
            case Paths():
                return self._paths()
            case Read(path):
                return self._read(path)
            case Write():
                return self._write(request)
            case MakeFolder(path):
                return self._make_folder(self._place(path), path)
            case Move(old, new, replace):
                return self._move(old, new, replace)
            case Copy(old, new, replace):
                return self._copy(old, new, replace)
            case Remove(path):
                return self._remove(path)
            case Measure():
                return self._measure()
        raise TypeError(f"A folder cannot do {request!r}.")

    def _place(self, path: str) -> Path:
        """Return where a path is, refusing links that lead out of the root."""
        place = self._composed(path)
        if not place.resolve().is_relative_to(self.root):
            raise BadNameError(f"{path!r} is a link that leads out of your files.")
        return place

    def _composed(self, path: str) -> Path:
        """Return where a path is, also if the disk holds its name in another Unicode form."""
        place = self.root / path
        if path.isascii() or os.path.lexists(place):
            return place
        place = self.root
        for part in path.split("/"):
            following = place / part
            if not os.path.lexists(following) and place.is_dir():
                twins = (
                    other
                    for other in os.listdir(place)  # noqa: PTH208
                    if unicodedata.normalize("NFC", other) == part
                )
                following = place / next(twins, part)
            place = following
        return place

    def _entry(self, path: str) -> Entry | None:
        try:
            place = self._place(path)
            return _described(path, place.stat(), place.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _children(self, path: str) -> list[Entry]:
        found = []
        with os.scandir(self._place(path)) as scan:
            for item in scan:
                inside = names.join(path, unicodedata.normalize("NFC", item.name))
                with contextlib.suppress(OSError):  # a dangling link, or gone meanwhile
                    found.append(_described(inside, item.stat(), item.is_dir()))
        return found

    def _paths(self) -> list[str]:
        return [path for _, path in zip(range(_MOST_PATHS), self._walk(), strict=False)]

    def _walk(self) -> Iterator[str]:
        for folder, inner, files in os.walk(self.root):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            for name in sorted(files):
                place = (Path(folder) / name).relative_to(self.root)
                yield unicodedata.normalize("NFC", place.as_posix())

    def _read(self, path: str) -> Found | None:
        place = self._place(path)
        if place.is_dir():
            raise Refused("folder", path)
        try:
            with place.open("rb") as file:
                status = os.fstat(file.fileno())
                return Found(_described(path, status, folder=False), file.read())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _write(self, request: Write) -> list[Entry]:
        """Write beside the old files first, then put all in place."""
        staged: list[tuple[Path, Path]] = []
        try:
            for path, version in request.expected.items():
                self._check_version(path, version)
            for file in request.files:
                place = self._place(file.path)
                self._check(file, place, request)
                self._make_folder(place.parent, names.parent_of(file.path))
                staged.append((self._stage(file, place), place))
            for temporary, place in staged:
                temporary.replace(place)
        except BaseException:
            for temporary, _ in staged:
                temporary.unlink(missing_ok=True)
            raise
        return [entry for f in request.files if (entry := self._entry(f.path)) is not None]

    def _check(self, file: NewFile, place: Path, request: Write) -> None:
        if place.is_dir():
            raise Refused("folder", file.path)
        if request.new and os.path.lexists(place):
            raise Refused("exists", file.path)

    def _check_version(self, path: str, version: str | None) -> None:
        now = self._entry(path)
        if now is None and version is not None:
            raise Refused("gone", path)
        if now is not None and now.version != version:
            raise Refused("exists" if version is None else "changed", path)

    def _stage(self, file: NewFile, place: Path) -> Path:
        handle, name = tempfile.mkstemp(prefix=names.OWN_PREFIX, dir=place.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as target:
                target.write(file.data)
                target.flush()
                os.fsync(target.fileno())
            temporary.chmod(place.stat().st_mode if place.exists() else 0o666 & ~_umask())
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        return temporary

    def _make_folder(self, place: Path, path: str) -> None:
        try:
            place.mkdir(parents=True, exist_ok=True)
        except (FileExistsError, NotADirectoryError):
            above = (*names.parents_of(path), path)
            blocking = next((p for p in above if not (self.root / p).is_dir()), path)
            raise Refused("not-folder", blocking) from None

    def _move(self, old: str, new: str, replace: bool) -> Entry:
        source, target = self._transfer(old, new, replace)
        source.replace(target)
        return self._there(new)

    def _copy(self, old: str, new: str, replace: bool) -> Entry:
        source, target = self._transfer(old, new, replace)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            self._write(Write((NewFile(new, source.read_bytes(), mimetype_of(new)),)))
        return self._there(new)

    def _there(self, path: str) -> Entry:
        entry = self._entry(path)
        if entry is None:
            raise Refused("lost", path)
        return entry

    def _transfer(self, old: str, new: str, replace: bool) -> tuple[Path, Path]:
        source, target = self._place(old), self._place(new)
        # A disk that ignores capitals holds both names of a file that only changes them.
        if os.path.lexists(target) and not replace and not _same(source, target):
            raise Refused("exists", new)
        self._make_folder(target.parent, names.parent_of(new))
        return source, target

    def _remove(self, path: str) -> None:
        place = self._place(path)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        else:
            place.unlink()

    def _measure(self) -> Usage:
        sizes = []
        for _, path in zip(range(_MOST_PATHS), self._walk(), strict=False):
            with contextlib.suppress(OSError):
                sizes.append((path, (self.root / path).stat().st_size))
        sizes.sort(key=lambda item: (-item[1], item[0]))
        used = sum(size for _, size in sizes)
        return Usage(used, shutil.disk_usage(self.root).free, tuple(sizes[:_MOST_LARGEST]))


@contextlib.contextmanager
def alone_in(root: Path) -> Iterator[None]:
    """Keep the other kernels of this user from changing a folder at the same time.

    The operating system gives a lock back when the process that holds it ends. The
    folder itself cannot be locked on every disk (NFS) and system (Windows).
    """
    if sys.platform == "emscripten":  # one kernel, one disk
        yield
        return
    mark = hashlib.blake2b(os.fsencode(root), digest_size=12).hexdigest()
    user = os.getuid() if hasattr(os, "getuid") else ""
    lock = Path(tempfile.gettempdir()) / f"je-kernel-{user}-{mark}.lock"
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_LOCK, 1)  # closing the file gives it back
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _described(path: str, status: os.stat_result, folder: bool) -> Entry:
    # Where the birth time is not known, the oldest time there is.
    born = getattr(status, "st_birthtime", min(status.st_ctime, status.st_mtime))
    return Entry(
        path=path,
        folder=folder,
        size=0 if folder else status.st_size,
        modified=datetime.fromtimestamp(status.st_mtime, UTC),
        created=datetime.fromtimestamp(born, UTC),
        mimetype="" if folder else mimetype_of(path),
        # The inode is another one after each save of ours, whatever the clock's steps.
        version=f"{status.st_mtime_ns}-{status.st_size}-{status.st_ino}",
    )


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:
        return False


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _explained(error: OSError) -> FilesError:
    name = Path(error.filename).name if isinstance(error.filename, str) else "the file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpaceError("The disk is full. The old file is still there. Delete what you can.")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return ReadOnlyError(f"{name!r} may not be changed or read: it is protected.")
    if error.errno == errno.ENOENT:
        return MissingFileError(f"{name!r} is gone: something else deleted it.")
    if error.errno == errno.ENAMETOOLONG:
        return StoreError(f"The name {name[:40] + '…'!r} is too long for this disk.")
    return StoreError(f"The disk failed: {error.strerror or error}.")
