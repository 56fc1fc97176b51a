"""Networking, files and sharing for Python in JupyterLite.

``import je_kernel as je`` has no effect by itself: each name below is loaded
when it is first used, and `start` sets the kernel up as it starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from je_kernel._version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from je_kernel import errors as errors
    from je_kernel import files as files
    from je_kernel import net as net
    from je_kernel import notebook as notebook
    from je_kernel import sharing as sharing
    from je_kernel.doctor_report import doctor as doctor
    from je_kernel.net.links import data_url as data_url
    from je_kernel.package_install import install as install
    from je_kernel.sharing import open_shared as open_shared
    from je_kernel.sharing import share as share
    from je_kernel.site import site_url as site_url
    from je_kernel.site_offline import offline as offline
    from je_kernel.startup import start as start

__all__ = [
    "__version__",
    "data_url",
    "doctor",
    "errors",
    "files",
    "install",
    "net",
    "notebook",
    "offline",
    "open_shared",
    "share",
    "sharing",
    "site_url",
    "start",
]

# The modules that `import je_kernel` reaches: public ones, and those of documented classes.
_MODULES = {
    "doctor_report",
    "errors",
    "files",
    "net",
    "notebook",
    "package_install",
    "sharing",
    "site_offline",
    "startup",
}
# The module of each name.
_HOMES = {
    "data_url": "je_kernel.net.links",
    "doctor": "je_kernel.doctor_report",
    "install": "je_kernel.package_install",
    "offline": "je_kernel.site_offline",
    "open_shared": "je_kernel.sharing",
    "share": "je_kernel.sharing",
    "site_url": "je_kernel.site",
    "start": "je_kernel.startup",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name in _MODULES:  # importing a submodule makes it an attribute
        return import_module(f"{__name__}.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Start je-kernel in an IPython shell: at kernel start, or by ``%load_ext je_kernel``.

    Parameters
    ----------
    ipython
        The shell that loads the extension.
    """
    from je_kernel.startup import start

    start(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """Undo everything that je-kernel changed: by ``%unload_ext je_kernel``.

    Parameters
    ----------
    ipython
        The shell that unloads the extension.
    """
    from je_kernel.startup import stop

    stop(ipython)
