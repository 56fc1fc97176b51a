"""Adapt NLTK: disable its warning that a host is in a private network.

NLTK resolves the host name. A browser does not resolve names for programs, and Pyodide
invents an address.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]


def adapt(module: ModuleType, patches: Patches) -> None:
    """Make NLTK resolve no host name."""
    patches.set(module, "_resolve_hostname", _no_addresses)


def _no_addresses(_host_name: str) -> list[Any]:
    return []
