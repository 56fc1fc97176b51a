"""What can be done with files, without doing any input or output.

Each function is a generator: see `je_kernel.files.store`. Names are what people
write; `folder` is the path of the notebook's folder.
"""

from __future__ import annotations

import fnmatch
import io
import unicodedata
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from je_kernel.arguments import check_flag, check_text
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
from je_kernel.files import archives, encodings, names, reading, saving
from je_kernel.files.file_objects import parse_mode
from je_kernel.files.kinds import mimetype_of
from je_kernel.files.listing import Info, Listing, info_of
from je_kernel.files.store import (
    CHANGED,
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
    import os
    from collections.abc import Callable

    from je_kernel.files.file_objects import BinaryFile
    from je_kernel.files.models import Entry, Usage
    from je_kernel.files.store import Steps

    Name = str | os.PathLike[str]

__all__ = ["Operations"]

_TRIES = 50


@dataclass(frozen=True)
class Operations:
    """The operations, for a notebook in a folder.

    Parameters
    ----------
    folder
        The path of the notebook's folder.
    """

    folder: str = ""

    def path(self, name: Name) -> str:
        """Return the path that a name leads to, from this folder."""
        return names.path_of(name, self.folder)

    # Looking ---------------------------------------------------------------

    def list(self, folder: Name, pattern: str) -> Steps[Listing]:
        """List the files in a folder."""
        path = self.path(folder)
        check_text(pattern, "pattern", "*.csv")
        if path:
            entry = yield from self._entry(folder)
            if not entry.folder:
                raise NotFolderError(
                    f"{str(folder)!r} is a file, not a folder. "
                    f"files.info({str(folder)!r}) tells about it."
                )
        entries: list[Entry] = yield Children(path)
        wanted = unicodedata.normalize("NFC", pattern)
        shown = [
            info_of(entry, self.folder)
            for entry in sorted(entries, key=lambda e: (not e.folder, _sorting(e.path)))
            if fnmatch.fnmatchcase(names.name_of(entry.path), wanted)
            and not names.is_reserved(names.name_of(entry.path))
        ]
        return Listing(shown, str(folder))

    def info(self, name: Name) -> Steps[Info]:
        """Tell what is known of a file without reading it."""
        entry = yield from self._entry(name)
        return info_of(entry, self.folder)

    def exists(self, name: Name) -> Steps[bool]:
        """Tell whether there is a file or folder of this name."""
        try:
            path = self.path(name)
        except BadNameError:
            return False
        return path == "" or bool((yield Has(path)))

    def usage(self) -> Steps[Usage]:
        """Tell how full the storage is."""
        usage: Usage = yield Measure()
        return usage

    # Reading ---------------------------------------------------------------

    def read_bytes(self, name: Name) -> Steps[bytes]:
        """Read a file as it is."""
        return (yield from self.found(name)).data

    def read_text(self, name: Name, encoding: str | None) -> Steps[str]:
        """Read a text file."""
        data = yield from self.read_bytes(name)
        return encodings.decode(data, str(name), encoding)

    def read(self, name: Name, kind: str | None, options: dict[str, Any]) -> Steps[Any]:
        """Read a file as the Python object that fits its kind."""
        found = yield from self.found(name)
        return (yield from reading.value_of(found.data, str(name), found.entry.path, kind, options))

    def found(self, name: Name) -> Steps[Found]:
        """Read a file, and what is known of it."""
        path = self._file_path(name)
        found: Found | None = yield Read(path)
        if found is None:
            raise (yield from self._missing(name, path))
        return found

    def opening(self, name: Name, mode: str) -> Steps[bytes | None]:
        """Return what is in a file that is about to be opened, or None if it is new."""
        action, _, both = parse_mode(mode)
        if action == "r":
            if both:
                self._new_path(name)
            return (yield from self.read_bytes(name))
        path = self._new_path(name)
        if action == "a":
            found: Found | None = yield Read(path)
            return None if found is None else found.data
        entry: Entry | None = yield Stat(path)
        if entry is not None and entry.folder:
            raise FolderError(f"{str(name)!r} is a folder. files.list() shows what is in it.")
        if entry is not None and action == "x":
            raise ExistingFileError(f"There is a file called {str(name)!r} already.")
        return None

    def closing(self, name: Name, file: BinaryFile) -> Steps[None]:
        """Save a file that was opened and written to."""
        if file.edits:
            yield from self.edit(name, file.onto)
        else:
            yield from self.write(name, file.content, overwrite="x" not in file.mode)

    def _file_path(self, name: Name) -> str:
        path = self.path(name)
        if not path:
            raise FolderError(f"{str(name)!r} is a folder. files.list() shows what is in it.")
        return path

    def _entry(self, name: Name) -> Steps[Entry]:
        path = self._file_path(name)
        entry: Entry | None = yield Stat(path)
        if entry is None:
            raise (yield from self._missing(name, path))
        return entry

    def _missing(self, name: Name, path: str) -> Steps[MissingFileError]:
        known: list[str] = yield Paths()
        return MissingFileError(names.explain_missing(str(name), path, known, self.folder))

    # Writing ---------------------------------------------------------------

    def save(
        self,
        name: Name,
        value: Any,
        overwrite: bool,
        if_unchanged: Info | None,
        options: dict[str, Any],
    ) -> Steps[Info]:
        """Save a Python object as a file."""
        path = self._new_path(name)
        data = yield from saving.bytes_of(value, str(name), path, options)
        return (yield from self.write(name, data, overwrite, if_unchanged))

    def write(
        self, name: Name, data: Any, overwrite: bool = True, if_unchanged: Info | None = None
    ) -> Steps[Info]:
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
        entries: list[Entry] = yield Write(
            (NewFile(path, data, mimetype_of(path)),), new=not overwrite, expected=expected
        )
        return info_of(entries[0], self.folder)

    def edit(self, name: Name, edit: Callable[[bytes | None], bytes]) -> Steps[None]:
        """Change a file, whatever else changes it meanwhile.

        Parameters
        ----------
        name
            The file's name.
        edit
            Returns what to write for what is there, which is None if nothing is.
        """
        path = self._new_path(name)
        for _ in range(_TRIES):
            found: Found | None = yield Read(path)
            data = edit(None if found is None else found.data)
            expected = {path: None if found is None else found.entry.version}
            try:
                yield Write((NewFile(path, data, mimetype_of(path)),), expected=expected)
            except Refused as refused:
                if refused.problem not in CHANGED:
                    raise
                continue  # another kernel was quicker
            return
        raise StoreError(
            f"{str(name)!r} was not saved: something else keeps changing it. Try once more."
        )

    def write_all(self, files: Iterable[tuple[str, Any]]) -> Steps[Listing]:
        """Write several files, by path: all of them or none."""
        new = tuple(NewFile(path, data, mimetype_of(path)) for path, data in files)
        for file in new:
            names.check_new(file.path)
        entries: list[Entry] = (yield Write(new)) if new else []
        return Listing([info_of(entry, self.folder) for entry in entries])

    def _new_path(self, name: Name) -> str:
        path = self.path(name)
        if not path or str(name).endswith("/"):
            raise FolderError(f"{str(name)!r} names a folder. Add the file's name to it.")
        names.check_new(path)
        return path

    def mkdir(self, name: Name, exist_ok: bool) -> Steps[Info]:
        """Make a folder."""
        path = self.path(name)
        check_flag(exist_ok, "exist_ok")
        names.check_new(path)
        entry: Entry | None = yield Stat(path)
        if entry is not None and not (entry.folder and exist_ok):
            what = "folder" if entry.folder else "file"
            raise ExistingFileError(f"There is a {what} called {str(name)!r} already.")
        yield MakeFolder(path)
        return (yield from self.info(name))

    def rename(self, old: Name, new: Name, overwrite: bool) -> Steps[Info]:
        """Give a file or folder another name or place."""
        return (yield from self._transfer(old, new, overwrite, Move))

    def copy(self, old: Name, new: Name, overwrite: bool) -> Steps[Info]:
        """Copy a file or folder."""
        return (yield from self._transfer(old, new, overwrite, Copy))

    def _transfer(
        self, old: Name, new: Name, overwrite: bool, request: type[Move] | type[Copy]
    ) -> Steps[Info]:
        check_flag(overwrite, "overwrite")
        source = yield from self._entry(old)
        if request is Move:
            names.check_reserved(source.path)
        target = self.path(new)
        there: Entry | None = (yield Stat(target)) if target else None
        if not target or str(new).endswith("/") or (there is not None and there.folder):
            # Into the folder, as every file browser does.
            target = names.join(target, names.name_of(source.path))
            there = yield Stat(target)
        names.check_new(target)
        if source.path == target:
            raise ExistingFileError(f"{str(old)!r} and {str(new)!r} are the same file.")
        if source.folder and f"{target}/".startswith(f"{source.path}/"):
            raise BadNameError(f"The folder {str(old)!r} cannot be put into itself.")
        if there is not None and (there.folder or source.folder):
            what = "folder" if there.folder else "file"
            raise ExistingFileError(
                f"There is a {what} called {names.relative(target, self.folder)!r} already. "
                "Choose another name, or delete it first."
            )
        moved: Entry = yield request(source.path, target, overwrite)
        return info_of(moved, self.folder)

    def delete(self, name: Name, folders: bool) -> Steps[None]:
        """Delete a file, or a folder if that is asked for."""
        check_flag(folders, "folders")
        if not self.path(name):
            raise FolderError("The top folder cannot be deleted.")
        entry = yield from self._entry(name)
        if entry.folder and not folders:
            raise FolderError(
                f"{str(name)!r} is a folder. To delete it with everything in it, "
                f"write files.delete({str(name)!r}, folders=True)."
            )
        yield Remove(entry.path)

    # Archives --------------------------------------------------------------

    def zip(self, wanted: Name | Iterable[Name], to: Name, overwrite: bool) -> Steps[Info]:
        """Put files and folders into a new archive."""
        import os

        target = self._new_path(to)
        check_flag(overwrite, "overwrite")
        if isinstance(wanted, (str, bytes, os.PathLike)) or not isinstance(wanted, Iterable):
            chosen = [wanted]  # what is no name either is refused like every other
        else:
            chosen = list(wanted)
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in chosen:
                path = self.path(name)
                entry = (yield from self._entry(name)) if path else None
                if entry is not None and not entry.folder:
                    yield from self._pack_file(archive, entry.path, names.name_of(entry.path))
                else:
                    yield from self._pack_folder(archive, path, names.name_of(path), target)
        return (yield from self.write(to, packed.getvalue(), overwrite))

    def _pack_file(self, archive: zipfile.ZipFile, path: str, inside: str) -> Steps[None]:
        found = yield from self.found(f"/{path}")
        when = found.entry.modified.astimezone().timetuple()[:6]
        # An archive's calendar starts in 1980.
        member = zipfile.ZipInfo(inside, max(when, (1980, 1, 1, 0, 0, 0)))
        if member.filename in archive.NameToInfo:
            raise ExistingFileError(
                f"Two of these files would be called {inside!r} in the archive. Put them into "
                "folders of one folder, and zip that."
            )
        member.compress_type = zipfile.ZIP_DEFLATED
        archive.writestr(member, found.data)

    def _pack_folder(
        self, archive: zipfile.ZipFile, path: str, inside: str, leave_out: str
    ) -> Steps[None]:
        entries: list[Entry] = yield Children(path)
        if inside:
            archive.writestr(f"{inside}/", b"")
        for entry in sorted(entries, key=lambda e: e.path):
            name = names.name_of(entry.path)
            if entry.path == leave_out or names.is_reserved(name):
                continue
            pack = self._pack_folder if entry.folder else None
            if pack is not None:
                yield from pack(archive, entry.path, names.join(inside, name), leave_out)
            else:
                yield from self._pack_file(archive, entry.path, names.join(inside, name))

    def unzip(self, name: Name, to: Name | None, overwrite: bool) -> Steps[Listing]:
        """Take the files out of an archive: all of them or none."""
        check_flag(overwrite, "overwrite")
        data = yield from self.read_bytes(name)
        folder = self.path(to) if to is not None else names.parent_of(self.path(name))
        unpacked = archives.unpacked(data, str(name))
        files = [(names.join(folder, path), data) for path, data in unpacked]
        yield from self._refuse_twins((path for path, _ in files), name)
        if not overwrite:
            for path, _ in files:
                if (yield Has(path)):
                    raise ExistingFileError(
                        f"There is a file called {names.relative(path, self.folder)!r} already."
                    )
        return (yield from self.write_all(files))

    def _refuse_twins(self, paths: Iterable[str], name: Name) -> Steps[None]:
        """Refuse names that differ in capitals only, where the store takes them for one."""
        twins = archives.only_capitals_differ(paths)
        # There the archive itself, which was just read, is found in other capitals too.
        if twins and (yield Has(self.path(name).swapcase())):
            raise UnreadableError(
                f"Could not unzip {str(name)!r}: {twins[0]!r} and {twins[1]!r} in it differ in "
                "capitals only, and this computer takes them for one."
            )


def _sorting(path: str) -> tuple[str, str]:
    return path.casefold(), path
