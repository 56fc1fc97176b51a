"""Adapt `urllib.request`: explain HTTP error statuses, and add https."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]


def adapt(module: ModuleType, patches: Patches) -> None:
    """Patch the handlers of `urllib.request`."""
    patches.set(module.HTTPDefaultErrorHandler, "http_error_default", _http_error_default)
    if not hasattr(module, "HTTPSHandler"):
        patches.set(module, "HTTPSHandler", _https_handler(module))


def _http_error_default(handler: Any, req: Any, fp: Any, code: int, msg: str, hdrs: Any) -> Any:
    """Raise the error of a status, with its explanation."""
    # The start of a kernel does not need the messages.
    from je_kernel.net.status_messages import http_error_default

    return http_error_default(handler, req, fp, code, msg, hdrs)


def _https_handler(module: ModuleType) -> type:
    """Return the handler that `urllib.request` leaves out if Python has no ``ssl``."""
    import http.client

    class HTTPSHandler(module.AbstractHTTPHandler):  # type: ignore[name-defined,misc]
        https_request = module.AbstractHTTPHandler.do_request_

        def __init__(self, debuglevel: int | None = None, context: Any = None, **_: Any) -> None:
            super().__init__(debuglevel)
            self._context = context

        def https_open(self, req: Any) -> Any:
            return self.do_open(http.client.HTTPSConnection, req)

    return HTTPSHandler
