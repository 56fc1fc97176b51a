"""The readiness probe: whether database and storage can be reached."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from je_sharing.errors import UnavailableError

Ping = Callable[[], Awaitable[None]]

_FRESH_SECONDS = 2.0
_log = logging.getLogger(__name__)


class Readiness:
    """Probes the dependencies, one probe at a time, and caches the result briefly.

    Parameters
    ----------
    pings
        By name; each raises when its dependency cannot be reached.
    timeout_seconds
        Time for a probe.
    """

    def __init__(self, pings: Mapping[str, Ping], *, timeout_seconds: float = 5) -> None:
        self._pings = pings
        self._timeout = timeout_seconds
        self._probe: asyncio.Task[list[str]] | None = None
        self._fresh_until = 0.0

    async def check(self) -> None:
        """Wait for the current probe, or use the cached result.

        Raises
        ------
        UnavailableError
            With the names of what cannot be reached; the log has the reason.
        """
        if self._probe is None or (self._probe.done() and time.monotonic() > self._fresh_until):
            self._probe = asyncio.create_task(self._ping_all())
        # A client that disconnects does not cancel the probe for the others.
        unreachable = await asyncio.shield(self._probe)
        if unreachable:
            raise UnavailableError(f"Cannot be reached just now: {', '.join(unreachable)}.")

    async def _ping_all(self) -> list[str]:
        reached = await asyncio.gather(*(self._reaches(name) for name in self._pings))
        self._fresh_until = time.monotonic() + _FRESH_SECONDS
        return [name for name, is_there in zip(self._pings, reached, strict=True) if not is_there]

    async def _reaches(self, name: str) -> bool:
        try:
            async with asyncio.timeout(self._timeout):
                await self._pings[name]()
        except Exception as error:
            _log.warning("%s cannot be reached: %s", name, type(error).__name__)
            return False
        return True
