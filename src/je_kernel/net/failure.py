"""Why no response came: what an engine raises, before it is put in words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from je_kernel.net.credentials import redact_text, redact_url

if TYPE_CHECKING:
    from je_kernel.net.message import Request

__all__ = ["FailureKind", "TransportFailure"]

FailureKind = Literal["network", "timeout", "interrupted", "bad-url"]


class TransportFailure(Exception):  # noqa: N818
    """A request that got no whole response.

    Parameters
    ----------
    kind
        ``"network"``: no response, for a reason that the browser keeps to itself;
        ``"timeout"``: nothing came in time; ``"interrupted"``: the connection broke
        after the response had begun; ``"bad-url"``: a request that a browser
        cannot send at all (``detail`` says why).
    request
        The request that failed.
    detail
        What the browser said about it, for developers.
    partial
        The bytes of the body that had come before the connection broke.
    """

    def __init__(
        self, kind: FailureKind, request: Request, detail: str = "", partial: bytes = b""
    ) -> None:
        # A browser quotes the address in what it says.
        self.detail = redact_text(detail)
        super().__init__(f"{request.method} {redact_url(request.url)}: {kind}: {self.detail}")
        self.kind = kind
        self.request = request
        self.partial = partial
