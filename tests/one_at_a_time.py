"""What several test processes share on the disk, only one of them makes."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["one_at_a_time"]


@contextmanager
def one_at_a_time(made: Path) -> Iterator[None]:
    """Wait until no other process makes the same, and keep others waiting meanwhile.

    Parameters
    ----------
    made
        The file or folder that is looked for, and made if it is not there.
    """
    made.parent.mkdir(parents=True, exist_ok=True)
    # The system takes the lock back however the process ends.
    with made.with_name(f"{made.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
