"""Read, save and list data files, in the browser and elsewhere.

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

Every save is complete or has no effect. `je_kernel.files.aio` has the same functions as
coroutines. ``from je_kernel.files import *`` leaves Python's own `list`, `open` and `zip`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, overload

from je_kernel.errors import (
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
from je_kernel.files import local_copy
from je_kernel.files.encodings import EncodingGuessWarning
from je_kernel.files.file_objects import BinaryFile, TextFile, open_in_memory
from je_kernel.files.models import Info, Listing, Usage
from je_kernel.files.operations import Name, Operations
from je_kernel.files.store_selection import current, synchronous

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from je_kernel.files.file_objects import BinaryMode, TextMode

__all__ = [
    "BadNameError",
    "BinaryFile",
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
    "ReadOnlyError",
    "StoreError",
    "TextFile",
    "UnreadableError",
    "Usage",
    "copy",
    "delete",
    "exists",
    "fetch",
    "info",
    "local",
    "mkdir",
    "read",
    "read_bytes",
    "read_text",
    "rename",
    "save",
    "unzip",
    "usage",
]

copy = synchronous(Operations.copy)
delete = synchronous(Operations.delete)
exists = synchronous(Operations.exists)
fetch = synchronous(Operations.fetch)
info = synchronous(Operations.info)
list = synchronous(Operations.list)  # noqa: A001
mkdir = synchronous(Operations.mkdir)
read = synchronous(Operations.read)
read_bytes = synchronous(Operations.read_bytes)
read_text = synchronous(Operations.read_text)
rename = synchronous(Operations.rename)
save = synchronous(Operations.save)
unzip = synchronous(Operations.unzip)
usage = synchronous(Operations.usage)
zip = synchronous(Operations.zip)  # noqa: A001


@overload
def open(  # noqa: A001
    name: Name, mode: BinaryMode, encoding: None = ..., errors: None = ..., newline: None = ...
) -> BinaryFile: ...


@overload
def open(  # noqa: A001
    name: Name,
    mode: TextMode = ...,
    encoding: str | None = ...,
    errors: str | None = ...,
    newline: str | None = ...,
) -> TextFile: ...


@overload
def open(  # noqa: A001
    name: Name,
    mode: str,
    encoding: str | None = ...,
    errors: str | None = ...,
    newline: str | None = ...,
) -> BinaryFile | TextFile: ...


def open(  # noqa: A001
    name: Name,
    mode: str = "r",
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> BinaryFile | TextFile:
    """Open a file that is saved when it is closed.

    In a ``with`` block that raises, nothing is saved: the old file stays.
    Text that is appended (mode ``a``) follows the content at the time of the close,
    and mode ``r+`` changes only what was written to, so that two
    notebooks can write the same file.

    Parameters
    ----------
    name
        The file's name.
    mode, encoding, errors, newline
        As of the built-in `open`; the default encoding is UTF-8.

    Raises
    ------
    MissingFileError
        If there is no such file to read.
    ExistingFileError
        If it must be new and exists.
    """
    operations = current()
    # The path is fixed now, whatever the working folder is at the close.
    target = f"/{operations.path(name)}"

    def save_it(file: BinaryFile) -> None:
        operations.run(operations.closing(target, file))

    old = operations.run(operations.opening(name, mode))
    return open_in_memory(old, str(name), mode, save_it, encoding, errors, newline)


@contextlib.contextmanager
def local(name: Name, *, must_exist: bool = False) -> Iterator[Path]:
    """Copy a file to the kernel's own fast disk for the time of a block.

    For libraries that need random access to a file: SQLite, shelve, HDF5.
    Changes are saved at the end, all or none, also if
    the block raises: a database is consistent after each of its own commits.

    Parameters
    ----------
    name
        The file's name. It need not exist yet.
    must_exist
        Whether to raise if there is no such file.

    Yields
    ------
    pathlib.Path
        The path of the copy.

    Raises
    ------
    ChangedFileError
        At the end, if the file was changed elsewhere meanwhile. Your version is
        then saved under another name.
    """
    operations = current()
    with local_copy.temporary_folder() as folder:
        copy = operations.run(local_copy.check_out(operations, name, folder, must_exist))
        try:
            yield copy.local_path
        finally:
            operations.run(local_copy.check_in(operations, copy))


def __getattr__(name: str) -> Any:
    if name != "aio":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return import_module("je_kernel.files.aio")
