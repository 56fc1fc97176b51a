"""Finds stand-ins for modules that are made for other places, as ``google.colab`` and ``wget``.

It is the last in `sys.meta_path`, so a real package of the same name always comes first.
"""

from __future__ import annotations

from importlib.machinery import PathFinder
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

__all__ = ["StandInFinder"]

_NAMES = frozenset(
    {"gdown", "google", "google.colab", "kagglehub", "playsound", "pyttsx3", "wget", "winsound"}
)
_FOLDER = __file__.removesuffix("finder.py") + "modules"


class StandInFinder:
    """Looks for a few modules in our own folder, where nobody else has found them."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - where a real package has its parts
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Find one of our modules."""
        if fullname not in _NAMES:
            return None
        parent = fullname.rpartition(".")[0]
        return PathFinder.find_spec(fullname, [f"{_FOLDER}/{parent}"], target)
