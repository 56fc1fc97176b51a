"""The same as `je_kernel.files`, to be awaited.

For lessons that teach ``async``, and for browsers that cannot wait otherwise:
these functions reach the browser's database also without stack switching (JSPI).
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from je_kernel.files import local_copy, store_selection
from je_kernel.files.download import download_async, name_for
from je_kernel.files.file_objects import BinaryFile, TextFile, open_in_memory
from je_kernel.files.names import check_new

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncIterator, Iterable
    from pathlib import Path

    from je_kernel.files.listing import Info, Listing
    from je_kernel.files.models import Usage
    from je_kernel.files.store import Steps

    Name = str | os.PathLike[str]

__all__ = [
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


async def list(folder: Name = ".", pattern: str = "*") -> Listing:  # noqa: A001
    """List the files in a folder. See `je_kernel.files.list`."""
    place = await store_selection.current_async()
    return await place.run_async(place.operations.list(folder, pattern))


async def info(name: Name) -> Info:
    """Tell what is known of a file without reading it. See `je_kernel.files.info`."""
    place = await store_selection.current_async()
    return await place.run_async(place.operations.info(name))


async def exists(name: Name) -> bool:
    """Tell whether there is a file or folder of this name. See `je_kernel.files.exists`."""
    place = await store_selection.current_async()
    return await place.run_async(place.operations.exists(name))


async def read(name: Name, *, kind: str | None = None, **options: Any) -> Any:
    """Read a file as the Python object that fits its kind. See `je_kernel.files.read`."""
    place = await store_selection.current_async()
    return await place.run_async(place.operations.read(name, kind, options))


async def read_bytes(name: Name) -> bytes:
    """Read a file as it is. See `je_kernel.files.read_bytes`."""
    place = await store_selection.current_async()
    return await place.run_async(place.operations.read_bytes(name))


async def read_text(name: Name, encoding: str | None = None) -> str:
    """Read a text file. See `je_kernel.files.read_text`."""
    place = await store_selection.current_async()
    return await place.run_async(place.operations.read_text(name, encoding))


async def save(
    name: Name,
    value: Any,
    *,
    overwrite: bool = True,
    if_unchanged: Info | None = None,
    **options: Any,
) -> Info:
    """Save a Python object as a file. See `je_kernel.files.save`."""
    place = await store_selection.current_async()
    return await place.run_async(
        place.operations.save(name, value, overwrite, if_unchanged, options)
    )


async def rename(old: Name, new: Name, *, overwrite: bool = False) -> Info:
    """Give a file or folder another name or place. See `je_kernel.files.rename`."""
    place = await store_selection.current_async()
    return await place.run_async(place.operations.rename(old, new, overwrite))


async def copy(old: Name, new: Name, *, overwrite: bool = False) -> Info:
    """Copy a file or folder. See `je_kernel.files.copy`."""
    place = await store_selection.current_async()
    return await place.run_async(place.operations.copy(old, new, overwrite))


async def delete(name: Name, *, folders: bool = False) -> None:
    """Delete a file. See `je_kernel.files.delete`."""
    place = await store_selection.current_async()
    await place.run_async(place.operations.delete(name, folders))


async def mkdir(name: Name, *, exist_ok: bool = False) -> Info:
    """Make a folder, and those above it that are not there. See `je_kernel.files.mkdir`."""
    place = await store_selection.current_async()
    return await place.run_async(place.operations.mkdir(name, exist_ok))


async def usage() -> Usage:
    """Tell how full the storage is. See `je_kernel.files.usage`."""
    place = await store_selection.current_async()
    return await place.run_async(place.operations.usage())


async def zip(names: Name | Iterable[Name], to: Name, *, overwrite: bool = True) -> Info:  # noqa: A001
    """Put files and folders into one archive. See `je_kernel.files.zip`."""
    place = await store_selection.current_async()
    return await place.run_async(place.operations.zip(names, to, overwrite))


async def unzip(name: Name, to: Name | None = None, *, overwrite: bool = True) -> Listing:
    """Take the files out of an archive: all of them or none. See `je_kernel.files.unzip`."""
    place = await store_selection.current_async()
    return await place.run_async(place.operations.unzip(name, to, overwrite))


@contextlib.asynccontextmanager
async def open(  # noqa: A001
    name: Name,
    mode: str = "r",
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> AsyncIterator[BinaryFile | TextFile]:
    """Open a file that is saved at the end of the ``async with``. See `je_kernel.files.open`."""
    place = await store_selection.current_async()
    operations = place.operations
    target = f"/{operations.path(name)}"
    kept: dict[str, Steps[None]] = {}

    def keep(file: BinaryFile) -> None:
        kept["steps"] = operations.closing(target, file)

    old = await place.run_async(operations.opening(name, mode))
    with open_in_memory(old, str(name), mode, keep, encoding, errors, newline) as file:
        yield file
    if kept:
        await place.run_async(kept["steps"])


async def fetch(url: str, name: Name | None = None, *, overwrite: bool = True) -> Info:
    """Download something from the web into a file. See `je_kernel.files.fetch`."""
    place = await store_selection.current_async()
    if name is not None:
        check_new(place.operations.path(name))
    found = await download_async(url)
    target = name if name is not None else name_for(found)
    return await place.run_async(place.operations.write(target, found.data, overwrite))


@contextlib.asynccontextmanager
async def local(name: Name, *, must_exist: bool = False) -> AsyncIterator[Path]:
    """Put a file on the kernel's own fast disk for a while. See `je_kernel.files.local`."""
    place = await store_selection.current_async()
    with local_copy.temporary_folder() as folder:
        taken = await place.run_async(
            local_copy.check_out(place.operations, name, folder, must_exist)
        )
        try:
            yield taken.place
        finally:
            await place.run_async(local_copy.check_in(place.operations, taken))
