"""Servers, networks and inputs that mean no good: a clear error, no hang, no crash."""

from __future__ import annotations

import http.client
import time
import urllib.error
from urllib.request import Request, urlopen

from tests.conformance.registry import Law, Site, case
from tests.conformance.urllib_cases import raises

# What a broken connection may raise in ordinary Python.
BROKEN = (OSError, http.client.HTTPException)


@case(core=True)
def nobody_listens(site: Site) -> None:
    with raises(urllib.error.URLError) as caught:
        urlopen(site.refused)
    assert isinstance(caught.error.reason, OSError)


@case(core=True)
def there_is_no_such_host(site: Site) -> None:
    with raises(urllib.error.URLError) as caught:
        urlopen("http://no-such-host.invalid/people.csv")
    assert isinstance(caught.error.reason, OSError)


@case(
    each=("/no-cors", "/no-cors/people.csv"),
    core=True,
    law=Law(
        "A site that does not allow notebooks to read it (CORS)",
        "It is read.",
        "`SiteForbidsError`, a `URLError`; no code can change it, only the site or a relay"
        " (`JE_KERNEL_RELAY_URL`).",
    ),
)
def a_site_that_forbids_other_sites(site: Site, path: str) -> None:
    if site.in_browser:
        with raises(urllib.error.URLError):
            urlopen(site.local + path)
    else:
        urlopen(site.local + path).close()


@case(
    law=Law(
        "A header that the site must allow first (CORS preflight)",
        "It is sent.",
        "`SiteForbidsError` unless the site allows the header.",
    )
)
def a_header_that_the_site_does_not_allow(site: Site) -> None:
    request = Request(site.local + "/no-cors", headers={"X-Special": "1"})
    if site.in_browser:
        with raises(urllib.error.URLError):
            urlopen(request)
    else:
        urlopen(request).close()


@case(each=("never", "stall"), core=True)
def a_server_that_never_finishes_times_out(site: Site, route: str) -> None:
    begin = time.monotonic()
    with raises(TimeoutError, urllib.error.URLError) as caught:
        urlopen(f"{site.local}/{route}", timeout=0.5).read()
    reason = getattr(caught.error, "reason", caught.error)
    assert isinstance(caught.error, TimeoutError) or isinstance(reason, TimeoutError)
    assert time.monotonic() - begin < 5


@case()
def a_late_answer_within_the_timeout_is_read(site: Site) -> None:
    with urlopen(site.local + "/delay?seconds=0.5", timeout=10) as response:
        assert response.read() == b"late\n"


@case()
def the_default_timeout_of_sockets_is_kept(site: Site) -> None:
    import socket

    socket.setdefaulttimeout(0.5)
    try:
        with raises(TimeoutError, urllib.error.URLError):
            urlopen(site.local + "/never")
    finally:
        socket.setdefaulttimeout(None)


@case(
    law=Law(
        "What a timeout is counted from (the xhr engine: Safari, every browser on an iPad)",
        "From the last byte that came.",
        "With the fetch engine (Chromium, Firefox) the same; with xhr from the beginning.",
    )
)
def a_slow_answer_that_keeps_coming(site: Site) -> None:
    slow = site.local + "/drip?n=8&pause=0.2"
    if site.waits:
        with urlopen(slow, timeout=1) as response:
            assert response.read() == b"x" * 8
    else:
        with raises(TimeoutError):
            urlopen(slow, timeout=1).read()


BREAKING_OFF = Law(
    "A download that breaks off (the xhr engine: Safari, every browser on an iPad)",
    "`http.client.IncompleteRead` or `ConnectionResetError`.",
    "With the fetch engine `BrokenOffError`, which is an `IncompleteRead`. With xhr a browser"
    " does not say that anything had come: `NetworkError`, a `URLError`.",
)


@case(each=(200_000, 5_000_000), core=True, law=BREAKING_OFF)
def what_came_before_it_broke_off_is_there(site: Site, came: int) -> None:
    with raises(http.client.IncompleteRead if site.waits else urllib.error.URLError) as caught:
        urlopen(f"{site.local}/cut-off?came={came}").read()
    if site.waits:
        assert caught.error.partial == b"x" * came


@case(each=("too-short", "huge-lie"), core=True, law=BREAKING_OFF)
def a_length_that_promises_too_much(site: Site, route: str) -> None:
    # MemoryError: before Python 3.14 the promise alone was believed.
    expected = (http.client.IncompleteRead, MemoryError) if site.waits else (urllib.error.URLError,)
    with raises(*expected):
        urlopen(f"{site.local}/{route}").read()


@case()
def a_length_that_promises_too_little(site: Site) -> None:
    try:
        body = urlopen(site.local + "/too-long").read()
    except BROKEN:
        return
    assert body == b"rain,sun\n1"


@case(each=("reset", "garbage", "reset-midway", "broken-chunks"), core=True)
def a_connection_that_breaks(site: Site, route: str) -> None:
    with raises(*BROKEN):
        urlopen(f"{site.local}/{route}", timeout=20).read()


@case(
    law=Law(
        "A body that is not packed as it says",
        "The body comes as it was sent.",
        "`BrokenOffError` in Chromium and Firefox; WebKit hands it out as it was sent.",
    )
)
def a_broken_encoding(site: Site) -> None:
    try:
        body = urlopen(site.local + "/broken-gzip").read()
    except BROKEN:
        assert site.in_browser
    else:
        assert body.startswith(b"\x1f\x8b")


@case(core=True)
def after_trouble_the_next_request_works(site: Site) -> None:
    for route in ("reset", "too-short"):
        with raises(*BROKEN):
            urlopen(f"{site.local}/{route}").read()
        with urlopen(site.local + "/empty") as response:
            assert response.status == 200


@case(
    each=(
        *("/a b", "/a\nb", "/a\r\nX-Injected: yes", "/a\tb", "/a\x00b", "/a\x7fb"),
        " HTTP/1.1\r\nX-Injected: yes\r\nX-Rest:",
    )
)
def an_address_cannot_inject(site: Site, tail: str) -> None:
    with raises(http.client.InvalidURL):
        urlopen(site.local + "/echo" + tail)


@case(each=("a\r\nX-Injected: yes", "a\nX-Injected: yes", "a\rX-Injected: yes", "a\r\n\r\nbody"))
def a_header_cannot_inject(site: Site, value: str) -> None:
    with raises(ValueError):
        urlopen(Request(site.local + "/echo", headers={"X-Mine": value}))


@case(
    law=Law(
        "A header whose name HTTP does not allow, as one with a space",
        "It is sent.",
        "`BadAddressError`: browsers send none.",
    )
)
def the_name_of_a_header_with_a_space(site: Site) -> None:
    request = Request(site.local + "/status/204", headers={"X Mine": "1"})
    if site.in_browser:
        with raises(urllib.error.URLError, ValueError) as caught:
            urlopen(request)
        assert "X Mine" in str(caught.error)
    else:
        urlopen(request).close()


@case(each=("X-Mine:", "X\r\nY", "X\nY", ":X"))
def the_name_of_a_header_cannot_inject(site: Site, name: str) -> None:
    with raises(ValueError):
        urlopen(Request(site.local + "/echo", headers={name: "1"}))


@case(each=("GET /x HTTP/1.1\r\nX:", "GE T", "GET\r\n"))
def a_method_cannot_inject(site: Site, method: str) -> None:
    # urllib leaves the method to http.client, which knows control characters only.
    with raises(ValueError, *BROKEN):
        urlopen(Request(site.local + "/status/404", method=method))


@case()
def a_gigantic_header_is_no_crash(site: Site) -> None:
    with raises(*BROKEN):
        urlopen(site.local + "/large-header?size=1000000")


@case()
def a_gigantic_header_that_is_sent_is_no_crash(site: Site) -> None:
    with raises(*BROKEN):
        urlopen(Request(site.local + "/echo", headers={"X-Large": "x" * 200_000}))


@case()
def a_gigantic_address_is_no_crash(site: Site) -> None:
    with raises(*BROKEN):
        urlopen(site.local + "/echo?" + "x" * 100_000)


@case(each=("http://127.0.0.1:99999/", "http://127.0.0.1:-1/", "http://[::1/"))
def an_impossible_address(site: Site, address: str) -> None:
    with raises(ValueError, OverflowError, *BROKEN):
        urlopen(address)


@case()
def a_web_page_is_read_where_a_page_was_asked_for(site: Site) -> None:
    with urlopen(site.local + "/page") as response:
        assert b"Nothing but a page" in response.read()


@case(
    law=Law(
        "A web page where the address ends like that of data (`.csv`, `.json` …)",
        "The page is read as if it were the data.",
        "`NotDataError`, a `URLError`, says so.",
    )
)
def a_web_page_where_data_was_asked_for(site: Site) -> None:
    if site.in_browser:
        with raises(urllib.error.URLError) as caught:
            urlopen(site.local + "/page/people.csv")
        assert "web page" in str(caught.error)
    else:
        urlopen(site.local + "/page/people.csv").close()
