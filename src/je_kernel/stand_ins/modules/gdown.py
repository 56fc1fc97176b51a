"""A stand-in for gdown, which downloads through the browser."""

from __future__ import annotations

from typing import Any

from je_kernel.errors import UnavailableError
from je_kernel.stand_ins.downloads import save

__version__ = "5.2.0"


def download(
    url: str | None = None,
    output: str | None = None,
    quiet: bool = False,  # noqa: ARG001 - as in gdown
    id: str | None = None,  # noqa: A002
    **_options: Any,
) -> str:
    """Download a file that is shared with everybody.

    Parameters
    ----------
    url
        The address of the file, at Google Drive or elsewhere; or its identifier there.
    output
        Its name, or the folder to put it in.
    quiet
        Without meaning here.
    id
        The identifier of a file at Google Drive.
    **_options
        Without meaning here.

    Returns
    -------
    str
        The file's name.
    """
    if id is None and url is not None and "/" not in url:
        id, url = url, None  # noqa: A001
    if id is not None:
        url = f"https://drive.google.com/uc?export=download&id={id}"
    if url is None:
        raise ValueError("Either url or id has to be specified")
    return save(url, output, overwrite=True)


def download_folder(*_args: Any, **_options: Any) -> None:
    """Say that whole folders cannot be downloaded.

    Raises
    ------
    UnavailableError
        Always.
    """
    raise UnavailableError(
        "A whole folder of Google Drive cannot be downloaded from here. Download it in another tab"
        " of the browser, and drop its files into the list of files beside this notebook."
    )


cached_download = download
