"""The relay: off by default, and narrow when on."""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest
from running_service import API, bearer

from je_kernel import coroutines
from je_kernel.net import relay as client_relay
from je_kernel.net.message import Request, Response
from je_kernel.sharing.service_requests import send
from je_sharing import relay as relay_module
from je_sharing.errors import BadGatewayError, BadRequestError, ForbiddenError
from je_sharing.relay import Relay, is_public

pytestmark = pytest.mark.service


class OtherHost(BaseHTTPRequestHandler):
    seen: list[tuple[str, dict[str, str]]] = []  # noqa: RUF012
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif self.path == "/endless":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            try:
                while True:
                    self.wfile.write(b"4000\r\n" + b"x" * 0x4000 + b"\r\n")
            except OSError:
                self.close_connection = True
        elif self.path == "/silent":
            threading.Event().wait(5)
        else:
            self.send_response(404 if self.path == "/missing" else 200)
            self.send_header("Content-Type", "text/csv")
            self.send_header("Set-Cookie", "a=b")
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"a,b\n1\n")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def other_host() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), OtherHost)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture
def relay(other_host, monkeypatch) -> Relay:
    monkeypatch.setitem(relay_module._PORTS, "http", other_host)
    return relay_with(timeout_seconds=60)


def relay_with(timeout_seconds: float) -> Relay:
    """A relay for which this machine stands for the public internet, on the port of the test."""
    names = {
        "data.example": ["127.0.0.1"],
        "inside.example": ["127.0.0.1", "10.0.0.1"],
        "twice.open.example": ["127.0.0.2", "127.0.0.1"],
        "six.open.example": ["::1"],
        "dual.open.example": ["::1", "127.0.0.1"],
    }

    async def lookup(host: str, _port: int) -> list[str]:
        return names.get(host, [])

    return Relay(
        ["data.example", "inside.example", "*.open.example"],
        max_bytes=100_000,
        timeout_seconds=timeout_seconds,
        lookup=lookup,
        may_connect=lambda address: address == "::1" or address.startswith("127."),
    )


def get(relay: Relay, url: str):
    return asyncio.run(relay.get(url))


def test_it_reads_a_listed_host(relay):
    found = get(relay, "http://data.example/x.csv?y=1")
    assert (found.status, found.content_type, found.body) == (200, "text/csv", b"a,b\n1\n")
    path, headers = OtherHost.seen[-1]
    assert path == "/x.csv?y=1"
    assert headers["host"] == "data.example"
    assert not {"cookie", "authorization", "referer", "origin"} & set(headers)


def test_it_tries_the_next_address_where_one_cannot_be_reached(relay):
    assert get(relay, "http://twice.open.example/x.csv").body == b"a,b\n1\n"


@pytest.fixture
def black_hole(other_host):
    """An IPv6 address that answers nothing, not even a refusal: its backlog is full."""
    with socket.create_server(("::1", other_host), family=socket.AF_INET6, backlog=0) as full:
        waiting = []
        while True:
            one = socket.socket(socket.AF_INET6)
            waiting.append(one)
            one.settimeout(0.3)
            try:
                one.connect(full.getsockname())
            except TimeoutError:
                break
        yield
        for one in waiting:
            one.close()


def test_an_address_that_is_a_black_hole_does_not_keep_the_other_from_answering(relay, black_hole):
    assert get(relay_with(timeout_seconds=10), "http://dual.open.example/x.csv").status == 200


def test_where_the_only_address_is_a_black_hole_it_gives_up(relay, black_hole):
    with pytest.raises(BadGatewayError, match="too long"):
        get(relay_with(timeout_seconds=1), "http://six.open.example/x.csv")


def test_a_name_is_looked_up_once_and_what_was_checked_is_what_is_connected_to(relay):
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    checked = []

    async def lookup(_host: str, _port: int) -> list[str]:
        return next(answers)

    def may_connect(address: str) -> bool:
        checked.append(address)
        return address == "127.0.0.1"

    rebinding = Relay(
        ["data.example"], max_bytes=100, timeout_seconds=60, lookup=lookup, may_connect=may_connect
    )
    assert get(rebinding, "http://data.example/x.csv").status == 200
    assert checked == ["127.0.0.1"]
    # A redirect is looked up anew, and checked anew.
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    with pytest.raises(ForbiddenError, match="not public"):
        get(rebinding, "http://data.example/to/http://data.example/x.csv")


def test_more_readers_than_turns_are_all_answered(relay):
    async def read_all() -> list[int]:
        found = await asyncio.gather(*(relay.get("http://data.example/x.csv") for _ in range(30)))
        return [item.status for item in found]

    assert asyncio.run(read_all()) == [200] * 30


def test_it_passes_on_the_status(relay):
    assert get(relay, "http://data.example/missing").status == 404


def test_it_follows_redirects_within_the_list(relay):
    found = get(relay, "http://data.example/to//x.csv")
    assert found.body == b"a,b\n1\n"
    assert found.url.endswith("/x.csv")


@pytest.mark.parametrize(
    "url",
    [
        "http://other.example/",
        "http://data.example.evil.example/",
        "http://open.example/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://inside.example/",
        "http://data.example:22/",
        "http://data.example/to/http://other.example/",
        "http://data.example/to/http://inside.example/",
        "http://data.example/to/http://169.254.169.254/latest/meta-data",
        "http://data.example/to/http://data.example:1/",
    ],
)
def test_it_refuses_other_hosts_addresses_and_ports_also_on_a_redirect(relay, url):
    with pytest.raises(ForbiddenError):
        get(relay, url)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "data.example",
        "file:///etc/passwd",
        "ftp://data.example/",
        "http://user:pw@data.example/",
        "http://data.example/\r\nX: y",
        "http://data.example/ x",
        "http://[data.example/",
        "http://data.example:x/",
        "http:///x",
        "http://data.example/to/file:///etc/passwd",
    ],
)
def test_it_refuses_what_is_no_plain_url(relay, url):
    with pytest.raises(BadRequestError):
        get(relay, url)


def test_a_host_where_nothing_listens_is_the_other_hosts_fault(relay, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    monkeypatch.setitem(relay_module._PORTS, "http", port)
    with pytest.raises(BadGatewayError, match="cannot be read"):
        get(relay, "http://data.example/x.csv")


def test_it_gives_up_on_a_host_that_says_nothing(relay):
    with pytest.raises(BadGatewayError, match="too long"):
        get(relay_with(timeout_seconds=1), "http://data.example/silent")


@pytest.mark.parametrize("path", ["endless", "to/http://data.example/to/" * 8])
def test_it_gives_up_on_too_much_and_too_far(relay, path):
    with pytest.raises((BadGatewayError, BadRequestError)):
        get(relay, f"http://data.example/{path}")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0",
        "100.64.0.1", "224.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::",
        "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:a00:1",
        "2002:7f00:1::", "64:ff9b::7f00:1", "64:ff9b::a00:1", "2001:0:4136:e378::1", "2001:db8::1",
        "192.0.0.192", "192.88.99.1", "fec0::1", "3fff::1", "64:ff9b:1::a00:1", "::10.0.0.1",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::808:808"])
def test_addresses_that_are_public(address):
    assert is_public(address)


def test_it_is_off_by_default(plain_service):
    answer = plain_service.http.get(f"{API}/relay?url=http://data.example/")
    assert answer.status_code == 404
    assert f"{API}/relay" not in plain_service.http.get("/openapi.json").json()["paths"]


def test_the_endpoint_refuses_a_name_that_is_this_machine(start):
    service = start(relay_hosts="localhost, data.example")
    answer = service.get("/relay", url="http://localhost/")
    assert answer.status_code == 403
    assert "not public" in answer.json()["message"]
    assert service.get("/relay").status_code == 400
    assert service.http.post(f"{API}/relay?url=http://localhost/").status_code == 405


def test_the_endpoint_is_for_whoever_has_a_token(start):
    service = start(relay_hosts="localhost")
    for headers in ({}, bearer("x.y.z"), {"Authorization": service.token()}):
        answer = service.http.get(
            f"{API}/relay", params={"url": "http://localhost/"}, headers=headers
        )
        assert answer.status_code == 403
        assert "oken" in answer.json()["message"]
        assert "not public" not in answer.json()["message"]


def ask(service, url: str) -> tuple[Response, list[str]]:
    """Ask the service's relay as the wheel does; the answer, and which calls it took."""
    calls = []

    async def send_request(request: Request) -> Response:
        calls.append(urlsplit(request.url).path.removeprefix(API))
        return send(request)

    address = f"{service.url}{API}/relay"
    return coroutines.run(client_relay.fetch(Request("GET", url), address, send_request)), calls


def test_the_wheel_asks_for_a_token_once_and_again_when_it_is_worth_nothing(start):
    service = start(relay_hosts="localhost")
    address = f"{service.url}{API}/relay"
    for calls in (["/auth/issue", "/relay"], ["/relay", "/auth/issue", "/relay"]):
        answer, made = ask(service, "http://localhost/x.csv")
        # A token was no problem; the address is one, of this machine.
        assert b"not public" in answer.body
        assert made == calls
    service.stop()
    command = [sys.executable, "-m", "je_sharing", "rotate-keys", "--at-once"]
    subprocess.run(command, env={**os.environ, **service.environment}, check=True)
    service.restart()
    before = client_relay._tokens[address]
    answer, made = ask(service, "http://localhost/x.csv")
    assert b"not public" in answer.body
    assert client_relay._tokens[address] != before


def test_the_wheel_sends_no_token_to_a_relay_of_another_kind():
    sent = []

    async def send_request(request: Request) -> Response:
        sent.append(request)
        return Response(200, "OK", request.url)

    request = Request("GET", "https://a.org/x")
    coroutines.run(client_relay.fetch(request, "https://b.org/relay", send_request))
    assert [request.headers for request in sent] == [()]
