"""Makes ``import turtle`` find our turtle where Python comes without its own.

Pyodide leaves ``turtle`` out of Python's standard library, for it draws with Tk. The finder
comes last: a ``turtle.py`` beside the notebook is found first, as everywhere.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

__all__ = ["install", "uninstall"]


class TurtleFinder:
    """Finds the module ``turtle``, and loads ours."""

    def find_spec(
        self,
        name: str,
        path: Sequence[str] | None = None,  # noqa: ARG002
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        """Return how to load a module, if it is ``turtle``."""
        # Not derived from importlib's classes: importing these takes longer than all the rest.
        return ModuleSpec(name, self) if name == "turtle" else None  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:  # noqa: ARG002
        """Return our module, which is the same one under both names."""
        from je_kernel import turtle

        self._own = turtle.__spec__
        return turtle

    def exec_module(self, module: ModuleType) -> None:
        """Leave the module as it is: importlib has given it the spec of its second name."""
        module.__spec__ = self._own


def install() -> None:
    """Have ``import turtle`` find our turtle; doing it twice does no harm."""
    if not any(isinstance(finder, TurtleFinder) for finder in sys.meta_path):
        sys.meta_path.append(TurtleFinder())


def uninstall() -> None:
    """Take back what `install` has done."""
    sys.meta_path[:] = [f for f in sys.meta_path if not isinstance(f, TurtleFinder)]
