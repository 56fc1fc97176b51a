"""The site's server and clients that are slow, rude or hostile; over real sockets."""

import contextlib
import http.client
import os
import re
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.routing import Route

from je_site.server import Sharing, serve

pytestmark = [pytest.mark.plain, pytest.mark.usefixtures("cache")]

TIMEOUT = 30
HUGE = 300 << 20
METHODS = ["GET", "POST", "OPTIONS"]


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    (folder / "index.html").write_text("<h1>site</h1>")
    (folder / "jupyter-lite.json").write_text("{}")
    with (folder / "huge.bin").open("wb") as file:
        file.truncate(HUGE)
        file.seek(HUGE - 3)
        file.write(b"end")
    return folder


class Service:
    """A service that says what reached it."""

    def __init__(self):
        self.broken_off = threading.Event()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]

    async def echo(self, request):
        try:
            body = await request.body()
        except ClientDisconnect:
            self.broken_off.set()
            raise
        target = request.scope["raw_path"].decode()
        return JSONResponse(
            {"target": target, "size": len(body), "headers": dict(request.headers)},
            headers={"Access-Control-Allow-Origin": "*"},
        )


@pytest.fixture(scope="module")
def service():
    made = Service()
    app = Starlette(routes=[Route("/{rest:path}", made.echo, methods=METHODS)])
    config = uvicorn.Config(app, port=made.port, log_level="critical", proxy_headers=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
    yield made
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def port(root, service):
    with serve(root, sharing=Sharing(port=service.port)) as served:
        yield served.port


@contextlib.contextmanager
def connected(port):
    with (
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection,
        connection.makefile("rb") as reader,
    ):
        yield connection, reader


def answer_of(reader):
    """Read one answer: its status, its headers, its body."""
    status = int(reader.readline().split()[1])
    headers = http.client.parse_headers(reader)
    return status, headers, reader.read(int(headers.get("Content-Length", "0")))


def ask(port, path="/", method="GET", body=None, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT)
    with contextlib.closing(connection):
        connection.request(
            method, path, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


HEAD = "Host: 127.0.0.1\r\n"


def test_a_client_that_expects_100_continue_gets_it_and_sends_its_body(port):
    with connected(port) as (connection, reader):
        head = f"POST /api/v1/x HTTP/1.1\r\n{HEAD}Expect: 100-continue\r\nContent-Length: 5000000"
        connection.sendall(f"{head}\r\n\r\n".encode())
        assert answer_of(reader)[0] == 100
        connection.sendall(b"x" * 5_000_000)
        status, _, body = answer_of(reader)
    assert status == 200
    assert b'"size":5000000' in body


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/", 200), ("POST", "/", 405), ("GET", "/none", 404)]
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_nobody_reads_is_not_the_next_request(port, method, path, status, chunked):
    hidden = f"GET /hidden HTTP/1.1\r\n{HEAD}\r\n".encode()
    framing, body = f"Content-Length: {len(hidden)}", hidden
    if chunked:
        framing, body = (
            "Transfer-Encoding: chunked",
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(hidden), hidden),
        )
    following = f"GET /jupyter-lite.json HTTP/1.1\r\n{HEAD}Connection: close\r\n\r\n".encode()
    with connected(port) as (connection, reader):
        first = f"{method} {path} HTTP/1.1\r\n{HEAD}{framing}\r\n\r\n".encode()
        connection.sendall(first + body + following)
        sent = reader.read()
    statuses = [int(found) for found in re.findall(rb"HTTP/1\.1 (\d+)", sent)]
    assert statuses in ([status, 200], [status])  # answered in turn, or hung up


@pytest.mark.parametrize(
    "framing",
    [
        "Content-Length: 3\r\nContent-Length: 4",
        "Content-Length: 3\r\nTransfer-Encoding: chunked",
        "Content-Length: +3",
        "Transfer-Encoding: identity, x",
        "Content-Length: 3\r\n Folded: x",
    ],
)
def test_framing_that_two_servers_read_differently_is_refused(port, framing):
    with connected(port) as (connection, reader):
        connection.sendall(f"POST /api/v1/x HTTP/1.1\r\n{HEAD}{framing}\r\n\r\nabc".encode())
        connection.shutdown(socket.SHUT_WR)
        assert b"HTTP/1.1 200" not in reader.read()


def test_a_chunked_body_reaches_the_service(port):
    status, _, body = ask(port, "/api/v1/x", "POST", iter([b"ab", b"c"]))
    assert status == 200
    assert b'"size":3' in body


def test_an_upload_that_breaks_off_breaks_off_for_the_service_as_well(port, service):
    service.broken_off.clear()
    with connected(port) as (connection, _):
        head = f"POST /api/v1/x HTTP/1.1\r\n{HEAD}Content-Length: 1000000\r\n\r\n"
        connection.sendall(head.encode() + b"x" * 1000)
    assert service.broken_off.wait(TIMEOUT)
    assert ask(port)[0] == 200


def test_others_are_served_while_a_client_is_slow(port):
    with connected(port) as (connection, reader):
        for byte in f"GET / HTTP/1.1\r\n{HEAD}\r\n":
            connection.sendall(byte.encode())
            assert ask(port)[0] == 200
        assert answer_of(reader)[0] == 200


def test_two_hundred_connections_at_once_stay_open(port):
    with contextlib.ExitStack() as stack:
        clients = [
            stack.enter_context(
                contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT))
            )
            for _ in range(200)
        ]

        def statuses(client):
            for _ in range(2):
                client.request("GET", "/")
                answer = client.getresponse()
                answer.read()
                yield answer.status, client.sock is not None

        with ThreadPoolExecutor(50) as many:
            found = list(many.map(lambda client: list(statuses(client)), clients))
    assert found == [[(200, True)] * 2] * 200


def memory():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_large_file_is_not_read_into_memory(port):
    before = memory()
    status, headers, body = ask(port, "/huge.bin", Range=f"bytes={HUGE - 3}-")
    assert (status, body, headers["Content-Length"]) == (206, b"end", "3")
    with connected(port) as (connection, reader):
        connection.sendall(f"GET /huge.bin HTTP/1.1\r\n{HEAD}Range: bytes=0-\r\n\r\n".encode())
        assert reader.readline().startswith(b"HTTP/1.1 206")
        most = 0
        while len(reader.read(1 << 20)) == 1 << 20 and most < HUGE // 2:
            most += 1 << 20
    # Left in the middle: nobody else is the worse for it.
    assert ask(port)[0] == 200
    assert memory() - before < 64 << 20


def test_a_client_that_goes_away_leaves_no_trace(port, caplog, capfd):
    for path in ("/huge.bin", "/api/v1/x"):
        with connected(port) as (connection, reader):
            connection.sendall(f"GET {path} HTTP/1.1\r\n{HEAD}\r\n".encode())
            assert reader.readline().startswith(b"HTTP/1.1 200")
    assert ask(port)[0] == 200
    assert not caplog.records
    assert capfd.readouterr().err == ""


# What a page of another origin can do


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8000", 200),
        ("localhost:8000", 200),
        ("lesson.localhost", 200),
        ("[::1]:8000", 200),
        ("attacker.example:8000", 400),
        ("127.0.0.1.attacker.example", 400),
        ("localhost@attacker.example", 400),
        ("", 400),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/v1/x", "/jupyter-lite.json"])
def test_a_name_that_is_not_this_machines_is_refused(port, host, status, path):
    assert ask(port, path, Host=host)[0] == status


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://127.0.0.1:{port}", 200),
        (None, 200),
        ("http://127.0.0.1:1", 403),
        ("https://attacker.example", 403),
        ("https://127.0.0.1:{port}.attacker.example", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
@pytest.mark.parametrize("method", METHODS)
def test_a_page_of_another_origin_cannot_use_the_sharing_beside_the_site(
    port, origin, status, method
):
    headers = {} if origin is None else {"Origin": origin.format(port=port)}
    answered, got, _ = ask(port, "/api/v1/x", method, **headers)
    assert answered == status
    assert ("Access-Control-Allow-Origin" in got) == (status == 200)


def test_files_are_not_for_the_scripts_of_another_origin(port):
    _, headers, _ = ask(port, "/", Origin="https://attacker.example")
    assert "Access-Control-Allow-Origin" not in headers


def test_the_service_is_told_who_asks_by_the_server_alone(port):
    spoofed = {"X_Forwarded_For": "192.0.2.1", "Forwarded": "for=192.0.2.1"}
    _, _, body = ask(port, "/api/v1/x", **spoofed)
    assert b'"x-forwarded-for":"127.0.0.1"' in body
    assert b"192.0.2.1" not in body


@pytest.mark.parametrize(
    "path", ["/s/../metrics", "/s/%2e%2e/metrics", "/api/v1/..%2f..%2fmetrics"]
)
def test_no_path_leads_to_another_part_of_the_service(port, path):
    status, _, body = ask(port, path)
    assert status == 404 or f'"target":"{path}"'.encode() in body


@pytest.mark.parametrize(
    "asked",
    ["bytes=" + "9" * 5000 + "-", "bytes=-" + "9" * 5000, "bytes=²-"],
    ids=["start", "end", "not ASCII"],
)
def test_a_range_of_no_size_is_ignored(port, asked):
    assert ask(port, "/", Range=asked)[0] == 200


@pytest.mark.parametrize(
    "sent", [b"", b"GET / HT", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\nGET / HT"]
)
def test_a_connection_whose_request_does_not_come_ends(root, monkeypatch, sent):
    monkeypatch.setattr("je_site.server._HEAD_SECONDS", 1)
    with (
        serve(root) as served,
        socket.create_connection(("127.0.0.1", served.port), TIMEOUT) as client,
    ):
        client.sendall(sent)
        with contextlib.suppress(ConnectionResetError):
            while client.recv(65536):
                pass
