"""The undo buffer of a turtle."""

from __future__ import annotations

from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["UndoBuffer"]


class UndoBuffer:
    """The last actions of a turtle.

    An action is a tuple that begins with its name. Actions that are undone together are
    one entry: the name ``"seq"``, then the actions.

    Parameters
    ----------
    size
        Limit of entries.

    Examples
    --------
    >>> buffer = UndoBuffer(2)
    >>> for angle in (1, 2, 3):
    ...     buffer.push(("rot", angle))
    >>> len(buffer), buffer.pop(), buffer.pop(), buffer.pop()
    (2, ('rot', 3), ('rot', 2), None)
    """

    def __init__(self, size: int) -> None:
        self._entries: deque[Any] = deque(maxlen=size)
        self._collecting = False

    def __len__(self) -> int:
        return len(self._entries)

    def push(self, action: tuple[Any, ...]) -> None:
        """Record an action."""
        if self._collecting and self._entries:
            self._entries[-1].append(action)
        else:
            self._entries.append(action)

    def pop(self) -> Any:
        """Remove and return the last entry; None if there is none."""
        return self._entries.pop() if self._entries else None

    def discard(self, action: tuple[Any, ...]) -> None:
        """Remove an entry."""
        if action in self._entries:
            self._entries.remove(action)

    @staticmethod
    @contextmanager
    def one_step(buffer: UndoBuffer | None) -> Iterator[None]:
        """Record the actions of a ``with`` block as one entry, if there is a buffer."""
        if buffer is None:
            yield
            return
        outer = buffer._collecting
        if not outer:
            buffer.push(["seq"])  # type: ignore[arg-type]
            buffer._collecting = True
        try:
            yield
        finally:
            buffer._collecting = outer
