"""Connections to the database end now and then, and nobody who asks need know."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import asyncpg


async def end_every_connection(url):
    """End every connection to a database but this one, as a server that restarts does."""
    connection = await asyncpg.connect(url)
    try:
        ended = await connection.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()
    return len(ended)


def test_a_notebook_is_found_after_the_database_was_restarted(start):
    service = start("postgres-folder")
    token = service.token()
    path = f"/notebooks/{service.shared(token=token)['id']}"
    assert service.get(path, token).status_code == 200
    assert asyncio.run(end_every_connection(service.environment["JE_SHARING_DATABASE_URL"])) > 0
    assert [service.get(path, token).status_code for _ in range(10)] == [200] * 10


def test_a_notebook_is_shared_after_the_database_was_restarted(start):
    service = start("postgres-folder")
    token = service.token()
    service.shared(token=token)
    assert asyncio.run(end_every_connection(service.environment["JE_SHARING_DATABASE_URL"])) > 0
    path = f"/notebooks/{service.shared(token=token)['id']}"
    assert service.get(path, token).status_code == 200


def test_the_smallest_pool_is_enough_for_many_at_once(start):
    service = start("postgres-folder", database_pool="1", content_cache_bytes="0")
    token = service.token()
    paths = [f"/notebooks/{service.shared(token=token)['id']}" for _ in range(8)]
    paths += [f"{path}/history" for path in paths]
    with ThreadPoolExecutor(16) as many:
        answers = list(many.map(lambda path: service.get(path, token), paths * 4))
    assert [answer.status_code for answer in answers] == [200] * len(answers)
