"""The store of plain Python: a folder on the disk."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import shutil
import sys
import tempfile
import unicodedata
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from je_kernel.errors import (
    BadNameError,
    FilesError,
    MissingFileError,
    NoSpaceError,
    ReadOnlyError,
    StoreError,
)
from je_kernel.files import names
from je_kernel.files.models import Info, Usage, info_of, largest
from je_kernel.files.store import NOTHING, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from je_kernel.files.store import Contents, Versions

__all__ = ["FolderStore"]

_MOST_PATHS = 5000  # enough for suggestions; a home folder can hold millions


class FolderStore:
    """A folder as a store.

    Parameters
    ----------
    root
        The top folder of the files.
    why
        Why this store was chosen, for `je_kernel.doctor`.
    """

    suspends = False

    def __init__(self, root: str | os.PathLike[str], why: str = "") -> None:
        self.root = Path(root).resolve()
        self.why = why

    @property
    def name(self) -> str:
        """What this store is."""
        return "a folder of this computer"

    async def stat(self, path: str) -> Info | None:
        """Return the metadata of a file or folder, or None if it does not exist."""
        with _disk_errors():
            return self._info(path)

    async def exists(self, path: str) -> bool:
        """Return whether a file or folder exists."""
        with _disk_errors():
            return self._info(path) is not None

    async def children(self, path: str) -> Sequence[Info]:
        """Return what is directly in a folder."""
        infos = []
        with _disk_errors(), os.scandir(self._disk_path(path)) as scan:
            for item in scan:
                inside = names.join(path, unicodedata.normalize("NFC", item.name))
                with contextlib.suppress(OSError):  # a dangling link, or deleted meanwhile
                    infos.append(_described(inside, item.stat(), item.is_dir()))
        return infos

    async def paths(self) -> Sequence[str]:
        """Return the paths of all files, up to a limit."""
        with _disk_errors():
            return list(itertools.islice(self._walk(), _MOST_PATHS))

    async def read(self, path: str) -> tuple[Info, bytes] | None:
        """Return a file's metadata and bytes, or None if it does not exist."""
        with _disk_errors():
            place = self._disk_path(path)
            if place.is_dir():
                raise Refusal("folder", path)
            try:
                with place.open("rb") as file:
                    status = os.fstat(file.fileno())
                    return _described(path, status, folder=False), file.read()
            except (FileNotFoundError, NotADirectoryError):
                return None

    async def write(
        self, files: Contents, *, new: bool = False, expected: Versions = NOTHING
    ) -> Sequence[Info]:
        """Write files, all or none."""
        with self._alone():
            return self._write(files, new, expected)

    async def make_folder(self, path: str) -> None:
        """Make a folder and those above it."""
        with self._alone():
            self._make_folder(self._disk_path(path), path)

    async def move(self, old: str, new: str, *, replace: bool = False) -> Info:
        """Give a file or folder another path."""
        with self._alone():
            source, target = self._transfer(old, new, replace)
            source.replace(target)
            return self._existing(new)

    async def copy(self, old: str, new: str, *, replace: bool = False) -> Info:
        """Copy a file or folder."""
        with self._alone():
            source, target = self._transfer(old, new, replace)
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                self._write({new: source.read_bytes()})
            return self._existing(new)

    async def remove(self, path: str) -> None:
        """Remove a file or folder."""
        with self._alone():
            place = self._disk_path(path)
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
            else:
                place.unlink()

    async def usage(self) -> Usage:
        """Return how full the disk is."""
        with _disk_errors():
            sizes = []
            for path in itertools.islice(self._walk(), _MOST_PATHS):
                with contextlib.suppress(OSError):
                    sizes.append((path, (self.root / path).stat().st_size))
            used = sum(size for _, size in sizes)
            return Usage(used, shutil.disk_usage(self.root).free, largest(sizes))

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with _disk_errors(), alone_in(self.root):
            yield

    def _disk_path(self, path: str) -> Path:
        """Return a path on the disk. Refuse symbolic links that lead out of the root."""
        place = self._composed(path)
        if not place.resolve().is_relative_to(self.root):
            raise BadNameError(f"{path!r} is a link that leads out of your files.")
        return place

    def _composed(self, path: str) -> Path:
        """Return a path on the disk, whose names may be in another Unicode form."""
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

    def _info(self, path: str) -> Info | None:
        try:
            place = self._disk_path(path)
            return _described(path, place.stat(), place.is_dir())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def _walk(self) -> Iterator[str]:
        for folder, inner, files in os.walk(self.root):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            for name in sorted(files):
                place = (Path(folder) / name).relative_to(self.root)
                yield unicodedata.normalize("NFC", place.as_posix())

    def _write(
        self, files: Contents, new: bool = False, expected: Versions = NOTHING
    ) -> Sequence[Info]:
        """Write temporary files beside the old files first, then rename them all."""
        staged: list[tuple[Path, Path]] = []
        try:
            for path, version in expected.items():
                self._check_version(path, version)
            for path, data in files.items():
                place = self._disk_path(path)
                if place.is_dir():
                    raise Refusal("folder", path)
                if new and os.path.lexists(place):
                    raise Refusal("exists", path)
                self._make_folder(place.parent, names.parent_of(path))
                staged.append((self._stage(data, place), place))
            for temporary, place in staged:
                temporary.replace(place)
        except BaseException:
            for temporary, _ in staged:
                temporary.unlink(missing_ok=True)
            raise
        return [info for path in files if (info := self._info(path)) is not None]

    def _check_version(self, path: str, version: str | None) -> None:
        now = self._info(path)
        if now is None and version is not None:
            raise Refusal("gone", path)
        if now is not None and now.version != version:
            raise Refusal("exists" if version is None else "changed", path)

    def _stage(self, data: bytes | bytearray | memoryview, place: Path) -> Path:
        handle, name = tempfile.mkstemp(prefix=names.OWN_PREFIX, dir=place.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as target:
                target.write(data)
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
            raise Refusal("not-folder", blocking) from None

    def _existing(self, path: str) -> Info:
        info = self._info(path)
        if info is None:
            raise Refusal("lost", path)
        return info

    def _transfer(self, old: str, new: str, replace: bool) -> tuple[Path, Path]:
        source, target = self._disk_path(old), self._disk_path(new)
        # On a disk that ignores capitals, a name that changes only capitals exists already.
        if os.path.lexists(target) and not replace and not _same(source, target):
            raise Refusal("exists", new)
        self._make_folder(target.parent, names.parent_of(new))
        return source, target


@contextlib.contextmanager
def _disk_errors() -> Iterator[None]:
    """Raise errors of the operating system as exceptions of ours."""
    try:
        yield
    except FilesError:
        raise
    except OSError as error:
        raise _explained(error) from error


@contextlib.contextmanager
def alone_in(root: Path) -> Iterator[None]:
    """Lock a folder against changes by other kernels of this user.

    The operating system releases the lock when the process ends. The lock is a file
    elsewhere, because NFS and Windows cannot lock the folder itself.
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

            msvcrt.locking(handle, msvcrt.LK_LOCK, 1)  # released when the file is closed
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _described(path: str, status: os.stat_result, folder: bool) -> Info:
    # Where the disk has no birth time, the oldest of the others.
    born = getattr(status, "st_birthtime", min(status.st_ctime, status.st_mtime))
    return info_of(
        path,
        folder=folder,
        size=status.st_size,
        modified=datetime.fromtimestamp(status.st_mtime, UTC),
        created=datetime.fromtimestamp(born, UTC),
        # Each save of ours makes a new inode, also within one tick of the clock.
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
