"""Routes for tokens: `/api/v1/auth`."""

from typing import Any

import msgspec
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from je_sharing.api_models import ISSUE_BODY, REFRESH_BODY, Token, error_responses
from je_sharing.errors import BadRequestError, NotFoundError, UnauthorizedError
from je_sharing.passwords import password_matches
from je_sharing.services import Services, services_of
from je_sharing.tokens import mark_of_password

router = APIRouter(prefix="/auth", tags=["tokens"])

# Per minute: a limit per network, and one per notebook for guesses from many networks. The second
# is higher, so that one network's guesses do not lock out others who know the password.
_WRONG_PASSWORDS_PER_ADDRESS = 10
_WRONG_PASSWORDS = 100


class _Issue(msgspec.Struct):
    notebook_id: str | None = None
    password: str | None = None


class _Refresh(msgspec.Struct):
    token: str


@router.post(
    "/issue",
    operation_id="issue_token",
    response_model=Token,
    responses=error_responses(400, 401, 408, 413, 429),
    openapi_extra=ISSUE_BODY,
)
async def issue_token(request: Request) -> Response:
    """Open a session; with a notebook's id and password, one that may update it."""
    services = services_of(request)
    wanted = _Issue()
    body = await services.uploads.small(request)
    if body.strip():
        wanted = _decode(body, _Issue)
    if wanted.notebook_id is None or wanted.password is None:
        token = await services.sessions.issue()
    else:
        address: str = request.scope["je_sharing.address"]
        notebook_id, stored = await _unlock(services, address, wanted.notebook_id, wanted.password)
        token = await services.sessions.issue(
            notebook_id=notebook_id, password_mark=mark_of_password(stored)
        )
    return _token_answer(token, headers={"Authorization": f"Bearer {token}"})


async def _unlock(
    services: Services, address: str, notebook_id: str, password: str
) -> tuple[str, str]:
    """Return the notebook's UUID and the hash of the password that was given."""
    error = UnauthorizedError("Invalid notebook ID or password")
    try:
        notebook = await services.notebooks.find(notebook_id)
    except NotFoundError:
        raise error from None
    # Count before the check, or concurrent guesses would all be checked; refund a right password.
    from_here = f"{notebook.id} {address}"
    services.limits.check("password-here", from_here, _WRONG_PASSWORDS_PER_ADDRESS)
    services.limits.check("password", notebook.id, _WRONG_PASSWORDS)
    stored = await services.notebooks.password_hash(notebook.id)
    if not (stored and password and await password_matches(password, stored)):
        raise error
    services.limits.refund("password-here", from_here)
    services.limits.refund("password", notebook.id)
    return notebook.id, stored


@router.post(
    "/refresh",
    operation_id="refresh_token",
    response_model=Token,
    responses=error_responses(400, 401, 408, 413, 429),
    openapi_extra=REFRESH_BODY,
)
async def refresh_token(request: Request) -> Response:
    """Exchange a session's active token for a new one."""
    services = services_of(request)
    token = _decode(await services.uploads.small(request), _Refresh).token
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
