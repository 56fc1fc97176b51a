"""The room that disks have left."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from je_sharing.errors import DiskFullError


class FreeSpace:
    """Refuses what would leave a disk too little room for what is there already.

    Parameters
    ----------
    folders
        On the disks that grow; none when everything is kept on other machines.
    least
        Bytes to leave free; 0 for no matter.

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
        """Look whether there is room for more.

        Parameters
        ----------
        size
            Bytes.

        Raises
        ------
        DiskFullError
            When there is not.
        """
        for folder in self._folders:
            if shutil.disk_usage(folder).free - size < self._least:
                raise DiskFullError
