"""Select the store that the front end reads, once for each kernel.

Synchronous calls use `current`. Asynchronous ones use `current_async`, which can select
the contents database also in browsers without stack switching. `synchronous` and
`asynchronous` make the public functions of `je_kernel.files` out of `Operations`.
"""

from __future__ import annotations

import functools
import inspect
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from je_kernel import runtime
from je_kernel.drive import mounted_drive
from je_kernel.files import names
from je_kernel.files.operations import Operations
from je_kernel.files.store_folder import FolderStore

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from je_kernel.files.store import Store

__all__ = [
    "Selection",
    "asynchronous",
    "current",
    "current_async",
    "facts",
    "reset",
    "select",
    "synchronous",
    "use",
]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
_PATIENCE_MILLISECONDS = 10_000


@dataclass(frozen=True)
class Selection:
    """The selected store.

    Parameters
    ----------
    store
        The store.
    why
        The reason, as a sentence.
    final
        Whether everything could be tried: else the next call selects again.
    fallback
        The store for calls that cannot wait for `store`, or None.
    """

    store: Store
    why: str
    final: bool = True
    fallback: Store | None = None


@dataclass
class _Selected:
    """The selections of this kernel, and the folder that it started in."""

    synchronous: Selection | None = None
    asynchronous: Selection | None = None
    start: Path = field(default_factory=Path.cwd)


_selected = _Selected()


def current() -> Operations:
    """Return the operations for a synchronous call."""
    selection = select()
    store = selection.store
    if selection.fallback is not None and not runtime.can_run_sync():
        store = selection.fallback
    return Operations(store, _folder(store))


async def current_async() -> Operations:
    """Return the operations for an asynchronous call."""
    if _selected.asynchronous is None or not _selected.asynchronous.final:
        in_browser = runtime.in_browser()
        _selected.asynchronous = await _select_in_browser() if in_browser else select()
    store = _selected.asynchronous.store
    return Operations(store, _folder(store), synchronous=False)


def synchronous(
    method: Callable[Concatenate[Operations, Parameters], Coroutine[Any, Any, Result]],
) -> Callable[Parameters, Result]:
    """Return a function that runs a method of the current `Operations` to its end."""

    def function(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        operations = current()
        return operations.run(method(operations, *args, **kwargs))

    _describe(function, method, "je_kernel.files")
    return function


def asynchronous(
    method: Callable[Concatenate[Operations, Parameters], Coroutine[Any, Any, Result]],
) -> Callable[Parameters, Coroutine[Any, Any, Result]]:
    """Return a coroutine function that awaits a method of the current `Operations`."""

    async def function(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        operations = await current_async()
        return await operations.run_async(method(operations, *args, **kwargs))

    _describe(function, method, "je_kernel.files.aio")
    return function


def _describe(function: Any, method: Callable[..., Any], module: str) -> None:
    """Give a function the name, the docstring and the signature of a method."""
    functools.update_wrapper(function, method)
    del function.__wrapped__
    signature = inspect.signature(method)
    _, *parameters = signature.parameters.values()
    function.__signature__ = signature.replace(parameters=parameters)
    function.__qualname__ = function.__name__
    function.__module__ = module


def select() -> Selection:
    """Return the selection for synchronous calls. The first call makes it."""
    selection = _selected.synchronous
    if selection is None or not selection.final or _left_behind(selection.store):
        selection = _selected.synchronous = _select()
    return selection


def use(store: Store) -> None:
    """Use a store from now on."""
    _selected.synchronous = _selected.asynchronous = Selection(store, "the tests selected it")


def reset() -> None:
    """Select again when files are next used."""
    _selected.synchronous = _selected.asynchronous = None
    _selected.start = Path.cwd()


def facts() -> tuple[tuple[str, str], ...]:
    """Return what `je_kernel.doctor` shows about files."""
    selection = select()
    return (("files are kept in", selection.store.name), ("because", selection.why))


def _left_behind(store: Store) -> bool:
    """Return whether Python's working directory is outside a plain folder now."""
    return isinstance(store, FolderStore) and not Path.cwd().resolve().is_relative_to(store.root)


def _folder(store: Store) -> str:
    """Return the path of the folder that names are relative to."""
    working = Path.cwd()
    if isinstance(store, FolderStore):
        inside = working.resolve().relative_to(store.root).as_posix()
        return "" if inside == "." else inside
    for directory in (working, _selected.start):
        if directory.is_relative_to(names.MOUNT):
            return names.path_of(directory.as_posix())
    return ""


def _select() -> Selection:
    if not runtime.in_browser():
        return Selection(FolderStore(Path.cwd()), "this Python does not run in a browser")
    if runtime.can_run_sync():
        from pyodide.ffi import run_sync

        selection: Selection = run_sync(_select_in_browser())
        return selection
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
    """Select among the stores of this browser, by trying them."""
    from pyodide.ffi import JsException

    drive = _drive()
    try:
        database, why = await _matching_database(drive)
    except JsException as error:
        database, why = None, f"the browser's database cannot be used ({error.name})"
        if drive is not None:
            return Selection(drive, why, final=False)
    if database is not None:
        return Selection(_contents(database, drive), why, fallback=drive)
    if drive is not None:
        return Selection(drive, why)
    return _memory(f"no drive is mounted, and {why}")


def _contents(database: str, drive: Any) -> Store:
    from je_kernel.files.site_files import SiteFiles
    from je_kernel.files.store_contents import ContentsStore

    mounted = mounted_drive() if drive is not None else None
    forget = mounted.forget if mounted is not None else _nothing_to_forget
    return ContentsStore(database, SiteFiles(_site()), forget)


def _nothing_to_forget(_path: str) -> None:
    """Without a mounted drive, nothing keeps the old file."""


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
    model = mounted.stat(entry["path"])
    return model is not None and json.loads(model)["modified"] == entry["modified"]


def _usual_database() -> str:
    from urllib.parse import urlsplit

    return f"JupyterLite Storage - {urlsplit(_site()).path}"


async def _site_config() -> dict[str, Any]:
    """Return what the site's ``jupyter-lite.json`` says of the place of its files."""
    from pyodide.ffi import JsException

    from je_kernel import javascript

    address = f"{_site()}jupyter-lite.json"
    try:
        content = await javascript.contents().fetchFile(address, _PATIENCE_MILLISECONDS)
        config = json.loads(javascript.bytes_of(content))["jupyter-config-data"]
    except (JsException, ValueError, KeyError, TypeError, AttributeError):
        return {}  # offline, say: what the page shows decides
    return config if isinstance(config, dict) else {}
