"""Routes for view pages: `/s/{readable_id}`, without a script and without a token."""

from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from je_sharing.api_models import AT_QUERY, READABLE_PATH
from je_sharing.errors import ServiceError
from je_sharing.notebook_routes import (
    at_requested_time,
    etag_of,
    expiry,
    find_counting_misses,
    ipynb,
    sunset,
)
from je_sharing.notebooks import Notebook
from je_sharing.rendering.pages import View, content_security_policy
from je_sharing.services import Services, services_of
from je_sharing.times import time_text

_TITLES = {
    HTTPStatus.NOT_FOUND: "There is no notebook here",
    HTTPStatus.GONE: "This notebook was taken down",
    HTTPStatus.BAD_REQUEST: "That is not a time",
    HTTPStatus.TOO_MANY_REQUESTS: "Just a moment",
}
_TEXTS = {
    HTTPStatus.NOT_FOUND: (
        "Check the words of the link, letter by letter. If they are right, the notebook "
        "was deleted or has expired: ask whoever shared it to share it again."
    ),
    HTTPStatus.TOO_MANY_REQUESTS: "Too many requests came from your network. Wait a minute.",
}
_PAGE = {"description": "The page.", "content": {"text/html": {"schema": {"type": "string"}}}}
_FILE = {
    "description": "The .ipynb file.",
    "content": {"application/x-ipynb+json": {"schema": {"type": "object"}}},
}
_REFUSED: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 404, 410, 429, 503), _PAGE)

router = APIRouter(tags=["pages"])


@router.get(
    "/s/{readable_id}",
    operation_id="view_notebook",
    response_class=HTMLResponse,
    responses={200: _PAGE, **_REFUSED},
    openapi_extra={"parameters": [READABLE_PATH, AT_QUERY]},
)
async def view_notebook(request: Request) -> Response:
    """Show a notebook, read-only."""
    services = services_of(request)
    try:
        return await _notebook_page(services, request)
    except ServiceError as error:
        return _refusal_page(services, error)


@router.get(
    "/s/{readable_id}/download",
    operation_id="download_notebook",
    response_class=Response,
    responses={200: _FILE, **_REFUSED},
    openapi_extra={"parameters": [READABLE_PATH, AT_QUERY]},
)
async def download_notebook(request: Request) -> Response:
    """Download a notebook as an .ipynb file."""
    services = services_of(request)
    try:
        notebook = await _notebook_at(services, request)
        return ipynb(notebook, await services.notebooks.content(notebook))
    except ServiceError as error:
        return _refusal_page(services, error)


async def _notebook_at(services: Services, request: Request) -> Notebook:
    readable_id: str = request.path_params["readable_id"]
    latest = await find_counting_misses(request, readable_id=readable_id)
    return await at_requested_time(services, request, latest)


async def _notebook_page(services: Services, request: Request) -> Response:
    readable_id: str = request.path_params["readable_id"]
    latest = await find_counting_misses(request, readable_id=readable_id)
    notebook = await at_requested_time(services, request, latest)
    headers = page_headers(services) | sunset(services, latest)
    headers |= {"ETag": etag_of(notebook), "Cache-Control": "no-cache"}
    content = await services.notebooks.content(notebook)
    page = await services.pages.notebook(
        notebook.content_hash, content, _view(services, request, notebook, latest)
    )
    return HTMLResponse(page, headers=headers)


def _view(services: Services, request: Request, notebook: Notebook, latest: Notebook) -> View:
    base = (services.settings.public_url or str(request.base_url)).rstrip("/")
    site = services.settings.site_url.rstrip("/")
    page = f"{base}/s/{notebook.readable_id}"
    moment = f"at={quote(time_text(notebook.taken_at))}" if notebook != latest else ""
    at = f"?{moment}" if moment else ""
    shown = f"{notebook.readable_id}&{moment}" if moment else notebook.readable_id
    until = expiry(services, latest)
    return View(
        readable_id=notebook.readable_id,
        page_url=page + at,
        download_url=f"{notebook.readable_id}/download{at}",
        open_url=f"{site}/lab/index.html?notebook={shown}" if site else "",
        taken_at=time_text(notebook.taken_at),
        latest_url=notebook.readable_id if notebook != latest else "",
        expiry=until.date().isoformat() if until else "",
        report_url=_report_url(services.settings.report_url, page + at),
    )


def _report_url(url: str, page: str) -> str:
    """Make the address of the report link; a mail has the page's address as its subject."""
    if url.startswith("mailto:") and "?" not in url:
        return f"{url}?subject={quote(page, safe='')}"
    return url


def page_headers(services: Services) -> dict[str, str]:
    """Make the headers every page carries."""
    return {
        "Content-Security-Policy": content_security_policy(services.settings.frame_ancestors),
        "X-Robots-Tag": "noindex, nofollow",
    }


def _refusal_page(services: Services, error: ServiceError) -> Response:
    title = _TITLES.get(error.status, "The notebook cannot be shown")
    text = _TEXTS.get(error.status, error.message)
    headers = page_headers(services) | error.headers
    return HTMLResponse(services.pages.message(title, text), error.status, headers=headers)
