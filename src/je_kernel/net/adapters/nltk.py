"""NLTK warns of addresses inside of a school's network, and takes each name for one of them.

A browser tells no program which address a name has; Pyodide makes one up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]


def adapt(module: ModuleType, patches: Patches) -> None:
    """Have NLTK judge no name by an address that is made up."""
    patches.set(module, "_resolve_hostname", _no_addresses)


def _no_addresses(_host_name: str) -> list[Any]:
    return []
