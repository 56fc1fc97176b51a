"""Tokens over time: expiry, clock skew, refresh, reuse, rotation, restarts, several processes."""

import os
import sqlite3
import subprocess
import sys
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
from running_service import API, RunningService, unique_notebook
from service_parts import in_services, settings_of
from sqlalchemy import Engine, event

from je_sharing.database import migrate
from je_sharing.signing_keys import ring_from_setting
from je_sharing.tokens import InvalidTokenError

pytestmark = pytest.mark.service

SECRET = "a secret of thirty-two bytes or more"
OTHER = "another secret of thirty-two bytes.."


def forged(issued: float, expires: float, kid: str = "a", secret: str = SECRET) -> str:
    now = time.time()
    claims = {"session_id": str(uuid.uuid4()), "iat": int(now + issued), "exp": int(now + expires)}
    return jwt.encode(claims, secret, algorithm="HS256", headers={"kid": kid})


def refresh(service: RunningService, token: str):
    return service.http.post(f"{API}/auth/refresh", json={"token": token})


def key_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def command(service: RunningService, *arguments: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "je_sharing", *arguments],
        env={**os.environ, **service.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def age_keys(service: RunningService) -> None:
    """Make every key old enough to sign."""
    path = Path(service.environment["JE_SHARING_DATA_DIR"]) / "sharing.db"
    with sqlite3.connect(path, timeout=30) as database:
        database.execute("UPDATE signing_keys SET created_at = created_at - 600000000")
    database.close()


@pytest.fixture(scope="module")
def keyed(backend_settings, tmp_path_factory):
    environment = backend_settings("sqlite-folder") | {"JE_SHARING_SIGNING_KEYS": f"a:{SECRET}"}
    running = RunningService(environment, tmp_path_factory.mktemp("log") / "log").start()
    yield running
    running.stop()


class TestTime:
    @pytest.mark.parametrize(
        ("issued", "expires", "status"),
        [
            (-7200, 30, 404),
            (-7200, -50, 404),
            (-7200, -65, 403),
            (50, 7200, 404),
            (70, 7200, 403),
        ],
        ids=["good", "expired within the skew", "expired", "early within the skew", "early"],
    )
    def test_sixty_seconds_of_clock_skew_are_allowed(self, keyed, issued, expires, status):
        path = f"/notebooks/{uuid.uuid4()}"
        assert keyed.get(path, forged(issued, expires)).status_code == status

    def test_an_expired_token_is_refused_everywhere_and_cannot_be_refreshed(self, start):
        service = start(token_minutes="0.15", clock_skew_seconds="0")
        token = service.token()
        shared = service.shared(token=token)
        deadline = time.monotonic() + 120
        while service.get(f"/notebooks/{shared['id']}", token).status_code != 403:
            assert time.monotonic() < deadline, "the token did not expire"
            time.sleep(0.1)
        assert service.share(token=token).status_code == 403
        assert refresh(service, token).status_code == 401

    def test_a_token_lives_as_long_as_the_setting_says(self, start):
        claims = jwt.decode(start(token_minutes="5").token(), options={"verify_signature": False})
        assert claims["exp"] - claims["iat"] == 300


class TestFamilies:
    @pytest.mark.parametrize("kind", ["sqlite-folder", "postgres-folder"])
    def test_a_restart_between_issue_and_refresh_breaks_nothing(self, start, kind):
        first = start(kind)
        token = first.token()
        shared = first.shared(token=token)
        first.stop()
        second = start(like=first)
        fresh = refresh(second, token)
        assert fresh.status_code == 200
        answer = second.put(f"/notebooks/{shared['id']}", unique_notebook(), fresh.json()["token"])
        assert answer.status_code == 200

    @pytest.mark.parametrize("kind", ["sqlite-folder", "postgres-folder"])
    def test_any_process_refreshes_what_another_issued(self, start, kind):
        first = start(kind)
        second = start(like=first)
        token = first.token()
        for service in (second, first, second):
            answer = refresh(service, token)
            assert answer.status_code == 200
            token = answer.json()["token"]

    @pytest.mark.parametrize("kind", ["sqlite-folder", "postgres-folder"])
    def test_of_many_refreshes_at_once_exactly_one_wins(self, start, kind):
        first = start(kind)
        second = start(like=first)
        token = first.token()
        with ThreadPoolExecutor(16) as pool:
            answers = list(
                pool.map(lambda n: refresh((first, second)[n % 2], token).status_code, range(16))
            )
        assert sorted(answers) == [200] + [401] * 15

    def test_a_late_reuse_revokes_the_whole_family(self, start):
        service = start(refresh_reuse_grace_seconds="0")
        stolen = service.token()
        shared = service.shared(token=stolen)
        active = refresh(service, stolen).json()["token"]
        time.sleep(0.01)  # so that the reuse is later than the exchange
        assert refresh(service, stolen).status_code == 401
        assert refresh(service, active).status_code == 401
        answer = service.put(f"/notebooks/{shared['id']}", unique_notebook(), active)
        assert answer.status_code == 401
        assert "je_sharing_token_reuses_total 2.0" in service.http.get("/metrics").text
        assert "came back late" in service.log()

    def test_a_token_nobody_issued_cannot_be_refreshed(self, keyed):
        assert refresh(keyed, forged(0, 7200)).status_code == 401


class TestRotation:
    def test_keys_by_setting(self, start):
        first = start(signing_keys=f"a:{SECRET}")
        token = first.token()
        shared = first.shared(token=token)
        first.stop()
        second = start(like=first, signing_keys=f"b:{OTHER},a:{SECRET}")
        assert second.get(f"/notebooks/{shared['id']}", token).status_code == 200
        fresh = refresh(second, token).json()["token"]
        assert (key_of(token), key_of(fresh)) == ("a", "b")
        second.stop()
        third = start(like=first, signing_keys=f"b:{OTHER}")
        assert third.get(f"/notebooks/{shared['id']}", token).status_code == 403
        assert third.get(f"/notebooks/{shared['id']}", fresh).status_code == 200

    def test_a_key_added_while_processes_run_is_known_to_all_before_it_signs(self, start):
        old = start()
        token = old.token()
        command(old, "rotate-keys")
        new = start(like=old)
        assert key_of(new.token()) == key_of(token)
        age_keys(old)
        newest = start(like=old)
        fresh = newest.token()
        assert key_of(fresh) != key_of(token)
        # The old process has not reloaded yet, and still knows what to do with it.
        assert old.get(f"/notebooks/{uuid.uuid4()}", fresh).status_code == 404
        assert newest.get(f"/notebooks/{uuid.uuid4()}", token).status_code == 404

    def test_keys_dropped_at_once_end_every_session(self, start):
        first = start()
        token = first.token()
        command(first, "rotate-keys", "--at-once")
        first.stop()
        second = start(like=first)
        assert second.get(f"/notebooks/{uuid.uuid4()}", token).status_code == 403
        assert refresh(second, token).status_code == 401

    @pytest.mark.parametrize("text", ["nokey", "a:short", f"a:{SECRET},b"])
    def test_unusable_keys_are_refused_at_the_start(self, text):
        with pytest.raises(ValueError, match=r"name:secret|too short"):
            ring_from_setting(text)


def test_a_made_up_key_name_does_not_reach_the_database_each_time(backend_settings):
    settings = settings_of(backend_settings("sqlite-folder"))  # the keys are in the database
    migrate(settings)
    statements = []

    def note(_connection, _cursor, statement, *_rest):
        statements.append(statement)

    async def scenario(services):
        event.listen(Engine, "before_cursor_execute", note)
        try:
            await services.sessions.reload_keys()
            assert len(statements) == 1, "the listener hears nothing"
            begun = time.monotonic()
            for number in range(200):
                with pytest.raises(InvalidTokenError):
                    await services.sessions.read(forged(0, 60, kid=f"made-up-{number}"))
            # Once a second, in which a key of another process may have come.
            assert len(statements) <= 3 + (time.monotonic() - begun)
        finally:
            event.remove(Engine, "before_cursor_execute", note)

    in_services(settings, scenario)
