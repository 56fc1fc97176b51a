"""Rate limits, shared by every process through the database without a query a request.

Each process counts for itself and decides at once; every second it adds its counts to the
database and learns what the others counted. So a limit holds across processes to within a second.
"""

import asyncio
import functools
import hashlib
import hmac
import ipaddress
import logging
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, select

from je_sharing.database import Database
from je_sharing.errors import TooManyRequestsError
from je_sharing.metrics import RATE_LIMITED
from je_sharing.schema import daily_salts, rate_counts

_SYNC_SECONDS = 1.0
_KEPT_MINUTES = 2
_log = logging.getLogger(__name__)


@dataclass
class _Count:
    known: int = 0
    unsent: int = 0


@functools.lru_cache(maxsize=1024)
def address_prefix(address: str) -> str:
    """Cut an address down to its network: /24 of IPv4, /56 of IPv6.

    Parameters
    ----------
    address
        An IP address as text; anything else is taken as it is.

    Returns
    -------
    str
        The network.

    Examples
    --------
    >>> address_prefix("203.0.113.77"), address_prefix("2001:db8:1:2ff::7")
    ('203.0.113.0/24', '2001:db8:1:200::/56')
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped:
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network((parsed, 24 if parsed.version == 4 else 56), strict=False))


class RateLimits:
    """Counts requests by the minute.

    Parameters
    ----------
    database
        Where processes meet.

    Notes
    -----
    What is stored of a subject (a session, an address prefix) is a hash keyed with a salt that is
    drawn anew every day and deleted the day after, and it is stored for two minutes. The process
    itself forgets whom it counted when the minute ends.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._minute = 0
        self._counts: dict[tuple[str, str], _Count] = {}
        self._day = ""
        self._salt = b""

    async def start(self) -> None:
        """Take today's salt; call before the first request."""
        await self._take_salt()

    def check(self, kind: str, subject: str, limit: int) -> None:
        """Count one request, or refuse it.

        Parameters
        ----------
        kind
            Which limit: each has counts of its own.
        subject
            Whom to count; never stored.
        limit
            Requests a minute; 0 for no limit.

        Raises
        ------
        TooManyRequestsError
            When the limit is reached.
        """
        if not limit:
            return
        count = self._count(kind, subject)
        if count.known + count.unsent >= limit:
            RATE_LIMITED.labels(kind).inc()
            raise TooManyRequestsError(retry_after=60 - int(time.time()) % 60)
        count.unsent += 1

    def is_over(self, kind: str, subject: str, limit: int) -> bool:
        """Tell whether a limit is reached, counting nothing."""
        count = self._count(kind, subject)
        return bool(limit) and count.known + count.unsent >= limit

    def _count(self, kind: str, subject: str) -> _Count:
        minute = int(time.time()) // 60
        if minute != self._minute:
            self._minute, self._counts = minute, {}
        count = self._counts.get((kind, subject))
        if count is None:
            count = self._counts[kind, subject] = _Count()
        return count

    def _hashed(self, kind: str, subject: str) -> bytes:
        return hmac.digest(self._salt, f"{kind}|{subject}".encode(), hashlib.sha256)[:16]

    async def keep_in_step(self) -> None:
        """Exchange counts with the other processes, for as long as the process runs."""
        while True:
            await asyncio.sleep(_SYNC_SECONDS)
            try:
                await self._take_salt()
                await self.exchange()
            except Exception:
                _log.exception("could not exchange rate counts; this process counts alone")

    async def exchange(self) -> None:
        """Add this process's counts to the database and learn the sums."""
        minute = self._minute
        counts = {self._hashed(*who): count for who, count in self._counts.items() if count.unsent}
        sending = {key: count.unsent for key, count in sorted(counts.items())}
        if not sending:
            return
        statement = self._database.insert(rate_counts)
        statement = statement.on_conflict_do_update(
            index_elements=["subject", "minute"],
            set_={"count": rate_counts.c.count + statement.excluded.count},
        ).returning(rate_counts.c.subject, rate_counts.c.count)
        rows = [{"subject": key, "minute": minute, "count": n} for key, n in sending.items()]
        async with self._database.write() as connection:
            sums = (await connection.execute(statement, rows)).all()
            await connection.execute(
                delete(rate_counts).where(rate_counts.c.minute < minute - _KEPT_MINUTES)
            )
        for subject, total in sums:
            count = counts[subject]
            count.known = total
            count.unsent -= sending[subject]

    async def _take_salt(self) -> None:
        today = datetime.now(UTC).date()
        if self._day == today.isoformat():
            return
        draw = self._database.insert(daily_salts).values(
            day=today.isoformat(), salt=secrets.token_bytes(32)
        )
        async with self._database.write() as connection:
            await connection.execute(draw.on_conflict_do_nothing())
            yesterday = (today - timedelta(days=1)).isoformat()
            await connection.execute(delete(daily_salts).where(daily_salts.c.day < yesterday))
            query = select(daily_salts.c.salt).where(daily_salts.c.day == today.isoformat())
            self._salt = (await connection.execute(query)).scalar_one()
        self._day = today.isoformat()
