"""What is damaged is never shown, and what a backup names is in it."""

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pytest
from running_service import API, unique_notebook
from service_parts import content, in_services, settings_of, share
from sqlalchemy import update
from test_history_and_retention import DAY, make_older, stored

from je_sharing.database import migrate
from je_sharing.errors import DamagedContentError
from je_sharing.schema import gc_queue
from je_sharing.storage import ContentStore, content_hash, open_store

pytestmark = pytest.mark.service


def damage(path: Path) -> None:
    """Turn one bit over in the middle of a file."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def stored_file(service) -> Path:
    """Find the file of the only content."""
    folder = Path(service.environment["JE_SHARING_DATA_DIR"]) / "notebooks" / "contents"
    (file,) = (path for path in folder.rglob("*") if path.is_file())
    return file


@pytest.fixture
def bucket(backend_settings, monkeypatch) -> ContentStore:
    environment = backend_settings("postgres-s3")
    for name, value in environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    return open_store(settings_of(environment))


class TestDamage:
    def test_a_damaged_notebook_is_answered_with_words_counted_and_logged(self, start):
        service = start()
        token, notebook = service.token(), unique_notebook()
        shared = service.shared(notebook, token)
        file = stored_file(service)
        whole = file.read_bytes()
        damage(file)
        for path in (f"{API}/notebooks/{shared['id']}", f"{API}/notebooks/{shared['id']}/export"):
            answer = service.http.get(path, headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 500
            assert set(answer.json()) == {"error_code", "message", "timestamp"}
            assert "damaged" in answer.json()["message"]
        page = service.http.get(f"/s/{shared['readable_id']}")
        assert page.status_code == 500
        assert "damaged" in page.text
        assert notebook["cells"][0]["source"] not in page.text
        counted = 'je_sharing_damaged_contents_total{place="contents"} 3.0'
        assert counted in service.http.get("/metrics").text
        assert "is damaged in contents" in service.log()
        assert "Traceback" not in service.log()
        # Nothing of it was kept: what is mended is shown.
        file.write_bytes(whole)
        assert service.get(f"/notebooks/{shared['id']}", token).json()["content"] == notebook

    def test_sharing_it_again_mends_it(self, start):
        service = start()
        token, notebook = service.token(), unique_notebook()
        shared = service.shared(notebook, token)
        file = stored_file(service)
        damage(file)
        assert service.get(f"/notebooks/{shared['id']}", token).status_code == 500
        assert service.shared(notebook, token)["id"] == shared["id"]
        assert service.get(f"/notebooks/{shared['id']}", token).json()["content"] == notebook

    def test_of_two_copies_in_a_bucket_the_whole_one_is_read(self, bucket):
        async def scenario():
            what = content()
            digest = content_hash(what)
            for place in ("contents", "aside"):
                name = f"{place}/{digest.hex()[:2]}/{digest.hex()}"
                await bucket._backend.put(name, what[:-1] if place == "contents" else what)
            assert await bucket.get(digest) == what
            await bucket._backend.put(name, b"")
            with pytest.raises(DamagedContentError):
                await bucket.get(digest)
            await bucket.put(digest, what)
            assert await bucket.get(digest) == what

        asyncio.run(scenario())


async def make_hours_pass(services, hours: float) -> None:
    """Let what is in the queue be older than it is."""
    await make_older(services, hours / 24)
    by = int(hours / 24 * DAY)
    async with services.database.write() as connection:
        await connection.execute(update(gc_queue).values(queued_at=gc_queue.c.queued_at - by))


class TestBackup:
    def test_all_that_a_backup_of_the_database_names_is_in_the_folder_copied_after_it(
        self, backend_settings, tmp_path
    ):
        settings = settings_of(backend_settings("sqlite-folder"))
        migrate(settings)
        restored = settings.model_copy(update={"data_dir": tmp_path / "restored"})
        restored.data_dir.mkdir()
        contents = [content() for _ in range(8)]

        async def back_up_while_all_is_deleted(services):
            shared = [await share(services, what) for what in contents]
            with (
                sqlite3.connect(settings.data_dir / "sharing.db") as live,
                sqlite3.connect(restored.data_dir / "sharing.db") as backup,
            ):
                live.backup(backup)
            await services.notebooks.delete([notebook.id for notebook in shared[:-1]])
            for _ in range(5):
                await make_hours_pass(services, 4)
                await services.sweep.sweep()
            shutil.copytree(settings.storage_location, restored.storage_location)
            # When no backup can need it any more, it goes.
            for _ in range(12):
                await make_hours_pass(services, 4)
                await services.sweep.sweep()
            assert [await stored(services, what) for what in contents[:-1]] == [None] * 7
            assert await stored(services, contents[-1]) == contents[-1]

        async def read_all(services):
            assert [await stored(services, what) for what in contents] == contents

        in_services(settings, back_up_while_all_is_deleted)
        in_services(restored, read_all)
