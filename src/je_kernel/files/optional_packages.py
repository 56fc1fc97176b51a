"""Import a package that only some kinds of files need."""

from __future__ import annotations

import importlib
from typing import Any

from je_kernel.errors import MissingPackageError, PackageNotLoadedError

__all__ = ["import_package"]


def import_package(module: str, package: str, purpose: str) -> Any:
    """Import a module. In a browser the import itself loads the site's package of it.

    Parameters
    ----------
    module
        The name to import.
    package
        The name to install it by.
    purpose
        What needs it, as the start of a sentence: ``"This Excel file"``.

    Raises
    ------
    MissingPackageError
        If it is not installed.
    """
    try:
        return importlib.import_module(module)
    except PackageNotLoadedError:
        raise
    except ModuleNotFoundError as error:
        # A package that lacks something itself is not a missing one.
        if (error.name or "").partition(".")[0] != module.partition(".")[0]:
            raise
        raise MissingPackageError(
            f"{purpose} needs {package}: run '%pip install {package}' in a "
            "cell of its own, then run this cell again.",
            name=module,
        ) from None
