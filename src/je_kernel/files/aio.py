"""The functions of `je_kernel.files` as coroutines.

For lessons that teach ``async``, and for browsers without stack switching (JSPI), where
only these reach the contents database.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, overload

from je_kernel.files import local_copy
from je_kernel.files.file_objects import BinaryFile, TextFile, open_in_memory
from je_kernel.files.operations import Name, Operations
from je_kernel.files.store_selection import asynchronous, current_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from je_kernel.files.file_objects import BinaryMode, TextMode

__all__ = [
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

copy = asynchronous(Operations.copy)
delete = asynchronous(Operations.delete)
exists = asynchronous(Operations.exists)
fetch = asynchronous(Operations.fetch)
info = asynchronous(Operations.info)
list = asynchronous(Operations.list)  # noqa: A001
mkdir = asynchronous(Operations.mkdir)
read = asynchronous(Operations.read)
read_bytes = asynchronous(Operations.read_bytes)
read_text = asynchronous(Operations.read_text)
rename = asynchronous(Operations.rename)
save = asynchronous(Operations.save)
unzip = asynchronous(Operations.unzip)
usage = asynchronous(Operations.usage)
zip = asynchronous(Operations.zip)  # noqa: A001


@overload
def open(  # noqa: A001
    name: Name, mode: BinaryMode, encoding: None = ..., errors: None = ..., newline: None = ...
) -> AbstractAsyncContextManager[BinaryFile]: ...


@overload
def open(  # noqa: A001
    name: Name,
    mode: TextMode = ...,
    encoding: str | None = ...,
    errors: str | None = ...,
    newline: str | None = ...,
) -> AbstractAsyncContextManager[TextFile]: ...


@overload
def open(  # noqa: A001
    name: Name,
    mode: str,
    encoding: str | None = ...,
    errors: str | None = ...,
    newline: str | None = ...,
) -> AbstractAsyncContextManager[BinaryFile | TextFile]: ...


def open(  # noqa: A001
    name: Name,
    mode: str = "r",
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> AbstractAsyncContextManager[BinaryFile | TextFile]:
    """Open a file that is saved at the end of the ``async with``. See `je_kernel.files.open`."""
    return _open(name, mode, encoding, errors, newline)


@contextlib.asynccontextmanager
async def _open(
    name: Name, mode: str, encoding: str | None, errors: str | None, newline: str | None
) -> AsyncIterator[BinaryFile | TextFile]:
    operations = await current_async()
    target = f"/{operations.path(name)}"
    to_save: set[BinaryFile] = set()
    old = await operations.run_async(operations.opening(name, mode))
    with open_in_memory(old, str(name), mode, to_save.add, encoding, errors, newline) as file:
        yield file
    for binary_file in to_save:
        await operations.run_async(operations.closing(target, binary_file))


@contextlib.asynccontextmanager
async def local(name: Name, *, must_exist: bool = False) -> AsyncIterator[Path]:
    """Copy a file to the kernel's own fast disk for a block. See `je_kernel.files.local`."""
    operations = await current_async()
    with local_copy.temporary_folder() as folder:
        copy = await operations.run_async(
            local_copy.check_out(operations, name, folder, must_exist)
        )
        try:
            yield copy.local_path
        finally:
            await operations.run_async(local_copy.check_in(operations, copy))
