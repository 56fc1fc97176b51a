"""Tokens: `/api/v1/auth`."""

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from je_sharing.api_models import ISSUE_BODY, REFRESH_BODY, Token, refusals
from je_sharing.errors import BadRequestError, NotFoundError, UnauthorizedError
from je_sharing.passwords import password_matches
from je_sharing.services import Services, services_of

router = APIRouter(prefix="/auth", tags=["tokens"])


class _Issue(msgspec.Struct):
    notebook_id: str | None = None
    password: str | None = None


class _Refresh(msgspec.Struct):
    token: str


@router.post(
    "/issue",
    operation_id="issue_token",
    response_model=Token,
    responses=refusals(400, 401, 408, 413, 429),
    openapi_extra=ISSUE_BODY,
)
async def issue_token(request: Request) -> Response:
    """Open a session; with a notebook's id and password, one that may update it."""
    services = services_of(request)
    wanted = _Issue()
    async with services.uploads.of(request) as body:
        if body.strip():
            wanted = _decode(body, _Issue)
    notebook_id = None
    if wanted.notebook_id is not None and wanted.password is not None:
        notebook_id = await _unlock(services, wanted.notebook_id, wanted.password)
    token = await services.sessions.issue(notebook_id=notebook_id)
    return _token_answer(token, headers={"Authorization": f"Bearer {token}"})


async def _unlock(services: Services, notebook_id: str, password: str) -> str:
    refusal = UnauthorizedError("Invalid notebook ID or password")
    try:
        notebook = await services.notebooks.find(notebook_id)
    except NotFoundError:
        raise refusal from None
    services.limits.check("password", notebook.id, 10)
    stored = await services.notebooks.password_hash(notebook.id)
    if not (stored and password and await password_matches(password, stored)):
        raise refusal
    return notebook.id


@router.post(
    "/refresh",
    operation_id="refresh_token",
    response_model=Token,
    responses=refusals(400, 401, 408, 413, 429),
    openapi_extra=REFRESH_BODY,
)
async def refresh_token(request: Request) -> Response:
    """Exchange a session's active token for a new one."""
    services = services_of(request)
    async with services.uploads.of(request) as body:
        token = _decode(body, _Refresh).token
    return _token_answer(await services.sessions.refresh(token))


def _decode(body: bytes, shape: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequestError(f"The body is not what this call takes: {error}.") from error


def _token_answer(token: str, headers: dict[str, str] | None = None) -> Response:
    return Response(
        msgspec.json.encode({"token": token}), media_type="application/json", headers=headers
    )
