"""Importing what a kind of file needs; the import itself loads what the site brings."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from je_kernel.errors import MissingPackageError, PackageNotLoadedError

if TYPE_CHECKING:
    from je_kernel.files.store import LoadPackage

__all__ = ["load"]


def load(request: LoadPackage) -> Any:
    """Import a module.

    Raises
    ------
    MissingPackageError
        If it is not installed.
    """
    try:
        return importlib.import_module(request.module)
    except PackageNotLoadedError:
        raise
    except ModuleNotFoundError as error:
        # A package that is broken inside is not a missing one.
        if (error.name or "").partition(".")[0] != request.module.partition(".")[0]:
            raise
        raise MissingPackageError(
            f"{request.purpose} needs {request.package}: run '%pip install {request.package}' in a "
            "cell of its own, then run this cell again.",
            name=request.module,
        ) from None
