"""Download a file to the notebook's folder, for the stand-ins of wget and gdown."""

from __future__ import annotations

from pathlib import Path

from je_kernel.files.download import download, name_for

__all__ = ["save"]


def save(url: str, out: str | None = None, *, overwrite: bool = False) -> str:
    """Download a file to the notebook's folder.

    Parameters
    ----------
    url
        Its address.
    out
        Its name, or its folder. By default the name that the server gives it.
    overwrite
        Whether to replace a file of that name; else the new one is called ``a (1).csv``.

    Returns
    -------
    str
        The file's name.
    """
    downloaded = download(url)
    place = Path(out) if out else Path(name_for(downloaded))
    if out and (place.is_dir() or out.endswith("/")):
        place = place / name_for(downloaded)
    place.parent.mkdir(parents=True, exist_ok=True)
    number = 0
    free = place
    while free.exists() and not overwrite:
        number += 1
        free = place.with_stem(f"{place.stem} ({number})")
    free.write_bytes(downloaded.data)
    return str(free)
