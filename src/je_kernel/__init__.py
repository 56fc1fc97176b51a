"""What a notebook in the browser needs of its Python kernel.

``import je_kernel as je`` has no effect by itself: each name below is loaded
when it is first used, and `start` does what has to be done as a kernel starts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from je_kernel._version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from je_kernel import files as files
    from je_kernel import net as net
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
    "files",
    "install",
    "net",
    "offline",
    "open_shared",
    "share",
    "site_url",
    "start",
]

# Where each name is: in a module, or as a module.
_HOMES = {
    "data_url": "je_kernel.net.links",
    "doctor": "je_kernel.doctor_report",
    "files": "je_kernel",
    "install": "je_kernel.package_install",
    "net": "je_kernel",
    "offline": "je_kernel.site_offline",
    "open_shared": "je_kernel.sharing",
    "share": "je_kernel.sharing",
    "site_url": "je_kernel.site",
    "start": "je_kernel.startup",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if home == __name__:  # importing a submodule makes it an attribute
        return import_module(f"{home}.{name}")
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
    """Take back all that je-kernel changed: by ``%unload_ext je_kernel``.

    Parameters
    ----------
    ipython
        The shell that unloads the extension.
    """
    from je_kernel.startup import stop

    stop(ipython)
