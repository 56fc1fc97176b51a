"""Files that were shipped with the site: listed in JSON and served over HTTP."""

from __future__ import annotations

import asyncio
import json
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from je_kernel import javascript
from je_kernel.files import names
from je_kernel.files.kinds import mimetype_of
from je_kernel.files.models import Entry, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SiteFiles", "UnreachableSiteWarning", "entries_in"]

_PATIENCE_MILLISECONDS = 10_000


class UnreachableSiteWarning(UserWarning):
    """The files that came with the site cannot be listed: a later call may."""


class SiteFiles:
    """The site's own files. They do not change while a kernel lives.

    Parameters
    ----------
    root
        The address of the site, with a slash at its end.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._folders: dict[str, dict[str, Entry]] = {}
        self._failed = False

    def ask_again(self) -> None:
        """Begin another operation: each asks a site that it cannot reach once."""
        self._failed = False

    async def folder(self, path: str) -> Mapping[str, Entry]:
        """Return what is in a folder, by path: nothing if the site has no such folder."""
        known = self._folders.get(path)
        if known is not None:
            return known
        if self._failed:
            return {}
        # Asking only for folders that are listed spares the browser's console a 404.
        listed = path == "" or await self._is_folder(path)
        if self._failed:
            return {}
        try:
            entries = entries_in(await self._listing(path)) if listed else {}
        except ValueError:
            # Not remembered: the next operation asks once more.
            self._failed = True
            warnings.warn(
                "The files that came with this site cannot be listed now: are you offline? "
                "Your own files are here; the others come back with the connection.",
                UnreachableSiteWarning,
                stacklevel=2,
            )
            return {}
        self._folders[path] = entries
        return entries

    async def _is_folder(self, path: str) -> bool:
        entry = await self.entry(path)
        return entry is not None and entry.folder

    async def _listing(self, path: str) -> bytes:
        address = f"{self._root}api/contents/{quote(names.join(path, 'all.json'))}"
        from pyodide.ffi import JsException

        try:
            content = await javascript.contents().fetched(address, _PATIENCE_MILLISECONDS)
        except JsException as error:
            raise ValueError(f"no listing: {error}") from None
        return b'{"content": []}' if content is None else javascript.bytes_of(content)

    async def entry(self, path: str) -> Entry | None:
        """Return what is known of a file or folder of the site."""
        return (await self.folder(names.parent_of(path))).get(path)

    async def read(self, path: str) -> bytes | None:
        """Read a file of the site."""
        from pyodide.ffi import JsException

        try:
            content = await javascript.contents().fetched(f"{self._root}files/{quote(path)}")
        except JsException:  # offline, and not in the browser's cache
            return None
        return None if content is None else javascript.bytes_of(content)

    async def files_in(self, folder: str) -> list[str]:
        """Return the paths of the files in a folder of the site, at any depth."""
        found: list[str] = []
        for path, entry in (await self.folder(folder)).items():
            found += await self.files_in(path) if entry.folder else [path]
        return found

    async def paths(self) -> list[str]:
        """Return the paths of all files and folders of the site."""
        found: list[str] = []
        folders = [""]
        while folders:
            listings = await asyncio.gather(*(self.folder(folder) for folder in folders))
            entries = [entry for listing in listings for entry in listing.values()]
            found += [entry.path for entry in entries]
            folders = [entry.path for entry in entries if entry.folder]
        return found

    async def versions(self, paths: list[str]) -> dict[str, str | bool]:
        """Return what the site has of some paths: a file's version, or True for a folder."""
        found: dict[str, str | bool] = {}
        for path in paths:
            entry = await self.entry(path)
            if entry is not None:
                found[path] = True if entry.folder else entry.version
        return found


def entries_in(listing: bytes) -> dict[str, Entry]:
    """Read a folder's listing, as JupyterLite's build writes it.

    Parameters
    ----------
    listing
        An ``all.json``.

    Returns
    -------
    dict
        The entries, by path.

    Raises
    ------
    ValueError
        If it is no listing: the answer of a login page, say.
    """
    try:
        models: Any = json.loads(listing)["content"]
    except (KeyError, TypeError):
        raise ValueError("This is not the listing of a folder.") from None
    entries = (_entry(model) for model in models if isinstance(model, dict) and model.get("path"))
    return {entry.path: entry for entry in entries}


def _entry(model: Mapping[str, Any]) -> Entry:
    path, folder = str(model["path"]), model.get("type") == "directory"
    size = int(model.get("size") or 0)
    return Entry(
        path=path,
        folder=folder,
        size=0 if folder else size,
        modified=moment(model.get("last_modified")),
        created=moment(model.get("created")),
        mimetype="" if folder else str(model.get("mimetype") or mimetype_of(path)),
        shipped=True,
        version=f"site {model.get('last_modified')} {size}",
    )
