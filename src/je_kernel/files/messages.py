"""Create the exceptions, with their messages, that are the same for all stores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from je_kernel.errors import (
    ChangedFileError,
    ExistingFileError,
    FilesError,
    FolderError,
    MissingFileError,
    NoSpaceError,
    NotFolderError,
    ReadOnlyError,
    StoreError,
)
from je_kernel.files.models import bytes_in_words

if TYPE_CHECKING:
    from je_kernel.files.models import Usage
    from je_kernel.files.store import Problem

__all__ = ["full", "refusal"]


def refusal(problem: Problem, name: str) -> FilesError:
    """Return the exception for a refusal of a store.

    Parameters
    ----------
    problem
        The reason.
    name
        The file's name in this notebook.
    """
    kind, message = _REFUSALS[problem]
    return kind(message.format(name=repr(name)))


_REFUSALS: dict[Problem, tuple[type[FilesError], str]] = {
    "changed": (
        ChangedFileError,
        "{name} was changed since you looked at it, perhaps in another tab, so it was left alone. "
        "Read it again, or save without if_unchanged= to replace it.",
    ),
    "exists": (
        ExistingFileError,
        "There is a file called {name} already. "
        "Choose another name, or say overwrite=True to replace it.",
    ),
    "folder": (
        FolderError,
        "{name} is a folder. files.list({name}) shows what is in it; a file needs another name.",
    ),
    "gone": (
        ChangedFileError,
        "{name} is gone: it was renamed or deleted since you looked at it. "
        "Save without if_unchanged= to make it again.",
    ),
    "large": (
        StoreError,
        "{name} is larger than 90 MB: in this browser it can only be read with await: "
        "from je_kernel.files import aio, then await aio.read({name}).",
    ),
    "lost": (MissingFileError, "{name} is gone: something else renamed or deleted it."),
    "not-folder": (
        NotFolderError,
        "{name} cannot be a folder: there is a file of that name. Choose another name.",
    ),
    "shipped-delete": (
        ReadOnlyError,
        "{name} came with this site and cannot be deleted. "
        "You can save your own version under the same name.",
    ),
    "shipped-rename": (
        ReadOnlyError,
        "{name} came with this site and cannot be renamed. You can copy it to another name.",
    ),
}


def full(size: int | None, usage: Usage | None) -> NoSpaceError:
    """Return the exception for a full storage.

    Parameters
    ----------
    size
        The bytes to be written, if that is known.
    usage
        The usage of the storage, if that is known.
    """
    parts = ["The browser's storage is full: nothing was saved, and the old file is still there."]
    if size is not None:
        parts.append(f"This save needs {bytes_in_words(size)}.")
    if usage is not None:
        # Browsers round the quota up against fingerprinting: mention it only if it explains.
        known = usage.available is not None and usage.available < (size or 0)
        left = f", {bytes_in_words(usage.available or 0)} are left" if known else ""
        parts.append(f"{bytes_in_words(usage.used)} are used{left}.")
        if usage.largest:
            parts.append(f"The largest files: {usage.largest_in_words}.")
    parts.append("Delete what you no longer need with files.delete(...).")
    return NoSpaceError(" ".join(parts))
