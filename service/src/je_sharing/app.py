"""The ASGI application."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from je_sharing import auth_routes, health_routes, notebook_routes, relay_routes, view_routes
from je_sharing.logs import log_as_json
from je_sharing.middleware import (
    AddressLimit,
    AnyOptions,
    ClientSecret,
    Refusals,
    RequestRecord,
)
from je_sharing.plain_route import plain_routes
from je_sharing.relay import Relay
from je_sharing.services import Services, running, services_of
from je_sharing.settings import Settings

_API_PREFIX = "/api/v1"
_PREFLIGHT_SECONDS = 3600
_DESCRIPTION = (
    "From a notebook to a link you can say aloud. Ask `/api/v1/auth/issue` for a token, share "
    "with `POST /api/v1/notebooks`, read at `/s/{readable_id}`."
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# A large share is a few thousand objects that are gone when it is answered: looking for cycles
# among them every 700, as CPython does by default, costs a third of the time of a share.
_OBJECTS_BEFORE_A_COLLECTION = 50_000


class _Application(Starlette):
    """Starlette without its own two middlewares, in whose place `RequestRecord` and ours stand."""

    def build_middleware_stack(self) -> ASGIApp:
        app: ASGIApp = self.router
        for item, arguments, options in reversed(self.user_middleware):
            app = item(app, *arguments, **options)
        return app


def create_app(settings: Settings) -> Starlette:
    """Make the application.

    Parameters
    ----------
    settings
        The service's settings.

    Returns
    -------
    starlette.applications.Starlette
        Opens database and storage when it starts, and closes them when it ends.
    """

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[dict[str, Services]]:
        async with running(settings) as services:
            yield {"services": services}

    routers = _routers(settings)
    app = _Application(
        routes=[
            *(route for router, prefix in routers for route in plain_routes(router, prefix)),
            Route("/openapi.json", _openapi_document),
            Route("/docs", _interface_page),
        ],
        middleware=_middleware(settings),
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False
    app.state.openapi = openapi_document(settings)
    if settings.relay_host_list:
        app.state.relay = Relay(
            settings.relay_host_list,
            max_bytes=settings.relay_max_bytes,
            timeout_seconds=settings.relay_timeout_seconds,
        )
    return app


def app_from_environment() -> Starlette:
    """Make the application from `JE_SHARING_*`; the factory uvicorn's workers call."""
    settings = Settings()
    log_as_json(settings.log_level)
    app = create_app(settings)
    gc.freeze()
    gc.set_threshold(_OBJECTS_BEFORE_A_COLLECTION, *gc.get_threshold()[1:])
    return app


def openapi_document(settings: Settings) -> dict[str, Any]:
    """Describe the API.

    Parameters
    ----------
    settings
        Decide whether the relay is part of it.

    Returns
    -------
    dict
        The OpenAPI document, which FastAPI writes from the routes' declarations.
    """
    declared = FastAPI(title="je-sharing", description=_DESCRIPTION, version=_version())
    for router, prefix in _routers(settings):
        declared.include_router(router, prefix=prefix)
    document = declared.openapi()
    document.setdefault("components", {})["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    return document


def _routers(settings: Settings) -> list[tuple[APIRouter, str]]:
    relay = [(relay_routes.router, _API_PREFIX)] if settings.relay_host_list else []
    return [
        (notebook_routes.router, _API_PREFIX),
        (view_routes.router, ""),
        (auth_routes.router, _API_PREFIX),
        (health_routes.api_router, _API_PREFIX),
        (health_routes.probe_router, ""),
        *relay,
    ]


def _middleware(settings: Settings) -> list[Middleware]:
    """Choose what a request passes through, outermost first."""
    chosen = [
        Middleware(
            RequestRecord,
            headers=_HEADERS,
            access_log=settings.access_log,
        ),
    ]
    if settings.cors_origin_list:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origin_list,
            allow_methods=["GET", "POST", "PUT", "DELETE", "OPTIONS"],
            allow_headers=["Authorization", "Content-Type", settings.client_secret_header],
            expose_headers=[
                "Authorization",
                "ETag",
                "Retry-After",
                "Sunset",
                "X-Notebook-Taken-At",
            ],
            max_age=_PREFLIGHT_SECONDS,
        )
        chosen.append(cors)
    chosen.append(Middleware(AnyOptions))
    chosen.append(Middleware(AddressLimit, limit=settings.requests_per_address))
    if secret := settings.client_secret.get_secret_value():
        header = settings.client_secret_header
        chosen.append(Middleware(ClientSecret, header=header, secret=secret))
    chosen.append(Middleware(Refusals, timeout_seconds=settings.request_timeout_seconds))
    return chosen


async def _openapi_document(request: Request) -> JSONResponse:
    return JSONResponse(request.app.state.openapi)


async def _interface_page(request: Request) -> HTMLResponse:
    services = services_of(request)
    operations = [
        {
            "method": method.upper(),
            "path": path,
            "summary": operation.get("description") or operation.get("summary", ""),
            "statuses": ", ".join(operation["responses"]),
        }
        for path, methods in request.app.state.openapi["paths"].items()
        for method, operation in methods.items()
    ]
    return HTMLResponse(
        services.pages.interface(operations), headers=view_routes.page_headers(services)
    )


def _version() -> str:
    try:
        return version("je-sharing")
    except PackageNotFoundError:
        return "0"
