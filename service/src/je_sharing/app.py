"""Create the ASGI application from the service's settings, routes and middleware."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import PackageNotFoundError, version

from fastapi import APIRouter, FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from je_sharing import auth_routes, health_routes, notebook_routes, relay_routes, view_routes
from je_sharing.errors import ServiceError, error_response, response_for
from je_sharing.logs import log_as_json
from je_sharing.middleware import (
    ClientSecretMiddleware,
    ErrorMiddleware,
    HeadMiddleware,
    OptionsMiddleware,
    RateLimitMiddleware,
    RequestLogMiddleware,
)
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


def create_app(settings: Settings) -> FastAPI:
    """Make the application.

    Parameters
    ----------
    settings
        The service's settings.

    Returns
    -------
    fastapi.FastAPI
        Opens database and storage when it starts, and closes them when it ends.
    """

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[dict[str, Services]]:
        async with running(settings) as services:
            services.pages.prepare()
            yield {"services": services}

    app = FastAPI(
        title="je-sharing",
        description=_DESCRIPTION,
        version=_version(),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        middleware=_middleware(settings),
        exception_handlers={
            ServiceError: _answer_service_error,
            HTTPException: _answer_http_exception,
        },
    )
    for router, prefix in _routers(settings):
        app.include_router(router, prefix=prefix)
    app.add_route("/docs", _interface_page, include_in_schema=False)
    if settings.relay_host_list:
        app.state.relay = Relay(
            settings.relay_host_list,
            max_bytes=settings.relay_max_bytes,
            timeout_seconds=settings.relay_timeout_seconds,
        )
    return app


def app_from_environment() -> FastAPI:
    """Make the application from `JE_SHARING_*`; the factory that uvicorn's workers call."""
    settings = Settings()
    log_as_json(settings.log_level)
    return create_app(settings)


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
    """List the middleware, outermost first."""
    chosen = [
        Middleware(HeadMiddleware),
        Middleware(
            RequestLogMiddleware,
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
    chosen.append(Middleware(OptionsMiddleware))
    chosen.append(Middleware(RateLimitMiddleware, limit=settings.requests_per_address))
    if secret := settings.client_secret.get_secret_value():
        header = settings.client_secret_header
        chosen.append(Middleware(ClientSecretMiddleware, header=header, secret=secret))
    chosen.append(Middleware(ErrorMiddleware, timeout_seconds=settings.request_timeout_seconds))
    return chosen


async def _answer_service_error(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ServiceError)
    return response_for(error)


async def _answer_http_exception(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return error_response(error.status_code, str(error.detail), headers=error.headers)


async def _interface_page(request: Request) -> HTMLResponse:
    services = services_of(request)
    operations = [
        {
            "method": method.upper(),
            "path": path,
            "summary": operation.get("description") or operation.get("summary", ""),
            "statuses": ", ".join(operation["responses"]),
        }
        for path, methods in request.app.openapi()["paths"].items()
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
