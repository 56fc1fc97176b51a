"""`httpx`, in both its ways."""

from __future__ import annotations

import base64

from tests.conformance.registry import Site, case
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
