"""Assemble, start and stop the parts of a service process."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.requests import Request

from je_sharing.database import Database
from je_sharing.free_space import FreeSpace
from je_sharing.notebooks import Notebooks
from je_sharing.rate_limits import RateLimits
from je_sharing.readiness import Readiness
from je_sharing.recent_cache import CHECK_SECONDS, MAX_AGE_SECONDS
from je_sharing.rendering.pages import Pages
from je_sharing.sessions import Sessions
from je_sharing.settings import Settings
from je_sharing.signing_keys import load_ring
from je_sharing.storage import ContentStore, open_store
from je_sharing.sweep import Sweep
from je_sharing.tokens import TokenCodec
from je_sharing.uploads import MemoryBudget, Uploads
from je_sharing.validation import Bounds


@dataclass(frozen=True)
class Services:
    """The parts of a running service.

    Parameters
    ----------
    settings, database, store, sessions, notebooks, limits, uploads, bounds, pages, sweep
        One of each.
    readiness, free_space
        One of each.
    """

    settings: Settings
    database: Database
    store: ContentStore
    sessions: Sessions
    notebooks: Notebooks
    limits: RateLimits
    uploads: Uploads
    bounds: Bounds
    pages: Pages
    sweep: Sweep
    readiness: Readiness
    free_space: FreeSpace

    def drop_cached(self, older_than: float) -> None:
        """Drop the contents and pages that have been in memory for longer than these seconds."""
        self.notebooks.cache.drop_older_than(older_than)
        self.pages.cache.drop_older_than(older_than)


async def assemble(settings: Settings, database: Database) -> Services:
    """Put the parts together.

    Parameters
    ----------
    settings
        The service's settings.
    database
        Open, with the schema in place.

    Returns
    -------
    Services
        Ready to answer.
    """
    codec = TokenCodec(
        await load_ring(database, settings),
        lifetime_seconds=round(settings.token_minutes * 60),
        skew_seconds=settings.clock_skew_seconds,
    )
    store = open_store(settings)
    sessions = Sessions(database, settings, codec)
    books = Notebooks(database, store, cache_bytes=settings.content_cache_bytes)
    limits = RateLimits(database)
    await limits.start()
    return Services(
        settings=settings,
        database=database,
        store=store,
        sessions=sessions,
        notebooks=books,
        limits=limits,
        uploads=Uploads(
            max_bytes=settings.max_request_bytes,
            max_notebook_bytes=settings.max_notebook_bytes,
            timeout_seconds=settings.upload_timeout_seconds,
            budget=MemoryBudget(settings.upload_memory_bytes),
        ),
        bounds=Bounds(settings.max_json_depth, settings.max_cells, settings.max_outputs),
        pages=Pages(cache_bytes=settings.page_cache_bytes),
        sweep=Sweep(database, store, books, sessions, settings),
        readiness=Readiness({"the database": database.ping, "the storage": store.ping}),
        free_space=FreeSpace(settings.folders, settings.min_free_bytes),
    )


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Services]:
    """Run the service's parts and their background work while the block runs.

    Parameters
    ----------
    settings
        The service's settings.

    Yields
    ------
    Services
        The parts.
    """
    database = Database(settings)
    try:
        services = await assemble(settings, database)
        background = [
            asyncio.create_task(services.sessions.run_key_reload()),
            asyncio.create_task(services.limits.run_exchange()),
            asyncio.create_task(services.sweep.run()),
            asyncio.create_task(_run_cache_expiry(services)),
        ]
        try:
            yield services
        finally:
            for task in background:
                task.cancel()
            await asyncio.gather(*background, return_exceptions=True)
            await services.pages.close()
    finally:
        await database.close()


async def _run_cache_expiry(services: Services) -> None:
    """Drop old contents and pages from memory, until cancelled."""
    while True:
        await asyncio.sleep(CHECK_SECONDS)
        services.drop_cached(MAX_AGE_SECONDS)


def services_of(request: Request) -> Services:
    """Return the parts, for a request."""
    services: Services = request.scope["state"]["services"]
    return services
