"""Writes empty wheels for packages that are not available, or that pip must not download.

JupyterLite's worker loads some packages by name as it starts, and fails if the lock lacks
one. A package that only Pyodide's own servers have, and that could not be fetched, is
served empty if another depends on it; importing it fails, as without it.

For pip's resolution of further packages, such wheels describe the packages that the site
has, so that pip does not download these.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

from je_site.cache import atomic_write, cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["PLACEHOLDER_TAG", "empty_wheel", "write_placeholder"]

#: The tag that pip likes least: a real wheel of the same version is preferred.
PLACEHOLDER_TAG = "py30-none-any"


def empty_wheel(name: str, version: str) -> Path:
    """Return a wheel without a module.

    Parameters
    ----------
    name, version
        Of the package.

    Returns
    -------
    pathlib.Path
        In the cache.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    path = cache_folder() / "empty" / f"{stem}-py3-none-any.whl"
    content = _wheel_bytes(name, version, f"{stem}.dist-info")
    if not path.is_file() or path.read_bytes() != content:
        with atomic_write(path) as file:
            file.write(content)
    return path


def write_placeholder(folder: Path, name: str, version: str, requires: Iterable[str]) -> None:
    """Write a wheel that stands for a package while pip resolves.

    Parameters
    ----------
    folder
        Where to.
    name, version
        Of the package.
    requires
        What it needs, as in ``Requires-Dist``.
    """
    stem = f"{name.replace('-', '_')}-{version}"
    content = _wheel_bytes(name, version, f"{stem}.dist-info", PLACEHOLDER_TAG, requires)
    (folder / f"{stem}-{PLACEHOLDER_TAG}.whl").write_bytes(content)


def _wheel_bytes(
    name: str, version: str, folder: str, tag: str = "py3-none-any", requires: Iterable[str] = ()
) -> bytes:
    needs = "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        f"Summary: Empty, in the place of a package that this site could not be given.\n{needs}",
        f"{folder}/WHEEL": "Wheel-Version: 1.0\nGenerator: je-kernel-site\n"
        f"Root-Is-Purelib: true\nTag: {tag}\n",
    }
    record = "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items())
    files[f"{folder}/RECORD"] = f"{record}{folder}/RECORD,,\n"
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in files.items():
            archive.writestr(zipfile.ZipInfo(path), text)
    return buffer.getvalue()


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return "sha256=" + base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
