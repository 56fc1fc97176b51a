"""Routes for health checks and metrics: `/api/v1/health`, `/health/…`, `/metrics`."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from je_sharing.api_models import Health, error_responses
from je_sharing.metrics import exposition
from je_sharing.services import services_of

api_router = APIRouter(tags=["health"])
probe_router = APIRouter(tags=["health"])


@api_router.get("/health", operation_id="health", response_model=Health)
@probe_router.get("/health/live", operation_id="live", response_model=Health)
async def live(_request: Request) -> Response:
    """Say that the process runs."""
    return JSONResponse({"status": "ok"})


@probe_router.get(
    "/health", operation_id="ready_or_not", response_model=Health, responses=error_responses(503)
)
@probe_router.get(
    "/health/ready", operation_id="ready", response_model=Health, responses=error_responses(503)
)
async def ready(request: Request) -> Response:
    """Say whether database and storage can be reached."""
    await services_of(request).readiness.check()
    return JSONResponse({"status": "ok"})


@probe_router.get("/metrics", include_in_schema=False)
async def metrics(_request: Request) -> Response:
    """Return the metrics for Prometheus."""
    return Response(exposition(), media_type=CONTENT_TYPE_LATEST)
