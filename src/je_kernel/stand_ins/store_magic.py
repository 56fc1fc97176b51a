"""Store the values of ``%store`` on the site's drive, so that other notebooks can read them.

IPython stores them in the home folder, which each kernel in a browser has for itself and
loses at its end.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["StoredValues", "keep_at_home", "keep_on_drive"]

_PREFIX = "autorestore/"


class StoredValues(MutableMapping[str, Any]):
    """IPython's database, with the values of ``%store`` in another folder.

    Parameters
    ----------
    database
        IPython's database.
    folder
        The folder of the values, which is made for the first one.
    """

    def __init__(self, database: Any, folder: str) -> None:
        self.own = database
        self._folder = folder
        self._values: Any = None

    def _home(self, key: str, *, writing: bool = False) -> Any:
        """Return the database that a key belongs to."""
        if not key.startswith(_PREFIX):
            return self.own
        if self._values is None:
            if not writing and not os.path.isdir(self._folder):  # noqa: PTH112
                return {}
            self._values = type(self.own)(self._folder)
        return self._values

    def __getitem__(self, key: str) -> Any:
        return self._home(key)[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self._home(key, writing=True)[key] = value

    def __delitem__(self, key: str) -> None:
        del self._home(key)[key]

    def keys(self, pattern: str | None = None) -> Any:
        """Return the keys, or those that a pattern as ``"autorestore/*"`` matches."""
        values = self._home(_PREFIX)
        if pattern is None:
            return [*self.own.keys(), *values.keys()]
        database = self._home(pattern)
        return database.keys(pattern) if database else []

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.own, name)


def keep_on_drive(shell: InteractiveShell, drive: str) -> None:
    """Store the values of ``%store`` on the drive. Idempotent."""
    if not isinstance(shell.db, StoredValues):
        shell.db = StoredValues(shell.db, f"{drive}/.ipython/db")


def keep_at_home(shell: InteractiveShell) -> None:
    """Undo `keep_on_drive`."""
    if isinstance(shell.db, StoredValues):
        shell.db = shell.db.own
