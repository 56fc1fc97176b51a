"""Python's network in a browser: one synchronous transport below the usual libraries.

`install` puts the transport below `http.client`, and so below `urllib.request` and what
is built on it. Libraries with a transport of their own (requests, httpx, fsspec …) are
adapted when they are imported. `uninstall` undoes both. `send` is the transport itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from je_kernel.net.import_hooks import PostImportFinder

if TYPE_CHECKING:
    from je_kernel.net.message import Request as Request
    from je_kernel.net.message import Response as Response
    from je_kernel.net.response_cache import clear_saved as clear_saved
    from je_kernel.net.transport import send as send

__all__ = ["Request", "Response", "clear_saved", "install", "installed", "send", "uninstall"]

_ADAPTERS = {
    # First, so that the patches of pyodide-http are gone before what it patches is adapted.
    "pyodide_http": "je_kernel.net.adapters.pyodide_http",
    "http.client": "je_kernel.net.adapters.http_client",
    "urllib.request": "je_kernel.net.adapters.urllib_request",
    "urllib3.contrib.emscripten.connection": "je_kernel.net.adapters.urllib3",
    "requests.adapters": "je_kernel.net.adapters.requests",
    "httpx": "je_kernel.net.adapters.httpx",
    "fsspec.registry": "je_kernel.net.adapters.fsspec",
    "nltk.pathsec": "je_kernel.net.adapters.nltk",
}

_HOMES = {
    "Request": "je_kernel.net.message",
    "Response": "je_kernel.net.message",
    "clear_saved": "je_kernel.net.response_cache",
    "send": "je_kernel.net.transport",
}

_finder = PostImportFinder(_ADAPTERS)
install, uninstall, installed = _finder.install, _finder.uninstall, _finder.installed


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(home), name)
    globals()[name] = value
    return value
