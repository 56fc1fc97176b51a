"""``%store`` across notebooks: its values are files of the site's drive.

IPython keeps them in the home folder, which every kernel in a browser has for itself and
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
    """IPython's database, with the values of ``%store`` in a folder of their own.

    Parameters
    ----------
    own
        The database that IPython has made.
    folder
        The folder for the values; it is made when the first is stored.
    """

    def __init__(self, own: Any, folder: str) -> None:
        self.own = own
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
    """Have ``%store`` keep its values on the drive; doing it twice does no harm."""
    if not isinstance(shell.db, StoredValues):
        shell.db = StoredValues(shell.db, f"{drive}/.ipython/db")


def keep_at_home(shell: InteractiveShell) -> None:
    """Give the shell its own database back."""
    if isinstance(shell.db, StoredValues):
        shell.db = shell.db.own
