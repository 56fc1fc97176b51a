"""Shares that are not simply new: repeated, mixed, unlucky with their ids, or interrupted."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from service_parts import SESSION, content, in_services, share
from sqlalchemy.exc import DBAPIError

from je_sharing import readable_ids
from je_sharing.notebooks import Share

OTHER_SESSION = "22222222-2222-4222-8222-222222222222"


async def create_at_once(services, shares):
    return await asyncio.gather(*(services.notebooks.create(each) for each in shares))


def test_new_and_repeated_shares_at_once_each_get_what_is_theirs(settings):
    async def scenario(services):
        old, new = content(), content()
        before = await share(services, old)
        first, *rest = await create_at_once(
            services,
            [Share(SESSION, old), *[Share(SESSION, new)] * 3, Share(OTHER_SESSION, old)],
        )
        others = rest.pop()
        assert not first.is_new
        assert replace(first.notebook, shared_at=before.shared_at) == before
        assert len({item.notebook.id for item in rest}) == 1
        assert sum(item.is_new for item in rest) == 1
        assert others.is_new
        assert others.notebook.id not in {before.id, rest[0].notebook.id}
        for item, what in [(first, old), *((item, new) for item in rest), (others, old)]:
            assert await services.notebooks.content(item.notebook) == what
            found = await services.notebooks.find(item.notebook.id)
            assert replace(found, shared_at=item.notebook.shared_at) == item.notebook

    in_services(settings, scenario)


def test_an_id_that_is_taken_is_drawn_again(settings, monkeypatch):
    async def scenario(services):
        taken = await share(services, content())
        draw = readable_ids.draw
        unlucky = iter([taken.readable_id] * 3)
        monkeypatch.setattr(readable_ids, "draw", lambda: next(unlucky, None) or draw())
        shared = await create_at_once(services, [Share(SESSION, content()) for _ in range(4)])
        ids = {item.notebook.readable_id for item in shared}
        assert len(ids) == 4
        assert taken.readable_id not in ids
        assert all(item.is_new for item in shared)
        for item in shared:
            assert await services.notebooks.find_readable(item.notebook.readable_id)
        assert await services.notebooks.find_readable(taken.readable_id) == taken

    in_services(settings, scenario)


@pytest.mark.parametrize("was_done", [False, True])
def test_a_connection_that_ends_in_the_middle_costs_nothing(settings, monkeypatch, was_done):
    """Whether the database did what it was asked is not known then, and must not matter."""

    async def scenario(services):
        database = services.database
        write = database.write

        @asynccontextmanager
        async def interrupted():
            monkeypatch.undo()
            async with write() as connection:
                yield connection
                if not was_done:
                    await connection.rollback()
            lost = ConnectionResetError("in the middle")
            raise DBAPIError("COMMIT", None, lost, connection_invalidated=True)

        monkeypatch.setattr(database, "write", interrupted)
        whats = [content() for _ in range(3)]
        shared = await create_at_once(services, [Share(SESSION, what) for what in whats])
        assert all(item.is_new for item in shared)
        for item, what in zip(shared, whats, strict=True):
            assert await services.notebooks.content(item.notebook) == what
        again = await create_at_once(services, [Share(SESSION, what) for what in whats])
        assert [item.notebook.id for item in again] == [item.notebook.id for item in shared]
        assert not any(item.is_new for item in again)

    in_services(settings, scenario)
