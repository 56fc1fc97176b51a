"""Read files that are shipped with the site: listed in JSON and served over HTTP."""

from __future__ import annotations

import asyncio
import json
import warnings
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from je_kernel import javascript
from je_kernel.files import names
from je_kernel.files.models import Info, info_of, moment

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["SiteFiles", "UnreachableSiteWarning", "infos_in"]

_PATIENCE_MILLISECONDS = 10_000


class UnreachableSiteWarning(UserWarning):
    """The files of the site cannot be listed at the moment."""


class SiteFiles:
    """The site's own files. They do not change while a kernel lives.

    Parameters
    ----------
    root
        The address of the site, with a slash at its end.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._folders: dict[str, dict[str, Info]] = {}
        self._failed = False

    def retry(self) -> None:
        """Try to reach the site again. Each operation of a store tries once."""
        self._failed = False

    async def folder(self, path: str) -> Mapping[str, Info]:
        """Return what is in a folder, by path. It is empty if the site has no such folder."""
        known = self._folders.get(path)
        if known is not None:
            return known
        if self._failed:
            return {}
        # A request for a folder that does not exist would show a 404 in the browser's console.
        listed = path == "" or await self._is_folder(path)
        if self._failed:
            return {}
        try:
            infos = infos_in(await self._listing(path)) if listed else {}
        except ValueError:
            # Not kept: the next operation tries again.
            self._failed = True
            warnings.warn(
                "The files that came with this site cannot be listed now: are you offline? "
                "Your own files are here; the others come back with the connection.",
                UnreachableSiteWarning,
                stacklevel=2,
            )
            return {}
        self._folders[path] = infos
        return infos

    async def _is_folder(self, path: str) -> bool:
        info = await self.stat(path)
        return info is not None and info.folder

    async def _listing(self, path: str) -> bytes:
        address = f"{self._root}api/contents/{quote(names.join(path, 'all.json'))}"
        from pyodide.ffi import JsException

        try:
            content = await javascript.contents().fetchFile(address, _PATIENCE_MILLISECONDS)
        except JsException as error:
            raise ValueError(f"no listing: {error}") from None
        return b'{"content": []}' if content is None else javascript.bytes_of(content)

    async def stat(self, path: str) -> Info | None:
        """Return the metadata of a file or folder of the site, or None."""
        return (await self.folder(names.parent_of(path))).get(path)

    async def read(self, path: str) -> bytes | None:
        """Return the bytes of a file of the site, or None."""
        from pyodide.ffi import JsException

        try:
            content = await javascript.contents().fetchFile(f"{self._root}files/{quote(path)}")
        except JsException:  # offline, and not in the browser's cache
            return None
        return None if content is None else javascript.bytes_of(content)

    async def files_in(self, folder: str) -> list[str]:
        """Return the paths of the files in a folder of the site, at any depth."""
        paths: list[str] = []
        for path, info in (await self.folder(folder)).items():
            paths += await self.files_in(path) if info.folder else [path]
        return paths

    async def paths(self) -> list[str]:
        """Return the paths of all files and folders of the site."""
        paths: list[str] = []
        folders = [""]
        while folders:
            listings = await asyncio.gather(*(self.folder(folder) for folder in folders))
            infos = [info for listing in listings for info in listing.values()]
            paths += [info.path for info in infos]
            folders = [info.path for info in infos if info.folder]
        return paths

    async def versions(self, paths: list[str]) -> dict[str, str | bool]:
        """Return which of some paths the site has: a file's version, or True for a folder."""
        versions: dict[str, str | bool] = {}
        for path in paths:
            info = await self.stat(path)
            if info is not None:
                versions[path] = True if info.folder else info.version
        return versions


def infos_in(listing: bytes) -> dict[str, Info]:
    """Read a folder's listing, as JupyterLite's build writes it.

    Parameters
    ----------
    listing
        An ``all.json``.

    Returns
    -------
    dict
        The metadata of its files and folders, by path.

    Raises
    ------
    ValueError
        If it is not a listing, but the response of a login page, for example.
    """
    try:
        models: Any = json.loads(listing)["content"]
    except (KeyError, TypeError):
        raise ValueError("This is not the listing of a folder.") from None
    infos = (_info_of(model) for model in models if isinstance(model, dict) and model.get("path"))
    return {info.path: info for info in infos}


def _info_of(model: Mapping[str, Any]) -> Info:
    size = int(model.get("size") or 0)
    return info_of(
        str(model["path"]),
        folder=model.get("type") == "directory",
        size=size,
        modified=moment(model.get("last_modified")),
        created=moment(model.get("created")),
        mimetype=str(model.get("mimetype") or "") or None,
        from_site=True,
        version=f"site {model.get('last_modified')} {size}",
    )
