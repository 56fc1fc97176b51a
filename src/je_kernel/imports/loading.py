"""Load packages of the site's lock synchronously, while an import waits for them.

Pyodide's own ``loadPackage`` is asynchronous. An import cannot wait for it in every
browser, and where it can, other tasks would run during the import and could import
the same module again. So a wheel is fetched by a synchronous request and unpacked,
in every browser. Its shared libraries are not compiled in advance: Python opens
those that are imported, with the libraries that they need beside them.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from je_kernel.compatibility import unpack_package
from je_kernel.errors import PackageNotLoadedError
from je_kernel.net import progress
from je_kernel.net.failure import TransportFailure
from je_kernel.net.message import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

__all__ = ["Loader", "Locked", "Unavailable", "load_owners", "needed"]

# For a whole wheel on a slow network. A dead connection must not block the kernel for ever.
_TIMEOUT_SECONDS = 300.0


@dataclass(frozen=True)
class Locked:
    """A package of the site's lock.

    Parameters
    ----------
    name
        Its name in Pyodide's list of loaded packages.
    version
        Its version.
    file_name
        Its wheel or archive: an address, or a path relative to the lock's.
    sha256
        The SHA-256 of that file in hexadecimal digits.
    install_dir
        ``"site"`` or ``"dynlib"``.
    imports
        Its top-level modules.
    depends
        The packages that it needs, as keys of the lock.
    """

    name: str
    version: str
    file_name: str
    sha256: str
    install_dir: str
    imports: tuple[str, ...]
    depends: tuple[str, ...]

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Locked:
        """Read an entry of ``pyodide-lock.json``."""
        return cls(
            name=entry["name"],
            version=entry["version"],
            file_name=entry["file_name"],
            sha256=entry["sha256"],
            install_dir=entry["install_dir"],
            imports=tuple(entry["imports"]),
            depends=tuple(entry["depends"]),
        )


def needed(lock: Mapping[str, Locked], keys: Iterable[str]) -> Iterator[Locked]:
    """Return packages and their dependencies, each once and dependencies first.

    Parameters
    ----------
    lock
        The packages of the lock by their keys.
    keys
        Keys of packages. Unknown keys are left out: the import itself raises an error
        for what is missing.
    """
    seen: set[str] = set()

    def visit(key: str) -> Iterator[Locked]:
        if key in seen or key not in lock:
            return
        seen.add(key)
        for need in lock[key].depends:
            yield from visit(need)
        yield lock[key]

    for key in keys:
        yield from visit(key)


class Loader:
    """A loader of the packages of a lock.

    Parameters
    ----------
    lock
        The packages by their keys.
    loaded
        Returns the names of the loaded packages.
    fetch
        Returns the content of the file that a package's ``file_name`` names, or
        raises `Unavailable`.
    unpack
        Unpacks that content, and marks the package as loaded.
    display
        Returns the display of progress.
    """

    def __init__(
        self,
        lock: Mapping[str, Locked],
        loaded: Callable[[], Collection[str]],
        fetch: Callable[[Locked], bytes],
        unpack: Callable[[Locked, bytes], None],
        display: Callable[[], progress.Display | None] = lambda: None,
    ) -> None:
        self._lock = lock
        self._loaded = loaded
        self._fetch = fetch
        self._unpack = unpack
        self._display = display

    def load_owners(self, top: str) -> bool:
        """Load all packages that contain a top-level module.

        Parameters
        ----------
        top
            The module's name.

        Returns
        -------
        bool
            Whether a package was loaded.

        Raises
        ------
        PackageNotLoadedError
            If a package cannot be loaded. Those before it are loaded.
        """
        owners = [key for key, package in self._lock.items() if top in package.imports]
        loaded = self._loaded()
        missing = [each for each in needed(self._lock, owners) if each.name not in loaded]
        if not missing:
            return False
        try:
            with progress.StepProgress([each.name for each in missing], self._display()) as steps:
                for package in missing:
                    steps.next()
                    self._load(package, top)
        finally:
            importlib.invalidate_caches()
        return True

    def _load(self, package: Locked, top: str) -> None:
        try:
            content = self._fetch(package)
            _check(package, content)
            try:
                self._unpack(package, content)
            except Exception as error:
                raise Unavailable(f"it cannot be unpacked ({error})") from error
        except Unavailable as unavailable:
            raise PackageNotLoadedError(
                f"Could not load {package.name} {package.version} for 'import {top}': "
                f"{unavailable}.",
                name=top,
            ) from unavailable.__cause__


class Unavailable(Exception):  # noqa: N818
    """A package's file is not available; the message says why and what to do."""


def _check(package: Locked, content: bytes) -> None:
    if hashlib.sha256(content).hexdigest() != package.sha256:
        raise Unavailable(
            "the file that came is not the one that this site's list of packages names. Reload"
            " the page and run this cell again; if it stays so, tell whoever runs the site"
        )


# In a browser.


def load_owners(top: str) -> bool:
    """Load all packages that contain a top-level module, in a browser."""
    return _loader().load_owners(top)


@cache
def _loader() -> Loader:
    import js
    import pyodide_js

    packages = pyodide_js.lockfile.packages.to_py()
    return Loader(
        {key: Locked.of(entry) for key, entry in packages.items()},
        lambda: js.Object.keys(pyodide_js.loadedPackages).to_py(),
        _fetch,
        _unpack,
        progress.display,
    )


def _fetch(package: Locked) -> bytes:
    import js
    import pyodide_js

    from je_kernel.net.engine_xhr import send

    url = js.URL.new(package.file_name, pyodide_js.lockfileBaseUrl).href
    try:
        response = send(Request("GET", str(url), timeout=_TIMEOUT_SECONDS))
    except TransportFailure:
        raise Unavailable(
            "it is not on this device yet, and the site does not answer. Check the Wi-Fi, then run"
            " this cell again"
        ) from None
    if response.status != 200:
        raise Unavailable(
            f"the site does not give it (status {response.status}). Tell whoever runs the site"
        )
    return response.body


def _unpack(package: Locked, content: bytes) -> None:
    import pyodide_js

    unpack_package(content, package.file_name.rpartition("/")[2], package.install_dir)
    # Pyodide and micropip read this list.
    setattr(pyodide_js.loadedPackages, package.name, "default channel")
