"""Limits that protect the service, and what it never keeps or tells."""

import contextlib
import json
import os
import re
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from running_service import (
    API,
    START_SECONDS,
    RunningService,
    bearer,
    log_lines,
    notebook,
    raw_request,
    unique_notebook,
)

from je_sharing.rate_limits import address_prefix

pytestmark = pytest.mark.service


def answering(service: RunningService, client: httpx.Client) -> int:
    """Find the process that holds the other end of a client's connection."""
    answer = client.get("/health/live")
    ours = answer.extensions["network_stream"].get_extra_info("client_addr")[1]
    ends = f":{service.port:04X} ", f":{ours:04X} "
    (inode,) = (
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()
        if all(end in part for end, part in zip(ends, re.findall(r"\S+ ", line)[1:3], strict=True))
    )
    (process,) = (
        int(link.parts[2])
        for link in Path("/proc").glob("[0-9]*/fd/*")
        if _leads_to(link) == f"socket:[{inode}]"
    )
    return process


def _leads_to(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # gone, or not ours to see
        return ""


class TestRateLimits:
    def test_a_session_that_writes_too_often_is_asked_to_wait(self, start):
        service = start(writes_per_session="5")
        token = service.token()
        answers = [service.share(token=token) for _ in range(12)]
        statuses = [answer.status_code for answer in answers]
        # A minute may turn in between, and then the count starts anew.
        assert 429 in statuses
        refused = answers[statuses.index(429)]
        assert refused.json()["error_code"] == "TOO_MANY_REQUESTS"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert service.share(token=service.token()).status_code == 201

    @pytest.mark.parametrize("kind", ["sqlite-folder", "postgres-folder"])
    def test_processes_count_together(self, start, kind):
        limit = 20
        first = start(kind, writes_per_session=str(limit))
        second = start(like=first)
        minute, at_first, at_second = 0, list[int](), list[int]()
        # Counts begin anew with the minute, so all of it must happen within one.
        while minute != int(time.time()) // 60:
            minute = int(time.time()) // 60
            token = first.token()
            at_first = [first.share(token=token).status_code for _ in range(limit)]
            at_second = []
            while 429 not in at_second and len(at_second) < limit:
                at_second.append(second.share(token=token).status_code)
                time.sleep(0.3)
        assert at_first == [201] * limit
        assert 429 in at_second, "the second process never heard of the first"

    def test_an_address_that_asks_too_often_is_asked_to_wait(self, start):
        service = start(requests_per_address="40")
        statuses = {service.http.get(f"{API}/health").status_code for _ in range(100)}
        assert statuses == {200, 429}
        assert service.http.get("/health/ready").status_code == 200

    @pytest.mark.parametrize(
        ("address", "prefix"),
        [
            ("203.0.113.7", "203.0.113.0/24"),
            ("::ffff:203.0.113.7", "203.0.113.0/24"),
            ("2001:db8:1:2ff::7", "2001:db8:1:200::/56"),
            ("unix", "unix"),
        ],
    )
    def test_addresses_are_counted_by_their_network(self, address, prefix):
        assert address_prefix(address) == prefix


class TestTimeouts:
    def test_a_body_that_does_not_come_is_given_up(self, start):
        service = start(upload_timeout_seconds="0.3")
        head = (
            f"POST {API}/notebooks HTTP/1.1\nHost: x\nAuthorization: Bearer {service.token()}\n"
            "Content-Length: 100\nConnection: close\n\n"
        )
        assert raw_request(service.port, head, iter([b"{"])).startswith(b"HTTP/1.1 408")

    def test_a_page_can_read_that_its_request_took_too_long(self, start):
        service = start(request_timeout_seconds="3", cors_origins="https://a.example")
        head = (
            f"POST {API}/notebooks HTTP/1.1\nHost: x\nAuthorization: Bearer {service.token()}\n"
            "Origin: https://a.example\nContent-Length: 100\nConnection: close\n\n"
        )
        answer = raw_request(service.port, head, iter([b"{"])).decode()
        assert answer.startswith("HTTP/1.1 503")
        assert "access-control-allow-origin: https://a.example\r\n" in answer
        assert "x-content-type-options: nosniff\r\n" in answer

    def test_a_caller_that_leaves_leaves_nothing_behind(self, start):
        service = start()
        token = service.token()
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", service.port)) as connection:
                connection.sendall(
                    f"POST {API}/notebooks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                    "Content-Length: 5000000\r\n\r\n".encode()
                    + b"{" * 300_000
                )
        assert service.share(token=token).status_code == 201
        assert "Traceback" not in service.log()


class TestGatekeepers:
    def test_a_shared_secret_can_be_demanded_from_every_call(self, start):
        service = start(client_secret="tide", client_secret_header="X-Tide")
        for headers in ({}, {"X-Tide": "ebb"}):
            for method, path in (
                ("GET", "/health"),
                ("POST", "/auth/issue"),
                ("GET", "/notebooks/x"),
            ):
                answer = service.http.request(method, f"{API}{path}", headers=headers)
                assert answer.status_code == 403
        answer = service.http.post(f"{API}/auth/issue", headers={"X-Tide": "tide"})
        assert answer.status_code == 200
        assert service.http.options(f"{API}/notebooks").status_code == 204

    def test_cors_is_off_by_default(self, plain_service):
        answer = plain_service.http.options(
            f"{API}/notebooks",
            headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"},
        )
        assert "access-control-allow-origin" not in answer.headers

    def test_cors_allows_the_listed_origins_and_what_the_contract_names(self, start):
        service = start(cors_origins="https://a.example, https://b.example")
        asked = {
            "Origin": "https://b.example",
            "Access-Control-Request-Method": "PUT",
            "Access-Control-Request-Headers": "authorization,content-type",
        }
        answer = service.http.options(f"{API}/notebooks/x", headers=asked)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == "https://b.example"
        methods = set(answer.headers["access-control-allow-methods"].split(", "))
        assert methods == {"GET", "POST", "PUT", "DELETE", "OPTIONS"}
        allowed = answer.headers["access-control-allow-headers"].lower()
        assert "authorization" in allowed
        assert "content-type" in allowed
        # A refusal can be read from the page that called, too.
        refused = service.http.get(f"{API}/notebooks/x", headers={"Origin": "https://a.example"})
        assert refused.status_code == 403
        assert refused.headers["access-control-allow-origin"] == "https://a.example"
        other = service.http.options(
            f"{API}/x", headers={**asked, "Origin": "https://evil.example"}
        )
        assert "access-control-allow-origin" not in other.headers

    def test_a_page_can_read_that_something_went_wrong_on_our_side(self, start):
        service = start(cors_origins="https://a.example")
        token = service.token()
        shared = service.share(token=token).json()["notebook"]
        path = Path(service.environment["JE_SHARING_DATA_DIR"]) / "sharing.db"
        with sqlite3.connect(path, timeout=30) as database:
            database.execute("DROP TABLE notebooks")
        headers = {"Origin": "https://a.example", "Authorization": f"Bearer {token}"}
        answer = service.http.get(f"{API}/notebooks/{shared['id']}", headers=headers)
        assert answer.status_code == 500
        assert answer.headers["access-control-allow-origin"] == "https://a.example"
        assert "on our side" in answer.text

    def test_every_answer_carries_security_headers(self, plain_service):
        for path in (f"{API}/health", "/nothing", f"{API}/notebooks/x", "/docs", "/openapi.json"):
            headers = plain_service.http.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert "default-src 'none'" in headers["content-security-policy"]
            assert "server" not in headers


class TestPrivacy:
    @pytest.fixture(scope="class")
    def used(self, backend_settings, tmp_path_factory):
        """A service that was used in every way, and what must not be found afterwards."""
        environment = backend_settings("sqlite-folder") | {
            "JE_SHARING_REQUESTS_PER_ADDRESS": "10000",
            "JE_SHARING_MISSES_PER_ADDRESS": "10000",
            "JE_SHARING_TRUSTED_PROXIES": "127.0.0.1",
        }
        service = RunningService(environment, tmp_path_factory.mktemp("log") / "log").start()
        token = service.token()
        text = "the secret diary of a student"
        visit = {
            **bearer(token),
            "X-Forwarded-For": "198.51.100.23",
            "Origin": "https://lincoln-high.example",
            "Referer": "https://lincoln-high.example/class",
            "User-Agent": "SchoolBook/7",
        }
        body = {"notebook": notebook(text), "password": "seaweed"}
        shared = service.http.post(f"{API}/notebooks", json=body, headers=visit).json()["notebook"]
        broken = {**body, "notebook": notebook(text, nbformat=2)}
        service.http.post(f"{API}/notebooks", json=broken, headers=visit)
        service.http.post(f"{API}/notebooks", content=text, headers=visit)
        fresh = service.http.post(f"{API}/auth/refresh", json={"token": token}).json()["token"]
        service.http.post(f"{API}/auth/refresh", json={"token": token}, headers=visit)
        service.http.get(f"/s/{shared['readable_id']}", headers=visit)
        service.http.get(f"{API}/notebooks/{shared['id']}?at={text}", headers=visit)
        service.http.get(f"{API}/{token}", headers=visit)
        # The counts reach the database within a second or two.
        path = Path(environment["JE_SHARING_DATA_DIR"]) / "sharing.db"
        deadline = time.monotonic() + 120
        with sqlite3.connect(path, timeout=30) as database:
            while not database.execute("SELECT count(*) FROM rate_counts").fetchone()[0]:
                assert time.monotonic() < deadline, "no count was stored"
                time.sleep(0.1)
        yield service, [token, fresh, "seaweed"], [shared["readable_id"], shared["id"], text]
        service.stop()

    def test_the_log_holds_no_token_no_notebook_and_no_link(self, used):
        service, secrets, links = used
        for text in [*secrets, *links, "198.51.100", "lincoln-high", "SchoolBook"]:
            assert text not in service.log()

    def test_the_log_is_one_json_object_a_line(self, used):
        service, _, _ = used
        log = service.log()
        assert len(log_lines(log)) == len(log.strip().splitlines())
        requests = [line for line in log_lines(log) if line["message"] == "request"]
        assert {"share_notebook", "view_notebook", "refresh_token"} <= {
            r["route"] for r in requests
        }
        assert all({"method", "status", "ms"} <= set(line) for line in requests)

    def test_the_database_holds_no_address_no_host_and_no_token(self, used):
        service, secrets, _ = used
        path = Path(service.environment["JE_SHARING_DATA_DIR"]) / "sharing.db"
        with sqlite3.connect(path, timeout=30) as database:
            dump = "\n".join(database.iterdump())
        database.close()
        hexed = dump.lower()
        for text in [*secrets, "198.51.100", "127.0.0", "lincoln-high", "SchoolBook"]:
            assert text not in dump
            assert text.encode().hex() not in hexed

    def test_the_metrics_count_and_name_nobody(self, used):
        service, secrets, links = used
        text = service.http.get("/metrics").text
        assert re.search(r'je_sharing_shares_total\{outcome="created"\} 1\.0', text)
        assert (
            'je_sharing_requests_total{method="POST",route="share_notebook",status="201"}' in text
        )
        for item in [*secrets, *links, "198.51.100"]:
            assert item not in text

    def test_only_the_services_own_user_can_look_into_its_folders(self, start):
        service = start("sqlite-folder")
        service.shared()
        folder = Path(service.environment["JE_SHARING_DATA_DIR"])
        assert folder.stat().st_mode & 0o077 == 0
        assert (folder / "sharing.db").exists()


class TestCommand:
    def run(self, service_environment, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "je_sharing", *arguments],
            env={**os.environ, **service_environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def test_postgresql_is_migrated_by_command_and_not_by_surprise(self, backend_settings):
        environment = backend_settings("postgres-folder")
        del environment["JE_SHARING_AUTO_MIGRATE"]
        refused = self.run(environment, "serve", "--port", "0")
        assert refused.returncode != 0
        assert "je-sharing migrate" in refused.stderr
        # Two machines may well be told to at the same time.
        both = [
            subprocess.Popen(
                [sys.executable, "-m", "je_sharing", "migrate"],
                env={**os.environ, **environment},
            )
            for _ in range(2)
        ]
        assert [process.wait(120) for process in both] == [0, 0]

    def shared_across_workers(self, service, token):
        """Share by one worker and read by another; tell whether their connections lasted."""
        with contextlib.ExitStack() as connections:
            workers: dict[int, httpx.Client] = {}
            deadline = time.monotonic() + START_SECONDS
            while len(workers) < 2:
                assert time.monotonic() < deadline, "one worker answers everything"
                one = connections.enter_context(
                    httpx.Client(base_url=service.url, headers=bearer(token), timeout=180)
                )
                workers.setdefault(answering(service, one), one)
            for here, there in (workers.values(), reversed(workers.values())):
                answer = here.post(f"{API}/notebooks", json={"notebook": unique_notebook()})
                assert answer.status_code == 201
                path = f"{API}/notebooks/{answer.json()['notebook']['id']}"
                assert there.get(path).status_code == 200
            # One that was idle for too long has been ended, and another worker may have the next.
            return [answering(service, one) for one in workers.values()] == [*workers]

    def test_several_workers_serve_as_one(self, backend_settings, tmp_path):
        environment = backend_settings("sqlite-folder")
        service = RunningService(environment, tmp_path / "log", workers=2).start()
        try:
            token = service.token()
            deadline = time.monotonic() + START_SECONDS
            rounds = 1
            while not self.shared_across_workers(service, token):
                assert time.monotonic() < deadline, "no connections stayed with two workers"
                rounds += 1
            # Whichever of them is asked, and both have shared.
            total = f'je_sharing_shares_total{{outcome="created"}} {2 * rounds}.0\n'
            assert total in service.http.get("/metrics").text
        finally:
            service.stop()

    def test_the_openapi_document_is_valid(self, plain_service):
        from openapi_spec_validator import validate

        validate(json.loads(plain_service.http.get("/openapi.json").text))
