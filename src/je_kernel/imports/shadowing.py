"""Explain errors that come from a student's file with the name of another module.

Python itself explains them if it knows the folder of the running program, which it does
not in a kernel in a browser.
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


def shadowing_hint(
    error: ImportError | AttributeError, site_modules: Collection[str]
) -> str | None:
    """Return a hint if the module of an error shadows another one.

    Parameters
    ----------
    error
        The error.
    site_modules
        The modules of the site's packages.

    Returns
    -------
    str or None
        Sentences for a student; None if nothing is shadowed.
    """
    module = _module_of(error)
    file = getattr(module, "__file__", None)
    if module is None or not file or is_library(file) or "consider renaming" in str(error):
        return None
    name = module.__name__
    if name in sys.stdlib_module_names:
        hidden = f"Python's own module {name}"
    elif name in site_modules:
        hidden = f"the package {name}"
    else:
        return None
    mine = os.path.relpath(file).removesuffix(f"{os.sep}__init__.py")
    return (
        f"Your {mine} has the same name as {hidden} and is imported in its place."
        f" If you meant {hidden}, rename {mine} and restart the kernel."
    )


def _module_of(error: ImportError | AttributeError) -> ModuleType | None:
    """Return the top-level module that an error is about."""
    if isinstance(error, ImportError):
        name = error.name or ""
    elif isinstance(error.obj, ModuleType):
        name = error.obj.__name__
        if "." not in name:
            return error.obj  # a module whose import failed is not in sys.modules
    else:
        return None
    return sys.modules.get(name.partition(".")[0])
