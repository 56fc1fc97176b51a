"""Backups, restores and moves to another database and store keep every link and session."""

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from running_service import API, bearer, unique_notebook
from service_parts import content, in_services, settings_of, share
from test_damage_and_backup import damage, stored_file

from je_sharing.database import migrate, migration_config
from je_sharing.storage import content_hash, open_store
from je_sharing.transfer import TransferError, deployment, transfer

pytestmark = pytest.mark.service


def run(environment, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "je_sharing", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def aws(backend_settings, monkeypatch):
    """Credentials of the bucket, for parts in the test's own process."""
    for name, value in backend_settings("postgres-s3").items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)


class Used:
    """A deployment that was used: a link with history, a blocked one, a session."""

    def __init__(self, service, block) -> None:
        self.token, self.contents = service.token(), [unique_notebook() for _ in range(3)]
        self.shared = service.shared(self.contents[0], self.token)
        self.put = service.put(f"/notebooks/{self.shared['id']}", self.contents[1], self.token)
        assert self.put.is_success
        self.first_time = self.history(service)[0]
        self.blocked = service.shared(self.contents[2], self.token)
        block(service, self.blocked["readable_id"])
        self.times = self.history(service)

    def history(self, service) -> list[str]:
        path = f"/notebooks/{self.shared['id']}/history"
        return list(service.get(path, self.token).json()["taken_at"])

    def check(self, service) -> None:
        """Every link shows what it did, and the session still owns its notebooks."""
        path = f"/notebooks/{self.shared['id']}"
        assert service.get(path, self.token).json()["content"] == self.contents[1]
        before = service.get(path, self.token, at=self.first_time).json()
        assert before["content"] == self.contents[0]
        assert self.history(service) == self.times
        assert service.http.get(f"/s/{self.shared['readable_id']}").status_code == 200
        assert service.http.get(f"/s/{self.blocked['readable_id']}").status_code == 410
        refreshed = service.http.post(f"{API}/auth/refresh", json={"token": self.token})
        assert refreshed.status_code == 200
        self.token = refreshed.json()["token"]
        again = service.http.put(f"{API}{path}", json=self.contents[1], headers=bearer(self.token))
        assert again.status_code == 200


def block(service, name: str) -> None:
    done = run(service.environment, "block", name)
    assert done.returncode == 0, done.stderr


def test_a_school_moves_to_postgresql_and_s3_and_back(start, backend_settings, tmp_path):
    small = start()
    used = Used(small, block)
    environment = backend_settings("postgres-s3")
    arguments = [
        "--to",
        environment["JE_SHARING_DATABASE_URL"],
        "--to-storage",
        environment["JE_SHARING_STORAGE_URL"],
    ]
    with_bucket = small.environment | {
        name: value
        for name, value in environment.items()
        if name.startswith("AWS_") or name == "JE_SHARING_STORAGE_ENDPOINT"
    }
    done = run(with_bucket, "copy", *arguments, "--contents-only")
    assert done.stdout.startswith("0 notebooks. Contents: 3 copied, 0 were"), done.stderr
    small.stop()
    done = run(with_bucket, "copy", *arguments)
    assert done.stdout.startswith("2 notebooks. Contents: 0 copied, 3 were"), done.stderr
    large = start("postgres-s3", **_settings(environment))
    used.check(large)
    large.stop()
    back = tmp_path / "back"
    done = run(environment, "copy", "--to", str(back))
    assert done.returncode == 0, done.stderr
    used.check(start(data_dir=str(back)))


def _settings(environment) -> dict[str, str]:
    return {
        name.removeprefix("JE_SHARING_").lower(): value
        for name, value in environment.items()
        if name.startswith("JE_SHARING_")
    }


def test_a_backup_of_a_running_service_is_restored_into_an_empty_place(start, tmp_path):
    service = start()
    used = Used(service, block)
    folder = tmp_path / "backup"
    done = run(service.environment, "backup", str(folder))
    assert done.stdout.startswith("2 notebooks. Contents: 3 copied"), done.stderr
    # What is shared after the backup is not in it, and does not disturb it.
    later = service.shared()
    service.stop()
    empty = service.environment | {"JE_SHARING_DATA_DIR": str(tmp_path / "empty")}
    done = run(empty, "restore", str(folder))
    assert done.stdout.startswith("2 notebooks. Contents: 3 copied"), done.stderr
    restored = start(data_dir=empty["JE_SHARING_DATA_DIR"])
    used.check(restored)
    assert restored.http.get(f"/s/{later['readable_id']}").status_code == 404
    done = run(empty, "restore", str(folder))
    assert done.returncode == 1
    assert done.stderr == "The target has notebooks already. Choose an empty one.\n"


@pytest.mark.parametrize("target", ["sqlite-folder", "postgres-s3"])
def test_every_notebook_of_a_backup_is_read_after_a_restore(
    settings, backend_settings, target, tmp_path, aws
):
    contents = [content() for _ in range(20)]
    names = []

    async def fill(services):
        names.extend([(await share(services, what)).readable_id for what in contents])

    async def read_all(services):
        for name, what in zip(names, contents, strict=True):
            notebook = await services.notebooks.find_readable(name)
            assert await services.notebooks.content(notebook) == what

    in_services(settings, fill)
    backup = deployment(settings, str(tmp_path / "backup"))
    restored = settings_of(backend_settings(target))
    assert transfer(settings, backup).copied == 20
    assert transfer(backup, restored).copied == 20
    in_services(restored, read_all)


def test_an_interrupted_copy_goes_on_where_it_was(backend_settings, tmp_path):
    settings = settings_of(backend_settings("sqlite-folder"))
    migrate(settings)
    contents = [content() for _ in range(20)]

    async def fill(services):
        for what in contents:
            await share(services, what)

    in_services(settings, fill)
    target = deployment(settings, str(tmp_path / "target"))
    # A file where the folder of the last content belongs.
    last = max(content_hash(what).hex() for what in contents)[:2]
    folder = Path(target.storage_location) / "contents"
    folder.mkdir(parents=True)
    (folder / last).touch()
    with pytest.raises(OSError, match=last):
        transfer(settings, target)
    assert _notebooks_in(target) == 0
    (folder / last).unlink()
    result = transfer(settings, target)
    assert result.present >= 8
    assert result.copied + result.present == 20
    assert result.notebooks == _notebooks_in(target) == 20


def _notebooks_in(settings) -> int:
    with sqlite3.connect(settings.data_dir / "sharing.db") as database:
        return int(database.execute("SELECT count(*) FROM notebooks").fetchone()[0])


def test_a_damaged_content_is_named_and_all_else_is_copied(start, tmp_path):
    service = start()
    service.shared()
    damage(stored_file(service))
    whole = unique_notebook()
    shared = service.shared(whole)
    done = run(service.environment, "backup", str(tmp_path / "backup"))
    assert done.returncode == 1
    assert "1 are damaged or missing in the source" in done.stdout
    assert "cannot be read" in done.stderr
    restored = start(data_dir=str(tmp_path / "backup"))
    assert restored.get(f"/notebooks/{shared['id']}").json()["content"] == whole


def test_a_damaged_content_of_the_target_is_replaced(backend_settings, tmp_path):
    settings = settings_of(backend_settings("sqlite-folder"))
    migrate(settings)
    what = content()

    async def fill(services):
        await share(services, what)

    in_services(settings, fill)
    target = deployment(settings, str(tmp_path / "target"))
    transfer(settings, target, contents_only=True)
    name = content_hash(what).hex()
    damage(Path(target.storage_location) / "contents" / name[:2] / name)
    assert transfer(settings, target).copied == 1
    assert asyncio.run(open_store(target).get(content_hash(what))) == what


def test_a_folder_without_a_backup_is_refused(tmp_path, backend_settings):
    settings = settings_of(backend_settings("sqlite-folder"))
    with pytest.raises(TransferError, match=r"There is no sharing\.db"):
        transfer(deployment(settings, str(tmp_path)), settings)
    assert not (tmp_path / "sharing.db").exists()


def test_sqlite_is_backed_up_before_it_migrates(backend_settings):
    settings = settings_of(backend_settings("sqlite-folder"))
    command.upgrade(migration_config(settings), "0003")
    migrate(settings)
    path = settings.data_dir / "sharing.db"
    revisions = []
    for name in (path, f"{path}.before-migration"):
        with sqlite3.connect(name) as database:
            revisions += database.execute("SELECT version_num FROM alembic_version").fetchone()
    assert revisions[1] == "0003"
    assert revisions[0] > revisions[1]


def test_a_database_that_needs_no_migration_is_not_copied(backend_settings):
    settings = settings_of(backend_settings("sqlite-folder"))
    migrate(settings)
    migrate(settings)
    assert not list(settings.data_dir.glob("*.before-migration"))
