"""Data files: one way to touch them, in the browser and everywhere else.

>>> from je_kernel import files
>>> files.save("points.csv", [{"x": 1, "y": 2}, {"x": 3, "y": 4}]).size
12
>>> print(files.read_text("points.csv"))
x,y
1,2
3,4
<BLANKLINE>

In a JupyterLite notebook these are the site's files, as JupyterLab's file
browser shows them; elsewhere they are the files of the notebook's folder.
Names are relative to that folder, with ``/`` between folders.

Every save is done whole or not at all. `je_kernel.files.aio` has the same to be awaited.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from je_kernel.files import checkout, choose
from je_kernel.files.download import download, name_for
from je_kernel.files.entries import Usage
from je_kernel.files.errors import (
    BadNameError,
    ChangedFileError,
    ExistingFileError,
    FilesError,
    FolderError,
    MissingFileError,
    MissingPackageError,
    NoSpaceError,
    NotFolderError,
    ReadOnlyError,
    StoreError,
    UnreadableError,
)
from je_kernel.files.listing import Info, Listing
from je_kernel.files.names import check_new
from je_kernel.files.opened import OpenedBytes, OpenedText, opened
from je_kernel.files.texts import EncodingGuessWarning

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    Name = str | os.PathLike[str]

__all__ = [
    "BadNameError",
    "ChangedFileError",
    "EncodingGuessWarning",
    "ExistingFileError",
    "FilesError",
    "FolderError",
    "Info",
    "Listing",
    "MissingFileError",
    "MissingPackageError",
    "NoSpaceError",
    "NotFolderError",
    "OpenedBytes",
    "OpenedText",
    "ReadOnlyError",
    "StoreError",
    "UnreadableError",
    "Usage",
    "copy",
    "delete",
    "exists",
    "fetch",
    "info",
    "list",
    "local",
    "mkdir",
    "open",
    "read",
    "read_bytes",
    "read_text",
    "rename",
    "save",
    "unzip",
    "usage",
    "zip",
]


def list(folder: Name = ".", pattern: str = "*") -> Listing:  # noqa: A001
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
        A notebook shows it as a table. It is a sequence of `Info`; its
        ``names`` are the names alone.

    Raises
    ------
    MissingFileError
        If there is no such folder.
    """
    place = choose.here()
    return place.run(place.operations.list(folder, pattern))


def info(name: Name) -> Info:
    """Tell what is known of a file without reading it.

    Parameters
    ----------
    name
        The name of a file or folder.

    Raises
    ------
    MissingFileError
        If there is none; the message says which one may have been meant.
    """
    place = choose.here()
    return place.run(place.operations.info(name))


def exists(name: Name) -> bool:
    """Tell whether there is a file or folder of this name.

    Parameters
    ----------
    name
        The name.
    """
    place = choose.here()
    return place.run(place.operations.exists(name))


def read(name: Name, *, kind: str | None = None, **options: Any) -> Any:
    """Read a file as the Python object that fits its kind.

    Tables (csv, tsv, xlsx, parquet, jsonl, and json that is a list of records)
    come as pandas DataFrames, text as str, other json as Python objects,
    pictures as something the notebook shows, npy as NumPy arrays, and
    everything else as bytes.

    Parameters
    ----------
    name
        The file's name.
    kind
        How to read it if not as its name says: ``"table"``, ``"text"``,
        ``"objects"`` (of json), ``"image"``, ``"array"`` or ``"file"`` (bytes).
    **options
        Passed on to what reads it, such as `pandas.read_csv`.

    Raises
    ------
    MissingFileError
        If there is no such file.
    UnreadableError
        If the file is not what its name says.
    MissingPackageError
        If a package is needed that is not installed.
    """
    place = choose.here()
    return place.run(place.operations.read(name, kind, options))


def read_bytes(name: Name) -> bytes:
    """Read a file as it is.

    Parameters
    ----------
    name
        The file's name.

    Raises
    ------
    MissingFileError
        If there is no such file.
    """
    place = choose.here()
    return place.run(place.operations.read_bytes(name))


def read_text(name: Name, encoding: str | None = None) -> str:
    """Read a text file.

    Parameters
    ----------
    name
        The file's name.
    encoding
        Its encoding. By default UTF-8; what cannot be UTF-8 is read as
        Windows-1252 or Latin-1, with a warning.

    Raises
    ------
    MissingFileError
        If there is no such file.
    UnreadableError
        If it is not text in this encoding.
    """
    place = choose.here()
    return place.run(place.operations.read_text(name, encoding))


def save(
    name: Name,
    value: Any,
    *,
    overwrite: bool = True,
    if_unchanged: Info | None = None,
    **options: Any,
) -> Info:
    """Save a Python object as a file.

    The name's extension says how: DataFrames as .csv, .tsv, .xlsx, .parquet,
    .json or .jsonl; figures and axes of matplotlib, Pillow images and arrays as
    pictures; arrays as .npy too; anything that JSON knows as .json; text and
    bytes as they are. Folders that are not there are made.

    Parameters
    ----------
    name
        The file's name.
    value
        What to save.
    overwrite
        Whether to replace a file of this name. The old one is there until the
        new one is whole.
    if_unchanged
        The `Info` of when you read the file: refuse if it was changed since.
    **options
        Passed on to what writes it, such as ``DataFrame.to_csv``.

    Returns
    -------
    Info
        What is known of the new file.

    Raises
    ------
    ExistingFileError
        If there is such a file, and it was not to be replaced.
    ChangedFileError
        If it was changed since `if_unchanged`.
    NoSpaceError
        If the storage is full.
    TypeError
        If such a value cannot be saved under such a name.
    """
    place = choose.here()
    return place.run(place.operations.save(name, value, overwrite, if_unchanged, options))


def rename(old: Name, new: Name, *, overwrite: bool = False) -> Info:
    """Give a file or folder another name or place.

    Parameters
    ----------
    old
        Its name.
    new
        Its new name, or a folder to put it into.
    overwrite
        Whether to replace a file of the new name.

    Raises
    ------
    MissingFileError
        If there is no such file.
    ExistingFileError
        If there is a file of the new name.
    ReadOnlyError
        If it came with the site.
    """
    place = choose.here()
    return place.run(place.operations.rename(old, new, overwrite))


def copy(old: Name, new: Name, *, overwrite: bool = False) -> Info:
    """Copy a file or folder.

    Parameters
    ----------
    old
        Its name.
    new
        The copy's name, or a folder to put it into.
    overwrite
        Whether to replace a file of that name.

    Raises
    ------
    MissingFileError
        If there is no such file.
    ExistingFileError
        If there is a file of the new name.
    """
    place = choose.here()
    return place.run(place.operations.copy(old, new, overwrite))


def delete(name: Name, *, folders: bool = False) -> None:
    """Delete a file.

    Parameters
    ----------
    name
        Its name.
    folders
        Whether a folder may be deleted, with everything in it.

    Raises
    ------
    MissingFileError
        If there is no such file.
    FolderError
        If it is a folder, and `folders` was not said.
    ReadOnlyError
        If it came with the site.
    """
    place = choose.here()
    place.run(place.operations.delete(name, folders))


def mkdir(name: Name, *, exist_ok: bool = False) -> Info:
    """Make a folder, and those above it that are not there.

    Parameters
    ----------
    name
        The folder's name.
    exist_ok
        Whether it is all right if there is such a folder already.

    Raises
    ------
    ExistingFileError
        If there is such a file or folder.
    """
    place = choose.here()
    return place.run(place.operations.mkdir(name, exist_ok))


def usage() -> Usage:
    """Tell how full the storage is.

    Returns
    -------
    Usage
        The bytes used and available, and the largest files.
    """
    place = choose.here()
    return place.run(place.operations.usage())


def zip(names: Name | Iterable[Name], to: Name, *, overwrite: bool = True) -> Info:  # noqa: A001
    """Put files and folders into one archive.

    Parameters
    ----------
    names
        What to put in: a name, or several.
    to
        The archive's name, such as ``"homework.zip"``.
    overwrite
        Whether to replace a file of that name.
    """
    place = choose.here()
    return place.run(place.operations.zip(names, to, overwrite))


def unzip(name: Name, to: Name | None = None, *, overwrite: bool = True) -> Listing:
    """Take the files out of an archive: all of them or none.

    Parameters
    ----------
    name
        The archive's name.
    to
        The folder to put them into; by default the one the archive is in.
    overwrite
        Whether to replace files of the same names.

    Returns
    -------
    Listing
        The files that came out.

    Raises
    ------
    UnreadableError
        If it is no archive.
    BadNameError
        If a name in it leads out of the folder.
    """
    place = choose.here()
    return place.run(place.operations.unzip(name, to, overwrite))


def open(  # noqa: A001
    name: Name,
    mode: str = "r",
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> OpenedBytes | OpenedText:
    """Open a file that is saved when it is closed.

    In a ``with`` block that raises, nothing is saved: the old file stays.
    What is appended (mode ``a``) follows what is there when the file is closed,
    and mode ``r+`` changes what was written to and nothing else, so that two
    notebooks may write the same file.

    Parameters
    ----------
    name
        The file's name.
    mode, encoding, errors, newline
        As of the built-in `open`; the encoding is UTF-8 unless told otherwise.

    Raises
    ------
    MissingFileError
        If it is to be read and there is no such file.
    ExistingFileError
        If it is to be new and there is one.
    """
    place = choose.here()
    operations = place.operations
    # Where it leads is settled now, whatever the working folder is when it is closed.
    target = f"/{operations.path(name)}"

    def save_it(file: OpenedBytes) -> None:
        place.run(operations.closing(target, file))

    old = place.run(operations.opening(name, mode))
    return opened(old, str(name), mode, save_it, encoding, errors, newline)


def fetch(url: str, name: Name | None = None, *, overwrite: bool = True) -> Info:
    """Download something from the web into a file.

    Parameters
    ----------
    url
        Its address.
    name
        The file's name; by default the one that the address ends with.
    overwrite
        Whether to replace a file of that name.

    Raises
    ------
    OSError
        If it cannot be downloaded.
    """
    place = choose.here()
    if name is not None:
        # A bad name is found before the download.
        check_new(place.operations.path(name))
    found = download(url)
    target = name if name is not None else name_for(found)
    return place.run(place.operations.write(target, found.data, overwrite))


@contextlib.contextmanager
def local(name: Name, *, must_exist: bool = False) -> Iterator[Path]:
    """Put a file on the kernel's own fast disk for a while.

    For what reads and writes here and there in a file: SQLite, shelve, HDF5.
    What was changed is written back at the end, whole or not at all, also if
    the block raises: a database is sound after each of its own commits.

    Parameters
    ----------
    name
        The file's name. It need not be there yet.
    must_exist
        Whether to refuse if there is no such file.

    Yields
    ------
    pathlib.Path
        Where the file is for the time of the block.

    Raises
    ------
    ChangedFileError
        At the end, if the file was changed elsewhere meanwhile. Your version is
        then saved under another name.
    """
    place = choose.here()
    with checkout.folder_of() as folder:
        taken = place.run(checkout.check_out(place.operations, name, folder, must_exist))
        try:
            yield taken.place
        finally:
            place.run(checkout.check_in(place.operations, taken))


def __getattr__(name: str) -> Any:
    if name != "aio":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module("je_kernel.files.aio")
