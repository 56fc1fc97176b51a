"""A stand-in for kagglehub, which finds data sets beside the notebook."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from je_kernel.errors import MissingPartError, UnavailableError

__version__ = "0.3.0"


def dataset_download(handle: str, path: str | None = None, **_options: Any) -> str:
    """Return the folder of a data set, which lies beside the notebook.

    Parameters
    ----------
    handle
        Owner and name, as ``"owner/penguins"``.
    path
        One file of it.
    **_options
        Without meaning here.

    Raises
    ------
    UnavailableError
        If there is no such folder; the text says how to make it.
    """
    return _local(handle.split("/")[1:2] or [handle], f"datasets/{handle}", path)


def competition_download(handle: str, path: str | None = None, **_options: Any) -> str:
    """Return the folder of a competition's data, which lies beside the notebook.

    Raises
    ------
    UnavailableError
        If there is no such folder; the text says how to make it.
    """
    return _local([handle], f"competitions/{handle}/data", path)


def _local(names: list[str], page: str, path: str | None) -> str:
    name = names[0]
    folder = Path(name)
    file = folder / path if path else folder
    if file.exists():
        return str(file.resolve())
    raise UnavailableError(
        f"Kaggle does not let notebooks of other sites download its data. Get it in another tab,"
        f" at https://www.kaggle.com/{page} (Download), unzip it, and put its files into a folder"
        f" {name} beside this notebook: this line then finds them."
    )


def login(*_args: Any, **_options: Any) -> None:
    """Do nothing: there is no account to log in to."""


def __getattr__(name: str) -> Any:
    raise MissingPartError(
        f"kagglehub.{name} needs Kaggle's servers, which notebooks of other sites cannot reach."
        " What works is dataset_download, with the data in a folder beside this notebook."
    )
