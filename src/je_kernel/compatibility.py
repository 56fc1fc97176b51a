"""Access the private parts of Pyodide, micropip, IPython and JupyterLite that je-kernel uses.

Each function is the only way to one private name of such a package, so that a new release of it
is checked in one place: `tests/kernel/test_compatibility.py` says which of them has changed.

The adapters in `je_kernel.net.adapters`, `je_kernel.plots` and `je_kernel.stand_ins` are not
part of this: each replaces parts of one library, and has tests with that library.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping
    from types import ModuleType

__all__ = [
    "awaited_by",
    "emscripten_module",
    "is_being_imported",
    "is_compatible_wheel",
    "last_traceback",
    "package_manager",
    "package_of_module",
    "parent_header",
    "replace_package_scan",
    "requirements_module",
    "set_parent_header",
    "site_lock",
    "split_arguments",
    "tell_micropip",
    "unpack_package",
]


# Pyodide.


def emscripten_module() -> Any:
    """Return Emscripten's module: the allocator, the heap and ``Py_EmscriptenSignalBuffer``."""
    import pyodide_js

    return pyodide_js._module


def package_of_module() -> Mapping[str, str]:
    """Return which package of the site each top-level module belongs to; empty on CPython."""
    hook = sys.modules.get("_pyodide._importhook")
    packages: dict[str, str] = getattr(hook, "REPODATA_PACKAGES_IMPORT_TO_PACKAGE_NAME", {})
    return packages


def unpack_package(content: bytes, filename: str, install_dir: str) -> None:
    """Unpack a wheel or an archive as ``loadPackage`` does, without compiling its libraries.

    Parameters
    ----------
    content
        The file.
    filename
        Its name, which says how it is packed.
    install_dir
        ``"site"`` or ``"dynlib"``, as in the lock.
    """
    from pyodide import _package_loader
    from pyodide.ffi import to_js

    _package_loader.unpack_buffer(
        to_js(content),
        filename=filename,
        extract_dir=_package_loader.get_install_dir(install_dir),
        metadata={"INSTALLER": "pyodide.loadPackage", "PYODIDE_SOURCE": "pyodide"},
    )


def replace_package_scan(scan: Callable[[], None]) -> Callable[[], None]:
    """Replace the function with which Pyodide lists the loaded packages as it starts.

    Returns
    -------
    callable
        The function before.
    """
    from pyodide import _package_loader

    before: Callable[[], None] = _package_loader.init_loaded_packages
    _package_loader.init_loaded_packages = scan
    return before


def site_lock() -> tuple[dict[str, Any], dict[str, Any], str]:
    """Return the packages and the information of Pyodide's lock, and the lock's base URL."""
    import pyodide_js

    lock = pyodide_js._api
    packages, info = lock.lockfile_packages.to_py(), lock.lockfile_info.to_py()
    return packages, info, str(pyodide_js.lockfileBaseUrl)


# micropip.


def package_manager() -> Any:
    """Return the package manager of `micropip.install`."""
    import micropip

    return micropip._package_manager_singleton


def is_compatible_wheel(filename: str) -> bool:
    """Return whether micropip can install a wheel in this Python.

    Raises
    ------
    ValueError
        If the name is not that of a wheel.
    """
    from micropip._utils import is_package_compatible

    return bool(is_package_compatible(filename)[0])


def requirements_module() -> Any:
    """Return `packaging.requirements`, or micropip's copy where the package is not loaded."""
    from importlib import import_module

    try:
        return import_module("packaging.requirements")
    except ImportError:
        return import_module("micropip._vendored.packaging.src.packaging.requirements")


def tell_micropip(packages: dict[str, Any], info: dict[str, Any], base_url: str | None) -> None:
    """Replace the copy of Pyodide's lock that micropip makes as it is imported."""
    from micropip import _compat

    layer = _compat.compatibility_layer
    for copy, current in ((layer.lockfile_packages, packages), (layer.lockfile_info, info)):
        copy.clear()
        copy.update(current)
    layer.lockfile_base_url = _compat.lockfile_base_url = base_url


# IPython and JupyterLite's kernel.


def parent_header(shell: Any) -> Any:
    """Return the message that the kernel of a shell answers; None if the shell has no kernel."""
    return getattr(getattr(shell, "kernel", None), "_parent_header", None)


def set_parent_header(shell: Any, message: Any) -> None:
    """Set the message whose cell receives the kernel's output."""
    shell.kernel._parent_header = message


def last_traceback(shell: Any) -> dict[str, Any]:
    """Return the parts of an ``execute_reply`` for the error that a shell showed last."""
    traceback: dict[str, Any] = shell._last_traceback
    return traceback


def split_arguments(line: str) -> list[str]:
    """Split the line of a magic into words, as IPython's own magics do."""
    from IPython.utils._process_common import arg_split

    return list(arg_split(line, posix=True))


# CPython.


def awaited_by(task: asyncio.Task[Any] | None) -> asyncio.Future[Any] | None:
    """Return the future for which a task waits."""
    return getattr(task, "_fut_waiter", None)


def is_being_imported(module: ModuleType | None) -> bool:
    """Return whether the code of a module is running for the first time."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))
