"""Refuse to store more notebooks when a disk is nearly full."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from je_sharing.errors import DiskFullError


class FreeSpace:
    """Refuses shares that would leave a disk too little free space.

    Parameters
    ----------
    folders
        Folders on the disks in use; empty when everything is stored on other machines.
    least
        Bytes to leave free; 0 for no limit.

    Examples
    --------
    >>> FreeSpace([], 10**18).require(1)
    >>> FreeSpace([Path()], 10**18).require(1)
    Traceback (most recent call last):
        ...
    je_sharing.errors.DiskFullError: The sharing service has no room left, ...
    """

    def __init__(self, folders: Sequence[Path], least: int) -> None:
        self._folders = folders if least else ()
        self._least = least

    def require(self, size: int) -> None:
        """Check for free space.

        Parameters
        ----------
        size
            Bytes.

        Raises
        ------
        DiskFullError
            When there is too little.
        """
        for folder in self._folders:
            if shutil.disk_usage(folder).free - size < self._least:
                raise DiskFullError
