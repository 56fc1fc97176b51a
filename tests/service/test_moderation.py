"""The operator lists, deletes and blocks notebooks beside a running service."""

import json
import subprocess
import sys
import urllib.parse

import pytest
from running_service import API, END_SECONDS, bearer, unique_notebook
from service_parts import content, in_services, settings_of, share
from test_history_and_retention import make_older, stored, stored_bytes

from je_sharing.database import migrate
from je_sharing.moderation import Moderation
from je_sharing.recent_cache import RecentCache
from tests.service import warm_start

pytestmark = pytest.mark.service


@pytest.fixture
def run(tmp_path):
    """Runs the command with a service's settings; returns what it wrote."""
    count = 0

    def run_command(service, *arguments: str) -> str:
        nonlocal count
        count += 1
        log = tmp_path / f"{count}.txt"
        warm_start.start([*arguments], service.environment, log).wait(END_SECONDS)
        return log.read_text()

    return run_command


def answers(service, shared, token) -> set[int]:
    """Ask for a notebook in every way."""
    word = shared["readable_id"]
    return {
        service.http.get(path, headers=bearer(token)).status_code
        for path in (
            f"/s/{word}",
            f"/s/{word}/download",
            f"{API}/notebooks/{shared['id']}",
            f"{API}/notebooks/{shared['id']}/export",
            f"{API}/notebooks/{shared['id']}/history",
            f"{API}/notebooks/get-by-readable-id/{word}",
        )
    }


class TestBesideARunningService:
    def test_a_blocked_notebook_is_taken_down_until_it_is_unblocked(self, service, run):
        token, what = service.token(), unique_notebook()
        shared, copy = service.shared(what, token), service.shared(what)
        assert answers(service, shared, token) == {200}
        assert "and 1 other" in run(service, "block", f"{service.url}/s/{shared['readable_id']}")
        assert answers(service, shared, token) == {410}
        assert answers(service, copy, token) == {410}
        page = service.http.get(f"/s/{shared['readable_id']}").text
        assert "This notebook was taken down" in page
        assert what["cells"][0]["source"] not in page
        put = service.put(f"/notebooks/{shared['id']}", unique_notebook(), token)
        assert put.status_code == 410
        refused = service.share(what)
        assert refused.status_code == 410
        assert refused.json()["error_code"] == "GONE"
        other = service.shared(token=token)
        assert service.put(f"/notebooks/{other['id']}", what, token).status_code == 410
        run(service, "unblock", shared["readable_id"])
        assert answers(service, shared, token) == {200}
        assert service.share(what).status_code == 201

    def test_a_revision_with_blocked_content_is_taken_down_too(self, service, run):
        token, what = service.token(), unique_notebook()
        updated, blocked = service.shared(what, token), service.shared(what)
        assert service.put(f"/notebooks/{updated['id']}", unique_notebook(), token).is_success
        first = service.get(f"/notebooks/{updated['id']}/history", token).json()["taken_at"][0]
        run(service, "block", blocked["id"])
        assert service.get(f"/notebooks/{updated['id']}", token).status_code == 200
        assert service.get(f"/notebooks/{updated['id']}", token, at=first).status_code == 410
        page = service.http.get(f"/s/{updated['readable_id']}", params={"at": first})
        assert page.status_code == 410

    def test_a_deleted_notebook_is_gone_and_its_twin_stays(self, service, run):
        token, what = service.token(), unique_notebook()
        shared, twin = service.shared(what, token), service.shared(what)
        assert "another notebook" in run(service, "delete", shared["readable_id"])
        assert answers(service, shared, token) == {404}
        assert answers(service, twin, token) == {200}
        assert "leaves the storage within" in run(service, "delete", twin["id"])
        assert answers(service, twin, token) == {404}
        # Sharing it again brings the content back from the quarantine.
        again = service.shared(what, token)
        assert service.get(f"/notebooks/{again['id']}", token).json()["content"] == what

    def test_a_deleted_notebook_stays_blocked(self, service, run):
        what = unique_notebook()
        shared = service.shared(what)
        run(service, "block", shared["id"])
        run(service, "delete", shared["id"])
        assert service.share(what).status_code == 410
        run(service, "unblock", shared["readable_id"])
        assert service.share(what).status_code == 201

    def test_the_list_shows_the_last_first_with_size_and_block(self, service, run):
        token = service.token()
        first, second = service.shared(token=token), service.shared(token=token)
        run(service, "block", first["id"])
        lines = run(service, "list", "--limit", "2").splitlines()
        assert [line.split()[0] for line in lines] == [
            second["readable_id"],
            first["readable_id"],
        ]
        assert lines[1].endswith("  blocked")
        items = [json.loads(line) for line in run(service, "list", "--json").splitlines()]
        size = len(service.get(f"/notebooks/{second['id']}/export", token).content)
        assert items[0] == {
            "readable_id": second["readable_id"],
            "id": second["id"],
            "shared_at": items[0]["shared_at"],
            "size": size,
            "blocked": False,
        }
        assert run(service, "list", "--since", items[0]["shared_at"]) == f"{lines[0]}\n"


def test_an_unknown_id_ends_the_command_with_a_sentence(plain_service):
    done = subprocess.run(
        [sys.executable, "-m", "je_sharing", "delete", "calm-silver-otter"],
        env=plain_service.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "There is no notebook 'calm-silver-otter'.\n"


def test_the_content_of_a_deleted_notebook_leaves_storage_without_waiting_for_backups(settings):
    settings = settings.model_copy(update={"backup_hours": 24})

    async def scenario(services):
        what, kept = content(), content()
        notebook = await share(services, what)
        await share(services, kept)
        moderation = Moderation(
            services.database, services.store, services.notebooks, services.sweep
        )
        await moderation.delete(notebook.readable_id)
        await services.sweep.sweep()
        # A request that began before may still read it.
        assert await stored(services, what) == what
        await make_older(services, services.sweep.patience_seconds / 86_400)
        await services.sweep.sweep()
        assert await stored(services, what) is None
        assert await stored(services, kept) == kept
        if not settings.storage_location.startswith("s3://"):
            assert stored_bytes(settings) == kept

    in_services(settings, scenario)


def test_contents_and_pages_leave_the_memory_of_a_process_by_age(backend_settings):
    settings = settings_of(backend_settings("sqlite-folder"))
    migrate(settings)

    async def scenario(services):
        notebook = await share(services, content())
        await services.notebooks.content(notebook)
        services.pages.cache.keep(notebook.content_hash, object(), size=1)
        services.drop_cached(3600)
        assert services.notebooks.cache.get(notebook.content_hash)
        assert services.pages.cache.get(notebook.content_hash)
        services.drop_cached(0)
        assert services.notebooks.cache.get(notebook.content_hash) is None
        assert services.pages.cache.get(notebook.content_hash) is None

    in_services(settings, scenario)


def test_a_cache_frees_the_room_of_what_it_drops():
    cache = RecentCache[str](10)
    cache.keep(b"a", "first", size=10)
    cache.drop_older_than(0)
    cache.keep(b"b", "second", size=6)
    cache.keep(b"c", "third", size=4)
    assert (cache.get(b"b"), cache.get(b"c")) == ("second", "third")


class TestReportLink:
    def test_without_the_setting_the_page_says_whom_to_tell(self, plain_service):
        page = plain_service.http.get(f"/s/{plain_service.shared()['readable_id']}").text
        assert "tell the teacher or the school" in page
        assert "Report this notebook" not in page

    def test_a_mail_has_the_page_as_its_subject(self, start):
        service = start(report_url="mailto:sharing@school.example")
        address = f"{service.url}/s/{service.shared()['readable_id']}"
        page = service.http.get(address).text
        subject = urllib.parse.quote(address, safe="")
        assert f'href="mailto:sharing@school.example?subject={subject}"' in page

    @pytest.mark.parametrize("url", ["javascript:alert(1)", "http://school.example", "school"])
    def test_only_mail_and_https_are_taken(self, url):
        with pytest.raises(ValueError, match="report_url"):
            settings_of({"JE_SHARING_REPORT_URL": url})
