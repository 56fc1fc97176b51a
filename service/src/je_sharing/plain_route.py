"""Routes declared with FastAPI, which documents them, and answered by Starlette alone.

The endpoints take the request and return the response: they read their bodies themselves, for a
notebook must reach the store as it was sent. So nothing of FastAPI is needed to answer a request,
and what it would do for each is time a class would wait.
"""

from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from je_sharing.errors import ServiceError, response_for

Endpoint = Callable[[Request], Awaitable[Response]]


class PlainEndpoint:
    """Answers requests with an endpoint, turning refusals into answers.

    Parameters
    ----------
    endpoint
        Takes the request and returns the response.
    operation
        Its name, for the records.
    """

    def __init__(self, endpoint: Endpoint, operation: str) -> None:
        self._endpoint = endpoint
        self._operation = operation

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        scope["je_sharing.operation"] = self._operation
        try:
            response = await self._endpoint(Request(scope, receive, send))
        except ServiceError as error:
            response = response_for(error)
        await response(scope, receive, send)


def plain_routes(router: APIRouter, prefix: str = "") -> list[Route]:
    """Make Starlette's routes for what is declared on a router.

    Parameters
    ----------
    router
        With endpoints that take the request and return the response.
    prefix
        What comes before their paths.

    Returns
    -------
    list of starlette.routing.Route
        In the order of their declaration.
    """
    routes = []
    for route in router.routes:
        if isinstance(route, APIRoute):
            operation = route.operation_id or route.name
            app = PlainEndpoint(route.endpoint, operation)
            methods = sorted(route.methods or ())
            routes.append(Route(f"{prefix}{route.path}", app, methods=methods, name=operation))
    return routes
