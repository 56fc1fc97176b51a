"""Connections to the database end now and then, and nobody who asks need know."""

import asyncio

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
