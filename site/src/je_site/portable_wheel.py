"""Removes the compiled modules from a wheel.

Some packages also run without their compiled modules, but publish no such wheel. MarkupSafe
and PyYAML are slower then; je-kernel has a module in place of wordcloud's compiled one.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import TYPE_CHECKING

from packaging.utils import parse_wheel_filename

from je_site.cache import atomic_write, cache_folder, sha256_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["portable_wheel"]

_COMPILED = re.compile(r"\.(so|pyd|pyx|c)$")


def portable_wheel(wheel: Path) -> Path:
    """Return a wheel for any platform, made from one for a platform.

    Parameters
    ----------
    wheel
        The wheel that has compiled modules.

    Returns
    -------
    pathlib.Path
        In the cache; always the same bytes for the same wheel.
    """
    name, version, _, _ = parse_wheel_filename(wheel.name)
    stem = f"{name.replace('-', '_')}-{version}"
    path = cache_folder() / "portable" / sha256_of(wheel) / f"{stem}-py3-none-any.whl"
    content = _without_compiled(wheel)
    if not path.is_file() or path.read_bytes() != content:
        with atomic_write(path) as file:
            file.write(content)
    return path


def _without_compiled(wheel: Path) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(wheel) as reader, zipfile.ZipFile(buffer, "w") as writer:
        for item in reader.infolist():
            if item.is_dir() or _COMPILED.search(item.filename):
                continue
            content = reader.read(item)
            if item.filename.endswith(".dist-info/WHEEL"):
                content = _for_any_platform(content)
            elif item.filename.endswith(".dist-info/RECORD"):
                content = _new_record(content)
            # Not compressed, so that it does not depend on the version of zlib.
            writer.writestr(zipfile.ZipInfo(item.filename), content)
    return buffer.getvalue()


def _for_any_platform(content: bytes) -> bytes:
    lines = [
        line for line in content.decode().splitlines() if not line.startswith(("Tag:", "Root"))
    ]
    return "\n".join((*lines, "Root-Is-Purelib: true", "Tag: py3-none-any", "")).encode()


def _new_record(content: bytes) -> bytes:
    """Leave out files that are removed, and the digest of the changed one."""
    lines = []
    for line in content.decode().splitlines():
        name = line.partition(",")[0]
        if not _COMPILED.search(name):
            lines.append(f"{name},," if name.endswith(".dist-info/WHEEL") else line)
    return "\n".join((*lines, "")).encode()
