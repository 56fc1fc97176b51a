"""Patch modules of other packages, and undo the patches exactly."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Patches"]

_ABSENT = object()


class Patches:
    """Replaced attributes and their original values.

    Examples
    --------
    >>> import types
    >>> module, patches = types.ModuleType("m"), Patches()
    >>> patches.set(module, "answer", 42)
    >>> module.answer
    42
    >>> patches.undo()
    >>> hasattr(module, "answer")
    False
    """

    def __init__(self) -> None:
        self._undoing: list[Callable[[], object]] = []

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute of a module or class, or add it."""
        # The class's own dictionary: an inherited attribute is restored by deletion.
        self._undoing.append(partial(_restore, owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, value)

    def delete(self, owner: Any, name: str) -> None:
        """Remove an attribute of a module or class."""
        self._undoing.append(partial(setattr, owner, name, vars(owner)[name]))
        delattr(owner, name)

    def when_undone(self, action: Callable[[], object]) -> None:
        """Register a function that undoes a change other than of an attribute."""
        self._undoing.append(action)

    def undo(self) -> None:
        """Undo all changes, the latest first."""
        while self._undoing:
            self._undoing.pop()()


def _restore(owner: Any, name: str, value: Any) -> None:
    if value is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, value)
