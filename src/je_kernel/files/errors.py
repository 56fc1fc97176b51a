"""The exceptions of `je_kernel.files`.

Each is also the exception that plain Python would raise, so that a lesson which
catches `FileNotFoundError` goes on working.

    JeKernelError
    └── FilesError
        ├── BadNameError (also ValueError)
        ├── ChangedFileError (also OSError)
        ├── ExistingFileError (also FileExistsError)
        ├── FolderError (also IsADirectoryError)
        ├── MissingFileError (also FileNotFoundError)
        ├── MissingPackageError (also ImportError)
        ├── NotFolderError (also NotADirectoryError)
        ├── NoSpaceError (also OSError)
        ├── ReadOnlyError (also PermissionError)
        ├── StoreError (also OSError)
        └── UnreadableError (also ValueError)
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from je_kernel.errors import JeKernelError

__all__ = [
    "CHANGED",
    "BadNameError",
    "ChangedFileError",
    "ExistingFileError",
    "FilesError",
    "FolderError",
    "MissingFileError",
    "MissingPackageError",
    "NoSpaceError",
    "NotFolderError",
    "Problem",
    "ReadOnlyError",
    "Refused",
    "StoreError",
    "UnreadableError",
]

Problem: TypeAlias = Literal[
    "changed",
    "exists",
    "folder",
    "gone",
    "large",
    "lost",
    "not-folder",
    "shipped-delete",
    "shipped-rename",
]
"""What a store can refuse for."""

CHANGED: frozenset[Problem] = frozenset({"changed", "exists", "gone"})
"""How a store says that a file is not the expected one."""


class FilesError(JeKernelError):
    """Base class of the exceptions of `je_kernel.files`."""


class BadNameError(FilesError, ValueError):
    """A name that no file can have, or that leads out of the site's files."""


class ChangedFileError(FilesError, OSError):
    """The file was changed by somebody else since it was looked at."""


class ExistingFileError(FilesError, FileExistsError):
    """There is a file of this name already, and it was not to be replaced."""


class FolderError(FilesError, IsADirectoryError):
    """A folder stands where a file was asked for."""


class MissingFileError(FilesError, FileNotFoundError):
    """There is no such file."""


class MissingPackageError(FilesError, ImportError):
    """A kind of file needs a Python package that is not installed."""


class NoSpaceError(FilesError, OSError):
    """The browser's storage, or the disk, is full. The old file is still there."""


class NotFolderError(FilesError, NotADirectoryError):
    """A file stands where a folder was asked for."""


class ReadOnlyError(FilesError, PermissionError):
    """The file cannot be changed, because it came with the site or is protected."""


class Refused(Exception):  # noqa: N818
    """What a store refuses, before it is put into words: see `je_kernel.files.messages`.

    Parameters
    ----------
    problem
        What is wrong.
    path
        Where.
    """

    def __init__(self, problem: Problem, path: str) -> None:
        super().__init__(problem, path)
        self.problem = problem
        self.path = path


class StoreError(FilesError, OSError):
    """The browser's storage failed."""


class UnreadableError(FilesError, ValueError):
    """What is in the file is not what its name says."""
