"""``google.colab.drive``: makes a folder beside the notebook in place of Google Drive."""

from __future__ import annotations

import os
from pathlib import Path


def mount(
    mountpoint: str,
    force_remount: bool = False,  # noqa: ARG001 - as in Colab
    timeout_ms: int = 120_000,  # noqa: ARG001
    readonly: bool = False,  # noqa: ARG001
) -> None:
    """Make the folder that stands for a Google Drive.

    Parameters
    ----------
    mountpoint
        Where the notebook expects the drive, as ``"/content/drive"``.
    force_remount, timeout_ms, readonly
        Without meaning here.
    """
    place = Path(mountpoint)
    if not place.is_relative_to("/content") and not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(Path("/content") / place.name)
        place = Path("/content") / place.name
    folder = place / "MyDrive"
    folder.mkdir(parents=True, exist_ok=True)
    shown = os.path.relpath(folder.resolve(), Path("/content").resolve())
    print(
        f"Google Drive cannot be reached from here: {mountpoint}/MyDrive is the folder {shown}"
        " beside this notebook. Put the files that the lesson reads into it."
    )


def flush_and_unmount(timeout_ms: int = 0) -> None:
    """Do nothing: what is written is saved already."""
