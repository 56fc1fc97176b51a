"""Connections that bring nothing, too many of them, and bodies that no call needs."""

import contextlib
import http.client
import resource
import socket
import sqlite3
import time

import httpx
import pytest
from running_service import API, bearer, unique_notebook

from je_sharing.connections import ConnectionLimits
from je_sharing.settings import MEBIBYTE
from je_sharing.uploads import SMALL_BYTES

pytestmark = pytest.mark.service

PATIENCE = 60
GET = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"


def connect(service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=PATIENCE)


def answered(connection: socket.socket) -> int:
    """Read the next answer to its end; its status."""
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    answer.read()
    return answer.status


def ends(connection: socket.socket, trickle: bytes = b"") -> bool:
    """Tell whether the other side ends a connection, to which one byte after the other is sent."""
    deadline = time.monotonic() + PATIENCE
    connection.settimeout(0.1)
    while time.monotonic() < deadline:
        try:
            if trickle:
                connection.sendall(trickle[:1])
                trickle = trickle[1:] or b"x"
            if not connection.recv(65536):
                return True
        except TimeoutError:
            continue
        except OSError:
            return True
    return False


class TestSilence:
    @pytest.fixture(scope="class")
    def service(self, start_class):
        return start_class(header_timeout_seconds="0.5")

    @pytest.mark.parametrize(
        ("sent", "trickle"),
        [
            (b"", b""),
            (b"GET /health/li", b""),
            (b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"y" * 2000),
            (b"", b"\r\n" * 1000),
            (GET, b"GET /hea"),
            (GET, b"\r\n" * 1000),
            (GET[:-2] + b"Content-Length: 100000\r\n\r\n", b"z" * 2000),
        ],
        ids=[
            "nothing",
            "half a request line",
            "a header, byte by byte",
            "empty lines",
            "half of a second request",
            "empty lines after a request",
            "a body that nobody reads, byte by byte",
        ],
    )
    def test_a_connection_that_brings_no_request_ends(self, service, sent, trickle):
        with connect(service) as connection:
            connection.sendall(sent)
            assert ends(connection, trickle)

    def test_a_head_without_end_is_not_collected(self, service):
        with connect(service) as connection:
            with contextlib.suppress(OSError):
                connection.sendall(GET[:-2] + b"X-Large: ")
                for _ in range(64):
                    connection.sendall(b"x" * 65536)
            connection.settimeout(PATIENCE)
            with contextlib.suppress(ConnectionResetError):
                assert b"200" not in connection.recv(65536)

    def test_a_connection_that_rests_between_requests_stays(self, service):
        with connect(service) as connection:
            for _ in range(2):
                connection.sendall(GET)
                assert answered(connection) == 200
                time.sleep(1)  # twice as long as a head may take

    def test_an_answer_that_takes_longer_than_a_head_may_is_waited_for(self, service):
        token = service.token()
        body = b'{"notebook": ' + b" " * 10
        with connect(service) as connection:
            head = (
                f"POST {API}/notebooks HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Length: {len(body)}\r\n\r\n"
            )
            connection.sendall(head.encode())
            for byte in body:
                time.sleep(0.05)
                connection.sendall(bytes([byte]))
            assert answered(connection) == 400


class TestHowMany:
    def test_silent_connections_do_not_keep_out_others(self, start):
        """As many as two thousand were enough to make every answer 503."""
        service = start(
            header_timeout_seconds="3600",
            connections_per_address="100",
            trusted_proxies="127.0.0.2",
        )
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4096)), hard))
        with contextlib.ExitStack() as stack:
            for _ in range(2100):
                with contextlib.suppress(OSError):
                    stack.enter_context(connect(service))
            # One who comes from elsewhere is answered.
            transport = httpx.HTTPTransport(local_address="127.0.0.2")
            with httpx.Client(base_url=service.url, transport=transport) as elsewhere:
                assert elsewhere.post(f"{API}/auth/issue").status_code == 200

    def test_an_address_that_has_as_many_as_it_may_gets_no_more_until_one_ends(self, start):
        service = start(connections_per_address="5")
        service.http.close()
        with contextlib.ExitStack() as stack:
            held: list[socket.socket] = []
            deadline = time.monotonic() + PATIENCE
            while len(held) < 5 and time.monotonic() < deadline:
                # The first of them may come before the one that waited for the start has gone.
                connection = stack.enter_context(connect(service))
                with contextlib.suppress(OSError, http.client.HTTPException):
                    connection.sendall(GET)
                    if answered(connection):
                        held.append(connection)
            assert len(held) == 5
            assert ends(stack.enter_context(connect(service)))
            held[0].close()
            while True:
                ended = (OSError, http.client.HTTPException)
                with connect(service) as one_more, contextlib.suppress(*ended):
                    one_more.sendall(GET)
                    if answered(one_more) == 200:
                        break
                assert time.monotonic() < deadline, "the place was not given free"

    @pytest.mark.parametrize(
        ("first", "second", "same"),
        [
            ("203.0.113.7", "203.0.113.7", True),
            ("203.0.113.7", "203.0.113.8", False),
            ("203.0.113.7", "::ffff:203.0.113.7", True),
            ("2001:db8::1", "2001:db8::2:0:0:1", True),
            ("2001:db8::1", "2001:db8:0:1::1", False),
            ("10.1.2.3", "10.1.2.3", False),
            ("", "", False),
        ],
    )
    def test_whom_a_connection_counts_for(self, first, second, same):
        limits = ConnectionLimits(1, "10.0.0.0/8, 192.0.2.1", 10)
        assert limits.enter(first) is not None
        assert (limits.enter(second) is None) == same

    def test_nothing_is_kept_of_who_left(self):
        limits = ConnectionLimits(2, "", 10)
        entered = [limits.enter("203.0.113.7") for _ in range(2)]
        assert limits.enter("203.0.113.7") is None
        for subject in entered:
            limits.leave(subject)
        assert not limits._open


class TestBodies:
    @pytest.fixture(scope="class")
    def service(self, start_class):
        return start_class()

    @pytest.mark.parametrize("call", ["issue", "refresh"])
    @pytest.mark.parametrize("is_announced", [True, False])
    def test_auth_takes_what_it_needs_and_no_more(self, service, call, is_announced):
        body = b'{"token": "%b"}' % (b"x" * SMALL_BYTES)
        answer = service.http.post(
            f"{API}/auth/{call}", content=body if is_announced else iter([body[:5], body[5:]])
        )
        assert answer.status_code == 413
        assert answer.json()["error_code"] == "PAYLOAD_TOO_LARGE"
        assert answer.json()["details"] == {"maxSizeBytes": SMALL_BYTES}

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", f"{API}/auth/issue"),
            ("POST", f"{API}/nothing"),
            ("GET", "/health"),
            ("GET", "/health/live"),
            ("GET", f"{API}/health"),
            ("GET", "/metrics"),
            ("GET", "/s/calm-silver-otter"),
            ("GET", f"{API}/notebooks/x"),
            ("DELETE", f"{API}/notebooks/x"),
            ("OPTIONS", f"{API}/notebooks"),
        ],
    )
    def test_what_takes_no_notebook_does_not_wait_for_one(self, service, method, path):
        """The answer is there before the body, which therefore nobody keeps."""
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {15 * MEBIBYTE}\r\n\r\n"
        with connect(service) as connection:
            connection.sendall(head.encode() + b"{" * 100_000)
            assert answered(connection) >= 200


class TestBytes:
    def test_an_address_may_share_so_much_a_day_whatever_its_sessions(self, start):
        service = start(bytes_per_address=str(64 * 1024), trusted_proxies="127.0.0.1")

        def share(address):
            return service.http.post(
                f"{API}/notebooks",
                json={"notebook": unique_notebook() | {"metadata": {"x": "y" * 20_000}}},
                headers={**bearer(service.token()), "X-Forwarded-For": address},
            )

        answers = [share("198.51.100.7") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [201] * 4 + [429] * 2
        refused = answers[-1]
        assert "today" in refused.json()["message"]
        assert 0 < int(refused.headers["retry-after"]) <= 24 * 3600
        assert share("203.0.113.9").status_code == 201

    def test_the_day_survives_a_restart(self, start):
        first = start(bytes_per_address=str(64 * 1024))
        big = {"metadata": {"x": "y" * 70_000}}
        assert first.share(unique_notebook() | big).status_code == 201
        deadline = time.monotonic() + PATIENCE
        path = f"{first.environment['JE_SHARING_DATA_DIR']}/sharing.db"
        with contextlib.closing(sqlite3.connect(path, timeout=30)) as database:
            while not database.execute("SELECT 1 FROM rate_counts WHERE count > 60").fetchone():
                assert time.monotonic() < deadline, "no count was stored"
                time.sleep(0.1)
        first.stop()
        second = start(like=first)
        statuses = set()
        while 429 not in statuses:
            assert time.monotonic() < deadline, "the second process never heard of the first"
            statuses.add(second.share().status_code)
            time.sleep(0.2)

    @pytest.mark.parametrize("kind", ["sqlite-folder", "postgres-folder"])
    def test_a_disk_that_is_nearly_full_takes_nothing_new_and_gives_all_it_has(self, start, kind):
        service = start(kind)
        token = service.token()
        shared = service.shared(token=token)
        service.stop()
        service = start(like=service, min_free_bytes=str(10**18))
        token = service.token(), token
        for answer in (
            service.share(token=token[0]),
            service.put(f"/notebooks/{shared['id']}", unique_notebook(), token[1]),
        ):
            assert answer.status_code == 507
            assert answer.json()["error_code"] == "INSUFFICIENT_STORAGE"
            assert "no room left" in answer.json()["message"]
        assert service.get(f"/notebooks/{shared['id']}").status_code == 200
        assert service.http.get(f"/s/{shared['readable_id']}").status_code == 200

    def test_where_nothing_is_on_this_disk_it_does_not_matter(self, start):
        service = start("postgres-s3", min_free_bytes=str(10**18))
        assert service.share().status_code == 201


class TestForwarding:
    @pytest.mark.parametrize("proxies", ["", "192.0.2.1"])
    def test_nobody_else_is_believed_whom_a_request_comes_from(self, start, proxies):
        service = start(requests_per_address="10", trusted_proxies=proxies)
        statuses = {
            service.http.get(
                f"{API}/health", headers={"X-Forwarded-For": f"198.51.{n}.7"}
            ).status_code
            for n in range(40)
        }
        assert 429 in statuses

    def test_of_what_a_proxy_passes_on_only_its_own_word_is_believed(self, start):
        """A proxy adds whom it sees; what stands before that, the caller has written."""
        service = start(requests_per_address="10", trusted_proxies="127.0.0.1")
        statuses = {
            service.http.get(
                f"{API}/health", headers={"X-Forwarded-For": f"198.51.{n}.7, 203.0.113.5"}
            ).status_code
            for n in range(40)
        }
        assert 429 in statuses
