"""Guessing ids, secrets and passwords is limited, and keeps out nobody who has the right one."""

import asyncio
import secrets
import time
import uuid

import jwt
import pytest
from running_service import API, bearer, notebook, unique_notebook
from service_parts import content, in_services, share
from sqlalchemy import update

from je_sharing.errors import UnauthorizedError
from je_sharing.schema import notebooks
from je_sharing.tokens import Claims, mark_of_password

pytestmark = pytest.mark.service


def within_a_minute(attempt):
    """Do something whose counts begin anew when a minute turns."""
    while True:
        minute = int(time.time()) // 60
        outcome = attempt()
        if minute == int(time.time()) // 60:
            return outcome


class TestIds:
    @pytest.fixture(scope="class")
    def guessed(self, start_class):
        return start_class(misses_per_address="20", misses_per_session="8")

    @pytest.mark.parametrize(
        "way",
        ["page", "download", "readable", "uuid", "history", "export", "update"],
    )
    def test_what_exists_is_found_however_many_wrong_ids_came_from_there(self, guessed, way):
        token = guessed.token()
        shared = guessed.shared(token=token)

        def attempt():
            misses = {
                guessed.http.get(f"/s/calm-silver-{'x' * n}").status_code for n in range(1, 40)
            }
            answer = {
                "page": lambda: guessed.http.get(f"/s/{shared['readable_id']}"),
                "download": lambda: guessed.http.get(f"/s/{shared['readable_id']}/download"),
                "readable": lambda: guessed.get(
                    f"/notebooks/get-by-readable-id/{shared['readable_id']}", token
                ),
                "uuid": lambda: guessed.get(f"/notebooks/{shared['id']}", token),
                "history": lambda: guessed.get(f"/notebooks/{shared['id']}/history", token),
                "export": lambda: guessed.get(f"/notebooks/{shared['id']}/export", token),
                "update": lambda: guessed.put(
                    f"/notebooks/{shared['id']}", unique_notebook(), token
                ),
            }[way]()
            return 429 in misses, answer.status_code

        assert within_a_minute(attempt) == (True, 200)

    def test_a_session_that_guesses_leaves_the_others_their_typos(self, guessed):
        other = guessed.token()

        def attempt():
            token = guessed.token()
            own = [guessed.get(f"/notebooks/{uuid.uuid4()}", token).status_code for _ in range(12)]
            return own, guessed.get(f"/notebooks/{uuid.uuid4()}", other).status_code

        # The address may be used up by the tests before, but not in the minute after.
        deadline = time.monotonic() + 150
        while (seen := within_a_minute(attempt)) != ([404] * 8 + [429] * 4, 404):
            assert time.monotonic() < deadline, seen
            time.sleep(1)


class TestSharedSecret:
    def test_guessing_is_limited_and_who_has_it_passes(self, start):
        service = start(client_secret="tide", client_secret_header="X-Tide")

        def attempt():
            wrong = [
                service.http.post(f"{API}/auth/issue", headers={"X-Tide": f"{n}"}).status_code
                for n in range(60)
            ]
            right = service.http.post(f"{API}/auth/issue", headers={"X-Tide": "tide"})
            return wrong[0], wrong[-1], right.status_code

        assert within_a_minute(attempt) == (403, 429, 200)

    def test_one_request_is_one_guess(self, start):
        service = start(client_secret="tide", client_secret_header="X-Tide")
        many = [("X-Tide", "ebb"), ("X-Tide", "tide")]
        assert service.http.post(f"{API}/auth/issue", headers=many).status_code == 403

    def test_guesses_count_as_requests(self, start):
        service = start(client_secret="tide", requests_per_address="10")

        def attempt():
            wrong = [service.http.post(f"{API}/auth/issue").status_code for _ in range(10)]
            right = service.http.post(f"{API}/auth/issue", headers={"X-Client-Secret": "tide"})
            return wrong[0], right.status_code

        assert within_a_minute(attempt) == (403, 429)


class TestPasswords:
    @pytest.fixture(scope="class")
    def proxied(self, start_class):
        return start_class(trusted_proxies="127.0.0.1")

    def test_they_cannot_be_tried_at_will_and_the_owner_elsewhere_is_not_kept_out(self, proxied):
        shared = proxied.share(password="seaweed").json()["notebook"]

        def issue(password, address):
            return proxied.http.post(
                f"{API}/auth/issue",
                json={"notebook_id": shared["id"], "password": password},
                headers={"X-Forwarded-For": address},
            ).status_code

        def attempt():
            guesses = [issue("guess", "198.51.100.7") for _ in range(15)]
            return guesses.count(401), guesses.count(429), issue("seaweed", "203.0.113.9")

        assert within_a_minute(attempt) == (10, 5, 200)

    def test_the_right_one_may_be_given_as_often_as_one_likes(self, proxied):
        shared = proxied.share(password="seaweed").json()["notebook"]
        right = {"notebook_id": shared["id"], "password": "seaweed"}
        statuses = {
            proxied.http.post(f"{API}/auth/issue", json=right).status_code for _ in range(15)
        }
        assert statuses == {200}

    @pytest.mark.parametrize("kind", ["sqlite-folder", "postgres-folder"])
    def test_a_token_that_was_given_for_a_password_ends_with_it(self, start, kind):
        service = start(kind)
        owner, what = service.token(), notebook(secrets.token_hex(8))
        shared = service.share(what, token=owner, password="first").json()["notebook"]
        unlocked = service.token(notebook_id=shared["id"], password="first")
        again = service.share(what, token=owner, password="second").json()["notebook"]
        assert again == shared
        refreshed = service.http.post(f"{API}/auth/refresh", json={"token": unlocked})
        for token in (unlocked, refreshed.json()["token"]):
            path = f"/notebooks/{shared['id']}"
            assert service.put(path, unique_notebook(), token).status_code == 401
            assert service.http.delete(f"{API}{path}", headers=bearer(token)).status_code == 401
        new = service.token(notebook_id=shared["id"], password="second")
        assert service.put(f"/notebooks/{shared['id']}", unique_notebook(), new).status_code == 200

    def test_the_claims_stay_those_of_the_contract(self, proxied):
        shared = proxied.share(password="seaweed").json()["notebook"]
        token = proxied.token(notebook_id=shared["id"], password="seaweed")
        claims = jwt.decode(token, options={"verify_signature": False})
        assert set(claims) == {"session_id", "iat", "exp", "notebook_id"}


class TestOwnership:
    def claims(self):
        return Claims(str(uuid.uuid4()), 0, 0)

    def test_of_updates_at_once_that_each_may_hand_it_over_one_session_wins(self, settings):
        """Who has just taken it over keeps it: the one before owned it only until then."""

        async def scenario(services):
            for _ in range(5):
                owner = self.claims()
                found = await share(services, content(), owner.session_id)
                await self.set_password(services, found, "stored hash")
                mark = mark_of_password("stored hash")
                heir = Claims(str(uuid.uuid4()), 0, 0, found.id, mark)
                # Each has passed the look that is outside the lock.
                await services.notebooks.require_owner(found, owner)
                await services.notebooks.require_owner(found, heir)
                done = await asyncio.gather(
                    *(services.notebooks.update(found, heir, content()) for _ in range(3)),
                    *(services.notebooks.update(found, owner, content()) for _ in range(5)),
                    return_exceptions=True,
                )
                assert not [
                    e
                    for e in done
                    if isinstance(e, Exception) and not isinstance(e, UnauthorizedError)
                ]
                now = await services.notebooks.find(found.id)
                assert now.session_id == heir.session_id
                with pytest.raises(UnauthorizedError):
                    await services.notebooks.update(found, owner, content())
                with pytest.raises(UnauthorizedError):
                    await services.notebooks.delete_as_owner(found, owner)

        in_services(settings, scenario)

    def test_who_handed_it_over_cannot_set_its_password_any_more(self, settings):
        async def scenario(services):
            owner, what = self.claims(), content()
            found = await share(services, what, owner.session_id)
            await self.set_password(services, found, "stored hash")
            heir = Claims(str(uuid.uuid4()), 0, 0, found.id, mark_of_password("stored hash"))
            await services.notebooks.update(found, heir, what)
            again = await share(services, what, owner.session_id)
            assert again.id != found.id

        in_services(settings, scenario)

    @staticmethod
    async def set_password(services, found, password_hash):
        async with services.database.write() as connection:
            await connection.execute(
                update(notebooks)
                .where(notebooks.c.id == found.id)
                .values(password_hash=password_hash)
            )
