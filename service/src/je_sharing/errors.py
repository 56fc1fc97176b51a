"""Errors and the HTTP responses to them.

ServiceError
 ├── BadRequestError              400 BAD_REQUEST
 ├── UnauthorizedError            401 UNAUTHORIZED
 ├── ForbiddenError               403 FORBIDDEN
 ├── NotFoundError                404 NOT_FOUND
 ├── UploadTimeoutError           408 REQUEST_TIMEOUT
 ├── TakenDownError               410 GONE
 ├── PayloadTooLargeError         413 PAYLOAD_TOO_LARGE
 ├── BodyTooLargeError            413 PAYLOAD_TOO_LARGE
 ├── InvalidNotebookError         422 UNPROCESSABLE_ENTITY
 ├── TooManyRequestsError         429 TOO_MANY_REQUESTS
 ├── DamagedContentError          500 INTERNAL_SERVER_ERROR
 ├── BadGatewayError              502 BAD_GATEWAY
 ├── UnavailableError             503 SERVICE_UNAVAILABLE
 └── DiskFullError                507 INSUFFICIENT_STORAGE
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec
from starlette.responses import Response

_MEBIBYTE = 1024 * 1024


class ServiceError(Exception):
    """An error, with the message that the client gets.

    Parameters
    ----------
    message
        What happened and what to do next.
    details
        For a program, if any.
    headers
        Extra headers of the response, if any.
    """

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(
        self,
        message: str,
        *,
        details: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details = details
        self.headers = dict(headers or {})


class BadRequestError(ServiceError):
    """The request cannot be understood."""

    status = HTTPStatus.BAD_REQUEST


class UnauthorizedError(ServiceError):
    """The caller may not do this with this notebook or token."""

    status = HTTPStatus.UNAUTHORIZED


class ForbiddenError(ServiceError):
    """No valid token came with the call."""

    status = HTTPStatus.FORBIDDEN


class NotFoundError(ServiceError):
    """There is no notebook with this id."""

    status = HTTPStatus.NOT_FOUND


class UploadTimeoutError(ServiceError):
    """The body took too long to arrive."""

    status = HTTPStatus.REQUEST_TIMEOUT


class TakenDownError(ServiceError):
    """The operator has blocked the notebook or its content."""

    status = HTTPStatus.GONE

    def __init__(self) -> None:
        super().__init__(
            "This notebook was taken down by whoever runs this sharing service. It cannot be read, "
            "updated or shared again here. If you think that this is a mistake, tell them."
        )


class PayloadTooLargeError(ServiceError):
    """The notebook is larger than the limit.

    Parameters
    ----------
    size
        Bytes the notebook, or the request as far as it was read, has.
    limit
        Bytes a notebook may have.
    """

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(
            f"Notebook size exceeds limit: it has {size:,} bytes, and {limit:,} are allowed. "
            "Clear the outputs of the largest cells and share again.",
            details={
                "maxSizeBytes": limit,
                "maxSizeMB": limit // _MEBIBYTE,
                "notebookSizeBytes": size,
                "notebookSizeMB": size // _MEBIBYTE,
            },
        )


class BodyTooLargeError(ServiceError):
    """The body of a call that takes no notebook is too large.

    Parameters
    ----------
    limit
        Bytes it may have.
    """

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"The body is too large: this call takes {limit:,} bytes at most.",
            details={"maxSizeBytes": limit},
        )


class InvalidNotebookError(ServiceError):
    """The body is not a notebook in nbformat 4.0 to 4.5."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooManyRequestsError(ServiceError):
    """The caller is over a rate limit.

    Parameters
    ----------
    retry_after
        Seconds until it is worth trying again.
    message
        Replaces the usual message.
    """

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, retry_after: int, message: str = "") -> None:
        self.retry_after = retry_after
        super().__init__(
            message or f"Too many requests. Wait {retry_after} s and try again.",
            details={"retryAfterSeconds": retry_after},
            headers={"Retry-After": str(retry_after)},
        )


class DamagedContentError(ServiceError):
    """The stored content does not match its hash."""

    def __init__(self) -> None:
        super().__init__(
            "This notebook was damaged where it is kept, so it is not shown. Ask whoever shared it "
            "to share it again, and tell whoever runs this service: a backup may still have it."
        )


class BadGatewayError(ServiceError):
    """The relay cannot read the URL."""

    status = HTTPStatus.BAD_GATEWAY


class UnavailableError(ServiceError):
    """The service cannot answer just now."""

    status = HTTPStatus.SERVICE_UNAVAILABLE

    def __init__(self, message: str, *, retry_after: int = 5) -> None:
        super().__init__(message, headers={"Retry-After": str(retry_after)})


class DiskFullError(ServiceError):
    """The disk has too little room left to keep more."""

    status = HTTPStatus.INSUFFICIENT_STORAGE

    def __init__(self) -> None:
        super().__init__(
            "The sharing service has no room left, so this notebook was not shared. Everything "
            "shared before is safe, and your notebook stays where it is. Tell your teacher, or "
            "whoever runs the service, and share it again later."
        )


_CODES = {413: "PAYLOAD_TOO_LARGE", 422: "UNPROCESSABLE_ENTITY"}


def error_code(status: int) -> str:
    """Return the error code of a status, as the contract has it.

    Examples
    --------
    >>> error_code(404), error_code(413)
    ('NOT_FOUND', 'PAYLOAD_TOO_LARGE')
    """
    return _CODES.get(status) or HTTPStatus(status).name


def error_response(
    status: int,
    message: str,
    *,
    details: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make an error response of the contract.

    Parameters
    ----------
    status
        HTTP status.
    message
        For a person.
    details
        For a program, left out when there are none.
    headers
        Extra headers.

    Returns
    -------
    starlette.responses.Response
        `{"error_code", "message", "timestamp", "details"?}` as JSON.
    """
    body: dict[str, Any] = {
        "error_code": error_code(status),
        "message": message,
        "timestamp": datetime.now(UTC).isoformat(),
    }
    if details:
        body["details"] = dict(details)
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        headers=dict(headers or {}),
        media_type="application/json",
    )


def response_for(error: ServiceError) -> Response:
    """Make the response to an error."""
    return error_response(error.status, error.message, details=error.details, headers=error.headers)
