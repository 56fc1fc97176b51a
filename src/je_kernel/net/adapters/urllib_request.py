"""`urllib.request`: it says in words what an error status means, and always knows https."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]


def adapt(module: ModuleType, patches: Patches) -> None:
    """Explain the statuses that `urllib.request` raises."""
    patches.set(module.HTTPDefaultErrorHandler, "http_error_default", _http_error_default)
    if not hasattr(module, "HTTPSHandler"):
        patches.set(module, "HTTPSHandler", _https_handler(module))


def _http_error_default(handler: Any, req: Any, fp: Any, code: int, msg: str, hdrs: Any) -> Any:
    """Raise the error of a status, with its explanation."""
    # A kernel that starts has nothing to explain yet.
    from je_kernel.net.status_messages import http_error_default

    return http_error_default(handler, req, fp, code, msg, hdrs)


def _https_handler(module: ModuleType) -> type:
    """Make the handler that is left out where Python has no ``ssl``."""
    import http.client

    class HTTPSHandler(module.AbstractHTTPHandler):  # type: ignore[name-defined,misc]
        https_request = module.AbstractHTTPHandler.do_request_

        def __init__(self, debuglevel: int | None = None, context: Any = None, **_: Any) -> None:
            super().__init__(debuglevel)
            self._context = context

        def https_open(self, req: Any) -> Any:
            return self.do_open(http.client.HTTPSConnection, req)

    return HTTPSHandler
