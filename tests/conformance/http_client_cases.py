"""`http.client`, underneath."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
from typing import Any
from urllib.parse import urlsplit

from tests.conformance.registry import Site, case
from tests.conformance.urllib_cases import raises


def connected(site: Site, **options: Any) -> contextlib.closing[http.client.HTTPConnection]:
    parts = urlsplit(site.local)
    assert parts.hostname is not None
    return contextlib.closing(http.client.HTTPConnection(parts.hostname, parts.port, **options))


@case(core=True)
def a_connection_asks_and_answers(site: Site) -> None:
    with connected(site) as connection:
        connection.request("GET", "/files/people.csv")
        response = connection.getresponse()
        assert (response.status, response.reason, response.version) == (200, "OK", 11)
        assert response.read().startswith(b"name,height")


@case()
def a_connection_is_used_again(site: Site) -> None:
    with connected(site) as connection:
        for size in (1, 2, 3):
            connection.request("GET", f"/plain?size={size}")
            assert len(connection.getresponse().read()) == size


@case()
def a_connection_opens_again_after_it_was_closed(site: Site) -> None:
    with connected(site) as connection:
        for _ in range(2):
            connection.request("GET", "/empty")
            assert connection.getresponse().read() == b""
            connection.close()
            assert connection.sock is None


@case()
def a_404_is_a_response_here(site: Site) -> None:
    with connected(site) as connection:
        connection.request("GET", "/not-there")
        response = connection.getresponse()
        assert (response.status, response.reason) == (404, "Not Found")
        assert response.read() == b"nothing here\n"


@case(each=("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
def a_connection_sends_every_method(site: Site, method: str) -> None:
    with connected(site) as connection:
        connection.request(method, "/echo")
        assert json.load(connection.getresponse())["method"] == method


@case()
def head_leaves_nothing_to_read(site: Site) -> None:
    with connected(site) as connection:
        connection.request("HEAD", "/plain?size=99")
        response = connection.getresponse()
        assert response.getheader("Content-Length") == "99"
        assert response.read() == b""
        connection.request("GET", "/plain?size=3")
        assert len(connection.getresponse().read()) == 3


def _body_of(connection: http.client.HTTPConnection) -> bytes:
    return base64.b64decode(json.load(connection.getresponse())["body"])


@case()
def a_request_in_steps(site: Site) -> None:
    with connected(site) as connection:
        connection.putrequest("POST", "/echo")
        connection.putheader("Content-Length", "6")
        connection.putheader("X-Many", "one", "two")
        connection.endheaders()
        connection.send(b"abc")
        connection.send(io.BytesIO(b"def"))
        told = json.load(connection.getresponse())
    assert base64.b64decode(told["body"]) == b"abcdef"
    assert "one" in told["headers"]["x-many"]
    assert "two" in told["headers"]["x-many"]


@case()
def a_chunked_body(site: Site) -> None:
    with connected(site) as connection:
        connection.request("POST", "/echo", body=iter([b"one", b"", b"two"]), encode_chunked=True)
        assert _body_of(connection) == b"onetwo"


@case()
def a_chunked_body_encoded_by_hand(site: Site) -> None:
    parts = iter([b"3\r\none\r\n", b"3\r\ntwo\r\n", b"0\r\n\r\n"])
    with connected(site) as connection:
        connection.request("POST", "/echo", body=parts, headers={"Transfer-Encoding": "chunked"})
        assert _body_of(connection) == b"onetwo"


@case()
def a_body_of_text_is_latin_1(site: Site) -> None:
    with connected(site) as connection:
        connection.request("POST", "/echo", body="caf\xe9")
        assert _body_of(connection) == b"caf\xe9"


@case()
def a_body_of_other_text_is_an_error(site: Site) -> None:
    with connected(site) as connection, raises(UnicodeEncodeError):
        connection.request("POST", "/echo", body="\u20ac")


@case()
def a_text_file_is_a_body(site: Site) -> None:
    with connected(site) as connection:
        connection.request("POST", "/echo", body=io.StringIO("text"))
        assert _body_of(connection) == b"text"


@case()
def an_array_is_a_body(site: Site) -> None:
    import array

    with connected(site) as connection:
        connection.request("POST", "/echo", body=array.array("H", [0x4142, 0x4344]))
        assert sorted(_body_of(connection)) == [0x41, 0x42, 0x43, 0x44]


@case()
def a_response_before_a_request_is_an_error(site: Site) -> None:
    with connected(site) as connection, raises(http.client.ResponseNotReady):
        connection.getresponse()


@case()
def a_request_before_the_response_is_an_error(site: Site) -> None:
    with connected(site) as connection:
        connection.request("GET", "/empty")
        with raises(http.client.CannotSendRequest):
            connection.request("GET", "/empty")


@case()
def headers_after_the_headers_are_an_error(site: Site) -> None:
    with connected(site) as connection, raises(http.client.CannotSendHeader):
        connection.putheader("X-Late", "yes")


@case()
def a_connection_through_a_context(site: Site) -> None:
    parts = urlsplit(site.local)
    connection = http.client.HTTPConnection(f"{parts.hostname}:{parts.port}", timeout=10)
    connection.request("GET", "/plain?size=4")
    with connection.getresponse() as response:
        assert response.read(2) == b"ra"
        assert response.read() == b"in"
    connection.close()


@case()
def the_debug_level_prints(site: Site) -> None:
    printed = io.StringIO()
    with connected(site) as connection, contextlib.redirect_stdout(printed):
        connection.set_debuglevel(1)
        connection.request("GET", "/empty")
        connection.getresponse().read()
    assert "send:" in printed.getvalue()
    assert "reply: 'HTTP/1.1 200 OK" in printed.getvalue()


@case()
def a_tunnel_leads_to_its_host(site: Site) -> None:
    with connected(site) as connection:
        connection.set_tunnel("example.org", 443)
        assert connection._tunnel_host == "example.org"  # type: ignore[attr-defined]


@case()
def a_class_of_ones_own(site: Site) -> None:
    class Counting(http.client.HTTPConnection):
        sent = 0

        def send(self, data: Any) -> None:
            self.sent += 1
            super().send(data)

    parts = urlsplit(site.local)
    assert parts.hostname is not None
    connection = Counting(parts.hostname, parts.port)
    connection.request("POST", "/echo", body=b"x" * 10)
    assert json.load(connection.getresponse())["method"] == "POST"
    assert connection.sent >= 1
    connection.close()


@case()
def a_response_class_of_ones_own(site: Site) -> None:
    class Shouting(http.client.HTTPResponse):
        def read(self, amt: int | None = None) -> bytes:
            return super().read(amt).upper()

    class Loud(http.client.HTTPConnection):
        response_class = Shouting

    parts = urlsplit(site.local)
    assert parts.hostname is not None
    connection = Loud(parts.hostname, parts.port)
    connection.request("GET", "/files/people.csv")
    assert connection.getresponse().read().startswith(b"NAME,HEIGHT")
    connection.close()


@case(each=("bad\nhost", "bad host", "bad\x00host"))
def a_bad_host_is_refused(site: Site, host: str) -> None:
    with raises(http.client.InvalidURL):
        http.client.HTTPConnection(host)


@case()
def a_port_that_is_no_number_is_refused(site: Site) -> None:
    with raises(http.client.InvalidURL):
        http.client.HTTPConnection("localhost:http")
