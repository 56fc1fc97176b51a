"""What a link showed, what is kept, and what goes."""

import os
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest
from running_service import API, bearer, unique_notebook
from service_parts import SESSION, content, in_services, settings_of, share
from sqlalchemy import func, select, update

from je_sharing.database import migrate
from je_sharing.errors import DamagedContentError
from je_sharing.schema import gc_queue, notebooks, now
from je_sharing.services import Services
from je_sharing.settings import Settings
from je_sharing.storage import content_hash
from je_sharing.tokens import Claims
from je_sharing.uploads import SPOOL_BYTES

pytestmark = pytest.mark.service

DAY = 24 * 60 * 60 * 1_000_000


class TestHistory:
    def versions(self, service, count=3):
        token = service.token()
        contents = [unique_notebook() for _ in range(count)]
        shared = service.shared(contents[0], token)
        for version in contents[1:]:
            assert service.put(f"/notebooks/{shared['id']}", version, token).status_code == 200
        times = service.get(f"/notebooks/{shared['id']}/history").json()["taken_at"]
        return shared, contents, times

    def test_a_link_shows_what_it_showed_at_any_earlier_time(self, service):
        shared, contents, times = self.versions(service)
        assert len(times) == 3
        assert times == sorted(times)
        for path in (shared["id"], f"get-by-readable-id/{shared['readable_id']}"):
            for version, moment in zip(contents, times, strict=True):
                answer = service.get(f"/notebooks/{path}", at=moment)
                assert answer.json()["content"] == version
                assert answer.headers["x-notebook-taken-at"] == moment

    def test_between_two_shares_it_shows_the_earlier_one(self, service):
        shared, contents, times = self.versions(service, 2)
        just_before = datetime.fromisoformat(times[1]) - timedelta(microseconds=1)
        answer = service.get(f"/notebooks/{shared['id']}", at=just_before.isoformat())
        assert answer.json()["content"] == contents[0]

    def test_before_the_first_share_there_is_nothing(self, service):
        shared, _, _ = self.versions(service, 2)
        answer = service.get(f"/notebooks/{shared['id']}", at="2001-01-01T00:00:00Z")
        assert answer.status_code == 404

    @pytest.mark.parametrize("at", ["", "yesterday", "2026-13-01", "9" * 400, "\x00"])
    def test_what_is_no_time_is_400(self, service, at):
        shared = service.shared()
        assert service.get(f"/notebooks/{shared['id']}", at=at).status_code == 400

    @pytest.mark.parametrize("at", ["2999-01-01", "2999-01-01T00:00:00+02:00", "2999-01-01T00:00"])
    def test_times_are_read_in_any_iso_form(self, service, at):
        shared = service.shared()
        assert service.get(f"/notebooks/{shared['id']}", at=at).status_code == 200

    def test_a_page_of_an_earlier_version_says_so(self, service):
        shared, contents, times = self.versions(service, 2)
        page = service.http.get(f"/s/{shared['readable_id']}", params={"at": times[0]}).text
        assert "You see an earlier version" in page
        assert contents[0]["cells"][0]["source"].split("'")[1] in page
        download = service.http.get(f"/s/{shared['readable_id']}/download?at={times[0]}")
        assert download.json() == contents[0]
        assert "earlier version" not in service.http.get(f"/s/{shared['readable_id']}").text

    def test_the_same_content_again_adds_no_version(self, service):
        token, content = service.token(), unique_notebook()
        shared = service.shared(content, token)
        for _ in range(2):
            assert service.put(f"/notebooks/{shared['id']}", content, token).status_code == 200
        assert len(service.get(f"/notebooks/{shared['id']}/history").json()["taken_at"]) == 1


async def make_older(services: Services, days: float) -> None:
    """Let everything in the database be older than it is."""
    by = int(days * DAY)
    async with services.database.write() as connection:
        await connection.execute(update(notebooks).values(shared_at=notebooks.c.shared_at - by))
        await connection.execute(
            update(gc_queue).values(quarantined_at=gc_queue.c.quarantined_at - by)
        )


def files(settings: Settings) -> list[Path]:
    """List the files of the folder of contents."""
    return sorted(path for path in Path(settings.storage_location).rglob("*") if path.is_file())


def stored_bytes(settings: Settings) -> bytes:
    """Everything the folder of contents holds."""
    return b"".join(path.read_bytes() for path in files(settings))


def make_file_older(path: Path, seconds: float = 24 * 60 * 60) -> None:
    then = path.stat().st_mtime - seconds
    os.utime(path, (then, then))


async def stored(services: Services, what: bytes) -> bytes | None:
    return await services.store.get(content_hash(what))


class TestHowLongItIsKept:
    """Stated with every answer that has to do with a notebook, counted from its last share."""

    DAY = 24 * 3600

    def sunset(self, answer) -> float:
        return parsedate_to_datetime(answer.headers["sunset"]).timestamp()

    def test_a_school_year_and_a_summer_by_default(self, service):
        token = service.token()
        begun = int(time.time())
        answer = service.share(token=token)
        kept = self.sunset(answer)
        assert begun + 400 * self.DAY <= kept <= time.time() + 400 * self.DAY
        ids = answer.json()["notebook"]
        page = service.http.get(f"/s/{ids['readable_id']}")
        assert {
            self.sunset(service.get(f"/notebooks/{ids['id']}", token)),
            self.sunset(service.get(f"/notebooks/get-by-readable-id/{ids['readable_id']}", token)),
            self.sunset(page),
        } == {kept}
        day = datetime.fromtimestamp(kept, UTC).date().isoformat()
        assert f'It is kept until <time datetime="{day}">{day}</time>' in page.text

    def test_it_begins_anew_with_every_share(self, service):
        token, what = service.token(), unique_notebook()
        first = service.share(what, token)
        path = f"/notebooks/{first.json()['notebook']['id']}"
        seen = self.sunset(first)
        for again in (lambda: service.share(what, token), lambda: service.put(path, what, token)):
            deadline = time.monotonic() + 60
            while self.sunset(answer := again()) <= seen:  # it is told in seconds
                assert time.monotonic() < deadline
                time.sleep(0.2)
            seen = self.sunset(answer)
            assert self.sunset(service.get(path, token)) == seen

    def test_an_operator_may_keep_for_ever(self, start):
        service = start(retention_days="0", cors_origins="https://a.example")
        answer = service.share()
        assert "sunset" not in answer.headers
        page = service.http.get(f"/s/{answer.json()['notebook']['readable_id']}")
        assert page.status_code == 200
        assert "kept until" not in page.text

    def test_a_page_of_another_site_may_read_it(self, start):
        service = start(cors_origins="https://a.example")
        headers = {**bearer(service.token()), "Origin": "https://a.example"}
        body = {"notebook": unique_notebook()}
        answer = service.http.post(f"{API}/notebooks", json=body, headers=headers)
        assert "Sunset" in answer.headers["access-control-expose-headers"].split(", ")


class TestRetention:
    def test_a_notebook_shared_again_while_the_sweep_runs_stays(self, settings, monkeypatch):
        async def scenario(services):
            what = content()
            notebook = await share(services, what)
            await make_older(services, 31)
            deleting = services.notebooks.delete

            async def delete(ids, **conditions):
                # Between the sweep's look and its deletion.
                await share(services, what)
                return await deleting(ids, **conditions)

            monkeypatch.setattr(services.notebooks, "delete", delete)
            assert (await services.sweep.sweep()).notebooks == 0
            assert await services.notebooks.find(notebook.id)

        in_services(settings, scenario)

    def test_what_was_not_shared_for_the_time_set_goes_with_its_content(self, settings):
        async def scenario(services):
            what = content()
            await share(services, what)
            await make_older(services, 31)
            fresh = await share(services, content())
            swept = await services.sweep.sweep()
            assert swept.notebooks == 1
            assert await services.notebooks.find(fresh.id)
            # Quarantined, and still there for whoever was just reading it.
            assert await stored(services, what) == what
            await make_older(services, 1)
            assert (await services.sweep.sweep()).contents == 1
            assert await stored(services, what) is None
            assert await stored(services, await services.notebooks.content(fresh)) is not None

        in_services(settings, scenario)

    def test_sharing_again_keeps_a_notebook(self, settings):
        async def scenario(services):
            what = content()
            notebook = await share(services, what)
            await make_older(services, 29)
            assert (await share(services, what)).id == notebook.id
            await make_older(services, 29)
            assert (await services.sweep.sweep()).notebooks == 0

        in_services(settings, scenario)

    def test_a_content_others_share_stays(self, settings):
        async def scenario(services):
            what = content()
            mine = await share(services, what)
            theirs = await share(services, what, "22222222-2222-4222-8222-222222222222")
            assert mine.content_hash == theirs.content_hash
            await services.notebooks.delete([mine.id])
            for _ in range(2):
                assert (await services.sweep.sweep()).contents == 0
                await make_older(services, 1)
            assert await services.notebooks.content(theirs) == what

        in_services(settings, scenario)

    def test_a_share_that_arrives_while_its_content_leaves_loses_nothing(self, settings):
        async def scenario(services):
            what = content()
            await services.notebooks.delete([(await share(services, what)).id])
            # As if a share had seen the content just before it was quarantined.
            await services.sweep.sweep()
            async with services.database.write() as connection:
                await connection.execute(
                    notebooks.insert().values(
                        id="33333333-3333-4333-8333-333333333333",
                        readable_id="calm-silver-otter",
                        session_id=SESSION,
                        content_hash=content_hash(what),
                        created_at=now(),
                        taken_at=now(),
                        shared_at=now(),
                    )
                )
            assert await stored(services, what) == what
            await make_older(services, 1)
            assert (await services.sweep.sweep()).contents == 0
            assert await stored(services, what) == what
            async with services.database.read() as connection:
                left = await connection.execute(select(func.count()).select_from(gc_queue))
                assert left.scalar_one() == 0

        in_services(settings, scenario)

    def test_a_content_that_is_shared_deleted_and_shared_again_is_there(self, settings):
        async def scenario(services):
            what = content()
            for _ in range(3):
                notebook = await share(services, what)
                assert await services.notebooks.content(notebook) == what
                await services.notebooks.delete([notebook.id])
                await services.sweep.sweep()
            notebook = await share(services, what)
            await make_older(services, 1)
            await services.sweep.sweep()
            assert await stored(services, what) == what
            assert (await services.notebooks.find(notebook.id)).id == notebook.id

        in_services(settings, scenario)

    def test_an_updates_old_content_stays_as_long_as_the_notebook(self, settings):
        async def scenario(services):
            old, new = content(), content()
            notebook = await share(services, old)
            await services.notebooks.update(notebook, Claims(SESSION, 0, 0), new)
            await services.sweep.sweep()
            await make_older(services, 1)
            await services.sweep.sweep()
            assert await stored(services, old) == old
            await services.notebooks.delete([notebook.id])
            await services.sweep.sweep()
            await make_older(services, 1)
            assert (await services.sweep.sweep()).contents == 2
            assert await stored(services, old) is None

        in_services(settings, scenario)


def test_the_same_content_is_stored_once(backend_settings):
    settings = settings_of(backend_settings("sqlite-folder"), backup_hours=0)
    migrate(settings)

    async def scenario(services):
        what = content()
        for number in range(5):
            await share(services, what, f"{number}1111111-1111-4111-8111-111111111111")
        assert stored_bytes(settings) == what

    in_services(settings, scenario)


class TestFolder:
    @pytest.fixture
    def settings(self, backend_settings):
        settings = settings_of(backend_settings("sqlite-folder"), backup_hours=0)
        migrate(settings)
        return settings

    def test_a_deleted_content_leaves_the_disk(self, settings):
        async def scenario(services):
            going, staying = content(), content()
            await services.notebooks.delete([(await share(services, going)).id])
            await share(services, staying)
            await services.sweep.sweep()
            assert going in stored_bytes(settings)
            await make_older(services, 1)
            await services.sweep.sweep()
            assert stored_bytes(settings) == staying

        in_services(settings, scenario)

    def test_a_content_whose_bytes_are_missing_is_an_error_not_a_shorter_notebook(self, settings):
        async def scenario(services):
            notebook = await share(services, content())
            (file,) = files(settings)
            file.write_bytes(file.read_bytes()[:-1])
            with pytest.raises(DamagedContentError):
                await services.store.get(notebook.content_hash)

        in_services(settings, scenario)

    def test_an_incomplete_file_of_a_process_that_ended_is_deleted_when_it_is_old(self, settings):
        async def scenario(services):
            incomplete = Path(settings.storage_location) / "incoming" / "x"
            incomplete.write_bytes(b"half of a noteb")
            await services.sweep.sweep()
            assert files(settings) == [incomplete]
            make_file_older(incomplete)
            await services.sweep.sweep()
            assert files(settings) == []

        in_services(settings, scenario)


def test_where_notebooks_are_kept_for_ever_nothing_goes(backend_settings):
    settings = settings_of(backend_settings("sqlite-folder"), retention_days=0, backup_hours=0)
    migrate(settings)

    async def scenario(services):
        await share(services, content())
        await make_older(services, 40_000)
        assert (await services.sweep.sweep()).notebooks == 0

    in_services(settings, scenario)


def test_an_expired_session_is_forgotten(backend_settings):
    settings = settings_of(backend_settings("sqlite-folder"), token_minutes=0.001)
    migrate(settings)

    async def scenario(services):
        await services.sessions.issue()
        assert (await services.sweep.sweep()).sessions == 0
        from je_sharing.schema import sessions

        async with services.database.write() as connection:
            await connection.execute(
                update(sessions).values(expires_at=time.time_ns() // 1000 - DAY)
            )
        assert (await services.sweep.sweep()).sessions == 1

    in_services(settings, scenario)


def test_a_large_notebook_is_stored_under_its_hash(backend_settings):
    settings = settings_of(backend_settings("sqlite-folder"))
    migrate(settings)

    async def scenario(services):
        what, newer = content("x" * SPOOL_BYTES), content("y" * SPOOL_BYTES)
        found = await share(services, what)
        assert found.content_hash == content_hash(what)
        found = await services.notebooks.update(found, Claims(SESSION, 0, 0), newer)
        assert found.content_hash == content_hash(newer)

    in_services(settings, scenario)
