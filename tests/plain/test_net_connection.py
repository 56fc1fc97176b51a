"""What `http.client` writes to our socket is read as the request that it is."""

import http.client
import io

import pytest

from je_kernel.net.connection import BrowserResponse, BrowserSocket, parse_request, response_head
from je_kernel.net.message import Request, Response

pytestmark = pytest.mark.plain

HOST = "example.com"


def written(method, path, **options):
    """Let a real connection write a request, and read it as our socket does."""
    connection = http.client.HTTPConnection(HOST)
    connection.sock = Recorder()
    connection.request(method, path, **options)
    return parse_request(connection.sock.data, f"http://{HOST}", 3.0)


class Recorder:
    def __init__(self):
        self.data = bytearray()

    def sendall(self, data):
        self.data += data

    def close(self):
        pass


def test_a_get_is_read_with_its_headers():
    request = written("GET", "/a.csv?b=1", headers={"X-One": "1", "X-Two": "2: 3"})
    assert request == Request(
        "GET",
        "http://example.com/a.csv?b=1",
        (("Host", HOST), ("Accept-Encoding", "identity"), ("X-One", "1"), ("X-Two", "2: 3")),
        None,
        3.0,
    )


@pytest.mark.parametrize(
    "body", [b"abc", bytearray(b"abc"), io.BytesIO(b"abc"), [b"a", b"", b"bc"], "abc"]
)
def test_a_body_of_any_kind_is_read(body):
    assert written("POST", "/", body=body).body == b"abc"


def test_a_body_with_blank_lines_is_read_whole():
    assert written("POST", "/", body=b"\r\n\r\na\r\n\r\n").body == b"\r\n\r\na\r\n\r\n"


def test_a_post_without_a_body_has_an_empty_one_and_a_get_has_none():
    assert written("POST", "/").body == b""
    assert written("GET", "/").body is None


def test_a_folded_header_becomes_one_line():
    request = written("GET", "/", headers={"X-Folded": "one\r\n two\n\tthree"})
    assert dict(request.headers)["X-Folded"] == "one two three"


def test_what_is_meant_for_a_proxy_is_asked_for_directly():
    assert written("GET", "http://other.org/x").url == "http://other.org/x"
    assert (
        written("GET", "/x?u=http://other.org/").url == "http://example.com/x?u=http://other.org/"
    )


def response_of(answer):
    sock = BrowserSocket("http://example.com", None)
    sock.response = answer
    sock.makefile = lambda _mode: io.BytesIO(response_head(answer))
    response = BrowserResponse(sock, method="GET")
    response.begin()
    return response


def test_a_whole_read_hands_out_the_body_itself():
    body = bytes(5_000_000)
    headers = (("Content-Length", str(len(body))),)
    response = response_of(Response(200, "OK", "http://example.com/", headers, body))
    assert response.read() is body
    assert response.isclosed()


def test_the_head_of_a_response_is_read_back():
    headers = (("X-Word", "caf\xe9"), ("Content-Length", "2"))
    response = response_of(Response(418, "I'm a teapot", "http://example.com/", headers, b"ab"))
    assert (response.status, response.reason) == (418, "I'm a teapot")
    assert response.headers["X-Word"] == "caf\xe9"
    assert response.peek(1)[:1] == b"a"
    assert response.read() == b"ab"
