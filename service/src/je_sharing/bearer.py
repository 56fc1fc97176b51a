"""Who is calling: the bearer token of a request."""

from starlette.requests import Request

from je_sharing.errors import ForbiddenError
from je_sharing.headers import header_of
from je_sharing.services import services_of
from je_sharing.tokens import Claims, InvalidTokenError

_SCHEME = "bearer "


async def caller(request: Request) -> Claims:
    """Read the claims of a request's token.

    Parameters
    ----------
    request
        With `Authorization: Bearer …`.

    Returns
    -------
    Claims
        What the token says.

    Raises
    ------
    ForbiddenError
        When it is missing, malformed or expired (403, as the contract has it).
    """
    header = header_of(request, b"authorization")
    if header[: len(_SCHEME)].lower() != _SCHEME:
        raise ForbiddenError("A token is needed: Authorization: Bearer …, from /api/v1/auth/issue.")
    try:
        return await services_of(request).sessions.read(header[len(_SCHEME) :].strip())
    except InvalidTokenError as error:
        raise ForbiddenError(f"{error} Refresh it, or ask for a new one.") from error
