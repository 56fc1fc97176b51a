"""Routes for notebooks: `/api/v1/notebooks`."""

import asyncio
from datetime import datetime, timedelta
from email.utils import format_datetime

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from je_sharing.api_models import (
    AT_QUERY,
    NOTEBOOK_BODY,
    READABLE_PATH,
    SHARE_BODY,
    UUID_PATH,
    History,
    Retrieved,
    Saved,
    error_responses,
)
from je_sharing.authentication import Authenticated
from je_sharing.errors import (
    BadRequestError,
    InvalidNotebookError,
    NotFoundError,
    PayloadTooLargeError,
    TooManyRequestsError,
)
from je_sharing.metrics import NOTEBOOK_BYTES, SHARES
from je_sharing.notebooks import Notebook, Share
from je_sharing.passwords import hash_password
from je_sharing.rate_limits import MINUTES_A_DAY
from je_sharing.services import Services, services_of
from je_sharing.share_body import BadShareBodyError, ShareBody, parse_share_body
from je_sharing.times import EPOCH, parse_time, time_text
from je_sharing.tokens import Claims
from je_sharing.validation import NotANotebookError, check_notebook

# The contract's field for a host name. A constant, so that it identifies nobody.
DOMAIN_ID = "je-sharing"

_REFUSALS = (403, 404, 410, 429)

router = APIRouter(prefix="/notebooks", tags=["notebooks"])


@router.post(
    "",
    operation_id="share_notebook",
    status_code=201,
    response_model=Saved,
    responses=error_responses(400, 403, 408, 410, 413, 422, 429, 503, 507),
    openapi_extra=SHARE_BODY,
)
async def share_notebook(request: Request, claims: Authenticated) -> Response:
    """Share a notebook; the same session sharing the same content again gets the same answer."""
    services = services_of(request)
    _count_write(services, claims)
    async with services.uploads.of(request) as body:
        share = await _parse_share(services, body)
        _count_bytes(services, request, share.notebook)
        password_hash = await hash_password(share.password) if share.password else None
        shared = await services.notebooks.create(
            Share(claims.session_id, share.notebook, password_hash=password_hash)
        )
    NOTEBOOK_BYTES.observe(len(share.notebook))
    SHARES.labels("created" if shared.is_new else "repeated").inc()
    message = "Notebook shared" if shared.is_new else "Notebook was shared before, unchanged"
    return _saved(services, 201, message, shared.notebook)


@router.get(
    "/get-by-readable-id/{readable_id}",
    operation_id="get_notebook_by_readable_id",
    response_model=Retrieved,
    responses=error_responses(400, *_REFUSALS, 503),
    openapi_extra={"parameters": [READABLE_PATH, AT_QUERY]},
)
async def get_notebook_by_readable_id(request: Request, claims: Authenticated) -> Response:
    """Get a notebook by its readable id."""
    return await _retrieved(request, await _find(request, claims))


@router.put(
    "/update-by-readable-id/{readable_id}",
    operation_id="update_notebook_by_readable_id",
    response_model=Saved,
    responses=error_responses(400, 401, 408, 413, *_REFUSALS, 507),
    openapi_extra={"parameters": [READABLE_PATH]} | NOTEBOOK_BODY,
)
async def update_notebook_by_readable_id(request: Request, claims: Authenticated) -> Response:
    """Replace a notebook's content, by its readable id."""
    return await _update(request, claims)


@router.get(
    "/{notebook_id}",
    operation_id="get_notebook",
    response_model=Retrieved,
    responses=error_responses(400, *_REFUSALS, 503),
    openapi_extra={"parameters": [UUID_PATH, AT_QUERY]},
)
async def get_notebook(request: Request, claims: Authenticated) -> Response:
    """Get a notebook by its UUID."""
    return await _retrieved(request, await _find(request, claims))


@router.put(
    "/{notebook_id}",
    operation_id="update_notebook",
    response_model=Saved,
    responses=error_responses(400, 401, 408, 413, *_REFUSALS, 507),
    openapi_extra={"parameters": [UUID_PATH]} | NOTEBOOK_BODY,
)
async def update_notebook(request: Request, claims: Authenticated) -> Response:
    """Replace a notebook's content, by its UUID."""
    return await _update(request, claims)


@router.delete(
    "/{notebook_id}",
    operation_id="delete_notebook",
    status_code=204,
    responses=error_responses(401, *_REFUSALS),
    openapi_extra={"parameters": [UUID_PATH]},
)
async def delete_notebook(request: Request, claims: Authenticated) -> Response:
    """Delete a notebook with its history; only its owner may."""
    services = services_of(request)
    _count_write(services, claims)
    notebook = await _find(request, claims)
    await services.notebooks.delete_as_owner(notebook, claims)
    return Response(status_code=204)


@router.get(
    "/{notebook_id}/export",
    operation_id="export_notebook",
    response_class=Response,
    responses={
        200: {
            "description": "The .ipynb file, exactly as it was sent.",
            "content": {"application/x-ipynb+json": {"schema": {"type": "object"}}},
        },
        **error_responses(400, *_REFUSALS, 503),
    },
    openapi_extra={"parameters": [UUID_PATH, AT_QUERY]},
)
async def export_notebook(request: Request, claims: Authenticated) -> Response:
    """Download a notebook as an .ipynb file."""
    services = services_of(request)
    notebook = await at_requested_time(services, request, await _find(request, claims))
    return ipynb(notebook, await services.notebooks.content(notebook))


@router.get(
    "/{notebook_id}/history",
    operation_id="notebook_history",
    response_model=History,
    responses=error_responses(*_REFUSALS),
    openapi_extra={"parameters": [UUID_PATH]},
)
async def notebook_history(request: Request, claims: Authenticated) -> Response:
    """List when a notebook was shared."""
    notebook = await _find(request, claims)
    times = await services_of(request).notebooks.history(notebook)
    return _json(
        200,
        {"readable_id": notebook.readable_id, "taken_at": [time_text(moment) for moment in times]},
    )


async def _update(request: Request, claims: Claims) -> Response:
    services = services_of(request)
    _count_write(services, claims)
    async with services.uploads.of(request) as body:
        notebook = await _find(request, claims)
        await services.notebooks.require_owner(notebook, claims)
        try:
            await _check(services, body)
        except NotANotebookError as error:
            raise BadRequestError(f"Invalid notebook format: {error}") from error
        _count_bytes(services, request, body)
        updated = await services.notebooks.update(notebook, claims, body)
    NOTEBOOK_BYTES.observe(len(body))
    SHARES.labels("updated").inc()
    return _saved(services, 200, "Notebook updated", updated)


async def _parse_share(services: Services, body: bytes) -> ShareBody:
    """Parse the body of a share, and check its notebook."""
    try:
        share = parse_share_body(body)
        await _check(services, share.notebook)
    except BadShareBodyError as error:
        raise BadRequestError(str(error)) from error
    except NotANotebookError as error:
        raise InvalidNotebookError(f"Invalid notebook format: {error}") from error
    return share


async def _check(services: Services, content: bytes) -> None:
    """Check a notebook's size and validity, in a thread."""
    limit = services.settings.max_notebook_bytes
    if len(content) > limit:
        size = await asyncio.to_thread(_utf8_size, content)
        if size > limit:
            raise PayloadTooLargeError(size, limit)
    await asyncio.to_thread(check_notebook, content, services.bounds)


def _utf8_size(content: bytes) -> int:
    r"""Return the size of a JSON text as compact UTF-8, without spaces and \u escapes."""
    try:
        return len(msgspec.json.encode(msgspec.json.decode(content)))
    except (msgspec.DecodeError, UnicodeError, RecursionError, ValueError):
        return len(content)


def _count_write(services: Services, claims: Claims) -> None:
    services.limits.check("write", claims.session_id, services.settings.writes_per_session)


def _count_bytes(services: Services, request: Request, content: bytes) -> None:
    """Check the free disk space and the day's limit of bytes per address.

    A limit per session would limit nobody: anyone can open any number of sessions.
    """
    services.free_space.require(len(content))
    try:
        services.limits.check(
            "bytes",
            request.scope["je_sharing.address"],
            services.settings.bytes_per_address // 1024,
            cost=len(content) // 1024 + 1,
            minutes=MINUTES_A_DAY,
        )
    except TooManyRequestsError as error:
        message = (
            "Your network has shared as much today as this service takes in a day. Share the "
            "notebook again tomorrow, or tell whoever runs the service."
        )
        raise TooManyRequestsError(error.retry_after, message) from None


async def _find(request: Request, claims: Claims) -> Notebook:
    """Find the notebook of a request's path."""
    return await find_counting_misses(
        request,
        notebook_id=request.path_params.get("notebook_id"),
        readable_id=request.path_params.get("readable_id", ""),
        session_id=claims.session_id,
    )


async def find_counting_misses(
    request: Request,
    *,
    notebook_id: str | None = None,
    readable_id: str = "",
    session_id: str | None = None,
) -> Notebook:
    """Find a notebook; requests for unknown ids are rate limited.

    A notebook that exists is always found: others at the same address may be guessing.

    Parameters
    ----------
    request
        The request.
    notebook_id
        UUID to look for, or None for the readable id.
    readable_id
        Readable id to look for.
    session_id
        The session of the request, if any. Misses over the session's limit do not count against
        its address.

    Returns
    -------
    Notebook
        The notebook.

    Raises
    ------
    NotFoundError
        When there is none.
    TooManyRequestsError
        When there is none, and there were too many misses.
    """
    services = services_of(request)
    try:
        if notebook_id is not None:
            return await services.notebooks.find(notebook_id)
        return await services.notebooks.find_readable(readable_id)
    except NotFoundError:
        settings, address = services.settings, request.scope["je_sharing.address"]
        if session_id is not None:
            services.limits.check("session-miss", session_id, settings.misses_per_session)
        services.limits.check("miss", address, settings.misses_per_address)
        raise


async def at_requested_time(services: Services, request: Request, notebook: Notebook) -> Notebook:
    """Return the revision of a notebook that the query's `at` asks for.

    Raises
    ------
    BadRequestError
        When `at` is not a time.
    NotFoundError
        When the notebook was first shared later.
    """
    text = request.query_params.get("at")
    if text is None:
        return notebook
    try:
        microseconds = parse_time(text)
    except ValueError:
        raise BadRequestError("`at` must be a time such as 2026-01-31T13:45:00Z.") from None
    return await services.notebooks.revision_at(notebook, microseconds)


async def _retrieved(request: Request, notebook: Notebook) -> Response:
    services = services_of(request)
    notebook = await at_requested_time(services, request, notebook)
    etag = etag_of(notebook)
    headers = {"ETag": etag, **sunset(services, notebook)}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    content = await services.notebooks.content(notebook)
    head = msgspec.json.encode(_ids(notebook))
    return Response(
        b'%b,"content":%b}' % (head[:-1], content),
        media_type="application/json",
        headers={**headers, "X-Notebook-Taken-At": time_text(notebook.taken_at)},
    )


def ipynb(notebook: Notebook, content: bytes) -> Response:
    """Make the response for a download."""
    return Response(
        content,
        media_type="application/x-ipynb+json",
        headers={"Content-Disposition": f'attachment; filename="{notebook.readable_id}.ipynb"'},
    )


def etag_of(notebook: Notebook) -> str:
    """Make a notebook's ETag."""
    return f'"{notebook.content_hash.hex()}"'


def expiry(services: Services, notebook: Notebook) -> datetime | None:
    """Return when a notebook expires unless it is shared again; None for never."""
    days = services.settings.retention_days
    if not days:
        return None
    return EPOCH + timedelta(microseconds=notebook.shared_at, days=days)


def sunset(services: Services, notebook: Notebook) -> dict[str, str]:
    """Make the `Sunset` header (RFC 8594); empty if the notebook never expires."""
    until = expiry(services, notebook)
    return {"Sunset": format_datetime(until, usegmt=True)} if until else {}


def _ids(notebook: Notebook) -> dict[str, str]:
    return {"id": notebook.id, "domain_id": DOMAIN_ID, "readable_id": notebook.readable_id}


def _saved(services: Services, status: int, message: str, notebook: Notebook) -> Response:
    value = {"message": message, "notebook": _ids(notebook)}
    return _json(status, value, headers=sunset(services, notebook))


def _json(status: int, value: object, headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode(value),
        status_code=status,
        media_type="application/json",
        headers=headers,
    )
