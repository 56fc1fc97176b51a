"""A read-only HTTP file system for `fsspec` on our transport.

It replaces fsspec's own, which needs aiohttp. A file is read completely when it is opened:
a browser exposes too few headers of other sites to rely on ranges.
"""

from __future__ import annotations

import io
from typing import Any, ClassVar

from fsspec.spec import AbstractFileSystem

from je_kernel.net import transport
from je_kernel.net.message import Request, Response, whole_number

__all__ = ["BrowserHTTPFileSystem"]


class BrowserHTTPFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Files at ``http://`` and ``https://`` addresses.

    Parameters
    ----------
    headers
        Request headers for every file.
    timeout
        Seconds to wait, or None to wait for ever.
    **storage_options
        Other options of fsspec's own HTTP file system; ignored.
    """

    protocol: ClassVar[tuple[str, ...]] = ("http", "https")

    def __init__(
        self,
        headers: dict[str, str] | None = None,
        timeout: float | None = None,
        **storage_options: Any,
    ) -> None:
        super().__init__(**storage_options)
        self._headers = tuple((headers or {}).items())
        self._timeout = timeout

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return path  # the whole address is the name of the file

    @classmethod
    def _parent(cls, path: str) -> str:
        parent = path.rstrip("/").rpartition("/")[0]
        return parent if parent.count("/") > 2 else ""

    def _send(self, method: str, address: str, *headers: tuple[str, str]) -> Response:
        request = Request(method, address, (*self._headers, *headers), None, self._timeout)
        response = transport.send(request)
        if response.status in {404, 410}:
            raise FileNotFoundError(address)
        if response.status >= 400:
            raise OSError(f"{response.status} {response.reason}: {address}")
        return response

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Return the properties of a file; its size is None if the site does not state it."""
        response = self._send("HEAD", path)
        return {
            "name": path,
            "type": "file",
            "size": whole_number(response.header("content-length") or ""),
            "mimetype": response.header("content-type"),
            "url": response.url,
        }

    def exists(self, path: str, **_: Any) -> bool:
        """Return whether there is something at an address."""
        try:
            self._send("HEAD", path)
        except OSError:
            return False
        return True

    def isfile(self, path: str) -> bool:
        """Return whether there is something at an address: everything is a file."""
        return self.exists(path)

    def isdir(self, path: str) -> bool:  # noqa: ARG002
        """Return False: there are no folders."""
        return False

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """List the one file at an address."""
        return [self.info(path)] if detail else [path]

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        """Read a file, or a range of its bytes."""
        if start is None and end is None:
            return self._send("GET", path).body
        if (start or 0) < 0 or (end or 0) < 0:
            return self._send("GET", path).body[start:end]
        last = "" if end is None else str(end - 1)
        response = self._send("GET", path, ("Range", f"bytes={start or 0}-{last}"))
        return response.body if response.status == 206 else response.body[start:end]

    def get_file(self, rpath: str, lpath: Any, **_: Any) -> None:
        """Save a file."""
        body = self._send("GET", rpath).body
        if hasattr(lpath, "write"):
            lpath.write(body)
            return
        with open(lpath, "wb") as file:  # noqa: PTH123 (fsspec's own paths are strings)
            file.write(body)

    def _open(self, path: str, mode: str = "rb", **_: Any) -> io.BytesIO:
        if mode != "rb":
            raise ValueError("files on the web can only be read")
        return io.BytesIO(self._send("GET", path).body)
