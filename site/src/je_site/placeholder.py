"""Empty packages, for what only Pyodide's own servers have and nobody needs to have.

JupyterLite's worker asks for such a package by name as it starts, and would stop
if the lock did not know it. An import of it fails, as it would without it.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from typing import TYPE_CHECKING

from je_site.cache import cache_folder, writing

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["empty_wheel"]


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
        with writing(path) as file:
            file.write(content)
    return path


def _wheel_bytes(name: str, version: str, folder: str) -> bytes:
    files = {
        f"{folder}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        "Summary: Empty, in the place of a package that this site could not be given.\n",
        f"{folder}/WHEEL": "Wheel-Version: 1.0\nGenerator: je-kernel-site\n"
        "Root-Is-Purelib: true\nTag: py3-none-any\n",
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
