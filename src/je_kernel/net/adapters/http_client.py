"""Adapt `http.client`: its connections use the browser's network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from http.client import HTTPConnection
    from types import ModuleType

    from je_kernel.net.patches import Patches

__all__ = ["adapt"]


def adapt(module: ModuleType, patches: Patches) -> None:
    """Replace the sockets of `http.client`."""
    if not hasattr(module, "HTTPSConnection"):
        _add_https(module, patches)
    patches.set(module.HTTPConnection, "connect", _connect)
    patches.set(module.HTTPSConnection, "connect", _connect)


def _connect(connection: HTTPConnection) -> None:
    """Connect to the host over the browser's network."""
    # The start of a kernel does not need the transport.
    from je_kernel.net.connection import connect

    connect(connection)


def _add_https(module: ModuleType, patches: Patches) -> None:
    """Add what `http.client` leaves out if Python has no ``ssl``; the browser has TLS."""

    class HTTPSConnection(module.HTTPConnection):  # type: ignore[name-defined,misc]
        default_port = module.HTTPS_PORT

        def __init__(self, host: str, port: int | None = None, **options: Any) -> None:
            self._context = options.pop("context", None)
            super().__init__(host, port, **options)

    patches.set(module, "HTTPSConnection", HTTPSConnection)
    patches.set(module, "_create_https_context", lambda _version: None)
    patches.set(module, "__all__", [*module.__all__, "HTTPSConnection"])
