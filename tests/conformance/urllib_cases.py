"""`urllib.request`, as lessons use it."""

from __future__ import annotations

import base64
import contextlib
import csv
import gzip
import io
import json
import os
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.parse
import urllib.request
import urllib.robotparser
import zipfile
from array import array
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.conformance.registry import Law, Site, case

SUCCESSES = (200, 201, 202, 203, 206, 208, 226)
FAILURES = (
    *(400, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 422, 423),
    *(424, 428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 507, 511),
)


def echo(site: Site, request: str | Request = "", **options: Any) -> dict[str, Any]:
    if isinstance(request, str):
        request = site.local + "/echo" + request
    with urlopen(request, **options) as response:
        told: dict[str, Any] = json.load(response)
    told["body"] = base64.b64decode(told["body"])
    return told


def raises(*kinds: type[BaseException]) -> Any:
    """As pytest.raises, without pytest: the context's ``error`` is what was raised."""
    return _Raises(kinds)


class _Raises:
    error: Any

    def __init__(self, kinds: tuple[type[BaseException], ...]) -> None:
        self._kinds = kinds

    def __enter__(self) -> _Raises:
        return self

    def __exit__(self, kind: Any, error: Any, _: Any) -> bool:
        assert kind is not None, f"nothing was raised, expected {self._kinds}"
        if issubclass(kind, self._kinds):
            self.error = error
            return True
        return False


# Responses.


@case(core=True)
def a_get_gives_status_reason_headers_and_body(site: Site) -> None:
    with urlopen(site.httpbin + "/get?a=1&b=two") as response:
        assert response.status == response.getcode() == response.code == 200
        assert response.reason == response.msg == "OK"
        assert response.headers["Content-Type"] == "application/json"
        assert json.load(response)["args"] == {"a": "1", "b": "two"}


@case(each=SUCCESSES)
def a_success_is_returned(site: Site, status: int) -> None:
    with urlopen(f"{site.local}/status/{status}") as response:
        assert response.status == status
        assert response.read() == f"status {status}\n".encode()


@case(each=(204, 205))
def a_status_without_a_body_has_none(site: Site, status: int) -> None:
    with urlopen(f"{site.local}/status/{status}") as response:
        assert response.status == status
        assert response.read() == b""


@case(each=FAILURES, core=True)
def an_error_status_raises_httperror(site: Site, status: int) -> None:
    with raises(urllib.error.HTTPError) as caught:
        urlopen(f"{site.local}/status/{status}")
    error = caught.error
    assert error.code == error.status == status
    assert error.reason == error.msg
    assert isinstance(error, (urllib.error.URLError, OSError))
    assert str(error).startswith(f"HTTP Error {status}: {error.reason}")
    assert error.headers["Content-Length"] == str(len(f"status {status}\n"))
    assert error.url == error.geturl() == f"{site.local}/status/{status}"
    assert error.read() == f"status {status}\n".encode()


@case(each=(403, 404, 500))
def an_error_status_of_httpbin_raises_httperror(site: Site, status: int) -> None:
    with raises(urllib.error.HTTPError) as caught:
        urlopen(f"{site.httpbin}/status/{status}")
    assert caught.error.code == status


@case()
def a_304_raises_httperror(site: Site) -> None:
    with raises(urllib.error.HTTPError) as caught:
        urlopen(Request(site.local + "/etag", headers={"If-None-Match": '"one"'}))
    assert caught.error.code == 304
    assert caught.error.headers["ETag"] == '"one"'
    assert caught.error.read() == b""


@case()
def a_401_raises_httperror_that_says_how_to_log_in(site: Site) -> None:
    with raises(urllib.error.HTTPError) as caught:
        urlopen(site.local + "/login")
    assert caught.error.code == 401
    assert "the engine" in caught.error.headers["WWW-Authenticate"]


@case()
def the_body_of_an_error_can_be_parsed(site: Site) -> None:
    with raises(urllib.error.HTTPError) as caught:
        urlopen(site.local + "/not-there")
    with caught.error as error:
        assert error.read() == b"nothing here\n"
        assert error.headers.get_content_type() == "text/plain"


@case(each=("plain", "chunked", "without-length", "negotiated", "negotiated-chunked"), core=True)
def a_body_is_whole_however_it_is_framed(site: Site, route: str) -> None:
    with urlopen(f"{site.local}/{route}") as response:
        body = response.read()
    assert body == b"rain,sun\n1,2\n3,4\n" * 64
    assert response.headers["Content-Encoding"] is None


@case(each=("plain", "chunked", "negotiated", "negotiated-chunked"))
def a_content_length_is_that_of_the_body(site: Site, route: str) -> None:
    with urlopen(f"{site.local}/{route}") as response:
        said = response.headers["Content-Length"]
        assert said is None or int(said) == len(response.read())


@case(
    each=("gzip", "deflate", "br"),
    law=Law(
        "Content-Encoding that nobody asked for",
        "The body comes as it was sent; `Content-Encoding` says how to decode it.",
        "The browser has decoded the body, and `Content-Encoding` is gone.",
    ),
)
def a_forced_content_encoding(site: Site, route: str) -> None:
    with urlopen(f"{site.local}/{route}") as response:
        body, encoding = response.read(), response.headers["Content-Encoding"]
    decoded = b"rain,sun\n1,2\n3,4\n" * 64
    assert (body == decoded) == (encoding is None)
    assert (body == decoded) == site.in_browser


@case(core=True)
def bytes_of_every_value_survive(site: Site) -> None:
    with urlopen(site.local + "/bytes") as response:
        assert response.read() == bytes(range(256)) * 4


@case(each=(0, 1, 1000, 65536, 1_000_000, 3_000_001))
def a_body_of_any_size_is_whole(site: Site, size: int) -> None:
    with urlopen(f"{site.local}/plain?size={size}") as response:
        assert response.headers["Content-Length"] == str(size)
        assert len(response.read()) == size


@case()
def an_empty_body_is_empty_bytes(site: Site) -> None:
    with urlopen(site.local + "/empty") as response:
        assert response.read() == b""
        assert response.read() == b""


@case(each=("mb=20", "mb=20&chunked=yes"), core=True)
def twenty_megabytes_arrive(site: Site, how: str) -> None:
    with urlopen(f"{site.local}/big?{how}") as response:
        body = response.read()
    assert len(body) == 20 * 2**20
    assert body == array("I", range(5 * 2**20)).tobytes()


# Reading.


@case()
def a_response_is_read_in_pieces(site: Site) -> None:
    with urlopen(site.local + "/plain?size=1000") as response:
        pieces = []
        while piece := response.read(300):
            pieces.append(piece)
    assert [len(piece) for piece in pieces] == [300, 300, 300, 100]


@case()
def a_response_is_read_by_iteration(site: Site) -> None:
    with urlopen(site.local + "/files/people.csv") as response:
        lines = [line.decode().strip() for line in response]
    assert lines == ["name,height", "Ada,165", "Grace,168", "Katherine,163"]


@case()
def a_response_is_read_by_readline_and_readlines(site: Site) -> None:
    with urlopen(site.local + "/files/people.csv") as response:
        assert response.readline() == b"name,height\n"
        assert response.readlines() == [b"Ada,165\n", b"Grace,168\n", b"Katherine,163\n"]


@case()
def a_response_is_read_into_a_buffer(site: Site) -> None:
    buffer = bytearray(10)
    with urlopen(site.local + "/files/people.csv") as response:
        assert response.readinto(buffer) == 10
        assert bytes(buffer) == b"name,heigh"
        assert response.read(2) == b"t\n"


@case()
def a_response_peeks_and_reads_one(site: Site) -> None:
    with urlopen(site.local + "/files/people.csv") as response:
        assert response.peek(4)[:4] == b"name"
        assert response.read1(4) == b"name"
        assert response.readable()
        assert not response.writable()


@case()
def a_response_is_closed_by_its_context(site: Site) -> None:
    with urlopen(site.local + "/plain") as response:
        assert not response.closed
    assert response.closed
    assert response.isclosed()
    assert response.read() == b""


@case()
def a_response_read_to_its_end_is_closed_inside(site: Site) -> None:
    response = urlopen(site.local + "/plain")
    assert not response.isclosed()
    response.read()
    assert response.isclosed()
    assert response.read() == b""
    response.close()


@case()
def a_response_knows_how_much_is_left(site: Site) -> None:
    with urlopen(site.local + "/plain?size=1000") as response:
        assert response.length == 1000
        response.read(300)
        assert response.length == 700


@case()
def a_response_is_wrapped_as_text(site: Site) -> None:
    with urlopen(site.local + "/files/people.csv") as response:
        rows = list(csv.DictReader(io.TextIOWrapper(response, encoding="utf-8")))
    assert rows[1] == {"name": "Grace", "height": "168"}


@case()
def a_response_is_unpacked_as_gzip(site: Site) -> None:
    with urlopen(site.local + "/files/people.csv.gz") as response, gzip.open(response) as unpacked:
        assert unpacked.readline() == b"name,height\n"


@case()
def a_response_is_unpacked_as_a_stream_of_tar(site: Site) -> None:
    with (
        urlopen(site.local + "/files/people.tar.gz") as response,
        tarfile.open(fileobj=response, mode="r|gz") as archive,
    ):
        assert [entry.name for entry in archive] == ["people.csv"]


@case()
def a_response_is_unpacked_as_zip(site: Site) -> None:
    with urlopen(site.local + "/files/people.csv.zip") as response:
        archive = zipfile.ZipFile(io.BytesIO(response.read()))
    assert archive.read("people.csv").startswith(b"name,height")


@case()
def a_gz_file_that_the_server_calls_encoded_is_still_a_gz_file(site: Site) -> None:
    with urlopen(site.local + "/stored-packed/people.csv.gz") as response:
        assert gzip.decompress(response.read()).startswith(b"name,height")


@case()
def a_response_is_copied_to_a_file(site: Site) -> None:
    with tempfile.TemporaryFile() as file, urlopen(site.local + "/bytes") as response:
        shutil.copyfileobj(response, file)
        assert file.tell() == 1024


@case()
def a_response_is_an_http_client_response(site: Site) -> None:
    import http.client

    with urlopen(site.local + "/plain") as response:
        assert isinstance(response, http.client.HTTPResponse)
        assert isinstance(response, io.BufferedIOBase)
        assert response.version == 11


# Headers of responses.


@case()
def headers_are_found_in_any_case(site: Site) -> None:
    with urlopen(site.local + "/header?value=yes") as response:
        assert response.headers["x-said"] == response.headers["X-SAID"] == "yes"
        assert response.getheader("X-Said") == response.info()["X-said"] == "yes"
        assert response.getheader("X-Not-There") is None
        assert response.getheader("X-Not-There", "nothing") == "nothing"
        assert "X-Said" in response.headers
        assert ("X-Said", "yes") in response.getheaders()


@case()
def headers_in_a_dict_are_spelled_as_servers_do(site: Site) -> None:
    with urlopen(site.local + "/etag") as response:
        plain = dict(response.headers)
    assert plain["ETag"] == '"one"'
    assert plain["Last-Modified"] == "Mon, 01 Jan 2024 00:00:00 GMT"
    assert plain["Content-Length"] == "1088"


@case()
def the_charset_is_told(site: Site) -> None:
    with urlopen(site.local + "/plain") as response:
        assert response.headers.get_content_charset() == "utf-8"
        assert response.headers.get_content_type() == "text/csv"


@case(
    law=Law(
        "A response header that comes twice",
        "`headers.get_all(name)` gives each value.",
        "The browser has joined them: one value, with commas.",
    )
)
def a_header_that_comes_twice(site: Site) -> None:
    with urlopen(site.local + "/duplicate-headers") as response:
        values = response.headers.get_all("X-Twice")
    assert values == (["one, two"] if site.in_browser else ["one", "two"])


BEYOND_ASCII = Law(
    "Letters beyond ASCII in headers",
    "They travel as Latin-1.",
    "The same in Chromium and Firefox; WebKit on Linux (WebKitGTK) takes them for UTF-8.",
)


@case(law=BEYOND_ASCII)
def a_header_in_latin_1_is_read(site: Site) -> None:
    with urlopen(site.local + "/latin-header") as response:
        value = response.headers["X-Word"]
    assert value == "caf\xe9" or (site.in_browser and value == "caf\xef\xbf\xbd")


@case(
    law=Law(
        "Response headers of another site",
        "All are there.",
        "`Content-Type`, `Content-Length`, `Last-Modified`, `Cache-Control`, `Expires` and"
        " `Content-Language`, and those that the site's `Access-Control-Expose-Headers` names.",
    )
)
def a_header_that_the_site_does_not_expose(site: Site) -> None:
    with urlopen(site.httpbin + "/response-headers?X-Secret=1") as response:
        assert (response.headers["X-Secret"] is None) == site.in_browser


@case(
    law=Law(
        "Cookies that a site sets",
        "`Set-Cookie` is among the headers; a cookie jar keeps and sends them.",
        "The browser keeps them to itself, and sends them only with"
        " `JE_KERNEL_NETWORK_CREDENTIALS=on`.",
    )
)
def a_cookie_that_a_site_sets(site: Site) -> None:
    from http.cookiejar import CookieJar

    jar = CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(jar))
    opener.open(site.local + "/cookie").close()
    with opener.open(site.local + "/cookie") as response:
        seen = response.read()
    expected: tuple[bytes, list[str]] = (
        (b"", []) if site.in_browser else (b"biscuit=chocolate", ["biscuit"])
    )
    assert (seen, [cookie.name for cookie in jar]) == expected


@case()
def many_headers_are_too_many(site: Site) -> None:
    import http.client

    with raises(http.client.HTTPException):
        urlopen(site.local + "/many-headers?n=150")


@case()
def a_hundred_small_headers_are_read(site: Site) -> None:
    with urlopen(site.local + "/many-headers?n=80") as response:
        assert response.headers["X-Header-79"] == "x"


@case()
def a_large_header_is_read(site: Site) -> None:
    with urlopen(site.local + "/large-header?size=30000") as response:
        assert len(response.headers["X-Large"]) == 30000


# Requests.


@case(each=("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"), core=True)
def every_method_arrives(site: Site, method: str) -> None:
    data = b"x=1" if method in {"POST", "PUT", "PATCH"} else None
    told = echo(site, Request(site.local + "/echo", data=data, method=method))
    assert told["method"] == method
    assert told["body"] == (data or b"")


@case(core=True)
def head_has_headers_and_no_body(site: Site) -> None:
    with urlopen(Request(site.local + "/plain?size=1234", method="HEAD")) as response:
        assert response.headers["Content-Length"] == "1234"
        assert response.read() == b""


@case()
def head_of_httpbin_says_the_length(site: Site) -> None:
    with urlopen(Request(site.httpbin + "/bytes/77", method="HEAD")) as response:
        assert response.headers["Content-Length"] == "77"


@case(each=("GET", "HEAD"))
def a_request_of_method(site: Site, method: str) -> None:
    assert Request(site.local, method=method).get_method() == method


@case(core=True)
def data_makes_it_a_form_that_is_posted(site: Site) -> None:
    data = urllib.parse.urlencode({"name": "Ada", "born": 1815}).encode()
    with urlopen(site.httpbin + "/post", data=data) as response:
        assert json.load(response)["form"] == {"name": "Ada", "born": "1815"}


@case()
def json_is_posted_with_its_type(site: Site) -> None:
    body = json.dumps({"a": [1, 2]}).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(site.httpbin + "/post", data=body, headers=headers)) as response:
        assert json.load(response)["json"] == {"a": [1, 2]}


@case()
def bytes_of_every_value_are_posted(site: Site) -> None:
    every = bytes(range(256)) * 16
    assert echo(site, data=every)["body"] == every


@case()
def a_bytearray_is_posted(site: Site) -> None:
    assert echo(site, Request(site.local + "/echo", data=bytearray(b"abc")))["body"] == b"abc"


@case()
def a_file_is_posted(site: Site) -> None:
    with tempfile.TemporaryFile() as file:
        file.write(b"from a file")
        file.seek(0)
        assert echo(site, Request(site.local + "/echo", data=file))["body"] == b"from a file"


@case()
def an_iterable_is_posted(site: Site) -> None:
    parts = (part for part in (b"one ", b"two ", b"three"))
    assert echo(site, Request(site.local + "/echo", data=parts))["body"] == b"one two three"


@case()
def an_empty_body_is_posted(site: Site) -> None:
    told = echo(site, data=b"")
    assert told["method"] == "POST"
    assert told["headers"]["content-length"] == "0"


@case()
def a_megabyte_is_posted(site: Site) -> None:
    body = bytes(range(256)) * 4096
    assert echo(site, data=body)["body"] == body


@case()
def text_as_data_is_a_type_error(site: Site) -> None:
    with raises(TypeError):
        urlopen(site.local + "/echo", data="text")


@case()
def put_and_delete_reach_httpbin(site: Site) -> None:
    for method in ("put", "delete", "patch"):
        request = Request(f"{site.httpbin}/{method}", data=b"hello", method=method.upper())
        request.add_header("Content-Type", "text/plain")
        with urlopen(request) as response:
            assert json.load(response)["data"] == "hello"


@case(
    law=Law(
        "A body with GET",
        "It is sent.",
        "`BadAddressError`: browsers send none. Use POST.",
    )
)
def a_get_with_a_body(site: Site) -> None:
    request = Request(site.local + "/echo", data=b"x", method="GET")
    if site.in_browser:
        with raises(urllib.error.URLError, ValueError) as caught:
            urlopen(request)
        assert "POST" in str(caught.error)
    else:
        assert echo(site, request)["body"] == b"x"


@case(
    law=Law(
        "The methods CONNECT, TRACE and TRACK",
        "They are sent.",
        "`BadAddressError`: browsers do not send them.",
    )
)
def a_trace(site: Site) -> None:
    request = Request(site.local + "/echo", method="TRACE")
    if site.in_browser:
        with raises(urllib.error.URLError) as caught:
            urlopen(request)
        assert "TRACE" in str(caught.error)
    else:
        assert echo(site, request)["method"] == "TRACE"


@case(core=True)
def headers_arrive(site: Site) -> None:
    request = Request(site.local + "/echo", headers={"X-One": "1", "Accept": "text/csv"})
    request.add_header("X-Two", 'a, b; c="d"')
    told = echo(site, request)["headers"]
    assert (told["x-one"], told["x-two"], told["accept"]) == ("1", 'a, b; c="d"', "text/csv")


@case(law=BEYOND_ASCII)
def a_header_in_latin_1_arrives(site: Site) -> None:
    told = echo(site, Request(site.local + "/echo", headers={"X-Word": "caf\xe9"}))
    value = told["headers"]["x-word"]
    assert value == "caf\xe9" or (site.in_browser and value == "caf\xc3\xa9")


@case()
def an_authorization_header_arrives(site: Site) -> None:
    token = base64.b64encode(b"ada:lovelace").decode()
    request = Request(site.local + "/login", headers={"Authorization": "Basic " + token})
    with urlopen(request) as response:
        assert response.read() == b"welcome\n"


@case(
    each=("User-Agent", "Cookie", "Referer", "Origin", "Date", "Via", "Sec-Fetch-Mode", "DNT"),
    law=Law(
        "Request headers that belong to the browser",
        "They are sent as set: `User-Agent`, `Cookie`, `Referer`, `Host`, `Origin`, `Date`, …",
        "They are left out (a debug log says so) and the browser sends its own, if any.",
    ),
)
def a_header_that_belongs_to_the_browser(site: Site, name: str) -> None:
    told = echo(site, Request(site.local + "/echo", headers={name: "mine"}))
    assert (told["headers"].get(name.lower()) == "mine") != site.in_browser


@case()
def accept_encoding_may_be_asked_for(site: Site) -> None:
    request = Request(site.local + "/echo", headers={"Accept-Encoding": "identity"})
    assert echo(site, request)["headers"]["accept-encoding"]


@case()
def a_content_type_is_kept(site: Site) -> None:
    request = Request(site.local + "/echo", data=b"x", headers={"Content-Type": "text/x-mine"})
    assert echo(site, request)["headers"]["content-type"] == "text/x-mine"


@case()
def the_default_content_type_is_that_of_a_form(site: Site) -> None:
    told = echo(site, data=b"x")
    assert told["headers"]["content-type"] == "application/x-www-form-urlencoded"


@case()
def a_range_is_asked_for(site: Site) -> None:
    request = Request(site.local + "/files/people.csv?ranges", headers={"Range": "bytes=5-10"})
    request.full_url = site.local + "/files/people.csv?ranges=yes"
    with urlopen(request) as response:
        assert response.status == 206
        assert response.read() == b"height"


@case()
def a_request_can_be_sent_twice(site: Site) -> None:
    request = Request(site.local + "/echo", data=b"again")
    assert echo(site, request)["body"] == echo(site, request)["body"] == b"again"


@case()
def a_request_tells_about_itself(site: Site) -> None:
    request = Request(site.local + "/echo?a=b#part", headers={"X-One": "1"})
    assert request.has_header("X-one")
    assert request.fragment == "part"
    assert request.selector == "/echo?a=b"
    assert request.type == "http"


# Addresses.


@case(
    each=(
        *("/a/b/c", "/a%20b", "/%C3%A9t%C3%A9", "/a+b", "/a;b=c", "/a~b", "/a@b", "/a:b"),
        *("?q=1", "?q=a%26b", "?q=a+b", "?q=%C3%A9", "?q=http://x.org/?a=b", "?", "//double"),
        *("/a!b'c()*", "/a,b", "/a$b&c=d"),
    )
)
def an_address_arrives_as_written(site: Site, tail: str) -> None:
    assert echo(site, tail)["path"] == "/echo" + tail


@case()
def a_fragment_stays_here(site: Site) -> None:
    with urlopen(site.local + "/echo#part") as response:
        assert json.load(response)["path"] == "/echo"
        assert response.geturl() == site.local + "/echo#part"


@case()
def quoted_words_make_an_address(site: Site) -> None:
    name = urllib.parse.quote("péople.csv")
    with urlopen(f"{site.local}/files/{name}") as response:
        assert response.readline() == b"name,height\n"


@case()
def an_address_with_letters_beyond_ascii_must_be_quoted(site: Site) -> None:
    with raises(UnicodeEncodeError):
        urlopen(site.local + "/files/péople.csv")


@case()
def an_address_in_capitals(site: Site) -> None:
    address = site.local.replace("http://", "HTTP://")
    with urlopen(address + "/empty") as response:
        assert response.status == 200


@case()
def a_host_by_name(site: Site) -> None:
    with urlopen(site.other + "/empty") as response:
        assert response.status == 200


@case()
def a_host_in_capitals(site: Site) -> None:
    with urlopen(site.other.replace("localhost", "LOCALHOST") + "/empty") as response:
        assert response.status == 200


@case(each=("not an address", "", "people.csv", "/people.csv"))
def what_is_no_address_is_a_value_error(site: Site, text: str) -> None:
    with raises(ValueError):
        urlopen(text)


@case(each=("gopher://x.org/", "foo:bar", "s3://bucket/key"))
def an_unknown_scheme_is_a_urlerror(site: Site, text: str) -> None:
    with raises(urllib.error.URLError) as caught:
        urlopen(text)
    assert "unknown url type" in str(caught.error)


@case()
def an_address_without_a_host_is_a_urlerror(site: Site) -> None:
    with raises(urllib.error.URLError) as caught:
        urlopen("http:///people.csv")
    assert "no host given" in str(caught.error)


@case()
def a_file_is_opened_by_its_address(site: Site) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "note.txt"
        path.write_text("hello")
        with urlopen(path.as_uri()) as response:
            assert response.read() == b"hello"
            assert response.headers["Content-Length"] == "5"


@case()
def a_file_that_is_not_there_is_a_urlerror(site: Site) -> None:
    with raises(urllib.error.URLError):
        urlopen("file:///no/such/file.txt")


@case(each=("data:,hello", "data:text/plain;base64,aGVsbG8="))
def a_data_address_holds_its_data(site: Site, address: str) -> None:
    with urlopen(address) as response:
        assert response.read() == b"hello"


# Redirects.


@case(each=(301, 302, 303, 307, 308), core=True)
def a_redirect_is_followed(site: Site, code: int) -> None:
    with urlopen(f"{site.local}/redirect?code={code}&to=/plain%3Fsize%3D7") as response:
        assert response.status == 200
        assert response.geturl() == response.url == site.local + "/plain?size=7"
        assert len(response.read()) == 7


@case(each=(1, 3, 5))
def redirects_in_a_row_are_followed(site: Site, count: int) -> None:
    with urlopen(f"{site.httpbin}/redirect/{count}") as response:
        assert response.geturl() == site.httpbin + "/get"


@case(each=("absolute-redirect", "relative-redirect"))
def redirects_of_either_kind_are_followed(site: Site, kind: str) -> None:
    with urlopen(f"{site.httpbin}/{kind}/2") as response:
        assert response.geturl() == site.httpbin + "/get"


@case(core=True)
def a_redirect_to_another_site_is_followed(site: Site) -> None:
    target = urllib.parse.quote(site.other + "/echo?x=1", safe="")
    with urlopen(f"{site.local}/redirect?to={target}") as response:
        assert response.geturl() == site.other + "/echo?x=1"


@case()
def a_redirect_to_a_404_raises_httperror_of_the_target(site: Site) -> None:
    with raises(urllib.error.HTTPError) as caught:
        urlopen(site.local + "/redirect?to=/not-there")
    assert caught.error.code == 404
    assert caught.error.geturl() == site.local + "/not-there"


@case()
def without_a_redirect_the_address_is_the_one_asked_for(site: Site) -> None:
    with urlopen(site.local + "/plain?a=b") as response:
        assert response.geturl() == site.local + "/plain?a=b"


@case()
def a_loop_of_redirects_is_an_error(site: Site) -> None:
    with raises(urllib.error.URLError):
        urlopen(site.local + "/loop")


@case(each=(301, 302, 303))
def a_post_that_is_redirected_becomes_a_get(site: Site, code: int) -> None:
    told = echo(site, Request(f"{site.local}/redirect?code={code}&to=/echo", data=b"x=1"))
    assert (told["method"], told["body"]) == ("GET", b"")


@case(
    each=(307, 308),
    law=Law(
        "A POST that is redirected with 307 or 308",
        "`HTTPError`: Python does not send the body a second time.",
        "The browser sends it again, as the standard says.",
    ),
)
def a_post_that_is_redirected_as_it_is(site: Site, code: int) -> None:
    request = Request(f"{site.local}/redirect?code={code}&to=/echo", data=b"x=1")
    if site.in_browser:
        assert echo(site, request)["body"] == b"x=1"
    else:
        with raises(urllib.error.HTTPError):
            urlopen(request)


@case(
    law=Law(
        "Handling redirects oneself",
        "A `HTTPRedirectHandler`, `allow_redirects=False` or `follow_redirects=False` sees each"
        " redirect.",
        "The browser follows them before Python sees anything; the final address is told.",
    )
)
def a_redirect_handler_of_ones_own(site: Site) -> None:
    class Stay(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *_: Any) -> None:
            return None

    opener = urllib.request.build_opener(Stay)
    if site.in_browser:
        with opener.open(site.local + "/redirect?to=/plain") as response:
            assert response.status == 200
    else:
        with raises(urllib.error.HTTPError) as caught:
            opener.open(site.local + "/redirect?to=/plain")
        assert caught.error.code == 302


# urlretrieve.


@case(core=True)
def urlretrieve_saves_a_file_and_reports(site: Site) -> None:
    reports: list[tuple[int, int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "saved.csv")  # noqa: PTH118
        given, headers = urllib.request.urlretrieve(
            site.local + "/plain?size=20000", path, reporthook=lambda *seen: reports.append(seen)
        )
        assert given == path
        assert Path(path).stat().st_size == 20000
    assert headers["Content-Length"] == "20000"
    assert reports[0] == (0, 8192, 20000)
    assert reports[-1][0] * 8192 >= 20000


@case()
def urlretrieve_makes_a_file_when_none_is_named(site: Site) -> None:
    path, _ = urllib.request.urlretrieve(site.local + "/files/people.csv")
    assert Path(path).read_bytes().startswith(b"name")
    urllib.request.urlcleanup()
    assert not Path(path).exists()


@case()
def urlretrieve_of_a_404_raises_and_saves_nothing(site: Site) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "saved.csv"
        with raises(urllib.error.HTTPError):
            urllib.request.urlretrieve(site.local + "/not-there", path)
        assert not path.exists()


@case()
def urlretrieve_posts_data(site: Site) -> None:
    path, _ = urllib.request.urlretrieve(site.local + "/echo", data=b"posted")
    assert base64.b64decode(json.loads(Path(path).read_text())["body"]) == b"posted"


# Openers and handlers.


@case()
def an_opener_adds_its_headers(site: Site) -> None:
    opener = urllib.request.build_opener()
    opener.addheaders = [("X-Mine", "yes")]
    with opener.open(site.local + "/echo") as response:
        assert json.load(response)["headers"]["x-mine"] == "yes"


@case(core=True)
def an_auth_handler_logs_in_after_a_401(site: Site) -> None:
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, site.local, "ada", "lovelace")
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
    with opener.open(site.local + "/login") as response:
        assert response.read() == b"welcome\n"


@case()
def an_auth_handler_with_the_wrong_password_fails(site: Site) -> None:
    passwords = urllib.request.HTTPPasswordMgrWithDefaultRealm()
    passwords.add_password(None, site.local, "ada", "byron")
    opener = urllib.request.build_opener(urllib.request.HTTPBasicAuthHandler(passwords))
    with raises(urllib.error.HTTPError) as caught:
        opener.open(site.local + "/login")
    assert caught.error.code == 401


@case()
def an_installed_opener_is_used(site: Site) -> None:
    opener = urllib.request.build_opener()
    opener.addheaders = [("X-Installed", "yes")]
    before = urllib.request._opener  # type: ignore[attr-defined]
    urllib.request.install_opener(opener)
    try:
        assert echo(site)["headers"]["x-installed"] == "yes"
    finally:
        urllib.request.install_opener(before)


@case()
def a_handler_can_let_errors_pass(site: Site) -> None:
    class Tolerant(urllib.request.HTTPErrorProcessor):
        def http_response(self, request: Any, response: Any) -> Any:
            return response

    with urllib.request.build_opener(Tolerant).open(site.local + "/status/404") as response:
        assert response.status == 404


@case()
def a_handler_can_change_requests(site: Site) -> None:
    class Marking(urllib.request.BaseHandler):
        def http_request(self, request: Request) -> Request:
            request.add_header("X-Marked", "yes")
            return request

    with urllib.request.build_opener(Marking).open(site.local + "/echo") as response:
        assert json.load(response)["headers"]["x-marked"] == "yes"


@case()
def a_scheme_of_ones_own(site: Site) -> None:
    class Upper(urllib.request.BaseHandler):
        def upper_open(self, request: Request) -> Any:
            return io.BytesIO(request.host.upper().encode())

    with urllib.request.build_opener(Upper).open("upper://hello") as response:
        assert response.read() == b"HELLO"


@case()
def no_proxies_are_no_trouble(site: Site) -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(site.local + "/empty") as response:
        assert response.status == 200


@case()
def a_context_for_https_is_accepted(site: Site) -> None:
    import ssl

    context = ssl.create_default_context()
    with urlopen(site.local + "/empty", context=context) as response:
        assert response.status == 200


@case()
def many_requests_in_a_row(site: Site) -> None:
    for size in range(30):
        with urlopen(f"{site.local}/plain?size={size}") as response:
            assert len(response.read()) == size


@case()
def two_responses_at_a_time(site: Site) -> None:
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(urlopen(site.local + "/plain?size=10"))
        second = stack.enter_context(urlopen(site.local + "/plain?size=20"))
        assert (len(second.read()), len(first.read())) == (20, 10)


@case()
def a_robots_file_is_read(site: Site) -> None:
    robots = urllib.robotparser.RobotFileParser(site.local + "/robots.txt")
    robots.read()
    assert not robots.can_fetch("anyone", site.local + "/private")
    assert robots.can_fetch("anyone", site.local + "/public")


@case()
def a_remote_procedure_is_called(site: Site) -> None:
    import xmlrpc.client

    with xmlrpc.client.ServerProxy(site.local) as proxy:
        assert proxy.add(2, 3) == 5
