"""Importing what a kind of file needs, loading its package into the kernel first."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from je_kernel import runtime
from je_kernel.files.errors import MissingPackageError

if TYPE_CHECKING:
    from je_kernel.files.store import LoadPackage

__all__ = ["load", "load_async"]


def load(request: LoadPackage) -> Any:
    """Import a module; in the browser, load its package from the site if it is not there.

    Raises
    ------
    MissingPackageError
        If it is not installed and cannot be loaded from here.
    """
    try:
        return importlib.import_module(request.module)
    except ModuleNotFoundError as error:
        if not _is_missing(request, error):
            raise
    if runtime.can_run_sync():
        from pyodide.ffi import run_sync

        run_sync(_fetch(request.package))
    return _import_or_explain(request)


async def load_async(request: LoadPackage) -> Any:
    """Do the same as `load`, where waiting does not need stack switching."""
    try:
        return importlib.import_module(request.module)
    except ModuleNotFoundError as error:
        if not _is_missing(request, error):
            raise
    if runtime.in_browser():
        await _fetch(request.package)
    return _import_or_explain(request)


def _is_missing(request: LoadPackage, error: ModuleNotFoundError) -> bool:
    """Tell a package that is not installed from one that is broken inside."""
    return (error.name or "").split(".")[0] == request.module.split(".")[0]


async def _fetch(package: str) -> None:
    import pyodide_js
    from pyodide.ffi import JsException

    try:
        await pyodide_js.loadPackage(package)
    except (JsException, ValueError):
        return  # not in this site's distribution: the import says what to do


def _import_or_explain(request: LoadPackage) -> Any:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(request.module)
    except ModuleNotFoundError as error:
        if not _is_missing(request, error):
            raise
    if runtime.in_browser() and not runtime.can_run_sync():
        raise MissingPackageError(
            f"{request.purpose} needs {request.package}, which is not loaded yet. Write "
            f"'import {request.module.split('.')[0]}' at the top of this cell and run it again.",
            name=request.module,
        )
    raise MissingPackageError(
        f"{request.purpose} needs {request.package}: run '%pip install {request.package}' in a "
        "cell of its own, then run this cell again.",
        name=request.module,
    )
