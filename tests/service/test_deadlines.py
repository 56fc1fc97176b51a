"""What takes too long is ended, and nothing else is."""

import asyncio

import pytest

from je_sharing.deadlines import Deadlines

FOREVER = 3600.0
SOON = 0.02


async def wait_for_ever():
    await asyncio.Event().wait()


def test_what_takes_too_long_is_ended_and_its_task_goes_on():
    async def work():
        with pytest.raises(TimeoutError), Deadlines(SOON).begin():
            await wait_for_ever()
        await asyncio.sleep(0)
        return asyncio.current_task().cancelling()

    assert asyncio.run(work()) == 0


def test_what_ends_in_time_is_left_alone():
    async def work():
        deadlines = Deadlines(SOON)
        with deadlines.begin():
            pass
        # Long enough for another deadline, so the timer has looked at the first one's time.
        with pytest.raises(TimeoutError), deadlines.begin():
            await wait_for_ever()
        return "untouched"

    assert asyncio.run(work()) == "untouched"


def test_each_of_many_is_ended_however_they_overlap():
    async def one(deadlines, begun_after):
        await asyncio.sleep(begun_after)
        loop = asyncio.get_running_loop()
        start = loop.time()
        try:
            with deadlines.begin():
                await wait_for_ever()
        except TimeoutError:
            return loop.time() - start

    async def work():
        deadlines = Deadlines(SOON)
        return await asyncio.gather(*(one(deadlines, SOON * number / 5) for number in range(20)))

    assert all(taken >= SOON * 0.9 for taken in asyncio.run(work()))


def test_who_cancels_a_task_is_not_told_of_a_deadline():
    async def work():
        async def waiting():
            with Deadlines(FOREVER).begin():
                await wait_for_ever()

        task = asyncio.create_task(waiting())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())


def test_an_error_of_the_block_stays_what_it_is():
    async def work():
        with Deadlines(FOREVER).begin():
            raise LookupError("of the block")

    with pytest.raises(LookupError, match="of the block"):
        asyncio.run(work())


def test_of_two_around_each_other_the_one_that_is_due_speaks():
    async def work():
        inner, outer = Deadlines(SOON), Deadlines(FOREVER)
        with outer.begin():
            with pytest.raises(TimeoutError), inner.begin():
                await wait_for_ever()
            await asyncio.sleep(0)
        with pytest.raises(TimeoutError), inner.begin(), outer.begin():
            await wait_for_ever()

    asyncio.run(work())
