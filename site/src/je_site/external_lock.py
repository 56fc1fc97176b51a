"""Reads the lock of an external Pyodide: the deployer's, or JupyterLite's default.

The site's lock consists of it and of the packages that the site adds. Relative paths in it are
rewritten to start from ``static/je-kernel``, where the site's lock is; whole addresses stay.
"""

from __future__ import annotations

import json
import os.path
import re
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from je_site.assembly import assemble_core
from je_site.distribution import STATIC, core_lock
from je_site.errors import LockError
from je_site.kernel_settings import OPTIONS
from je_site.lock import Core, installed_pyodide_version, read_lock
from je_site.sources import CONNECT_TIMEOUT, release_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from je_site.lock import DistributionLock
    from je_site.progress import Reporter

__all__ = ["ExternalLock", "configured_lock", "configures_pyodide", "default_lock"]

_LOCK = "pyodide-lock.json"


@dataclass(frozen=True)
class ExternalLock:
    """An external lock, with each ``file_name`` as the site's lock needs it.

    Attributes
    ----------
    info, packages
        As in ``pyodide-lock.json``.
    """

    info: Mapping[str, Any]
    packages: Mapping[str, Mapping[str, Any]]

    @property
    def python(self) -> str:
        """The minor version of its Python, such as ``3.14``."""
        return ".".join(str(self.info.get("python", "")).split(".")[:2])


def configures_pyodide(settings: Mapping[str, Any]) -> bool:
    """Tell whether the deployer has configured a Pyodide, or a lock.

    Parameters
    ----------
    settings
        The kernel's settings before the build.

    Returns
    -------
    bool
        Whether the settings name either.
    """
    return bool(settings.get("pyodideUrl") or settings.get(OPTIONS, {}).get("lockFileURL"))


def default_lock(
    lock: DistributionLock, reporter: Reporter, version: str | None = None
) -> ExternalLock:
    """Read the lock of a release of Pyodide, from the npm package of that version.

    Parameters
    ----------
    lock
        The committed lock of that series.
    reporter
        Where to show progress.
    version
        The release; by default, the one that the installed kernel loads.

    Returns
    -------
    ExternalLock
        With whole addresses.
    """
    version = version or installed_pyodide_version()
    core = lock.core
    if version != core.version:
        core = Core(core.npm, version, integrity="", entry=core.entry, files={})
    read = core_lock(assemble_core(core, reporter))
    return _with_names(read, lambda name: urljoin(release_url(version), name))


def configured_lock(output: Path, settings: Mapping[str, Any], reporter: Reporter) -> ExternalLock:
    """Read the lock that the deployer's settings name, or the one beside their Pyodide.

    Parameters
    ----------
    output
        Root of the site.
    settings
        The kernel's settings before the build.
    reporter
        Where to show progress.

    Returns
    -------
    ExternalLock
        Its content.

    Raises
    ------
    LockError
        When it cannot be read.
    """
    options = settings.get(OPTIONS, {})
    url = options.get("lockFileURL") or urljoin(settings["pyodideUrl"], _LOCK)
    base = options.get("packageBaseUrl")
    if urlsplit(url).scheme in ("http", "https"):
        version = _released_version(url)
        if version is not None and base is None:
            return default_lock(read_lock(version), reporter, version)
        base_url = f"{base.rstrip('/')}/" if base else url
        return _with_names(_fetched(url), lambda name: urljoin(base_url, name))
    read = _in_site(output, url)
    if base:
        return _with_names(read, lambda name: urljoin(f"{base.rstrip('/')}/", name))
    folder = os.path.dirname(url)  # noqa: PTH120
    return _with_names(read, lambda name: _from_static(folder, name))


def _released_version(url: str) -> str | None:
    """Return the version of a Pyodide release, from the address of its lock."""
    match = re.search(r"/v(\d[^/]*)/", url)
    if match and url == release_url(match[1]) + _LOCK:
        return match[1]
    return None


def _from_static(folder: str, name: str) -> str:
    if urlsplit(name).scheme:
        return name
    path = os.path.normpath(os.path.join(folder, name))  # noqa: PTH118
    return os.path.relpath(path, STATIC).replace(os.sep, "/")


def _in_site(output: Path, url: str) -> dict[str, Any]:
    if url.startswith("/"):
        raise LockError(
            f"je-kernel cannot tell where {url} is, because a site may be put anywhere: write "
            "lockFileURL and pyodideUrl relative to the site ('./static/…') or as whole addresses."
        )
    path = output / url.split("?")[0]
    try:
        return _parsed(path.read_bytes(), str(path))
    except OSError as error:
        raise LockError(
            f"The site's own Pyodide has no lock that je-kernel can add to: {path} cannot be "
            f"read ({error.strerror})."
        ) from error


def _fetched(url: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(url, timeout=CONNECT_TIMEOUT) as response:  # noqa: S310
            return _parsed(response.read(), url)
    except OSError as error:
        raise LockError(
            f"The site's own Pyodide has no lock that je-kernel can add to: {url} cannot be "
            f"read ({error})."
        ) from error


def _parsed(content: bytes, origin: str) -> dict[str, Any]:
    try:
        read = json.loads(content)
        if isinstance(read["info"], dict) and isinstance(read["packages"], dict):
            return dict(read)
    except (ValueError, KeyError, TypeError):
        pass
    raise LockError(f"{origin} is not a lock of Pyodide, so je-kernel cannot add to it.")


def _with_names(read: Mapping[str, Any], rename: Any) -> ExternalLock:
    packages = {
        name: {**entry, "file_name": rename(entry["file_name"])}
        for name, entry in read["packages"].items()
    }
    return ExternalLock(read["info"], packages)
