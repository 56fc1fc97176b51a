"""Hooks of the memory snapshot: `prepare` before it is made, `resume` after it is restored.

The build of a site imports the kernel in Node (`prepare`) and saves Pyodide's memory. The kernel's
worker restores it (``entry.mjs`` of the site), and `resume` resets what must differ between
kernels. The start-up steps run when JupyterLite imports the kernel, as they do without a snapshot.
"""

from __future__ import annotations

import gc
import importlib
import io
import json
import linecache
import os
import random
import sys
import time
from importlib.machinery import ModuleSpec
from importlib.metadata import MetadataPathFinder
from typing import TYPE_CHECKING, Any

from je_kernel import compatibility, javascript, settings, startup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import ModuleType

__all__ = ["prepare", "resume"]

_KERNEL = "pyodide_kernel"
# What JupyterLite, the start-up steps and a first cell import.
_MODULES = (
    "micropip",
    "tarfile",  # by Pyodide, when it first loads a package
    "piplite.piplite",
    _KERNEL,
    "IPython.core.pylabtools",
    "je_kernel.compatibility",
    "je_kernel.drive",
    "je_kernel.errors",
    "je_kernel.imports.drive_modules",
    "je_kernel.error_hints",
    "je_kernel.imports.site_packages",
    "je_kernel.interrupts",
    "je_kernel.memory_limit",
    "je_kernel.net.adapters.http_client",
    "je_kernel.net.adapters.urllib_request",
    "je_kernel.net.connection",
    "je_kernel.net.engine_fetch",
    "je_kernel.net.engine_xhr",
    "je_kernel.net.transport",
    "je_kernel.net.response_cache",
    "je_kernel.plots.matplotlib",
    "je_kernel.shell.hooks",
    "je_kernel.shell.interpreter",
    "je_kernel.stand_ins.singular_matrices",
    "je_kernel.stand_ins.threads",
    "je_kernel.tracebacks",
)


def prepare(packages: Sequence[str] = ()) -> None:
    """Import what every kernel imports, and reset what belongs to this process only.

    Parameters
    ----------
    packages
        Other modules to import.
    """
    sys.path[:] = [path for path in sys.path if path]
    main = sys.modules["__main__"]
    steps, startup.STEPS = startup.STEPS, ()
    for name in _MODULES:
        importlib.import_module(name)
    startup.STEPS = steps
    from pyodide_kernel import ipython_shell

    # pandas looks for a notebook's shell while it is imported.
    with ipython_shell.builtin_trap:
        for name in packages:
            importlib.import_module(name)
        if "pandas" in sys.modules:
            _show_a_table(sys.modules["pandas"])
    javascript.remember_sources()
    compatibility.tell_micropip({}, {}, None)
    # IPython replaces it; Pyodide takes its own globals from this one as it starts.
    _Kernel.main, sys.modules["__main__"] = sys.modules["__main__"], main
    # Pyodide scans all packages as it starts; with a snapshot this is not necessary.
    _Kernel.package_scan = compatibility.replace_package_scan(lambda: None)
    sys.meta_path.insert(0, _Kernel(sys.modules.pop(_KERNEL)))
    MetadataPathFinder.invalidate_caches()
    linecache.clearcache()
    gc.collect()
    gc.collect()
    _Kernel.generators = list(_random_generators())


def _random_generators() -> Iterator[Any]:
    """Find the random number generators of modules."""
    kinds: tuple[type, ...] = (random.Random,)
    if "numpy.random" in sys.modules:
        module: Any = sys.modules["numpy.random"]
        kinds += (module.RandomState, module.Generator)
    for each in gc.get_objects():
        # Not isinstance: `__class__` of a proxy may import or compute.
        if issubclass(type(each), kinds):
            yield each


def _show_a_table(pandas: Any) -> None:
    """Show a table, which imports what a first cell needs."""
    frame = pandas.read_csv(io.StringIO("a,b,c\n1,2,x\n3,4,y\n"))
    repr(frame)
    frame._repr_html_()
    frame.describe()
    frame.groupby("c").mean()


def resume(environ: str) -> None:
    """Reset what must differ between kernels.

    The seed of ``hash`` stays the same, because the sets in the snapshot depend on it.

    Parameters
    ----------
    environ
        The environment variables of this kernel, as JSON.
    """
    compatibility.replace_package_scan(_Kernel.package_scan)
    sys.modules["__main__"] = _Kernel.main
    os.environ.pop("PYTHONHASHSEED", None)
    os.environ.update(json.loads(environ))
    sys.path[:] = [path for path in sys.path if path]
    for each in _Kernel.generators:
        if hasattr(each, "seed"):
            each.seed()
        else:
            bits = each.bit_generator
            bits.state = type(bits)().state
    _set_time_zone()
    settings.reload()
    compatibility.tell_micropip(*compatibility.site_lock())


def _set_time_zone() -> None:
    """Set the time zone's constants of `time`, which it sets while it is imported."""
    year = time.localtime().tm_year
    january, july = (
        time.localtime(time.mktime((year, month, 1, 0, 0, 0, 0, 0, -1))) for month in (1, 7)
    )
    standard, saving = sorted((january, july), key=lambda moment: moment.tm_gmtoff)
    time.timezone, time.altzone = -standard.tm_gmtoff, -saving.tm_gmtoff
    time.daylight = int(standard.tm_gmtoff != saving.tm_gmtoff)
    time.tzname = (standard.tm_zone, saving.tm_zone)


class _Kernel:
    """A finder that returns the imported kernel once, and then starts je-kernel."""

    package_scan: Callable[[], None]
    main: ModuleType
    generators: Sequence[Any] = ()

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self._spec = module.__spec__

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> Any:
        if name != _KERNEL:
            return None
        sys.meta_path.remove(self)
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, _spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec
        module.__loader__ = self._spec.loader if self._spec else None
        startup.start(module.ipython_shell)
        # As je-kernel's IPython configuration does without a snapshot.
        sys.path.insert(0, "")
