"""The internal exception of a failed request, which `error_messages` explains to students."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from je_kernel.net.credentials import redact_text, redact_url

if TYPE_CHECKING:
    from je_kernel.net.message import Request

__all__ = ["FailureKind", "TransportFailure"]

FailureKind = Literal["network", "timeout", "interrupted", "bad-url"]


class TransportFailure(Exception):  # noqa: N818
    """A request without a whole response.

    Parameters
    ----------
    kind
        ``"network"``: no response, and the browser does not tell why; ``"timeout"``: no
        response in time; ``"interrupted"``: the connection broke during the response;
        ``"bad-url"``: a request that a browser cannot send (``detail`` says why).
    request
        The request that failed.
    detail
        The browser's error message, for developers.
    partial
        The bytes of the body before the connection broke.
    """

    def __init__(
        self, kind: FailureKind, request: Request, detail: str = "", partial: bytes = b""
    ) -> None:
        # The browser's message may quote the address.
        self.detail = redact_text(detail)
        super().__init__(f"{request.method} {redact_url(request.url)}: {kind}: {self.detail}")
        self.kind = kind
        self.request = request
        self.partial = partial
