"""Tells that a file of the student's hides a module of Python or of a package.

Python says so itself where it knows the folder of the program that it runs, which a
kernel in a browser has not told it.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from je_kernel.tracebacks import is_library

if TYPE_CHECKING:
    from collections.abc import Collection

__all__ = ["shadowing_hint"]


def shadowing_hint(error: ImportError | AttributeError, brought: Collection[str]) -> str | None:
    """Say that a module is not the one that its name leads to expect.

    Parameters
    ----------
    error
        The error that came of it.
    brought
        The modules that the site's packages bring.

    Returns
    -------
    str or None
        Sentences for a student; None where no file hides anything.
    """
    module = _module_of(error)
    file = getattr(module, "__file__", None)
    if module is None or not file or is_library(file) or "consider renaming" in str(error):
        return None
    name = module.__name__
    if name in sys.stdlib_module_names:
        hidden = f"Python's own module {name}"
    elif name in brought:
        hidden = f"the package {name}"
    else:
        return None
    mine = os.path.relpath(file).removesuffix(f"{os.sep}__init__.py")
    return (
        f"Your {mine} has the same name as {hidden} and is imported in its place."
        f" If you meant {hidden}, rename {mine} and restart the kernel."
    )


def _module_of(error: ImportError | AttributeError) -> ModuleType | None:
    """Return the topmost module that lacks something."""
    if isinstance(error, ImportError):
        name = error.name or ""
    elif isinstance(error.obj, ModuleType):
        name = error.obj.__name__
        if "." not in name:
            return error.obj  # also one whose import failed, which Python does not keep
    else:
        return None
    return sys.modules.get(name.partition(".")[0])
