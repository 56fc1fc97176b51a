"""A cache in memory, limited in bytes and in age."""

import time
from collections import OrderedDict
from typing import Generic, TypeVar

# What is deleted stays in a process's memory for no longer than this and one `CHECK_SECONDS`.
MAX_AGE_SECONDS = 600.0
CHECK_SECONDS = 60.0

Value = TypeVar("Value")


class RecentCache(Generic[Value]):
    """Keeps the values used last.

    Parameters
    ----------
    capacity
        Bytes to keep at most.

    Examples
    --------
    >>> cache = RecentCache[str](capacity=10)
    >>> cache.keep(b"a", "first", size=5)
    >>> cache.keep(b"b", "second", size=6)
    >>> cache.get(b"a"), cache.get(b"b")
    (None, 'second')
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._used = 0
        self._kept: OrderedDict[bytes, tuple[Value, int, float]] = OrderedDict()

    def get(self, key: bytes) -> Value | None:
        """Return a value, or None when it is not here."""
        entry = self._kept.get(key)
        if entry is None:
            return None
        self._kept.move_to_end(key)
        return entry[0]

    def keep(self, key: bytes, value: Value, *, size: int) -> None:
        """Keep a value, in place of those used least recently.

        Parameters
        ----------
        key, value
            The value and its name. A value that is here already stays.
        size
            Its bytes.
        """
        if key in self._kept:
            return
        self._kept[key] = (value, size, time.monotonic())
        self._used += size
        while self._used > self._capacity:
            self._drop(next(iter(self._kept)))

    def drop_older_than(self, seconds: float) -> None:
        """Drop the values that have been here for longer than this."""
        horizon = time.monotonic() - seconds
        for key in [key for key, (_, _, kept_at) in self._kept.items() if kept_at <= horizon]:
            self._drop(key)

    def _drop(self, key: bytes) -> None:
        _, size, _ = self._kept.pop(key)
        self._used -= size
