"""The Pyodide distribution that tests inside Pyodide load from, with our own wheel in it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from je_site.assembly import assemble
from je_site.distribution import write_flat
from je_site.lock import read_lock
from je_site.progress import progress_reporter

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

__all__ = ["distribution"]


def distribution(config: pytest.Config) -> Path:
    """Return the folder of the distribution, brought up to date first.

    Parameters
    ----------
    config
        Whose ``--dist-dir`` names the folder. One that somebody else made, named
        on the command line, is taken as it is.
    """
    folder: Path = config.option.dist_dir
    own = folder.is_relative_to(config.rootpath / ".cache")
    return _written(folder) if own else folder


@functools.cache
def _written(folder: Path) -> Path:
    lock = read_lock()
    with progress_reporter(quiet=True) as reporter:
        core, packages = assemble(lock, reporter, with_tests=True)
    write_flat(folder, lock.core, core, packages)
    return folder
