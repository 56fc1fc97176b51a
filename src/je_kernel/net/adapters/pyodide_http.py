"""Adapt pyodide-http: undo its patches, and make its functions do nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]


def adapt(module: ModuleType, patches: Patches) -> None:
    """Undo the patches of pyodide-http, and disable its functions."""
    _restore_urllib()
    _restore_requests()
    for name in ("patch_all", "patch_urllib", "patch_requests"):
        patches.set(module, name, _nothing_to_patch)


def _nothing_to_patch(*_: Any, **__: Any) -> None:
    """Do nothing: je-kernel has adapted the libraries already."""


def _restore_urllib() -> None:
    patcher: Any = sys.modules.get("pyodide_http._urllib")
    if patcher is None or not patcher._IS_PATCHED:
        return
    import importlib.util
    import urllib.request
    from types import FunctionType

    # It keeps no originals: they come from a fresh copy of the module.
    spec = importlib.util.find_spec("urllib.request")
    assert spec is not None and spec.loader is not None
    fresh = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(fresh)

    def moved(function: FunctionType) -> FunctionType:
        namespace = vars(urllib.request)
        copy = FunctionType(
            function.__code__,
            namespace,
            function.__name__,
            function.__defaults__,
            function.__closure__,
        )
        copy.__kwdefaults__ = function.__kwdefaults__
        copy.__qualname__ = function.__qualname__
        copy.__doc__ = function.__doc__
        return copy

    urllib.request.urlopen = moved(fresh.urlopen)
    opener: Any = urllib.request.OpenerDirector
    opener.open = moved(fresh.OpenerDirector.open)
    patcher._IS_PATCHED = False


def _restore_requests() -> None:
    patcher: Any = sys.modules.get("pyodide_http._requests")
    if patcher is None or not patcher._IS_PATCHED:
        return
    import requests

    session: Any = requests.sessions.Session
    session.__init__ = session._old_init
    del session._old_init
    patcher._IS_PATCHED = False
