"""The relay's endpoint: `/api/v1/relay?url=…`."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from je_sharing.api_models import error_responses, parameter
from je_sharing.authentication import Authenticated
from je_sharing.errors import BadRequestError
from je_sharing.relay import Relay

_URL = parameter("url", "query", "The address to read, of a listed host.") | {"required": True}


def relay_of(request: Request) -> Relay:
    """Get the relay that answers a request."""
    relay: Relay = request.app.state.relay
    return relay


router = APIRouter(tags=["relay"])


@router.get(
    "/relay",
    operation_id="relay",
    response_class=Response,
    responses={
        200: {
            "description": "What the other host answered, with its status.",
            "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}},
        },
        **error_responses(400, 403, 429, 502),
    },
    openapi_extra={"parameters": [_URL]},
)
async def relay_url(request: Request, _claims: Authenticated) -> Response:
    """Read a page of a listed host, for whoever has a token."""
    url = request.query_params.get("url")
    if not url:
        raise BadRequestError("Say which address to read: ?url=https://…")
    found = await relay_of(request).get(url)
    return Response(
        found.body,
        status_code=found.status,
        headers={
            "Content-Type": found.content_type,
            "X-Relayed-Url": found.url,
            # What another host sends is data, never a page of ours.
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Content-Disposition": "attachment",
        },
    )
