"""Migrations from an earlier schema, with data, on SQLite and PostgreSQL."""

import asyncio
import hashlib
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from service_parts import SESSION, content, in_services, settings_of

from je_sharing.database import create_engine, migrate, migration_config, pending_migrations
from je_sharing.errors import DamagedContentError
from je_sharing.schema import metadata

pytestmark = pytest.mark.service

ID = "33333333-3333-4333-8333-333333333333"
UUIDS = {"id", "session_id", "notebook_id"}


@pytest.fixture(params=["sqlite-folder", "postgres-folder"])
def settings(request, backend_settings):
    """Settings of a database with the first schema."""
    chosen = settings_of(backend_settings(request.param), backup_hours=0)
    command.upgrade(migration_config(chosen), "0001")
    return chosen


def insert(settings, table, *rows):
    async def run():
        engine = create_engine(settings)
        columns = [
            sa.column(name, sa.Uuid(as_uuid=False)) if name in UUIDS else sa.column(name)
            for name in rows[0]
        ]
        async with engine.begin() as connection:
            await connection.execute(sa.table(table, *columns).insert(), list(rows))
        await engine.dispose()

    asyncio.run(run())


def digest(what: bytes) -> bytes:
    return hashlib.sha256(what).digest()


def pack(settings, *contents, quarantined=()):
    """Store contents as the first version did: in a pack, with their places in the database."""
    folder = Path(settings.storage_location)
    folder.mkdir(parents=True)
    (folder / "a.pack").write_bytes(b"".join(contents))
    starts = [len(b"".join(contents[:number])) for number in range(len(contents))]
    rows = [
        {
            "content_hash": digest(what),
            "pack": "a.pack",
            "start": start,
            "size": len(what),
            "aside": what in quarantined,
        }
        for what, start in zip(contents, starts, strict=True)
    ]
    insert(settings, "packed", *rows)


def test_every_content_of_a_pack_is_read_after_the_migration(settings):
    first, second, quarantined = content(), content(), content()
    pack(settings, first, second, quarantined, quarantined=[quarantined])
    insert(
        settings,
        "notebooks",
        {
            "id": ID,
            "readable_id": "calm-silver-otter",
            "session_id": SESSION,
            "content_hash": digest(second),
            "created_at": 1,
            "taken_at": 1,
            "shared_at": 10**18,
        },
    )
    migrate(settings)

    async def scenario(services):
        notebook = await services.notebooks.find_readable("calm-silver-otter")
        assert notebook.id == ID
        assert await services.notebooks.content(notebook) == second
        for what in (first, second, quarantined):
            assert await services.store.get(digest(what)) == what
        await services.store.delete([digest(quarantined), digest(first)])
        assert await services.store.get(digest(quarantined)) is None
        assert await services.store.get(digest(first)) == first
        # No backup needs the pack here, so the sweep deletes it.
        await services.sweep.sweep()
        assert not list(Path(settings.storage_location).glob("*.pack"))
        assert await services.store.get(digest(second)) == second

    in_services(settings, scenario)


def test_history_and_the_queue_of_deletions_survive_the_migration(settings):
    old, new, unused = content(), content(), content()
    pack(settings, old, new, unused, quarantined=[unused])
    row = {
        "id": ID,
        "readable_id": "calm-silver-otter",
        "session_id": SESSION,
        "content_hash": digest(new),
        "created_at": 1,
        "taken_at": 2,
        "shared_at": 10**18,
    }
    insert(settings, "notebooks", row)
    insert(
        settings,
        "superseded",
        {"notebook_id": ID, "taken_at": 1, "content_hash": digest(old)},
    )
    insert(settings, "leaving", {"content_hash": digest(unused), "since": 1, "set_aside_at": 1})
    migrate(settings)

    async def scenario(services):
        notebook = await services.notebooks.find(ID)
        assert await services.notebooks.history(notebook) == [1, 2]
        before = await services.notebooks.revision_at(notebook, 1)
        assert await services.notebooks.content(before) == old
        assert (await services.sweep.sweep()).contents == 1
        assert await services.store.get(digest(unused)) is None
        assert await services.notebooks.content(before) == old

    in_services(settings, scenario)


def test_the_migrations_make_the_schema_of_this_version(settings):
    migrate(settings)

    async def differences():
        engine = create_engine(settings)
        async with engine.connect() as connection:
            found = await connection.run_sync(
                lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
            )
        await engine.dispose()
        return found

    assert asyncio.run(differences()) == []


def test_a_content_that_was_damaged_in_its_pack_is_still_reported(settings):
    what = content()
    pack(settings, what)
    path = Path(settings.storage_location) / "a.pack"
    path.write_bytes(b"x" + what[1:])
    migrate(settings)

    async def scenario(services):
        with pytest.raises(DamagedContentError):
            await services.store.get(digest(what))

    in_services(settings, scenario)


def test_a_missing_pack_does_not_stop_the_migration(settings):
    pack(settings, content())
    (Path(settings.storage_location) / "a.pack").unlink()
    migrate(settings)
    assert not asyncio.run(pending_migrations(settings))
