"""The store of JupyterLite's contents database, opened from the kernel's worker."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
from typing import TYPE_CHECKING, Any

from je_kernel import javascript
from je_kernel.errors import StoreError
from je_kernel.files import messages, names
from je_kernel.files.kinds import mimetype_of
from je_kernel.files.models import Info, Usage, info_in, largest
from je_kernel.files.store import NOTHING, Refusal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    from je_kernel.files.site_files import SiteFiles
    from je_kernel.files.store import Contents, Versions

__all__ = ["ContentsStore"]

_BETWEEN_SECONDS = 0.02
_FULL = frozenset({"QuotaExceededError"})


class ContentsStore:
    """The contents database as a store.

    Parameters
    ----------
    database
        Its name.
    site
        The files that are shipped with the site.
    forget
        Called with each path that changes, so that the mounted drive does not
        keep the old file.
    """

    suspends = True

    def __init__(self, database: str, site: SiteFiles, forget: Callable[[str], None]) -> None:
        self.database = database
        self._site = site
        self._forget = forget

    @property
    def name(self) -> str:
        """What this store is."""
        return f"the contents database {self.database!r}"

    async def stat(self, path: str) -> Info | None:
        """Return the metadata of a file or folder, or None if it does not exist."""
        async with self._errors():
            return await self._stat(path)

    async def exists(self, path: str) -> bool:
        """Return whether a file or folder exists."""
        async with self._errors():
            own = await javascript.contents().has(self.database, path)
            return bool(own) or await self._site.stat(path) is not None

    async def children(self, path: str) -> Sequence[Info]:
        """Return what is directly in a folder."""
        async with self._errors():
            answer = await javascript.contents().children(self.database, path)
            own = [info_in(model) for model in json.loads(answer)]
            infos = {**await self._site.folder(path), **{info.path: info for info in own}}
            return list(infos.values())

    async def paths(self) -> Sequence[str]:
        """Return the paths of all files and folders."""
        async with self._errors():
            own = json.loads(await javascript.contents().paths(self.database))
            return list(dict.fromkeys([*own, *await self._site.paths()]))

    async def read(self, path: str) -> tuple[Info, bytes] | None:
        """Return a file's metadata and bytes, or None if it does not exist."""
        async with self._errors():
            return await self._read(path)

    async def write(
        self, files: Contents, *, new: bool = False, expected: Versions = NOTHING
    ) -> Sequence[Info]:
        """Write files, all or none, in one transaction."""
        size = sum(memoryview(data).nbytes for data in files.values())
        async with self._errors(size):
            operations = javascript.contents()
            batch = operations.batch()
            for path, data in files.items():
                batch.add(path, mimetype_of(path), memoryview(data).cast("B"))
            options = await self._options(*files, *expected, isNew=new, expected=dict(expected))
            answer = await self._unclaimed(lambda: operations.write(batch, self.database, options))
            for path in files:
                self._forget(path)
            return [info_in(model) for model in json.loads(answer)]

    async def make_folder(self, path: str) -> None:
        """Make a folder and those above it."""
        async with self._errors():
            options = await self._options(path)
            await javascript.contents().makeFolder(self.database, path, options)

    async def move(self, old: str, new: str, *, replace: bool = False) -> Info:
        """Give a file or folder another path."""
        async with self._errors():
            return await self._transfer(old, new, replace, moves=True)

    async def copy(self, old: str, new: str, *, replace: bool = False) -> Info:
        """Copy a file or folder."""
        async with self._errors():
            return await self._transfer(old, new, replace, moves=False)

    async def remove(self, path: str) -> None:
        """Remove a file or folder."""
        async with self._errors():
            operations = javascript.contents()
            if not await operations.has(self.database, path):
                raise Refusal("shipped-delete", path)
            await operations.remove(self.database, path)
            self._forget(path)

    async def usage(self) -> Usage:
        """Return how full the browser's storage is."""
        async with self._errors():
            return await self._usage()

    async def _stat(self, path: str) -> Info | None:
        answer = await javascript.contents().stat(self.database, path)
        return info_in(json.loads(answer)) if answer else await self._site.stat(path)

    async def _read(self, path: str) -> tuple[Info, bytes] | None:
        answer = await javascript.contents().read(self.database, path)
        if answer is not None:
            return info_in(json.loads(answer.entry)), javascript.bytes_of(answer.content)
        shipped = await self._site.stat(path)
        if shipped is None:
            return None
        if shipped.folder:
            raise Refusal("folder", path)
        data = await self._site.read(path)
        if data is None:
            raise StoreError(f"Could not read {path!r}: the site did not send it. Are you offline?")
        return dataclasses.replace(shipped, size=len(data)), data

    async def _unclaimed(self, change: Callable[[], Awaitable[Any]]) -> Any:
        """Change the database once no kernel on the mounted drive claims it."""
        from pyodide.ffi import JsException

        while True:
            try:
                return await change()
            except JsException as error:
                if not str(error.message).startswith("busy "):
                    raise
            await asyncio.sleep(_BETWEEN_SECONDS)  # claims expire: see `drive.js`

    async def _options(self, *paths: str, **more: Any) -> str:
        involved = dict.fromkeys(p for path in paths for p in (*names.parents_of(path), path))
        shipped = await self._site.versions(list(involved))
        for path in paths:
            for parent in names.parents_of(path):
                if isinstance(shipped.get(parent), str):
                    raise Refusal("not-folder", parent)
        return json.dumps({"shipped": shipped, **more})

    async def _transfer(self, old: str, new: str, replace: bool, *, moves: bool) -> Info:
        operations = javascript.contents()
        own, shipped = await operations.has(self.database, old), await self._site.stat(old)
        batch = operations.batch()
        if shipped is not None and (shipped.folder or not own):
            if moves:  # the site's part of it would stay behind
                raise Refusal("shipped-rename", old)
            for path in await self._site.files_in(old) if shipped.folder else [old]:
                file = await self._read(path)
                if file is not None and file[0].from_site:
                    target = new + path[len(old) :]
                    batch.add(target, mimetype_of(target), memoryview(file[1]))
        options = await self._options(new, moves=moves, replace=replace, mimetype=mimetype_of(new))
        await self._unclaimed(lambda: operations.transfer(batch, self.database, old, new, options))
        for path in (old, new):
            self._forget(path)
        info = await self._stat(new)
        if info is None:
            raise Refusal("lost", new)
        return info

    async def _usage(self) -> Usage:
        answer = json.loads(await javascript.contents().measure(self.database))
        sizes = [(str(path), int(size)) for path, size in answer["sizes"]]
        used = answer["usage"]
        quota = answer["quota"]
        return Usage(
            used=int(used) if used is not None else sum(size for _, size in sizes),
            available=max(0, int(quota) - int(used or 0)) if quota is not None else None,
            largest=largest(sizes),
        )

    @contextlib.asynccontextmanager
    async def _errors(self, size: int | None = None) -> AsyncIterator[None]:
        """Raise errors of JavaScript as exceptions of ours.

        Parameters
        ----------
        size
            How many bytes are written, if that is known.
        """
        from pyodide.ffi import JsException

        self._site.retry()
        try:
            yield
        except JsException as error:
            kind, message = str(error.name), str(error.message)
            if kind == "Refusal":
                raise Refusal.from_message(message) from None
            if kind in _FULL or "quota" in message.lower():
                raise messages.full(size, await self._usage_or_none()) from None
            raise StoreError(
                f"The browser's storage failed: {message or kind}. Try once more."
            ) from None

    async def _usage_or_none(self) -> Usage | None:
        from pyodide.ffi import JsException

        try:
            return await self._usage()
        except JsException:
            return None
