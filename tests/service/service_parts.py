"""The service's parts in the test's own process, to reach what HTTP does not show."""

import asyncio
import json
from collections.abc import Awaitable, Callable

from running_service import unique_notebook

from je_sharing.notebooks import Notebook, Share
from je_sharing.services import Services, running
from je_sharing.settings import Settings

SESSION = "11111111-1111-4111-8111-111111111111"


def settings_of(environment: dict[str, str], **more: object) -> Settings:
    prefix = "JE_SHARING_"
    chosen = {name.removeprefix(prefix).lower(): value for name, value in environment.items()}
    return Settings(**{**chosen, **more})


def in_services(settings: Settings, scenario: Callable[[Services], Awaitable[None]]) -> None:
    async def run() -> None:
        async with running(settings) as services:
            await scenario(services)

    asyncio.run(run())


def content(text: str = "x") -> bytes:
    return json.dumps(unique_notebook() | {"metadata": {"text": text}}).encode()


async def share(services: Services, what: bytes, session: str = SESSION) -> Notebook:
    return (await services.notebooks.create(Share(session, what))).notebook
