"""Downloads for `files.fetch`."""

from __future__ import annotations

import asyncio
import io
import re
from dataclasses import dataclass
from email.message import Message
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

from je_kernel import runtime
from je_kernel.arguments import check_text, shown
from je_kernel.errors import BadAddressError, BadNameError, status_error
from je_kernel.files import names
from je_kernel.net.credentials import redact_url

if TYPE_CHECKING:
    from je_kernel.errors import StatusError
    from je_kernel.net import Response

__all__ = ["Downloaded", "download", "download_async", "name_for"]


@dataclass(frozen=True)
class Downloaded:
    """A downloaded file.

    Parameters
    ----------
    url
        Its address, after redirects.
    disposition
        The ``Content-Disposition`` header, which can name the file, or "".
    data
        Its bytes.
    """

    url: str
    disposition: str
    data: bytes


def download(url: str) -> Downloaded:
    """Download a file with urllib.

    Raises
    ------
    BadAddressError
        If it is not a web address.
    OSError
        If the download fails.
    """
    _check(url)
    with urlopen(url) as response:  # noqa: S310 - the scheme was checked
        headers = response.headers
        return Downloaded(
            getattr(response, "url", None) or url,
            headers.get("Content-Disposition") or "",
            response.read(),
        )


async def download_async(url: str) -> Downloaded:
    """Download a file without blocking the kernel. Raises what `download` raises."""
    if not runtime.in_browser():
        return await asyncio.to_thread(download, url)
    _check(url)
    from je_kernel.net import Request, transport

    response = await transport.send_async(Request("GET", url))
    if response.status >= 400:
        raise _status_error(response)
    disposition = response.header("Content-Disposition") or ""
    return Downloaded(response.url, disposition, response.body)


def _status_error(response: Response) -> StatusError:
    from je_kernel.net.status_messages import status_message

    headers = Message()
    for name, value in response.headers:
        headers[name] = value
    return status_error(response.status)(
        response.url,
        response.status,
        response.reason,
        headers,
        io.BytesIO(response.body),
        status_message(response.url, response.status, headers),
    )


def _check(url: str) -> None:
    check_text(url, "url", "https://school.example/penguins.csv")
    try:
        parts = urlsplit(url)
        url.encode()
        named = bool(parts.hostname) and (parts.port or 0) >= 0
    except ValueError:  # a port that is not a number, brackets, a lone surrogate …
        named = False
    if not named or parts.scheme not in ("http", "https"):
        raise BadAddressError(
            f"{shown(redact_url(url))} is not a web address: it should start with https://.",
            shown(redact_url(url)),
        )


def name_for(downloaded: Downloaded) -> str:
    """Return a name for the file: the server's, or the last part of the address.

    Both are untrusted: folders and control characters are removed.

    Examples
    --------
    >>> name_for(Downloaded("https://a.example/data/my%20penguins.csv?x=1", "", b""))
    'my penguins.csv'
    >>> name_for(Downloaded("https://a.example/d", 'attachment; filename="../x.csv"', b""))
    'x.csv'
    >>> name_for(Downloaded("https://a.example/", "", b""))
    'download'
    """
    message = Message()
    message["Content-Disposition"] = downloaded.disposition or "inline"
    named = message.get_filename() or unquote(urlsplit(downloaded.url).path)
    plain = re.sub(r"[\x00-\x1f\x7f%]", "", named.replace("\\", "/").rstrip("/"))
    name = names.download_name(plain) if plain else "download"
    try:
        names.check_new(names.path_of(name))
    except BadNameError:
        return "download"
    return name
