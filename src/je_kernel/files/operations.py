"""The operations on files, as coroutines on a store.

`je_kernel.files` runs them to their end, `je_kernel.files.aio` awaits them.
"""

from __future__ import annotations

import fnmatch
import io
import os
import unicodedata
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from je_kernel import coroutines, runtime
from je_kernel.arguments import check_flag, check_text
from je_kernel.drive import save_open
from je_kernel.errors import (
    ArgumentError,
    BadNameError,
    ExistingFileError,
    FolderError,
    MissingFileError,
    NotFolderError,
    StoreError,
    UnreadableError,
)
from je_kernel.files import archives, encodings, messages, names, reading, saving
from je_kernel.files.download import download, download_async, name_for
from je_kernel.files.file_objects import parse_mode
from je_kernel.files.models import Info, Listing, Usage
from je_kernel.files.store import CHANGED, Refusal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from je_kernel.errors import FilesError
    from je_kernel.files.file_objects import BinaryFile
    from je_kernel.files.kinds import ReadAs
    from je_kernel.files.store import Store

__all__ = ["Name", "Operations"]

Name: TypeAlias = "str | os.PathLike[str]"
"""A file's name as a person writes it."""

Result = TypeVar("Result")
_TRIES = 50


@dataclass(frozen=True)
class Operations:
    """The operations on the files of a store, for a notebook in one of its folders.

    Parameters
    ----------
    store
        The store.
    folder
        The path of the notebook's folder, to which names are relative.
    synchronous
        Whether the caller cannot await: a download then blocks the kernel.
    """

    store: Store
    folder: str = ""
    synchronous: bool = True

    def run(self, coroutine: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine that uses the store to its end, and return its result.

        Raises
        ------
        FilesError
            For a refusal of the store, with a message for people.
        """
        if self.store.suspends and not runtime.can_run_sync():
            coroutine.close()
            raise StoreError(
                "Files cannot be reached from here, because this browser or this callback cannot "
                "wait. Use je_kernel.files.aio with await instead."
            )
        save_open()
        try:
            return coroutines.run(coroutine)
        except Refusal as refusal:
            raise self._error(refusal) from None

    async def run_async(self, coroutine: Awaitable[Result]) -> Result:
        """Await a coroutine that uses the store. Raises what `run` raises."""
        save_open()
        try:
            return await coroutine
        except Refusal as refusal:
            raise self._error(refusal) from None

    def _error(self, refusal: Refusal) -> FilesError:
        return messages.refusal(refusal.problem, names.relative(refusal.path, self.folder))

    def path(self, name: Name) -> str:
        """Return the path of a name that is relative to the notebook's folder."""
        return names.path_of(name, self.folder)

    # Listing ---------------------------------------------------------------

    async def list(self, folder: Name = ".", pattern: str = "*") -> Listing:
        """List the files in a folder.

        Parameters
        ----------
        folder
            The folder.
        pattern
            Which names: ``*`` stands for anything, ``?`` for one character.

        Returns
        -------
        Listing
            A sequence of `Info`, which a notebook shows as a table. Its
            ``names`` are the names alone.

        Raises
        ------
        MissingFileError
            If there is no such folder.
        """
        path = self.path(folder)
        check_text(pattern, "pattern", "*.csv")
        if path and not (await self._info(folder)).folder:
            raise NotFolderError(
                f"{str(folder)!r} is a file, not a folder. "
                f"files.info({str(folder)!r}) describes it."
            )
        wanted = unicodedata.normalize("NFC", pattern)
        infos = [
            info.relative_to(self.folder)
            for info in sorted(await self.store.children(path), key=_folders_first)
            if fnmatch.fnmatchcase(names.name_of(info.path), wanted)
            and not names.is_reserved(names.name_of(info.path))
        ]
        return Listing(infos, str(folder))

    async def info(self, name: Name) -> Info:
        """Return the metadata of a file or folder, without reading it.

        Parameters
        ----------
        name
            Its name.

        Raises
        ------
        MissingFileError
            If it does not exist. The message suggests similar names.
        """
        return (await self._info(name)).relative_to(self.folder)

    async def exists(self, name: Name) -> bool:
        """Return whether a file or folder exists.

        Parameters
        ----------
        name
            Its name.
        """
        try:
            path = self.path(name)
        except BadNameError:
            return False
        return path == "" or await self.store.exists(path)

    async def usage(self) -> Usage:
        """Return how full the storage is.

        Returns
        -------
        Usage
            The bytes used and available, and the largest files. A notebook
            shows it as a line.
        """
        return await self.store.usage()

    # Reading ---------------------------------------------------------------

    async def read_bytes(self, name: Name) -> bytes:
        """Read a file's bytes.

        Parameters
        ----------
        name
            The file's name.

        Raises
        ------
        MissingFileError
            If there is no such file.
        """
        _, data = await self.load(name)
        return data

    async def read_text(self, name: Name, encoding: str | None = None) -> str:
        """Read a text file.

        Parameters
        ----------
        name
            The file's name.
        encoding
            Its encoding. By default UTF-8; what is not valid UTF-8 is read as
            Windows-1252 or Latin-1, with a warning.

        Raises
        ------
        MissingFileError
            If there is no such file.
        UnreadableError
            If it is not text in this encoding.
        """
        return encodings.decode(await self.read_bytes(name), str(name), encoding)

    async def read(self, /, name: Name, *, kind: ReadAs | None = None, **options: Any) -> Any:
        """Read a file as the Python object that fits its kind.

        Tables (csv, tsv, xlsx, parquet, jsonl, and json that is a list of records)
        become pandas DataFrames, text str, other json Python objects,
        pictures an object that the notebook shows, npy NumPy arrays, and
        everything else bytes.

        Parameters
        ----------
        name
            The file's name.
        kind
            The kind to read it as, if its name does not tell: ``"table"``, ``"text"``,
            ``"objects"`` (of json), ``"image"``, ``"array"`` or ``"file"`` (bytes).
        **options
            Passed to the function that reads this kind, such as `pandas.read_csv`.

        Raises
        ------
        MissingFileError
            If there is no such file.
        UnreadableError
            If its content does not fit the kind.
        MissingPackageError
            If it needs a package that is not installed.
        """
        info, data = await self.load(name)
        return reading.value_of(data, str(name), info.path, kind, options)

    async def load(self, name: Name) -> tuple[Info, bytes]:
        """Read a file's metadata and bytes."""
        path = self._file_path(name)
        file = await self.store.read(path)
        if file is None:
            raise await self._missing(name, path)
        return file

    async def opening(self, name: Name, mode: str) -> bytes | None:
        """Return the bytes of a file that is about to be opened, or None if it is new."""
        action, _, both = parse_mode(mode)
        if action == "r":
            if both:
                self._new_path(name)
            return await self.read_bytes(name)
        path = self._new_path(name)
        if action == "a":
            file = await self.store.read(path)
            return None if file is None else file[1]
        info = await self.store.stat(path)
        if info is not None and info.folder:
            raise FolderError(f"{str(name)!r} is a folder. files.list() shows what is in it.")
        if info is not None and action == "x":
            raise ExistingFileError(f"There is a file called {str(name)!r} already.")
        return None

    async def closing(self, name: Name, file: BinaryFile) -> None:
        """Save a file that was opened and written to."""
        if file.edits:
            await self.edit(name, file.onto)
        else:
            await self.write(name, file.content, overwrite="x" not in file.mode)

    def _file_path(self, name: Name) -> str:
        path = self.path(name)
        if not path:
            raise FolderError(f"{str(name)!r} is a folder. files.list() shows what is in it.")
        return path

    async def _info(self, name: Name) -> Info:
        path = self._file_path(name)
        info = await self.store.stat(path)
        if info is None:
            raise await self._missing(name, path)
        return info

    async def _missing(self, name: Name, path: str) -> MissingFileError:
        known = await self.store.paths()
        return MissingFileError(names.explain_missing(str(name), path, known, self.folder))

    # Writing ---------------------------------------------------------------

    async def save(
        self,
        /,
        name: Name,
        value: Any,
        *,
        overwrite: bool = True,
        if_unchanged: Info | None = None,
        **options: Any,
    ) -> Info:
        """Save a Python object as a file, and make the folders above it.

        The name's extension tells the format: DataFrames as .csv, .tsv, .xlsx, .parquet,
        .json or .jsonl; figures and axes of matplotlib, Pillow images and arrays as
        pictures; arrays also as .npy; anything that JSON can represent as .json; text and
        bytes as they are.

        Parameters
        ----------
        name
            The file's name.
        value
            The object.
        overwrite
            Whether to replace a file of this name. The old one stays until the
            new one is complete.
        if_unchanged
            The `Info` from when you read the file: refuse if it has changed since.
        **options
            Passed to the function that writes this format, such as ``DataFrame.to_csv``.

        Returns
        -------
        Info
            The metadata of the new file. A notebook shows it as a line.

        Raises
        ------
        ExistingFileError
            If there is such a file, and `overwrite` is False.
        ChangedFileError
            If it has changed since `if_unchanged`.
        NoSpaceError
            If the storage is full.
        TypeError
            If this format cannot hold the object.
        """
        path = self._new_path(name)
        data = saving.bytes_of(value, str(name), path, options)
        return await self.write(name, data, overwrite=overwrite, if_unchanged=if_unchanged)

    async def write(
        self, name: Name, data: Any, *, overwrite: bool = True, if_unchanged: Info | None = None
    ) -> Info:
        """Write bytes to a file."""
        check_flag(overwrite, "overwrite")
        if if_unchanged is not None and not isinstance(if_unchanged, Info):
            raise ArgumentError("if_unchanged has to be what files.info() gave for the file.")
        path = self._new_path(name)
        expected = {} if if_unchanged is None else {path: if_unchanged.version}
        if if_unchanged is not None and if_unchanged.path != path:
            raise ArgumentError(
                f"if_unchanged= is about {if_unchanged.path!r}, and the file is {path!r}."
            )
        (info,) = await self.store.write({path: data}, new=not overwrite, expected=expected)
        return info.relative_to(self.folder)

    async def edit(self, name: Name, change: Callable[[bytes | None], bytes]) -> None:
        """Change a file in one step, also while others change it.

        Parameters
        ----------
        name
            The file's name.
        change
            Returns the new bytes for the current ones, which are None if there is no file.
        """
        path = self._new_path(name)
        for _ in range(_TRIES):
            file = await self.store.read(path)
            data = change(None if file is None else file[1])
            expected = {path: None if file is None else file[0].version}
            try:
                await self.store.write({path: data}, expected=expected)
            except Refusal as refusal:
                if refusal.problem not in CHANGED:
                    raise
                continue  # another kernel was faster
            return
        raise StoreError(
            f"{str(name)!r} was not saved: something else keeps changing it. Try once more."
        )

    def _new_path(self, name: Name) -> str:
        path = self.path(name)
        if not path or str(name).endswith("/"):
            raise FolderError(f"{str(name)!r} names a folder. Add the file's name to it.")
        names.check_new(path)
        return path

    async def fetch(self, url: str, name: Name | None = None, *, overwrite: bool = True) -> Info:
        """Download something from the web into a file.

        Parameters
        ----------
        url
            Its address.
        name
            The file's name; by default the last part of the address.
        overwrite
            Whether to replace a file of that name.

        Raises
        ------
        OSError
            If the download fails.
        """
        if name is not None:
            # A bad name is an error before the download.
            names.check_new(self.path(name))
        downloaded = download(url) if self.synchronous else await download_async(url)
        target = name if name is not None else name_for(downloaded)
        return await self.write(target, downloaded.data, overwrite=overwrite)

    # Folders ---------------------------------------------------------------

    async def mkdir(self, name: Name, *, exist_ok: bool = False) -> Info:
        """Make a folder and those above it.

        Parameters
        ----------
        name
            The folder's name.
        exist_ok
            Whether the folder may exist already.

        Raises
        ------
        ExistingFileError
            If there is such a file or folder.
        """
        path = self.path(name)
        check_flag(exist_ok, "exist_ok")
        names.check_new(path)
        info = await self.store.stat(path)
        if info is not None and not (info.folder and exist_ok):
            what = "folder" if info.folder else "file"
            raise ExistingFileError(f"There is a {what} called {str(name)!r} already.")
        await self.store.make_folder(path)
        return await self.info(name)

    async def rename(self, old: Name, new: Name, *, overwrite: bool = True) -> Info:
        """Rename or move a file or folder.

        Parameters
        ----------
        old
            Its name.
        new
            Its new name, or a folder to move it into.
        overwrite
            Whether to replace a file of the new name. A folder is never replaced.

        Raises
        ------
        MissingFileError
            If there is no such file.
        ExistingFileError
            If there is a file of the new name, and `overwrite` is False.
        ReadOnlyError
            If it came with the site.
        """
        source, target = await self._transfer(old, new, overwrite)
        names.check_reserved(source)
        info = await self.store.move(source, target, replace=overwrite)
        return info.relative_to(self.folder)

    async def copy(self, old: Name, new: Name, *, overwrite: bool = True) -> Info:
        """Copy a file or folder.

        Parameters
        ----------
        old
            Its name.
        new
            The copy's name, or a folder to copy it into.
        overwrite
            Whether to replace a file of that name. A folder is never replaced.

        Raises
        ------
        MissingFileError
            If there is no such file.
        ExistingFileError
            If there is a file of the new name, and `overwrite` is False.
        """
        source, target = await self._transfer(old, new, overwrite)
        info = await self.store.copy(source, target, replace=overwrite)
        return info.relative_to(self.folder)

    async def _transfer(self, old: Name, new: Name, overwrite: bool) -> tuple[str, str]:
        """Return the paths to rename or copy from and to, once they are checked."""
        check_flag(overwrite, "overwrite")
        source = await self._info(old)
        target = self.path(new)
        existing = await self.store.stat(target) if target else None
        if not target or str(new).endswith("/") or (existing is not None and existing.folder):
            # Into the folder, as in every file browser.
            target = names.join(target, names.name_of(source.path))
            existing = await self.store.stat(target)
        names.check_new(target)
        if source.path == target:
            raise ExistingFileError(f"{str(old)!r} and {str(new)!r} are the same file.")
        if source.folder and f"{target}/".startswith(f"{source.path}/"):
            raise BadNameError(f"The folder {str(old)!r} cannot be put into itself.")
        if existing is not None and (existing.folder or source.folder):
            what = "folder" if existing.folder else "file"
            raise ExistingFileError(
                f"There is a {what} called {names.relative(target, self.folder)!r} already. "
                "Choose another name, or delete it first."
            )
        return source.path, target

    async def delete(self, name: Name, *, recursive: bool = False) -> None:
        """Delete a file.

        Parameters
        ----------
        name
            Its name.
        recursive
            Whether to delete a folder, with everything in it.

        Raises
        ------
        MissingFileError
            If there is no such file.
        FolderError
            If it is a folder, and `recursive` is False.
        ReadOnlyError
            If it came with the site.
        """
        check_flag(recursive, "recursive")
        if not self.path(name):
            raise FolderError("The top folder cannot be deleted.")
        info = await self._info(name)
        if info.folder and not recursive:
            raise FolderError(
                f"{str(name)!r} is a folder. To delete it with everything in it, "
                f"write files.delete({str(name)!r}, recursive=True)."
            )
        await self.store.remove(info.path)

    # Archives --------------------------------------------------------------

    async def zip(self, names: Name | Iterable[Name], to: Name, *, overwrite: bool = True) -> Info:
        """Put files and folders into a zip archive.

        Parameters
        ----------
        names
            The files and folders: a name, or several.
        to
            The archive's name, such as ``"homework.zip"``.
        overwrite
            Whether to replace a file of that name.
        """
        target = self._new_path(to)
        check_flag(overwrite, "overwrite")
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in _each(names):
                await self._pack(archive, name, target)
        return await self.write(to, buffer.getvalue(), overwrite=overwrite)

    async def _pack(self, archive: zipfile.ZipFile, name: Name, target: str) -> None:
        path = self.path(name)
        info = await self._info(name) if path else None
        if info is not None and not info.folder:
            await self._pack_file(archive, info.path, names.name_of(info.path))
        else:
            await self._pack_folder(archive, path, names.name_of(path), target)

    async def _pack_file(self, archive: zipfile.ZipFile, path: str, member_name: str) -> None:
        file = await self.store.read(path)
        if file is None:
            raise Refusal("lost", path)
        info, data = file
        modified = info.modified.astimezone().timetuple()[:6]
        # Zip archives cannot hold a time before 1980.
        member = zipfile.ZipInfo(member_name, max(modified, (1980, 1, 1, 0, 0, 0)))
        if member.filename in archive.NameToInfo:
            raise ExistingFileError(
                f"Two of these files would be called {member_name!r} in the archive. Put them into "
                "folders of one folder, and zip that."
            )
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, data)

    async def _pack_folder(
        self, archive: zipfile.ZipFile, path: str, member_name: str, target: str
    ) -> None:
        if member_name:
            archive.writestr(f"{member_name}/", b"")
        for info in sorted(await self.store.children(path), key=lambda info: info.path):
            name = names.name_of(info.path)
            if info.path == target or names.is_reserved(name):
                continue
            inside = names.join(member_name, name)
            if info.folder:
                await self._pack_folder(archive, info.path, inside, target)
            else:
                await self._pack_file(archive, info.path, inside)

    async def unzip(self, name: Name, to: Name | None = None, *, overwrite: bool = True) -> Listing:
        """Extract the files of a zip archive: all of them or none.

        Parameters
        ----------
        name
            The archive's name.
        to
            The folder to extract to; by default the archive's own.
        overwrite
            Whether to replace files of the same names.

        Returns
        -------
        Listing
            The extracted files.

        Raises
        ------
        UnreadableError
            If it is not a zip archive, or is damaged.
        BadNameError
            If a name in it leads out of the folder.
        """
        check_flag(overwrite, "overwrite")
        data = await self.read_bytes(name)
        folder = self.path(to) if to is not None else names.parent_of(self.path(name))
        members = archives.unpacked(data, str(name))
        files = {names.join(folder, path): content for path, content in members}
        await self._refuse_twins(files, name)
        if not overwrite:
            for path in files:
                if await self.store.exists(path):
                    raise ExistingFileError(
                        f"There is a file called {names.relative(path, self.folder)!r} already."
                    )
        for path in files:
            names.check_new(path)
        infos = await self.store.write(files) if files else ()
        return Listing([info.relative_to(self.folder) for info in infos])

    async def _refuse_twins(self, paths: Iterable[str], name: Name) -> None:
        """Refuse names that differ in capitals only, where the disk ignores capitals."""
        twins = archives.only_capitals_differ(paths)
        # Such a disk has the archive, which was just read, under the swapped name too.
        if twins and await self.store.exists(self.path(name).swapcase()):
            raise UnreadableError(
                f"Could not unzip {str(name)!r}: {twins[0]!r} and {twins[1]!r} in it differ in "
                "capitals only, and this computer takes them for one."
            )


def _each(names: Name | Iterable[Name]) -> Iterable[Name]:
    if isinstance(names, (str, bytes, os.PathLike)) or not isinstance(names, Iterable):
        return [names]  # what is not a name is refused as one
    return list(names)


def _folders_first(info: Info) -> tuple[bool, str, str]:
    return not info.folder, info.path.casefold(), info.path
