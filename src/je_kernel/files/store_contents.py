"""Files in JupyterLite's contents database, straight from the kernel's worker."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from typing import TYPE_CHECKING, Any, cast

from je_kernel import javascript, runtime
from je_kernel.errors import StoreError
from je_kernel.files import messages, names
from je_kernel.files.kinds import mimetype_of
from je_kernel.files.models import Entry, Usage, moment
from je_kernel.files.store import (
    Children,
    Copy,
    Found,
    Has,
    MakeFolder,
    Measure,
    Move,
    Paths,
    Read,
    Refused,
    Remove,
    Stat,
    Write,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from je_kernel.files.site_files import SiteFiles
    from je_kernel.files.store import Problem, Request, Store

__all__ = ["ContentsStore"]

_MOST_LARGEST = 5
_BETWEEN_SECONDS = 0.02
_FULL = frozenset({"QuotaExceededError"})


class ContentsStore:
    """The contents database as a store.

    Parameters
    ----------
    database
        Its name.
    site
        The files that were shipped with the site.
    forget
        Called with a path that is no more what it was, so that the mounted
        drive forgets it too.
    otherwise
        The store for the moments when the kernel cannot wait: in a callback, or
        in a browser without stack switching.
    """

    def __init__(
        self,
        database: str,
        site: SiteFiles,
        forget: Callable[[str], None],
        otherwise: Store | None = None,
    ) -> None:
        self.database = database
        self._site = site
        self._forget = forget
        self._otherwise = otherwise

    @property
    def name(self) -> str:
        """What this store is."""
        return f"the contents database {self.database!r}"

    def perform(self, request: Request) -> Any:
        """Do what is asked, waiting for the database."""
        if not runtime.can_run_sync():
            if self._otherwise is not None:
                return self._otherwise.perform(request)
            raise StoreError(
                "Files cannot be reached from here, because this browser or this callback cannot "
                "wait. Use je_kernel.files.aio with await instead."
            )
        from pyodide.ffi import run_sync

        answer, error = run_sync(self._settled(request))
        if error is not None:
            raise error
        return answer

    async def _settled(self, request: Request) -> tuple[Any, Exception | None]:
        """Return the answer or the exception: the event loop reports what a task raises."""
        try:
            return await self.perform_async(request), None
        except Exception as error:
            return None, error

    async def perform_async(self, request: Request) -> Any:
        """Do what is asked."""
        from pyodide.ffi import JsException

        self._site.ask_again()
        try:
            return await self._perform(request)
        except JsException as error:
            raise await self._explained(error, request) from None

    async def _perform(self, request: Request) -> Any:
        operations = javascript.contents()
        match request:
            case Stat(path):
                return await self._stat(path)
            case Has(path):
                there = await operations.has(self.database, path)
                return bool(there) or await self._site.entry(path) is not None
            case Children(path):
                return await self._children(path)
            case Paths():
                own = json.loads(await operations.paths(self.database))
                return list(dict.fromkeys([*own, *await self._site.paths()]))
            case Read(path):
                return await self._read(path)
            case Write():
                return await self._write(request)
            case MakeFolder(path):
                options = await self._options(path)
                await operations.makeFolder(self.database, path, options)
            case Move(old, new, replace):
                return await self._transfer(old, new, replace, moves=True)
            case Copy(old, new, replace):
                return await self._transfer(old, new, replace, moves=False)
            case Remove(path):
                await self._remove(path)
            case Measure():
                return await self._measure()
            case _:
                raise TypeError(f"The contents database cannot do {request!r}.")
        return None

    async def _stat(self, path: str) -> Entry | None:
        answer = await javascript.contents().stat(self.database, path)
        return entry_of(json.loads(answer)) if answer else await self._site.entry(path)

    async def _children(self, path: str) -> list[Entry]:
        answer = await javascript.contents().children(self.database, path)
        own = [entry_of(model) for model in json.loads(answer)]
        entries = {**await self._site.folder(path), **{entry.path: entry for entry in own}}
        return list(entries.values())

    async def _read(self, path: str) -> Found | None:
        answer = await javascript.contents().read(self.database, path)
        if answer is not None:
            entry = entry_of(json.loads(answer.entry))
            return Found(entry, javascript.bytes_of(answer.content))
        shipped = await self._site.entry(path)
        if shipped is None:
            return None
        if shipped.folder:
            raise Refused("folder", path)
        data = await self._site.read(path)
        if data is None:
            raise StoreError(f"Could not read {path!r}: the site did not send it. Are you offline?")
        return Found(dataclasses.replace(shipped, size=len(data)), data)

    async def _write(self, request: Write) -> list[Entry]:
        operations = javascript.contents()
        batch = operations.batch()
        for file in request.files:
            batch.add(file.path, file.mimetype, memoryview(file.data).cast("B"))
        options = await self._options(
            *(file.path for file in request.files),
            *request.expected,
            isNew=request.new,
            expected=dict(request.expected),
        )
        answer = await self._once_alone(lambda: operations.write(batch, self.database, options))
        for file in request.files:
            self._forget(file.path)
        return [entry_of(model) for model in json.loads(answer)]

    async def _once_alone(self, change: Callable[[], Awaitable[Any]]) -> Any:
        """Change the database once no kernel that has to do without transactions writes."""
        from pyodide.ffi import JsException

        while True:
            try:
                return await change()
            except JsException as error:
                if not str(error.message).startswith("busy "):
                    raise
            await asyncio.sleep(_BETWEEN_SECONDS)  # a claim ends by itself: see `drive.js`

    async def _options(self, *paths: str, **more: Any) -> str:
        involved = dict.fromkeys(p for path in paths for p in (*names.parents_of(path), path))
        shipped = await self._site.versions(list(involved))
        for path in paths:
            for parent in names.parents_of(path):
                if isinstance(shipped.get(parent), str):
                    raise Refused("not-folder", parent)
        return json.dumps({"shipped": shipped, **more})

    async def _transfer(self, old: str, new: str, replace: bool, *, moves: bool) -> Entry:
        operations = javascript.contents()
        own, shipped = await operations.has(self.database, old), await self._site.entry(old)
        batch = operations.batch()
        if shipped is not None and (shipped.folder or not own):
            if moves:  # the site's part of it would stay behind
                raise Refused("shipped-rename", old)
            for path in await self._site.files_in(old) if shipped.folder else [old]:
                found = await self._read(path)
                if found is not None and found.entry.shipped:
                    target = new + path[len(old) :]
                    batch.add(target, mimetype_of(target), memoryview(found.data))
        options = await self._options(new, moves=moves, replace=replace, mimetype=mimetype_of(new))
        await self._once_alone(lambda: operations.transfer(batch, self.database, old, new, options))
        for path in (old, new):
            self._forget(path)
        entry = await self._stat(new)
        if entry is None:
            raise Refused("lost", new)
        return entry

    async def _remove(self, path: str) -> None:
        operations = javascript.contents()
        if not await operations.has(self.database, path):
            raise Refused("shipped-delete", path)
        await operations.remove(self.database, path)
        self._forget(path)

    async def _measure(self) -> Usage:
        answer = json.loads(await javascript.contents().measure(self.database))
        sizes = [(str(path), int(size)) for path, size in answer["sizes"]]
        sizes.sort(key=lambda item: (-item[1], item[0]))
        used = answer["usage"]
        quota = answer["quota"]
        return Usage(
            used=int(used) if used is not None else sum(size for _, size in sizes),
            available=max(0, int(quota) - int(used or 0)) if quota is not None else None,
            largest=tuple(sizes[:_MOST_LARGEST]),
        )

    async def _explained(self, error: Any, request: Request) -> Exception:
        """Return our exception for what JavaScript threw."""
        kind, message = str(error.name), str(error.message)
        if kind == "Refusal":
            problem, _, path = message.partition(" ")
            return Refused(cast("Problem", problem), path)
        if kind in _FULL or "quota" in message.lower():
            size = None
            if isinstance(request, Write):
                size = sum(memoryview(file.data).nbytes for file in request.files)
            return messages.full(size, await self._usage_or_none())
        return StoreError(f"The browser's storage failed: {message or kind}. Try once more.")

    async def _usage_or_none(self) -> Usage | None:
        from pyodide.ffi import JsException

        try:
            return await self._measure()
        except JsException:
            return None


def entry_of(model: Any) -> Entry:
    """Return the entry that ``contents.js`` describes."""
    return Entry(
        path=model["path"],
        folder=model["folder"],
        size=int(model["size"]),
        modified=moment(model["modified"]),
        created=moment(model["created"]),
        mimetype=model["mimetype"],
        version=model["version"],
    )
