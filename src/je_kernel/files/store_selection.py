"""Choosing the store, once: what one writes there, the page must see.

`current` is for synchronous calls, `current_async` for asynchronous ones, which reach
the contents database also in browsers without stack switching.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from je_kernel import runtime
from je_kernel.drive import mounted_drive, settle
from je_kernel.files import messages, names
from je_kernel.files.operations import Operations
from je_kernel.files.store import Refused, run, run_async
from je_kernel.files.store_folder import FolderStore

if TYPE_CHECKING:
    from je_kernel.errors import FilesError
    from je_kernel.files.store import Steps, Store

__all__ = ["Place", "Selection", "current", "current_async", "facts", "reset", "select", "use"]

Result = TypeVar("Result")
_PATIENCE_MILLISECONDS = 10_000


@dataclass(frozen=True)
class Selection:
    """The store that was chosen.

    Parameters
    ----------
    store
        The store.
    why
        Why it is this one, as a sentence.
    final
        Whether all could be looked at: else the next call chooses anew.
    """

    store: Store
    why: str
    final: bool = True


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
class _Selected:
    """What was chosen so far in this kernel."""

    waiting: Selection | None = None
    awaiting: Selection | None = None
    start: Path = field(default_factory=Path.cwd)


_selected = _Selected()


def current() -> Place:
    """Return where files are for a synchronous call."""
    chosen = select()
    return Place(chosen.store, Operations(_folder(chosen.store)))


async def current_async() -> Place:
    """Return where files are for an asynchronous call."""
    if _selected.awaiting is None or not _selected.awaiting.final:
        _selected.awaiting = await _select_in_browser() if runtime.in_browser() else select()
    store = _selected.awaiting.store
    return Place(store, Operations(_folder(store)))


def select() -> Selection:
    """Return the store for synchronous calls, choosing it if that was not done yet."""
    chosen = _selected.waiting
    if chosen is None or not chosen.final or _left_behind(chosen.store):
        chosen = _selected.waiting = _select()
    return chosen


def use(store: Store, why: str = "it was asked for") -> None:
    """Use a store of your own making from now on."""
    _selected.waiting = _selected.awaiting = Selection(store, why)


def reset() -> None:
    """Choose anew when files are next used."""
    _selected.waiting = _selected.awaiting = None
    _selected.start = Path.cwd()


def facts() -> tuple[tuple[str, str], ...]:
    """Return what `je_kernel.doctor` should say about files."""
    chosen = select()
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
    for place in (here, _selected.start):
        if place.as_posix() == names.MOUNT or place.is_relative_to(names.MOUNT):
            return names.path_of(place.as_posix())
    return ""


def _select() -> Selection:
    if not runtime.in_browser():
        return Selection(FolderStore(Path.cwd()), "this Python does not run in a browser")
    if runtime.can_run_sync():
        from pyodide.ffi import run_sync

        chosen: Selection = run_sync(_select_in_browser())
        return chosen
    drive = _drive()
    if drive is not None:
        why = "this browser or this callback cannot wait for its database (no JSPI)"
        return Selection(drive, why, final=False)
    return _memory("no drive is mounted, and this browser cannot wait for its database (no JSPI)")


def _memory(why: str) -> Selection:
    if names.MOUNT in Path.cwd().as_posix() and os.path.ismount(names.MOUNT):
        return Selection(FolderStore(names.MOUNT), f"{why}; the drive is of an unknown kind")
    why = f"{why}: files are lost when the kernel stops, so download what you want to keep"
    return Selection(FolderStore(Path.cwd(), why), why)


def _drive() -> Any:
    from je_kernel.files.store_drive import DriveStore

    if runtime.drive_mount() is None:
        return None
    drive = mounted_drive()
    return None if drive is None else DriveStore(drive, _site())


def _site() -> str:
    import js

    from je_kernel.site import site_root

    return site_root(str(js.location.href))


async def _select_in_browser() -> Selection:
    """Choose among what this browser has, by trying."""
    from pyodide.ffi import JsException

    drive = _drive()
    try:
        database, why = await _matching_database(drive)
    except JsException as error:
        database, why = None, f"the browser's database cannot be used ({error.name})"
        if drive is not None:
            return Selection(drive, why, final=False)
    if database is not None:
        return Selection(_contents(database, drive), why)
    if drive is not None:
        return Selection(drive, why)
    return _memory(f"no drive is mounted, and {why}")


def _contents(database: str, drive: Any) -> Store:
    from je_kernel.files.site_files import SiteFiles
    from je_kernel.files.store_contents import ContentsStore

    mounted = mounted_drive() if drive is not None else None
    forget = mounted.forget if mounted is not None else _nothing_to_forget
    return ContentsStore(database, SiteFiles(_site()), forget, drive)


def _nothing_to_forget(_path: str) -> None:
    """There is no mounted drive that could remember."""


async def _matching_database(drive: Any) -> tuple[str | None, str]:
    """Return the database that the page's files are in, and why; or None and why not.

    It is only read, and only the one that this site would use: others are not ours to open.
    """
    from je_kernel import javascript

    mounted = mounted_drive() if drive is not None else None
    if mounted is not None and mounted.driveName:
        return None, f"this notebook is on another drive ({mounted.driveName})"
    config = await _site_config()
    drivers = config.get("contentsStorageDrivers") or ["asyncStorage"]
    if drivers[0] != "asyncStorage":
        return None, "the site keeps its files in memory, not in the browser's database"
    name = str(config.get("contentsStorageName") or _usual_database())
    sample = await javascript.contents().sample(name)
    if sample is None:
        return None, "the browser has no database of this site's name"
    if mounted is None:
        return name, "it has the site's name; no drive is mounted that could confirm it"
    entries = json.loads(sample)
    if entries and not any(_shown(mounted, entry) for entry in entries):
        return None, "the page does not show what is in the site's database"
    return name, "it has the site's name, and what is in it, the page shows"


def _shown(mounted: Any, entry: Any) -> bool:
    shown = mounted.stat(entry["path"])
    return shown is not None and json.loads(shown)["modified"] == entry["modified"]


def _usual_database() -> str:
    from urllib.parse import urlsplit

    return f"JupyterLite Storage - {urlsplit(_site()).path}"


async def _site_config() -> dict[str, Any]:
    """Return what the site's ``jupyter-lite.json`` says of the place of its files."""
    from pyodide.ffi import JsException

    from je_kernel import javascript

    address = f"{_site()}jupyter-lite.json"
    try:
        content = await javascript.contents().fetched(address, _PATIENCE_MILLISECONDS)
        config = json.loads(javascript.bytes_of(content))["jupyter-config-data"]
    except (JsException, ValueError, KeyError, TypeError, AttributeError):
        return {}  # offline, say: what the page shows decides
    return config if isinstance(config, dict) else {}
