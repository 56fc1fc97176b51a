"""Choosing the store, once: what one writes there, the page must see.

`here` is for synchronous calls, `here_async` for asynchronous ones, which reach
the contents database also in browsers without stack switching.
"""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from je_kernel import runtime
from je_kernel.drive import mounted_drive, settle
from je_kernel.files import messages, names
from je_kernel.files.errors import Refused
from je_kernel.files.operations import Operations
from je_kernel.files.store import run, run_async
from je_kernel.files.store_folder import FolderStore

if TYPE_CHECKING:
    from je_kernel.files.errors import FilesError
    from je_kernel.files.store import Steps, Store

__all__ = ["Choice", "Place", "choice", "facts", "forget_choice", "here", "here_async", "use"]

Result = TypeVar("Result")


@dataclass(frozen=True)
class Choice:
    """The store that was chosen.

    Parameters
    ----------
    store
        The store.
    why
        Why it is this one, as a sentence.
    """

    store: Store
    why: str


@dataclass(frozen=True)
class Place:
    """Where names lead: a store, and the operations of the notebook's folder in it."""

    store: Store
    operations: Operations

    def run(self, steps: Steps[Result]) -> Result:
        """Run an operation to its end."""
        settle()
        try:
            return run(steps, self.store)
        except Refused as refused:
            raise self._in_words(refused) from None

    async def run_async(self, steps: Steps[Result]) -> Result:
        """Run an operation to its end, waiting without blocking."""
        settle()
        try:
            return await run_async(steps, self.store)
        except Refused as refused:
            raise self._in_words(refused) from None

    def _in_words(self, refused: Refused) -> FilesError:
        name = names.relative(refused.path, self.operations.folder)
        return messages.refusal(refused.problem, name)


@dataclass
class _Chosen:
    """What was chosen so far in this kernel."""

    waiting: Choice | None = None
    awaiting: Choice | None = None
    start: Path = field(default_factory=Path.cwd)


_chosen = _Chosen()


def here() -> Place:
    """Return where files are for a synchronous call."""
    chosen = choice()
    return Place(chosen.store, Operations(_folder(chosen.store)))


async def here_async() -> Place:
    """Return where files are for an asynchronous call."""
    if _chosen.awaiting is None:
        _chosen.awaiting = await _choose_in_browser() if runtime.in_browser() else choice()
    store = _chosen.awaiting.store
    return Place(store, Operations(_folder(store)))


def choice() -> Choice:
    """Return the store for synchronous calls, choosing it if that was not done yet."""
    if _chosen.waiting is None or _left_behind(_chosen.waiting.store):
        _chosen.waiting = _choose()
    return _chosen.waiting


def use(store: Store, why: str = "it was asked for") -> None:
    """Use a store of your own making from now on."""
    _chosen.waiting = _chosen.awaiting = Choice(store, why)


def forget_choice() -> None:
    """Choose anew when files are next used."""
    _chosen.waiting = _chosen.awaiting = None
    _chosen.start = Path.cwd()


def facts() -> tuple[tuple[str, str], ...]:
    """Return what `je_kernel.doctor` should say about files."""
    chosen = choice()
    return (("files are kept in", chosen.store.name), ("because", chosen.why))


def _left_behind(store: Store) -> bool:
    """Tell whether a plain folder no longer holds the folder that Python works in."""
    return isinstance(store, FolderStore) and not Path.cwd().resolve().is_relative_to(store.root)


def _folder(store: Store) -> str:
    """Return the path of the folder that names are relative to."""
    here = Path.cwd()
    if isinstance(store, FolderStore):
        inside = here.resolve().relative_to(store.root).as_posix()
        return "" if inside == "." else inside
    for place in (here, _chosen.start):
        if place.as_posix() == names.MOUNT or place.is_relative_to(names.MOUNT):
            return names.path_of(place.as_posix())
    return ""


def _choose() -> Choice:
    if not runtime.in_browser():
        return Choice(FolderStore(Path.cwd()), "this Python does not run in a browser")
    if runtime.can_run_sync():
        from pyodide.ffi import run_sync

        chosen: Choice = run_sync(_choose_in_browser())
        return chosen
    drive = _drive()
    if drive is not None:
        return Choice(drive, "this browser cannot wait for its database (no JSPI)")
    return _memory("no drive is mounted, and this browser cannot wait for its database (no JSPI)")


def _memory(why: str) -> Choice:
    if names.MOUNT in Path.cwd().as_posix() and os.path.ismount(names.MOUNT):
        return Choice(FolderStore(names.MOUNT), f"{why}; the drive is of an unknown kind")
    why = f"{why}: files are lost when the kernel stops, so download what you want to keep"
    return Choice(FolderStore(Path.cwd(), why), why)


def _drive() -> Any:
    from je_kernel.files.store_drive import DriveStore

    if runtime.drive_mount() is None:
        return None
    drive = mounted_drive()
    return None if drive is None else DriveStore(drive)


async def _choose_in_browser() -> Choice:
    """Choose among what this browser has, by trying."""
    from pyodide.ffi import JsException

    drive = _drive()
    try:
        database, why = await _matching_database(drive)
    except JsException as error:
        database, why = None, f"the browser's database cannot be used ({error.name})"
    if database is not None:
        return Choice(_contents(database, drive), why)
    if drive is not None:
        return Choice(drive, why)
    return _memory(f"no drive is mounted, and {why}")


def _contents(database: str, drive: Any) -> Store:
    import js

    from je_kernel.files.site_files import SiteFiles
    from je_kernel.files.store_contents import ContentsStore
    from je_kernel.site import site_root

    mounted = mounted_drive() if drive is not None else None
    forget = mounted.forget if mounted is not None else _nothing_to_forget
    site = SiteFiles(site_root(str(js.location.href)))
    return ContentsStore(database, site, forget, drive)


def _nothing_to_forget(_path: str) -> None:
    """There is no mounted drive that could remember."""


async def _matching_database(drive: Any) -> tuple[str | None, str]:
    """Return the database that the page's files are in, and why; or None and why not."""
    import json

    from je_kernel import javascript

    mounted = mounted_drive() if drive is not None else None
    if mounted is not None and mounted.driveName:
        return None, f"this notebook is on another drive ({mounted.driveName})"
    found = json.loads(await javascript.contents().databases())
    if not found:
        return None, "the site keeps its files in memory, not in the browser's database"
    if mounted is None:
        return _only_plausible(found)
    for database in _likeliest_first(found):
        if await _seen_by(mounted, database):
            return database, "what was written there, the page saw"
    return None, "no database shows what the page shows: the site keeps its files elsewhere"


def _likeliest_first(found: list[str]) -> list[str]:
    from urllib.parse import urlsplit

    import js

    from je_kernel.site import site_root

    base = urlsplit(site_root(str(js.location.href))).path
    usual = f"JupyterLite Storage - {base}"
    return sorted(found, key=lambda name: (name != usual, "JupyterLite" not in name, name))


def _only_plausible(found: list[str]) -> tuple[str | None, str]:
    """Choose where no drive can tell."""
    from urllib.parse import urlsplit

    import js

    from je_kernel.site import site_root

    usual = f"JupyterLite Storage - {urlsplit(site_root(str(js.location.href))).path}"
    if usual in found:
        return usual, "it has the site's name; no drive is mounted that could confirm it"
    return None, "none of the browser's databases has the site's name"


async def _seen_by(mounted: Any, database: str) -> bool:
    """Write a mark into a database, and look whether the page sees it."""
    from je_kernel import javascript

    operations = javascript.contents()
    mark = f"{names.OWN_PREFIX}{uuid.uuid4().hex}"
    await operations.mark(database, mark)
    try:
        return str(mounted.typeOf(mark)) == "file"
    finally:
        await operations.remove(database, mark)
