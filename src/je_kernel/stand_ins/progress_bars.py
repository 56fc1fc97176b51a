"""Disable the monitor thread of tqdm."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]


def adapt(module: ModuleType, patches: Patches) -> None:
    """Disable the monitor thread, which could run only while Python waits."""
    bar: Any = module.tqdm
    patches.set(bar, "monitor_interval", 0)
