"""Changes to other people's modules, made so that they can be taken back exactly."""

from __future__ import annotations

from typing import Any

__all__ = ["Patches"]

_ABSENT = object()


class Patches:
    """Attributes that were replaced, and what they were before.

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
        self._before: list[tuple[Any, str, Any]] = []

    def set(self, owner: Any, name: str, value: Any) -> None:
        """Replace an attribute of a module or class, or add it."""
        # The class's own dictionary: what it inherits is not its to restore.
        self._before.append((owner, name, vars(owner).get(name, _ABSENT)))
        setattr(owner, name, value)

    def undo(self) -> None:
        """Put everything back as it was, the latest change first."""
        while self._before:
            owner, name, value = self._before.pop()
            if value is _ABSENT:
                delattr(owner, name)
            else:
                setattr(owner, name, value)
