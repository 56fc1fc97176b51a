"""`requests`, and urllib3 underneath."""

from __future__ import annotations

import base64
import io
from typing import Any

from tests.conformance.registry import Law, Site, case
from tests.conformance.urllib_cases import raises

NEEDS = ("requests",)


@case(needs=NEEDS, core=True)
def requests_gets_json(site: Site) -> None:
    import requests

    response = requests.get(site.httpbin + "/get", params={"q": ["a b", "é"]}, timeout=10)
    assert response.status_code == 200
    assert response.ok
    assert response.json()["args"] == {"q": ["a b", "é"]}
    assert response.headers["content-type"] == "application/json"


@case(each=("plain", "chunked", "negotiated", "negotiated-chunked", "gzip", "br"), needs=NEEDS)
def requests_reads_a_body_however_it_is_framed(site: Site, route: str) -> None:
    import requests

    response = requests.get(f"{site.local}/{route}", timeout=10)
    assert response.content == b"rain,sun\n1,2\n3,4\n" * 64
    assert response.text.splitlines()[0] == "rain,sun"


@case(each=(201, 400, 403, 404, 418, 429, 500, 503), needs=NEEDS)
def requests_returns_every_status(site: Site, status: int) -> None:
    import requests

    response = requests.get(f"{site.local}/status/{status}", timeout=10)
    assert response.status_code == status
    assert response.text == f"status {status}\n"
    if status < 400:
        response.raise_for_status()
        return
    with raises(requests.HTTPError) as caught:
        response.raise_for_status()
    assert caught.error.response.status_code == status
    assert str(status) in str(caught.error)
    assert f"status/{status}" in str(caught.error)


@case(needs=NEEDS)
def requests_knows_the_reason(site: Site) -> None:
    import requests

    assert requests.get(site.local + "/not-there", timeout=10).reason == "Not Found"


@case(each=("post", "put", "patch", "delete"), needs=NEEDS)
def requests_sends_json(site: Site, method: str) -> None:
    import requests

    response = requests.request(method, f"{site.httpbin}/{method}", json={"a": 1}, timeout=10)
    assert response.json()["json"] == {"a": 1}


@case(needs=NEEDS)
def requests_sends_a_form(site: Site) -> None:
    import requests

    response = requests.post(site.httpbin + "/post", data={"a": "1", "b": "é"}, timeout=10)
    assert response.json()["form"] == {"a": "1", "b": "é"}


@case(needs=NEEDS)
def requests_sends_files(site: Site) -> None:
    import requests

    files = {"file": ("a.txt", io.BytesIO(b"content"))}
    response = requests.post(site.httpbin + "/post", files=files, timeout=10)
    assert response.json()["files"] == {"file": "content"}


@case(each=("bytes", "file", "generator"), needs=NEEDS)
def requests_sends_a_body_of_any_kind(site: Site, kind: str) -> None:
    import requests

    bodies: dict[str, Any] = {
        "bytes": b"\x00\xffabc",
        "file": io.BytesIO(b"\x00\xffabc"),
        "generator": (part for part in (b"\x00\xff", b"abc")),
    }
    told = requests.post(site.local + "/echo", data=bodies[kind], timeout=10).json()
    assert base64.b64decode(told["body"]) == b"\x00\xffabc"


@case(needs=NEEDS)
def requests_sends_headers_and_logs_in(site: Site) -> None:
    import requests

    told = requests.get(site.local + "/echo", headers={"X-Mine": "yes"}, timeout=10).json()
    assert told["headers"]["x-mine"] == "yes"
    assert requests.get(site.local + "/login", auth=("ada", "lovelace"), timeout=10).ok
    assert requests.get(site.local + "/login", auth=("ada", "b"), timeout=10).status_code == 401


@case(needs=NEEDS, core=True)
def requests_follows_redirects_and_says_where_to(site: Site) -> None:
    import requests

    response = requests.get(site.local + "/redirect?to=/plain%3Fsize%3D5", timeout=10)
    assert response.url == site.local + "/plain?size=5"
    assert len(response.content) == 5


@case(
    needs=NEEDS,
    law=Law(
        "The redirects on the way",
        "`response.history` of requests and httpx lists them.",
        "It is empty: the browser tells only where they led.",
    ),
)
def requests_lists_redirects(site: Site) -> None:
    import requests

    response = requests.get(site.local + "/redirect?to=/plain", timeout=10)
    assert len(response.history) == (0 if site.in_browser else 1)


@case(needs=NEEDS)
def requests_uses_a_session(site: Site) -> None:
    import requests

    with requests.Session() as session:
        session.headers["X-Session"] = "yes"
        for _ in range(3):
            told = session.get(site.local + "/echo", timeout=10).json()
            assert told["headers"]["x-session"] == "yes"


@case(needs=NEEDS, core=True)
def requests_raises_connection_error_when_nobody_listens(site: Site) -> None:
    import requests

    with raises(requests.exceptions.ConnectionError) as caught:
        requests.get(site.refused, timeout=10)
    assert isinstance(caught.error, requests.exceptions.RequestException)
    assert isinstance(caught.error, OSError)
    assert caught.error.request is not None


@case(each=("never", "stall"), needs=NEEDS, core=True)
def requests_times_out(site: Site, route: str) -> None:
    import requests

    # Silence in the middle of a body is a ConnectionError in requests, and always was.
    with raises(requests.exceptions.Timeout, requests.exceptions.ConnectionError):
        requests.get(f"{site.local}/{route}", timeout=0.5)


@case(needs=NEEDS)
def requests_times_out_by_two_timeouts(site: Site) -> None:
    import requests

    with raises(requests.exceptions.ReadTimeout, requests.exceptions.ConnectTimeout):
        requests.get(site.local + "/never", timeout=(3, 0.5))


@case(each=("reset", "too-short", "reset-midway"), needs=NEEDS)
def requests_says_that_a_connection_broke(site: Site, route: str) -> None:
    import requests

    with raises(requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError):
        requests.get(f"{site.local}/{route}", timeout=10)


@case(
    needs=NEEDS,
    law=Law(
        "A site that does not allow notebooks to read it, with requests and httpx",
        "It is read.",
        "`SiteForbidsError` that is also the library's own connection error.",
    ),
)
def requests_of_a_site_that_forbids(site: Site) -> None:
    import requests

    if site.in_browser:
        with raises(requests.exceptions.ConnectionError):
            requests.get(site.local + "/no-cors", timeout=10)
    else:
        assert requests.get(site.local + "/no-cors", timeout=10).ok


@case(each=("people.csv", "http://", "foo://x"), needs=NEEDS)
def requests_refuses_what_is_no_address(site: Site, address: str) -> None:
    import requests

    with raises(ValueError):
        requests.get(address, timeout=10)


@case(needs=NEEDS)
def requests_quotes_words_in_an_address(site: Site) -> None:
    import requests

    assert requests.get(site.local + "/files/péople.csv", timeout=10).ok
    assert requests.get(site.local + "/echo/a b", timeout=10).json()["path"] == "/echo/a%20b"


@case(needs=NEEDS)
def requests_streams_in_pieces(site: Site) -> None:
    import requests

    with requests.get(site.local + "/plain?size=10000", stream=True, timeout=10) as response:
        pieces = list(response.iter_content(4096))
    assert [len(piece) for piece in pieces] == [4096, 4096, 1808]


@case(needs=NEEDS)
def requests_streams_lines(site: Site) -> None:
    import requests

    with requests.get(site.local + "/files/people.csv", stream=True, timeout=10) as response:
        assert list(response.iter_lines()) == [
            b"name,height",
            b"Ada,165",
            b"Grace,168",
            b"Katherine,163",
        ]


STREAMS = Law(
    "`stream=True` of requests, `stream` of httpx (the xhr engine: Safari, every browser on an"
    " iPad)",
    "The body comes piece by piece, as it is sent; it may be without end.",
    "With the fetch engine (Chromium, Firefox), and with `httpx.AsyncClient` everywhere, the same;"
    " with xhr the whole body comes before its first piece.",
)


@case(needs=NEEDS, core=True, law=STREAMS)
def requests_streams_what_never_ends(site: Site) -> None:
    import requests

    if not site.waits:
        return
    with requests.get(site.local + "/heartbeat", stream=True, timeout=10) as response:
        assert next(response.iter_content(1024)) == b"beat\n"


@case(each=("too-short", "cut-off"), needs=NEEDS, core=True)
def requests_says_that_a_stream_broke_off(site: Site, route: str) -> None:
    import requests

    with (
        raises(requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError),
        requests.get(f"{site.local}/{route}", stream=True, timeout=10) as response,
    ):
        list(response.iter_content(1000))


@case(needs=NEEDS)
def requests_says_that_a_stream_fell_silent(site: Site) -> None:
    import requests

    with (
        raises(requests.exceptions.ConnectionError, requests.exceptions.Timeout),
        requests.get(site.local + "/stall", stream=True, timeout=0.5) as response,
    ):
        list(response.iter_content(1000))


@case(needs=NEEDS)
def requests_leaves_a_stream_in_the_middle(site: Site) -> None:
    import requests

    for _ in range(3):
        with requests.get(site.local + "/big?mb=8", stream=True, timeout=10) as response:
            assert response.raw.read(5) == b"\x00\x00\x00\x00\x01"
    assert requests.get(site.local + "/empty", timeout=10).ok


@case(each=("chunked", "negotiated", "without-length"), needs=NEEDS)
def requests_streams_a_body_however_it_is_framed(site: Site, route: str) -> None:
    import requests

    with requests.get(f"{site.local}/{route}", stream=True, timeout=10) as response:
        assert response.reason == "OK"
        assert b"".join(response.iter_content(100)) == b"rain,sun\n1,2\n3,4\n" * 64


@case(needs=NEEDS)
def requests_streams_a_packed_file_as_it_is_stored(site: Site) -> None:
    import gzip

    import requests

    with (
        requests.get(site.local + "/files/people.csv.gz", stream=True, timeout=10) as response,
        gzip.open(response.raw) as unpacked,
    ):
        assert unpacked.read(4) == b"name"


@case(needs=NEEDS)
def requests_has_a_raw_body(site: Site) -> None:
    import requests

    with requests.get(site.local + "/files/people.csv", stream=True, timeout=10) as response:
        assert response.raw.read(4) == b"name"


@case(needs=NEEDS)
def requests_gets_the_head(site: Site) -> None:
    import requests

    response = requests.head(site.local + "/plain?size=321", timeout=10)
    assert response.headers["Content-Length"] == "321"
    assert response.content == b""


@case(needs=NEEDS)
def requests_guesses_the_charset(site: Site) -> None:
    import requests

    response = requests.get(site.local + "/plain", timeout=10)
    assert response.encoding == "utf-8"


@case(needs=NEEDS)
def requests_refuses_an_injected_header(site: Site) -> None:
    import requests

    with raises(requests.exceptions.InvalidHeader):
        requests.get(site.local + "/echo", headers={"X-Mine": "a\r\nX-Injected: 1"}, timeout=10)


@case(needs=NEEDS)
def requests_gets_bytes_of_every_value(site: Site) -> None:
    import requests

    assert requests.get(site.local + "/bytes", timeout=10).content == bytes(range(256)) * 4


@case(needs=("urllib3",))
def urllib3_gets_json(site: Site) -> None:
    import urllib3

    response = urllib3.request("GET", site.httpbin + "/get?a=1")
    assert response.status == 200
    assert response.json()["args"] == {"a": "1"}


@case(needs=("urllib3",))
def urllib3_posts(site: Site) -> None:
    import urllib3

    pool = urllib3.PoolManager()
    response = pool.request("POST", site.httpbin + "/post", fields={"a": "1"})
    assert response.json()["form"] == {"a": "1"}


@case(needs=("urllib3",))
def urllib3_streams(site: Site) -> None:
    import urllib3

    response = urllib3.PoolManager().request(
        "GET", site.local + "/plain?size=9000", preload_content=False
    )
    pieces = [len(piece) for piece in response.stream(4000)]
    response.release_conn()
    assert pieces == [4000, 4000, 1000]


@case(needs=("urllib3",))
def urllib3_says_that_a_stream_broke_off(site: Site) -> None:
    import urllib3

    with raises(urllib3.exceptions.HTTPError):
        list(
            urllib3.PoolManager()
            .request("GET", site.local + "/cut-off", preload_content=False, retries=False)
            .stream()
        )


@case(needs=("urllib3",))
def urllib3_says_that_nobody_listens(site: Site) -> None:
    import urllib3

    with raises(urllib3.exceptions.HTTPError):
        urllib3.request("GET", site.refused, retries=False)


@case(needs=("urllib3",))
def urllib3_times_out(site: Site) -> None:
    import urllib3

    with raises(urllib3.exceptions.TimeoutError):
        urllib3.request("GET", site.local + "/never", timeout=0.5, retries=False)
