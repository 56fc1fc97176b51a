"""The interface of a store: a place that holds files, addressed by path."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from je_kernel.files.models import Info, Usage

__all__ = ["CHANGED", "NOTHING", "Contents", "Problem", "Refusal", "Store", "Versions"]

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
"""Why a store refuses an operation."""

CHANGED: frozenset[Problem] = frozenset({"changed", "exists", "gone"})
"""The problems of a write whose expected version is not the current one."""

Contents: TypeAlias = Mapping[str, bytes | bytearray | memoryview]
"""Files to write: their bytes, by path."""

Versions: TypeAlias = Mapping[str, str | None]
"""Versions of files (`Info.version`) by path; None where there is no file."""

NOTHING: Versions = MappingProxyType({})
"""No versions: nothing is expected."""


class Refusal(Exception):  # noqa: N818
    """A store refuses an operation. `je_kernel.files.messages` has the texts for people.

    Parameters
    ----------
    problem
        The reason.
    path
        The file or folder that is the reason.
    """

    def __init__(self, problem: Problem, path: str) -> None:
        super().__init__(problem, path)
        self.problem = problem
        self.path = path

    @classmethod
    def from_message(cls, message: str) -> Refusal:
        """Read the message of a ``Refusal`` in JavaScript: the problem, a space, the path."""
        problem, _, path = message.partition(" ")
        return cls(cast("Problem", problem), path)


class Store(Protocol):
    """A place that holds files.

    Every method raises `Refusal`, or a `FilesError` with a message for people.
    """

    suspends: bool
    """Whether its methods wait for the event loop. Those of other stores run to their end."""

    @property
    def name(self) -> str:
        """What this store is, for `je_kernel.doctor`."""
        ...

    async def stat(self, path: str) -> Info | None:
        """Return the metadata of a file or folder, or None if it does not exist."""
        ...

    async def exists(self, path: str) -> bool:
        """Return whether a file or folder exists. This can be faster than `stat`."""
        ...

    async def children(self, path: str) -> Sequence[Info]:
        """Return what is directly in a folder, in no order."""
        ...

    async def paths(self) -> Sequence[str]:
        """Return the paths of all files, for suggestions. It may stop early."""
        ...

    async def read(self, path: str) -> tuple[Info, bytes] | None:
        """Return a file's metadata and bytes, of one moment, or None if it does not exist."""
        ...

    async def write(
        self, files: Contents, *, new: bool = False, expected: Versions = NOTHING
    ) -> Sequence[Info]:
        """Write files, all or none, and the folders above them.

        Nothing else writes between the check of what is expected and the write.

        Parameters
        ----------
        files
            The files. Their bytes are not copied before they are in the store.
        new
            Refuse if one of the files exists.
        expected
            The version that files must have. They need not be files that are written.

        Returns
        -------
        sequence of Info
            The new metadata, in the order of `files`.
        """
        ...

    async def make_folder(self, path: str) -> None:
        """Make a folder and those above it."""
        ...

    async def move(self, old: str, new: str, *, replace: bool = False) -> Info:
        """Give a file, or a folder with everything in it, another path."""
        ...

    async def copy(self, old: str, new: str, *, replace: bool = False) -> Info:
        """Copy a file, or a folder with everything in it. Return the copy's metadata."""
        ...

    async def remove(self, path: str) -> None:
        """Remove a file, or a folder with everything in it."""
        ...

    async def usage(self) -> Usage:
        """Return how full the storage is."""
        ...
