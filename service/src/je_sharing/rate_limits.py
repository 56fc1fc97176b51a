"""Rate limits that all processes share, without a query per request.

Each process counts in memory; every second it adds its counts to the database and reads the sums.
So a limit holds across processes and restarts, to within a second.
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
MINUTES_A_DAY = 24 * 60
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
    """Counts requests by the minute, and bytes by the day.

    Parameters
    ----------
    database
        Where the counts are added up.

    Notes
    -----
    The database has a keyed hash of each subject, whose salt is replaced every day and deleted the
    day after, until two minutes after its window. A process forgets a subject after its window.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._minute = 0
        # By kind, subject, and the last minute that is counted together.
        self._counts: dict[tuple[str, str, int], _Count] = {}
        self._day = ""
        self._salt = b""

    async def start(self) -> None:
        """Load today's salt; call before the first request."""
        await self._take_salt()

    def check(
        self, kind: str, subject: str, limit: int, *, cost: int = 1, minutes: int = 1
    ) -> None:
        """Count one request, or refuse it.

        Parameters
        ----------
        kind
            Name of the limit; each has its own counts.
        subject
            Session, address or id that is limited; only a hash is stored.
        limit
            Requests per window; 0 for no limit.
        cost
            How much this request counts.
        minutes
            The window, 1 or `MINUTES_A_DAY`.

        Raises
        ------
        TooManyRequestsError
            When the limit is reached.
        """
        if not limit:
            return
        count = self._count(kind, subject, minutes)
        if count.known + count.unsent >= limit:
            RATE_LIMITED.labels(kind).inc()
            window = minutes * 60
            raise TooManyRequestsError(retry_after=window - int(time.time()) % window)
        count.unsent += cost

    def refund(self, kind: str, subject: str) -> None:
        """Undo one `check`."""
        count = self._count(kind, subject)
        if count.known + count.unsent > 0:
            count.unsent -= 1

    def _count(self, kind: str, subject: str, minutes: int = 1) -> _Count:
        minute = int(time.time()) // 60
        if minute != self._minute:
            self._minute = minute
            self._counts = {who: kept for who, kept in self._counts.items() if who[2] >= minute}
        last = minute - minute % minutes + minutes - 1
        count = self._counts.get((kind, subject, last))
        if count is None:
            count = self._counts[kind, subject, last] = _Count()
        return count

    def _hashed(self, kind: str, subject: str) -> bytes:
        return hmac.digest(self._salt, f"{kind}|{subject}".encode(), hashlib.sha256)[:16]

    async def run_exchange(self) -> None:
        """Call `exchange` every second, until cancelled."""
        while True:
            await asyncio.sleep(_SYNC_SECONDS)
            try:
                await self._take_salt()
                await self.exchange()
            except Exception:
                _log.exception("could not exchange rate counts; this process counts alone")

    async def exchange(self) -> None:
        """Add this process's counts to the database and read the sums."""
        counts = {
            (self._hashed(kind, subject), last): count
            for (kind, subject, last), count in self._counts.items()
            if count.unsent
        }
        sending = {key: count.unsent for key, count in sorted(counts.items())}
        if not sending:
            return
        statement = self._database.insert(rate_counts)
        statement = statement.on_conflict_do_update(
            index_elements=["subject", "minute"],
            set_={"count": rate_counts.c.count + statement.excluded.count},
        ).returning(rate_counts.c.subject, rate_counts.c.minute, rate_counts.c.count)
        rows = [
            {"subject": subject, "minute": last, "count": n}
            for (subject, last), n in sending.items()
        ]
        async with self._database.write() as connection:
            sums = (await connection.execute(statement, rows)).all()
            await connection.execute(
                delete(rate_counts).where(rate_counts.c.minute < self._minute - _KEPT_MINUTES)
            )
        for subject, last, total in sums:
            count = counts[subject, last]
            count.known = total
            count.unsent -= sending[subject, last]

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
