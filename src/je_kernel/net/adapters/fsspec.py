"""Adapt `fsspec`: our file system reads ``http://`` and ``https://`` addresses."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]

_FILE_SYSTEM = "je_kernel.net.adapters.fsspec_http.BrowserHTTPFileSystem"


def adapt(module: ModuleType, patches: Patches) -> None:
    """Register our file system with `fsspec`, which imports it when it is first used."""
    ours = {"class": _FILE_SYSTEM}
    known = {**module.known_implementations, "http": ours, "https": ours}
    patches.set(module, "known_implementations", known)
    patches.when_undone(lambda: _forget(module))


def _forget(module: ModuleType) -> None:
    """Remove our file system from the classes that `fsspec` keeps after their first use."""
    home, _, name = _FILE_SYSTEM.rpartition(".")
    for protocol in ("http", "https"):
        used = module._registry.get(protocol)
        if used is not None and (used.__module__, used.__name__) == (home, name):
            del module._registry[protocol]
