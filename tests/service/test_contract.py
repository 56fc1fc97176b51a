"""The HTTP contract of the deployed service, line by line, on every kind of database and store."""

import base64
import json
import time

import jwt
import pytest
from running_service import (
    API,
    RunningService,
    bearer,
    is_uuid,
    notebook,
    raw_request,
    unique_notebook,
)

pytestmark = pytest.mark.service


def claims(token: str) -> dict[str, object]:
    return dict(jwt.decode(token, options={"verify_signature": False}))


def assert_error(answer, status, code):
    assert answer.status_code == status, answer.text
    body = answer.json()
    assert body["error_code"] == code
    assert set(body) <= {"error_code", "message", "timestamp", "details"}
    assert body["message"]
    assert body["timestamp"]


class TestHealth:
    def test_health_answers_200_without_a_token(self, service):
        assert service.http.get(f"{API}/health").status_code == 200

    @pytest.mark.parametrize("path", ["/health/live", "/health/ready", "/health"])
    def test_probes_answer_200(self, service, path):
        assert service.http.get(path).json() == {"status": "ok"}


class TestIssue:
    @pytest.mark.parametrize("body", [None, b"", b"{}", b'{"notebook_id":null,"password":null}'])
    def test_a_token_is_issued_without_credentials(self, service, body):
        answer = service.http.post(f"{API}/auth/issue", content=body)
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/json"
        assert set(answer.json()) == {"token"}
        assert answer.headers["authorization"] == f"Bearer {answer.json()['token']}"

    def test_the_token_is_hs256_with_exactly_the_claims_of_the_contract(self, service):
        token = service.token()
        assert jwt.get_unverified_header(token)["alg"] == "HS256"
        found = claims(token)
        assert set(found) == {"session_id", "iat", "exp"}
        assert is_uuid(found["session_id"])
        assert found["exp"] - found["iat"] == 120 * 60
        assert abs(found["iat"] - time.time()) < 60

    def test_each_token_opens_a_session_of_its_own(self, service):
        assert claims(service.token())["session_id"] != claims(service.token())["session_id"]

    def test_id_and_password_give_a_token_for_that_notebook(self, service):
        shared = service.share(password="seaweed").json()["notebook"]
        token = service.token(notebook_id=shared["id"], password="seaweed")
        assert claims(token)["notebook_id"] == shared["id"]

    def test_a_wrong_password_is_401(self, service):
        shared = service.share(password="seaweed").json()["notebook"]
        answer = service.http.post(
            f"{API}/auth/issue", json={"notebook_id": shared["id"], "password": "kelp"}
        )
        assert_error(answer, 401, "UNAUTHORIZED")

    @pytest.mark.parametrize("wrong", ["00000000-0000-4000-8000-000000000000", "not-a-uuid", ""])
    def test_a_wrong_id_is_401(self, service, wrong):
        answer = service.http.post(
            f"{API}/auth/issue", json={"notebook_id": wrong, "password": "x"}
        )
        assert_error(answer, 401, "UNAUTHORIZED")

    @pytest.mark.parametrize("password", ["", "anything"])
    def test_a_notebook_without_a_password_is_not_opened_by_any(self, service, password):
        shared = service.shared()
        answer = service.http.post(
            f"{API}/auth/issue", json={"notebook_id": shared["id"], "password": password}
        )
        assert_error(answer, 401, "UNAUTHORIZED")

    def test_a_body_that_is_not_json_is_400(self, service):
        assert_error(service.http.post(f"{API}/auth/issue", content=b"{oops"), 400, "BAD_REQUEST")


class TestRefresh:
    def test_a_refresh_gives_a_new_token_of_the_same_session(self, service):
        token = service.token()
        answer = service.http.post(f"{API}/auth/refresh", json={"token": token})
        assert answer.status_code == 200
        fresh = answer.json()["token"]
        assert fresh != token
        assert claims(fresh)["session_id"] == claims(token)["session_id"]
        assert service.share(token=fresh).status_code == 201

    def test_a_token_that_is_not_the_active_one_is_refused(self, service):
        token = service.token()
        fresh = service.http.post(f"{API}/auth/refresh", json={"token": token}).json()["token"]
        again = service.http.post(f"{API}/auth/refresh", json={"token": token})
        assert_error(again, 401, "UNAUTHORIZED")
        # By honest mistake, so soon: the session lives on.
        answer = service.http.post(f"{API}/auth/refresh", json={"token": fresh})
        assert answer.status_code == 200

    def test_a_refresh_keeps_the_notebook_the_password_opened(self, service):
        shared = service.share(password="seaweed").json()["notebook"]
        token = service.token(notebook_id=shared["id"], password="seaweed")
        fresh = service.http.post(f"{API}/auth/refresh", json={"token": token}).json()["token"]
        assert claims(fresh)["notebook_id"] == shared["id"]

    @pytest.mark.parametrize("token", ["", "x", "a.b.c"])
    def test_a_malformed_token_is_refused(self, service, token):
        answer = service.http.post(f"{API}/auth/refresh", json={"token": token})
        assert_error(answer, 401, "UNAUTHORIZED")

    def test_a_body_without_a_token_is_400(self, service):
        answer = service.http.post(f"{API}/auth/refresh", json={})
        assert_error(answer, 400, "BAD_REQUEST")


class TestShare:
    def test_a_share_answers_201_with_the_three_names(self, service):
        answer = service.share()
        assert answer.status_code == 201
        body = answer.json()
        assert set(body) == {"message", "notebook"}
        assert set(body["notebook"]) == {"id", "domain_id", "readable_id"}
        assert is_uuid(body["notebook"]["id"])
        assert body["notebook"]["readable_id"].count("-") == 3

    def test_the_domain_id_identifies_nobody(self, service):
        answer = service.http.post(
            f"{API}/notebooks",
            json={"notebook": unique_notebook()},
            headers={**bearer(service.token()), "Origin": "https://school.example", "X-A": "b"},
        )
        assert answer.json()["notebook"]["domain_id"] == "je-sharing"

    def test_the_password_may_be_left_out_or_null(self, service):
        for extra in ({}, {"password": None}):
            answer = service.http.post(
                f"{API}/notebooks",
                json={"notebook": unique_notebook(), **extra},
                headers=bearer(service.token()),
            )
            assert answer.status_code == 201

    def test_the_same_share_again_makes_no_second_copy(self, service):
        token, content = service.token(), unique_notebook()
        assert service.shared(content, token) == service.shared(content, token)

    def test_the_same_content_of_another_session_is_a_share_of_its_own(self, service):
        content = unique_notebook()
        assert service.shared(content)["id"] != service.shared(content)["id"]

    def test_sharing_the_old_content_again_after_an_update_makes_a_new_notebook(self, service):
        token, content = service.token(), unique_notebook()
        first = service.shared(content, token)
        assert service.put(f"/notebooks/{first['id']}", unique_notebook(), token).is_success
        second = service.shared(content, token)
        assert second["id"] != first["id"]
        assert service.get(f"/notebooks/{second['id']}").json()["content"] == content

    @pytest.mark.parametrize(
        "content",
        [
            {},
            {"nbformat": 4, "nbformat_minor": 5, "metadata": {}},
            notebook(nbformat=3),
            notebook(nbformat_minor=6),
            notebook(cells=[{"cell_type": "code"}]),
            notebook(extra=1),
            [],
            "text",
            None,
        ],
    )
    def test_an_invalid_notebook_is_422(self, service, content):
        answer = service.http.post(
            f"{API}/notebooks", json={"notebook": content}, headers=bearer(service.token())
        )
        assert_error(answer, 422, "UNPROCESSABLE_ENTITY")

    def test_a_body_without_a_notebook_is_422(self, service):
        answer = service.http.post(
            f"{API}/notebooks", json={"password": ""}, headers=bearer(service.token())
        )
        assert_error(answer, 422, "UNPROCESSABLE_ENTITY")

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff\xfe", b'{"notebook": {}'])
    def test_a_body_that_is_no_json_object_is_400(self, service, body):
        answer = service.http.post(
            f"{API}/notebooks", content=body, headers=bearer(service.token())
        )
        assert_error(answer, 400, "BAD_REQUEST")

    @pytest.mark.parametrize("minor", [0, 1, 2, 3, 4])
    def test_older_minor_versions_are_taken(self, service, minor):
        content = unique_notebook()
        del content["cells"][0]["id"]
        content["nbformat_minor"] = minor
        assert service.share(content).status_code == 201

    @pytest.mark.parametrize(
        "metadata",
        [
            {},
            {"language_info": {"name": ""}},
            {"kernelspec": {"name": "ir", "display_name": "R"}, "language_info": {"name": "R"}},
        ],
    )
    def test_a_notebook_needs_no_kernelspec_and_no_language_name(self, service, metadata):
        assert service.share({**unique_notebook(), "metadata": metadata}).status_code == 201


class TestRetrieve:
    def test_by_uuid_and_by_readable_id(self, service):
        content = unique_notebook()
        shared = service.shared(content)
        for path in (shared["id"], f"get-by-readable-id/{shared['readable_id']}"):
            answer = service.get(f"/notebooks/{path}")
            assert answer.status_code == 200
            assert answer.json() == {**shared, "content": content}

    @pytest.mark.parametrize(
        "path",
        [
            "00000000-0000-4000-8000-000000000000",
            "no-such-uuid",
            "get-by-readable-id/calm-silver-nobody",
            "get-by-readable-id/%2e%2e%2fetc",
            "get-by-readable-id/%00",
        ],
    )
    def test_an_unknown_id_is_404(self, service, path):
        assert_error(service.get(f"/notebooks/{path}"), 404, "NOT_FOUND")

    def test_readable_ids_are_matched_exactly(self, service):
        readable = service.shared()["readable_id"]
        for other in (
            readable.upper(),
            readable.replace("-", "_"),
            readable[:-1],
            f"{readable}%20",
        ):
            assert service.get(f"/notebooks/get-by-readable-id/{other}").status_code == 404

    def test_a_notebook_comes_back_byte_for_byte(self, service):
        raw = (
            '{ "nbformat_minor":5,\t"metadata" : {"z": 1.50, "a": 1E+2, "big": '
            '12345678901234567890123456789, "u": "\\u00e9é\\ud83d\\ude00\\/"},\r\n'
            '"cells":[\n] , "nbformat":4 }'
        )
        for text in (raw, raw.replace("1E+2", "1e400"), raw.replace("\\ude00", "")):
            body = f' {{"password":"", "notebook":\n{text}\n,"x":0}} '.encode()
            answer = service.http.post(
                f"{API}/notebooks", content=body, headers=bearer(service.token())
            )
            assert answer.status_code == 201, answer.text
            found = service.get(f"/notebooks/{answer.json()['notebook']['id']}").text
            assert found.endswith(f'"content":{text}}}')

    def test_an_update_comes_back_byte_for_byte(self, service):
        token = service.token()
        shared = service.shared(token=token)
        text = '{"nbformat":4,"nbformat_minor":5,  "cells":[],"metadata":{"n":0.10}}'
        answer = service.http.put(
            f"{API}/notebooks/{shared['id']}", content=text, headers=bearer(token)
        )
        assert answer.status_code == 200
        assert service.get(f"/notebooks/{shared['id']}").text.endswith(f'"content":{text}}}')

    def test_export_is_the_file_exactly_as_it_was_sent(self, service):
        token = service.token()
        shared = service.shared(token=token)
        text = '{"nbformat":4,"nbformat_minor":5,  "cells":[],"metadata":{"n":0.10}}'
        service.http.put(f"{API}/notebooks/{shared['id']}", content=text, headers=bearer(token))
        answer = service.get(f"/notebooks/{shared['id']}/export")
        assert answer.text == text
        assert f"{shared['readable_id']}.ipynb" in answer.headers["content-disposition"]

    def test_an_unchanged_notebook_is_not_sent_twice(self, service):
        shared = service.shared()
        first = service.get(f"/notebooks/{shared['id']}")
        again = service.http.get(
            f"{API}/notebooks/{shared['id']}",
            headers={**bearer(service.token()), "If-None-Match": first.headers["etag"]},
        )
        assert again.status_code == 304


class TestUpdate:
    @pytest.mark.parametrize("by", ["id", "readable_id"])
    def test_the_session_that_created_a_notebook_updates_it(self, service, by):
        token = service.token()
        shared = service.shared(token=token)
        prefix = "update-by-readable-id/" if by == "readable_id" else ""
        content = unique_notebook()
        answer = service.put(f"/notebooks/{prefix}{shared[by]}", content, token)
        assert answer.status_code == 200
        assert answer.json()["notebook"] == shared
        assert service.get(f"/notebooks/{shared['id']}").json()["content"] == content

    def test_another_session_is_refused(self, service):
        shared = service.shared()
        answer = service.put(f"/notebooks/{shared['id']}", unique_notebook(), service.token())
        assert_error(answer, 401, "UNAUTHORIZED")

    def test_a_token_with_the_notebooks_id_updates_it_and_takes_it_over(self, service):
        creator = service.token()
        shared = service.share(token=creator, password="seaweed").json()["notebook"]
        token = service.token(notebook_id=shared["id"], password="seaweed")
        assert service.put(f"/notebooks/{shared['id']}", unique_notebook(), token).is_success
        answer = service.put(f"/notebooks/{shared['id']}", unique_notebook(), creator)
        assert_error(answer, 401, "UNAUTHORIZED")

    def test_a_token_for_another_notebook_is_refused(self, service):
        other = service.share(password="seaweed").json()["notebook"]
        token = service.token(notebook_id=other["id"], password="seaweed")
        shared = service.shared()
        answer = service.put(f"/notebooks/{shared['id']}", unique_notebook(), token)
        assert_error(answer, 401, "UNAUTHORIZED")

    @pytest.mark.parametrize("content", [{}, [], "x", {"notebook": notebook()}])
    def test_an_invalid_notebook_is_400(self, service, content):
        token = service.token()
        shared = service.shared(token=token)
        assert_error(service.put(f"/notebooks/{shared['id']}", content, token), 400, "BAD_REQUEST")

    @pytest.mark.parametrize(
        "path",
        ["00000000-0000-4000-8000-000000000000", "update-by-readable-id/calm-silver-nobody"],
    )
    def test_an_unknown_id_is_404(self, service, path):
        answer = service.put(f"/notebooks/{path}", notebook(), service.token())
        assert_error(answer, 404, "NOT_FOUND")


class TestTokensOnNotebookCalls:
    def broken_headers(self, token):
        head, payload, signature = token.split(".")
        forged = base64.urlsafe_b64encode(
            json.dumps({**claims(token), "session_id": "0" * 8}).encode()
        )
        none = jwt.encode(claims(token), "", algorithm="none")
        stranger = jwt.encode(claims(token), "k" * 32, headers={"kid": "x"})
        return [
            {},
            {"Authorization": ""},
            {"Authorization": "Bearer"},
            {"Authorization": f"Basic {token}"},
            {"Authorization": token},
            {"Authorization": "Bearer x.y.z"},
            {"Authorization": f"Bearer {head}.{payload}.{signature[:-4]}AAAA"},
            {"Authorization": f"Bearer {head}.{forged.decode().rstrip('=')}.{signature}"},
            {"Authorization": f"Bearer {none}"},
            {"Authorization": f"Bearer {stranger}"},
        ]

    def test_without_a_good_token_every_call_is_403(self, service):
        token = service.token()
        shared = service.shared(token=token)
        for headers in self.broken_headers(token):
            for method, path in (
                ("POST", "/notebooks"),
                ("GET", f"/notebooks/{shared['id']}"),
                ("GET", f"/notebooks/get-by-readable-id/{shared['readable_id']}"),
                ("GET", f"/notebooks/{shared['id']}/export"),
                ("GET", f"/notebooks/{shared['id']}/history"),
                ("PUT", f"/notebooks/{shared['id']}"),
                ("PUT", f"/notebooks/update-by-readable-id/{shared['readable_id']}"),
                ("DELETE", f"/notebooks/{shared['id']}"),
            ):
                answer = service.http.request(
                    method, f"{API}{path}", headers=headers, content=b"{}"
                )
                assert_error(answer, 403, "FORBIDDEN")

    def test_options_needs_no_token(self, service):
        assert service.http.options(f"{API}/notebooks").status_code == 204


class TestSize:
    LIMIT = 10 * 1024 * 1024

    def padded(self, size):
        frame = len(json.dumps(notebook(""), separators=(",", ":")))
        return json.dumps(notebook("x" * (size - frame)), separators=(",", ":"))

    def post(self, service, text):
        body = b'{"notebook":%b,"password":""}' % text.encode()
        return service.http.post(f"{API}/notebooks", content=body, headers=bearer(service.token()))

    def test_ten_mebibytes_are_taken_and_come_back(self, service):
        text = self.padded(self.LIMIT)
        assert len(text) == self.LIMIT
        answer = self.post(service, text)
        assert answer.status_code == 201
        found = service.get(f"/notebooks/{answer.json()['notebook']['id']}")
        assert found.text.endswith(f'"content":{text}}}')

    def test_one_byte_more_is_413_with_the_sizes(self, service):
        answer = self.post(service, self.padded(self.LIMIT + 1))
        assert_error(answer, 413, "PAYLOAD_TOO_LARGE")
        assert answer.json()["details"] == {
            "maxSizeBytes": self.LIMIT,
            "maxSizeMB": 10,
            "notebookSizeBytes": self.LIMIT + 1,
            "notebookSizeMB": 10,
        }

    def test_an_update_has_the_same_limit(self, service):
        token = service.token()
        shared = service.shared(token=token)
        answer = service.http.put(
            f"{API}/notebooks/{shared['id']}",
            content=self.padded(self.LIMIT + 1).encode(),
            headers=bearer(token),
        )
        assert_error(answer, 413, "PAYLOAD_TOO_LARGE")

    def test_spaces_and_escapes_do_not_count_against_the_notebook(self, service):
        text = json.dumps(notebook("é" * 2_000_000)) + " " * 1_000_000
        assert len(text) > self.LIMIT
        assert self.post(service, text).status_code == 201

    def test_a_request_over_one_and_a_half_times_the_limit_is_413(self, service):
        answer = self.post(service, self.padded(1024) + " " * (self.LIMIT * 3 // 2))
        assert_error(answer, 413, "PAYLOAD_TOO_LARGE")
        assert answer.json()["details"]["maxSizeBytes"] == self.LIMIT

    def test_an_absurd_length_is_refused_before_the_body_is_read(self, service):
        head = (
            f"POST {API}/notebooks HTTP/1.1\nHost: x\nAuthorization: Bearer {service.token()}\n"
            "Content-Length: 99999999999\nConnection: close\n\n"
        )
        assert raw_request(service.port, head).startswith(b"HTTP/1.1 413")

    def test_a_body_without_a_length_is_limited_while_it_streams(self, service):
        def chunks():
            for _ in range(self.LIMIT * 2 // 65536):
                yield b" " * 65536

        answer = service.http.post(
            f"{API}/notebooks", content=chunks(), headers=bearer(service.token())
        )
        assert_error(answer, 413, "PAYLOAD_TOO_LARGE")


class TestFrameworkAnswers:
    def test_an_unknown_path_is_404_in_the_contracts_shape(self, service):
        assert_error(service.http.get(f"{API}/nothing"), 404, "NOT_FOUND")

    def test_a_wrong_method_is_405_in_the_contracts_shape(self, service):
        assert_error(service.http.patch(f"{API}/notebooks"), 405, "METHOD_NOT_ALLOWED")


def test_delete_is_for_the_owner_and_final(service: RunningService) -> None:
    token = service.token()
    shared = service.shared(token=token)
    path = f"{API}/notebooks/{shared['id']}"
    assert_error(service.http.delete(path, headers=bearer(service.token())), 401, "UNAUTHORIZED")
    assert service.http.delete(path, headers=bearer(token)).status_code == 204
    assert_error(service.get(f"/notebooks/{shared['id']}"), 404, "NOT_FOUND")
    assert_error(service.http.delete(path, headers=bearer(token)), 404, "NOT_FOUND")
