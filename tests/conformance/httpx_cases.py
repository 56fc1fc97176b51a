"""`httpx`, in both its ways."""

from __future__ import annotations

import base64
import json
from array import array

from tests.conformance.registry import Site, case
from tests.conformance.requests_cases import STREAMS
from tests.conformance.urllib_cases import raises

NEEDS = ("httpx",)


@case(needs=NEEDS, core=True)
def httpx_gets_json(site: Site) -> None:
    import httpx

    response = httpx.get(site.httpbin + "/get", params={"q": "a b"})
    assert response.status_code == 200
    assert response.reason_phrase == "OK"
    assert response.json()["args"] == {"q": "a b"}


@case(each=("plain", "chunked", "negotiated", "gzip", "deflate"), needs=NEEDS)
def httpx_reads_a_body_however_it_is_framed(site: Site, route: str) -> None:
    import httpx

    response = httpx.get(f"{site.local}/{route}")
    assert response.content == b"rain,sun\n1,2\n3,4\n" * 64


@case(each=(204, 404, 500), needs=NEEDS)
def httpx_returns_every_status(site: Site, status: int) -> None:
    import httpx

    response = httpx.get(f"{site.local}/status/{status}")
    assert response.status_code == status
    if status >= 400:
        with raises(httpx.HTTPStatusError):
            response.raise_for_status()


@case(each=("POST", "PUT", "PATCH", "DELETE"), needs=NEEDS)
def httpx_sends_json(site: Site, method: str) -> None:
    import httpx

    response = httpx.request(method, f"{site.httpbin}/{method.lower()}", json={"a": 1})
    assert response.json()["json"] == {"a": 1}


@case(needs=NEEDS)
def httpx_sends_bytes_headers_and_logs_in(site: Site) -> None:
    import httpx

    with httpx.Client(headers={"X-Mine": "yes"}) as client:
        told = client.post(site.local + "/echo", content=b"\x00\xff").json()
        assert base64.b64decode(told["body"]) == b"\x00\xff"
        assert told["headers"]["x-mine"] == "yes"
        assert client.get(site.local + "/login", auth=("ada", "lovelace")).text == "welcome\n"


@case(needs=NEEDS)
def httpx_gets_the_head(site: Site) -> None:
    import httpx

    response = httpx.head(site.local + "/plain?size=321")
    assert response.headers["Content-Length"] == "321"
    assert response.content == b""


@case(needs=NEEDS)
def httpx_follows_redirects_and_says_where_to(site: Site) -> None:
    import httpx

    response = httpx.get(site.local + "/redirect?to=/plain%3Fsize%3D5", follow_redirects=True)
    assert str(response.url) == site.local + "/plain?size=5"
    assert len(response.content) == 5


@case(needs=NEEDS)
def httpx_streams(site: Site) -> None:
    import httpx

    with httpx.stream("GET", site.local + "/plain?size=10000") as response:
        assert sum(len(piece) for piece in response.iter_bytes()) == 10000


@case(needs=NEEDS, law=STREAMS)
def httpx_streams_what_never_ends(site: Site) -> None:
    import httpx

    if not site.waits:
        return
    with httpx.stream("GET", site.local + "/heartbeat") as response:
        assert response.status_code == 200
        assert next(response.iter_bytes()) == b"beat\n"


@case(each=("too-short", "cut-off", "reset"), needs=NEEDS)
def httpx_says_that_a_stream_broke_off(site: Site, route: str) -> None:
    import httpx

    with (
        raises(httpx.TransportError) as caught,
        httpx.stream("GET", f"{site.local}/{route}") as response,
    ):
        response.read()
    assert str(caught.error.request.url) == f"{site.local}/{route}"


@case(needs=NEEDS)
def httpx_says_that_a_stream_fell_silent(site: Site) -> None:
    import httpx

    with (
        raises(httpx.TimeoutException),
        httpx.stream("GET", site.local + "/stall", timeout=0.5) as response,
    ):
        response.read()


@case(needs=NEEDS)
def httpx_leaves_a_stream_in_the_middle(site: Site) -> None:
    import httpx

    with httpx.Client() as client:
        for _ in range(3):
            with client.stream("GET", site.local + "/big?mb=8") as response:
                assert next(response.iter_bytes(5)) == b"\x00\x00\x00\x00\x01"
        assert client.get(site.local + "/empty").content == b""


@case(each=("chunked", "negotiated", "gzip", "without-length", "empty"), needs=NEEDS)
def httpx_streams_a_body_however_it_is_framed(site: Site, route: str) -> None:
    import httpx

    with httpx.stream("GET", f"{site.local}/{route}") as response:
        body = b"".join(response.iter_bytes(100))
    assert body == (b"" if route == "empty" else b"rain,sun\n1,2\n3,4\n" * 64)


@case(needs=NEEDS)
def httpx_streams_the_answer_to_what_it_sent(site: Site) -> None:
    import httpx

    with httpx.stream("POST", site.local + "/echo", content=b"a") as response:
        told = json.loads("".join(response.iter_lines()))
    assert base64.b64decode(told["body"]) == b"a"


@case(needs=NEEDS)
def httpx_streams_from_where_a_redirect_leads(site: Site) -> None:
    import httpx

    start = site.local + "/redirect?to=/plain%3Fsize%3D5"
    with httpx.stream("GET", start, follow_redirects=True) as response:
        assert str(response.url) == site.local + "/plain?size=5"
        assert len(response.read()) == 5


@case(needs=NEEDS)
def httpx_reads_what_it_streamed_once(site: Site) -> None:
    import httpx

    with httpx.stream("GET", site.local + "/plain?size=9") as response:
        with raises(httpx.ResponseNotRead):
            _ = response.content
        list(response.iter_raw())
        with raises(httpx.StreamConsumed):
            list(response.iter_raw())


@case(needs=NEEDS, core=True)
def httpx_says_that_nobody_listens(site: Site) -> None:
    import httpx

    with raises(httpx.ConnectError) as caught:
        httpx.get(site.refused)
    assert isinstance(caught.error, httpx.TransportError)
    assert str(caught.error.request.url).startswith(site.refused)


@case(each=("never", "stall"), needs=NEEDS)
def httpx_times_out(site: Site, route: str) -> None:
    import httpx

    with raises(httpx.TimeoutException):
        httpx.get(f"{site.local}/{route}", timeout=0.5)


@case(each=("reset", "too-short"), needs=NEEDS)
def httpx_says_that_a_connection_broke(site: Site, route: str) -> None:
    import httpx

    with raises(httpx.TransportError):
        httpx.get(f"{site.local}/{route}")


@case(needs=NEEDS, core=True)
async def httpx_gets_json_asynchronously(site: Site) -> None:
    import httpx

    async with httpx.AsyncClient() as client:
        response = await client.get(site.httpbin + "/get?a=1")
    assert response.json()["args"] == {"a": "1"}


@case(needs=NEEDS)
async def httpx_asks_several_at_a_time(site: Site) -> None:
    import asyncio

    import httpx

    async with httpx.AsyncClient() as client:
        asked = (client.get(f"{site.local}/plain?size={size}") for size in (1, 2, 3))
        responses = await asyncio.gather(*asked)
    assert [len(response.content) for response in responses] == [1, 2, 3]


@case(each=("mb=4", "mb=4&chunked=yes"), needs=NEEDS)
async def httpx_gets_megabytes_asynchronously(site: Site, how: str) -> None:
    import httpx

    async with httpx.AsyncClient() as client:
        response = await client.get(f"{site.local}/big?{how}")
    assert response.content == array("I", range(2**20)).tobytes()


@case(needs=NEEDS)
async def httpx_posts_asynchronously(site: Site) -> None:
    import httpx

    async with httpx.AsyncClient() as client:
        response = await client.post(site.httpbin + "/post", data={"a": "1"})
    assert response.json()["form"] == {"a": "1"}


@case(needs=NEEDS)
async def httpx_says_asynchronously_that_nobody_listens(site: Site) -> None:
    import httpx

    async with httpx.AsyncClient() as client:
        with raises(httpx.ConnectError):
            await client.get(site.refused)


@case(needs=NEEDS)
async def httpx_times_out_asynchronously(site: Site) -> None:
    import httpx

    async with httpx.AsyncClient(timeout=0.5) as client:
        with raises(httpx.TimeoutException):
            await client.get(site.local + "/never")


@case(needs=NEEDS, core=True)
async def httpx_streams_asynchronously_what_never_ends(site: Site) -> None:
    import httpx

    async with (
        httpx.AsyncClient() as client,
        client.stream("GET", site.local + "/heartbeat") as response,
    ):
        async for piece in response.aiter_bytes():
            assert piece == b"beat\n"
            break


@case(needs=NEEDS)
async def httpx_streams_several_at_a_time(site: Site) -> None:
    import asyncio

    import httpx

    async def size_of(client: httpx.AsyncClient, size: int) -> int:
        async with client.stream("GET", f"{site.local}/plain?size={size}") as response:
            return sum([len(piece) async for piece in response.aiter_bytes()])

    async with httpx.AsyncClient() as client:
        sizes = await asyncio.gather(*(size_of(client, size) for size in (1, 200_000, 3)))
    assert sizes == [1, 200_000, 3]


@case(each=("too-short", "cut-off", "reset"), needs=NEEDS, core=True)
async def httpx_says_asynchronously_that_a_stream_broke_off(site: Site, route: str) -> None:
    import httpx

    async with httpx.AsyncClient() as client:
        with raises(httpx.TransportError):
            async with client.stream("GET", f"{site.local}/{route}") as response:
                await response.aread()


@case(needs=NEEDS)
async def httpx_says_asynchronously_that_a_stream_fell_silent(site: Site) -> None:
    import httpx

    async with httpx.AsyncClient(timeout=0.5) as client:
        with raises(httpx.TimeoutException):
            async with client.stream("GET", site.local + "/stall") as response:
                await response.aread()
