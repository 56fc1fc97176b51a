"""Authenticate requests: check the bearer token, and return the session it belongs to."""

from typing import Annotated

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.requests import Request

from je_sharing.errors import ForbiddenError
from je_sharing.services import services_of
from je_sharing.tokens import Claims, InvalidTokenError

_bearer = HTTPBearer(scheme_name="bearer", bearerFormat="JWT", auto_error=False)


async def authenticate(
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Claims:
    """Check the token of a request.

    Parameters
    ----------
    request
        The request.
    credentials
        Its header `Authorization: Bearer …`.

    Returns
    -------
    Claims
        What the token says.

    Raises
    ------
    ForbiddenError
        When the token is missing, malformed or expired (403, as the contract has it).
    """
    if credentials is None:
        raise ForbiddenError("A token is needed: Authorization: Bearer …, from /api/v1/auth/issue.")
    try:
        return await services_of(request).sessions.read(credentials.credentials.strip())
    except InvalidTokenError as error:
        raise ForbiddenError(f"{error} Refresh it, or ask for a new one.") from error


Authenticated = Annotated[Claims, Depends(authenticate)]
