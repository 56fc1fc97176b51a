"""What the limits of requests count, for whom, for how long, and what is stored of it."""

import asyncio
import time
from types import SimpleNamespace

import pytest
from service_parts import in_services, settings_of
from sqlalchemy import func, select

from je_sharing import rate_limits
from je_sharing.database import migrate
from je_sharing.errors import TooManyRequestsError
from je_sharing.rate_limits import MINUTES_A_DAY, RateLimits, address_prefix
from je_sharing.schema import daily_salts, rate_counts

# Twenty seconds into a minute, an hour into a day.
BEGIN = 20_000 * 86_400 + 3_600 + 20


@pytest.fixture
def clock(monkeypatch):
    """The clock of the limits, which stands until a test moves it."""
    held = SimpleNamespace(now=float(BEGIN))
    monkeypatch.setattr(rate_limits, "time", SimpleNamespace(time=lambda: held.now))
    return held


@pytest.fixture
def limits(clock):
    return RateLimits(database=None)


def refused(limits, kind="read", subject="a", limit=2, **more):
    try:
        limits.check(kind, subject, limit, **more)
    except TooManyRequestsError as error:
        return error
    return None


def test_as_many_as_the_limit_pass_and_not_one_more(limits):
    assert [refused(limits) is None for _ in range(4)] == [True, True, False, False]


def test_zero_is_no_limit(limits):
    assert all(refused(limits, limit=0) is None for _ in range(5))


def test_each_kind_and_each_subject_has_a_count_of_its_own(limits):
    while refused(limits) is None:
        pass
    assert refused(limits, kind="write") is None
    assert refused(limits, subject="b") is None
    assert refused(limits, minutes=MINUTES_A_DAY) is None


def test_what_is_refused_says_when_to_come_again(limits, clock):
    limits.check("read", "a", 1)
    assert refused(limits, limit=1).headers["Retry-After"] == "40"
    limits.check("bytes", "a", 1, minutes=MINUTES_A_DAY)
    again = refused(limits, kind="bytes", limit=1, minutes=MINUTES_A_DAY).headers["Retry-After"]
    assert int(again) == 86_400 - 3_620


def test_a_minutes_count_ends_with_the_minute_and_a_days_with_the_day(limits, clock):
    for minutes in (1, MINUTES_A_DAY):
        limits.check("read", "a", 1, minutes=minutes)
    clock.now += 39
    assert refused(limits, limit=1)
    clock.now += 1
    assert refused(limits, limit=1) is None
    clock.now = BEGIN - 3_620 + 86_399.0
    assert refused(limits, limit=1, minutes=MINUTES_A_DAY)
    clock.now += 1
    assert refused(limits, limit=1, minutes=MINUTES_A_DAY) is None


def test_counts_that_are_over_are_forgotten(limits, clock):
    for number in range(5):
        limits.check("read", str(number), 1)
    clock.now += 60
    limits.check("read", "a", 1)
    assert len(limits._counts) == 1


def test_a_request_counts_for_what_it_costs(limits):
    assert refused(limits, limit=10, cost=9) is None
    assert refused(limits, limit=10, cost=9) is None
    assert refused(limits, limit=10)


def test_what_is_given_back_was_not_counted_and_never_more(limits):
    limits.check("read", "a", 2)
    for _ in range(3):
        limits.refund("read", "a")
    assert [refused(limits) is None for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("::ffff:203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2ff::7", "2001:db8:1:200::/56"),
        ("2001:db8:1:300::7", "2001:db8:1:300::/56"),
        ("unknown", "unknown"),
    ],
)
def test_neighbours_are_counted_together(address, network):
    assert address_prefix(address) == network


def on_one_database(backend_settings, scenario):
    settings = settings_of(backend_settings("sqlite-folder"))
    migrate(settings)

    async def run(services):
        processes = [RateLimits(services.database) for _ in range(2)]
        for process in processes:
            await process.start()
        await scenario(services.database, *processes)

    in_services(settings, run)


def test_processes_learn_what_the_others_counted(backend_settings, clock):
    async def scenario(_database, one, other):
        for _ in range(2):
            one.check("read", "a", 4)
            other.check("read", "a", 4)
            await one.exchange()
            await other.exchange()
        # Each count is sent once.
        assert refused(other, limit=5) is None
        assert refused(other, limit=5)
        # What this process knew, and the one it counts now.
        assert refused(one, limit=4) is None
        await one.exchange()
        assert refused(one, limit=5)

    on_one_database(backend_settings, scenario)


def test_nothing_stored_names_who_was_counted_and_kinds_stay_apart(backend_settings, clock):
    async def scenario(database, one, _other):
        for kind in ("read", "write"):
            one.check(kind, "203.0.113.0/24", 9)
        await one.exchange()
        async with database.read() as connection:
            subjects = list((await connection.execute(select(rate_counts.c.subject))).scalars())
        assert len(set(subjects)) == 2
        assert all(len(subject) == 16 for subject in subjects)

    on_one_database(backend_settings, scenario)


def test_counts_are_kept_two_minutes_longer_than_they_count(backend_settings, clock):
    async def stored(database):
        async with database.read() as connection:
            return (
                await connection.execute(select(func.count()).select_from(rate_counts))
            ).scalar()

    async def scenario(database, one, _other):
        for minute, expected in ((0, 1), (2, 2), (3, 2)):
            clock.now = BEGIN + 60.0 * minute
            one.check("read", "a", 9)
            await one.exchange()
            assert await stored(database) == expected, minute

    on_one_database(backend_settings, scenario)


def test_todays_salt_is_one_for_all_and_yesterdays_goes_a_day_later(backend_settings):
    async def scenario(database, one, other):
        assert one._salt == other._salt
        assert len(one._salt) == 32
        async with database.write() as connection:
            insert = daily_salts.insert()
            for day in ("2001-01-01", time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86_400))):
                await connection.execute(insert.values(day=day, salt=b"x" * 32))
        one._day = ""
        await one.start()
        async with database.read() as connection:
            days = list((await connection.execute(select(daily_salts.c.day))).scalars())
        assert len(days) == 2
        assert "2001-01-01" not in days
        assert one._salt == other._salt

    on_one_database(backend_settings, scenario)


def test_one_exchange_that_fails_does_not_end_the_exchanges(backend_settings, monkeypatch):
    monkeypatch.setattr(rate_limits, "_SYNC_SECONDS", 0.001)

    async def scenario(_database, one, other):
        one.check("read", "a", 2)
        exchange, failures = one.exchange, [OSError("the database is away")]

        async def exchange_that_fails_once():
            if failures:
                raise failures.pop()
            await exchange()

        one.exchange = exchange_that_fails_once
        background = asyncio.create_task(one.run_exchange())
        async with asyncio.timeout(30):
            while one._counts and any(count.unsent for count in one._counts.values()):
                assert not background.done(), "the exchanges have ended"
                await asyncio.sleep(0.001)
        background.cancel()
        other.check("read", "a", 2)
        await other.exchange()
        assert refused(other, limit=2)

    on_one_database(backend_settings, scenario)


def test_the_exchanges_take_the_salt_of_a_new_day(backend_settings, monkeypatch):
    monkeypatch.setattr(rate_limits, "_SYNC_SECONDS", 0.001)

    async def scenario(_database, one, other):
        one._day, one._salt = "yesterday", b"old"
        background = asyncio.create_task(one.run_exchange())
        async with asyncio.timeout(30):
            while one._day == "yesterday":
                await asyncio.sleep(0.001)
        background.cancel()
        assert one._salt == other._salt

    on_one_database(backend_settings, scenario)
