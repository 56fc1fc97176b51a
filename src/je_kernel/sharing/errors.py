"""The exceptions of `je_kernel.sharing`.

Each is a `JeKernelError`::

    JeKernelError
    └── SharingError
        ├── InvalidNotebookError (also ValueError)     not a notebook the service takes
        ├── NoSharingServiceError (also RuntimeError)  this site has no service
        ├── NoSuchShareError (also LookupError)        nothing under this id
        ├── NotYourShareError (also PermissionError)   another session's share
        ├── PersonalDataError (also ValueError)        something that should not leave
        ├── ServiceRefusedError                        the service says no
        ├── TakenDownError                             blocked by whoever runs the service
        ├── TooLargeError (also ValueError)            larger than the service takes
        └── UnreachableServiceError (also ConnectionError)  no answer, or none that helps
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from je_kernel.errors import JeKernelError

if TYPE_CHECKING:
    from je_kernel.sharing.personal_data import Finding

__all__ = [
    "InvalidNotebookError",
    "NoSharingServiceError",
    "NoSuchShareError",
    "NotYourShareError",
    "PersonalDataError",
    "ServiceRefusedError",
    "SharingError",
    "TakenDownError",
    "TooLargeError",
    "UnreachableServiceError",
]


class SharingError(JeKernelError):
    """Base class of the exceptions of `je_kernel.sharing`."""


class InvalidNotebookError(SharingError, ValueError):
    """The notebook is not one that the service accepts."""


class NoSharingServiceError(SharingError, RuntimeError):
    """The site has no sharing service."""


class NoSuchShareError(SharingError, LookupError):
    """The service has no share of this id."""


class NotYourShareError(SharingError, PermissionError):
    """The share belongs to another session, and only that one may change it."""


class PersonalDataError(SharingError, ValueError):
    """The notebook seems to contain personal data.

    Parameters
    ----------
    text
        The message: the findings, and what to do next.
    findings
        The findings.
    """

    def __init__(self, text: str, findings: tuple[Finding, ...] = ()) -> None:
        super().__init__(text)
        self.findings = findings

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.findings)


class ServiceRefusedError(SharingError):
    """The service refused the request.

    Parameters
    ----------
    text
        What happened, why, and what to do next.
    status
        The HTTP status of the answer.
    """

    def __init__(self, text: str, status: int = 0) -> None:
        super().__init__(text)
        self.status = status

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.status)


class TakenDownError(SharingError):
    """The operator of the service blocked the share, or another with its content."""


class TooLargeError(SharingError, ValueError):
    """The notebook is larger than the service accepts.

    Parameters
    ----------
    text
        What is too large, and what to do next.
    limit
        The size limit in bytes, or None if it is unknown.
    """

    def __init__(self, text: str, limit: int | None = None) -> None:
        super().__init__(text)
        self.limit = limit

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.limit)


class UnreachableServiceError(SharingError, ConnectionError):
    """The service does not answer, or not as a sharing service does."""
