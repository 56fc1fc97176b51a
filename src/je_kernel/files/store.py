"""What a place for files has to be able to do, and the two ways to ask it.

An operation on files (see `je_kernel.files.operations`) is a generator: it
yields what it wants done (`Request`), is sent the answer, and returns its
result. It does no input or output by itself, so one operation serves both
`run` and `run_async`, and every store.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar

from je_kernel.files.packages import load

if TYPE_CHECKING:
    from je_kernel.files.models import Entry

__all__ = [
    "CHANGED",
    "Children",
    "Copy",
    "Found",
    "Has",
    "LoadPackage",
    "MakeFolder",
    "Measure",
    "Move",
    "NewFile",
    "Paths",
    "Problem",
    "Read",
    "Refused",
    "Remove",
    "Request",
    "Stat",
    "Steps",
    "Store",
    "Write",
    "run",
    "run_async",
]

Result = TypeVar("Result")

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


@dataclass(frozen=True)
class Stat:
    """Look at a file or folder. The answer is its `Entry`, or None."""

    path: str


@dataclass(frozen=True)
class Has:
    """Ask whether there is a file or folder, without looking at it. The answer is a bool."""

    path: str


@dataclass(frozen=True)
class Children:
    """List a folder. The answer is a list of `Entry`, in no order."""

    path: str


@dataclass(frozen=True)
class Paths:
    """List the paths of all files, to say which one was meant. The answer is a list of str."""


@dataclass(frozen=True)
class Read:
    """Read a file. The answer is `Found`, or None if there is no such file."""

    path: str


@dataclass(frozen=True)
class NewFile:
    """A file to write.

    Parameters
    ----------
    path
        Where to write it. Folders that are not there are made.
    data
        What to write. It is not copied before it is in the store.
    mimetype
        What kind of file it is.
    """

    path: str
    data: bytes | bytearray | memoryview
    mimetype: str


@dataclass(frozen=True)
class Write:
    """Write files: all of them, or none. The answer is a list of `Entry`.

    Nothing else is written between the check of what is expected and the write.

    Parameters
    ----------
    files
        What to write.
    new
        Refuse if a file is there already.
    expected
        By path, the `Entry.version` that a file must have now, or None where
        there must be no file. They need not be files that are written.
    """

    files: tuple[NewFile, ...]
    new: bool = False
    expected: Mapping[str, str | None] = field(default_factory=dict)

    @property
    def conditional(self) -> bool:
        """Whether the write depends on what is there."""
        return self.new or bool(self.expected)


@dataclass(frozen=True)
class MakeFolder:
    """Make a folder, and those above it that are not there. The answer is None."""

    path: str


@dataclass(frozen=True)
class Move:
    """Give a file, or a folder with all that is in it, another path. The answer is its `Entry`."""

    old: str
    new: str
    replace: bool = False


@dataclass(frozen=True)
class Copy:
    """Copy a file, or a folder with all that is in it. The answer is the copy's `Entry`."""

    old: str
    new: str
    replace: bool = False


@dataclass(frozen=True)
class Remove:
    """Remove a file, or a folder with all that is in it. The answer is None."""

    path: str


@dataclass(frozen=True)
class Measure:
    """Ask how full the storage is. The answer is a `Usage`."""


@dataclass(frozen=True)
class LoadPackage:
    """Import a module, loading its package first where the kernel can. The answer is the module.

    Parameters
    ----------
    module
        The name to import.
    package
        The name to install it by.
    purpose
        What needs it, as the start of a sentence: ``"This Excel file"``.
    """

    module: str
    package: str
    purpose: str


Request: TypeAlias = (
    Stat
    | Has
    | Children
    | Paths
    | Read
    | Write
    | MakeFolder
    | Move
    | Copy
    | Remove
    | Measure
    | LoadPackage
)

Steps: TypeAlias = Generator[Request, Any, Result]
"""An operation: yields requests, is sent answers, returns its result."""


@dataclass(frozen=True)
class Found:
    """A file that was read, and what is known of it, of one and the same moment."""

    entry: Entry
    data: bytes


class Store(Protocol):
    """A place for files."""

    @property
    def name(self) -> str:
        """What this store is, for `je_kernel.doctor`."""
        ...

    def perform(self, request: Request) -> Any:
        """Do what is asked, and return the answer that the request's class describes.

        Raises
        ------
        FilesError
            With a message for people.
        """
        ...

    async def perform_async(self, request: Request) -> Any:
        """Do the same without blocking the kernel, where the store can."""
        ...


def run(steps: Steps[Result], store: Store) -> Result:
    """Run an operation to its end on a store."""
    try:
        request = next(steps)
        while True:
            try:
                answer = _answer(request, store)
            except Exception as error:
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as stop:
        result: Result = stop.value
        return result


async def run_async(steps: Steps[Result], store: Store) -> Result:
    """Run an operation to its end on a store, waiting without blocking."""
    try:
        request = next(steps)
        while True:
            try:
                answer = await _answer_async(request, store)
            except Exception as error:
                request = steps.throw(error)
            else:
                request = steps.send(answer)
    except StopIteration as stop:
        result: Result = stop.value
        return result


def _answer(request: Request, store: Store) -> Any:
    return load(request) if isinstance(request, LoadPackage) else store.perform(request)


async def _answer_async(request: Request, store: Store) -> Any:
    if isinstance(request, LoadPackage):
        return load(request)
    return await store.perform_async(request)
