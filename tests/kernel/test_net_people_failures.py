"""Failures and what stands in for them, in a real browser with a server of another origin."""

import pytest
from pytest_pyodide import run_in_pyodide

from tests.kernel.cross_origin import CrossOriginServer

PACKAGES = ["je-kernel"]


@pytest.fixture
def other():
    with CrossOriginServer() as server:
        yield server


@run_in_pyodide(packages=PACKAGES)
def read(selenium, url, relay=None):
    """Read an address as a lesson does; return what came or what was raised."""
    import os
    import urllib.error
    import urllib.request
    import warnings

    import je_kernel
    from je_kernel import net, settings

    je_kernel.start()
    net.install()
    os.environ.pop("JE_KERNEL_RELAY_URL", None)
    if relay is not None:
        os.environ["JE_KERNEL_RELAY_URL"] = relay
    settings.reload()
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", UserWarning)
        try:
            with urllib.request.urlopen(url) as response:
                came = ("read", response.read(), response.url)
        except urllib.error.URLError as error:
            came = (type(error).__name__, str(error), error.url)
    told = [str(each.message) for each in seen if issubclass(each.category, UserWarning)]
    return (*came, told)


@run_in_pyodide(packages=PACKAGES)
async def kept_copies(selenium):
    """Return the address and the size of each copy, once what was read is stored."""
    import json

    from je_kernel.net import response_cache

    copies = json.loads(await response_cache._cache().descriptions())
    return sorted((copy["request_url"], copy["size"]) for copy in copies)


@run_in_pyodide(packages=PACKAGES)
def forget(selenium):
    from je_kernel.net import response_cache

    response_cache.clear_saved()


def test_a_site_that_forbids_is_told_from_one_that_is_not_there(selenium, other):
    kind, text, url, _ = read(selenium, f"{other.url}/closed.csv")
    assert kind == "SiteForbidsError"
    assert "localhost answers, but does not let notebooks" in text
    assert url == f"{other.url}/closed.csv"
    other.stop()
    assert read(selenium, f"{other.url}/closed.csv")[0] == "UnreachableError"


def test_a_host_that_does_not_exist_is_unreachable(selenium):
    assert read(selenium, "http://no-such-host.invalid/a.csv")[0] == "UnreachableError"


def test_a_probe_asks_only_for_the_head_of_the_address_itself(selenium, other):
    read(selenium, f"{other.url}/closed.csv?x=1")
    assert other.seen == ["GET /closed.csv?x=1", "HEAD /closed.csv?x=1"]


def test_a_missing_file_is_a_not_found_error_that_explains(selenium, other):
    kind, text, _, _ = read(selenium, f"{other.url}/missing.csv")
    assert kind == "NotFoundError"
    assert text.startswith("HTTP Error 404: Not Found\n")
    assert "localhost has nothing at this address" in text


def test_a_page_where_data_was_asked_for_is_an_error(selenium, other):
    assert read(selenium, f"{other.url}/page.csv")[0] == "NotDataError"
    assert read(selenium, f"{other.url}/page")[0] == "read"


def test_the_relay_is_asked_after_a_refusal_and_for_nothing_else(selenium, other):
    # The address must be public for a relay: one of the sites that refuse in the test
    # is on this computer, so the refusal stands.
    assert read(selenium, f"{other.url}/closed.csv", f"{other.url}/relay")[0] == "SiteForbidsError"
    assert not any("relay" in line for line in other.seen)


def test_a_kept_copy_stands_in_when_the_server_is_gone_and_says_so(selenium, other):
    forget(selenium)
    address = f"{other.url}/rain.csv"
    large = f"{other.url}/large.bin"
    assert read(selenium, address)[1] == b"a,b\n1,2\n"
    body = read(selenium, large)[1]
    read(selenium, f"{other.url}/unstored.csv")
    assert kept_copies(selenium) == sorted([(address, 8), (large, len(body))])
    other.stop()

    kind, again, url, warnings = read(selenium, address)
    assert (kind, again, url) == ("read", b"a,b\n1,2\n", address)
    (warning,) = warnings
    assert "kept in this browser less than a minute ago" in warning
    assert read(selenium, large)[1] == body
    assert read(selenium, f"{other.url}/unstored.csv")[0] == "UnreachableError"
    assert read(selenium, f"{other.url}/other.csv")[0] == "UnreachableError"
    forget(selenium)
    assert read(selenium, address)[0] == "UnreachableError"


@run_in_pyodide(packages=[*PACKAGES, "requests"])
def read_as_a_stream(selenium, url):
    """Read an address as pooch does; return what came, or the error's kind."""
    import requests

    from je_kernel import net

    net.install()
    try:
        with requests.get(url, stream=True) as response:
            return b"".join(response.iter_content(1024)), int(response.headers["Content-Length"])
    except requests.exceptions.ConnectionError as error:
        return type(error).__name__


def test_what_was_read_as_a_stream_is_kept_if_it_was_read_to_its_end(selenium, other):
    forget(selenium)
    address = f"{other.url}/large.bin"
    body, length = read_as_a_stream(selenium, address)
    assert len(body) == length
    assert kept_copies(selenium) == [(address, length)]
    other.stop()
    assert read_as_a_stream(selenium, address) == (body, length)
    assert read_as_a_stream(selenium, f"{other.url}/other.csv") == "UnreachableError"
    forget(selenium)


@run_in_pyodide(packages=PACKAGES)
async def keep(selenium, numbers, megabytes):
    """Keep copies of a megabyte each within a limit; return their bodies' first bytes."""
    import json
    import os

    from je_kernel import settings
    from je_kernel.net import response_cache, waiting
    from je_kernel.net.message import Request, Response

    os.environ["JE_KERNEL_SAVED_COPIES_MB"] = str(megabytes)
    settings.reload()
    try:
        for count, number in enumerate(numbers):
            url = f"https://data.example/{number}.bin"
            body = bytes([count]) * 1_000_000
            response_cache.store(Request("GET", url), Response(200, "OK", url, (), body), len(body))
        copies = json.loads(await response_cache._cache().descriptions())
        bodies = {}
        for url in sorted(copy["request_url"] for copy in copies):
            body = (await response_cache.lookup(Request("GET", url), waiting.suspend)).body
            assert body == body[:1] * 1_000_000
            bodies[url[len("https://data.example/")]] = body[0]
        return bodies
    finally:
        del os.environ["JE_KERNEL_SAVED_COPIES_MB"]
        settings.reload()


def test_the_limit_is_kept_and_the_oldest_copies_go_first(selenium):
    forget(selenium)
    assert keep(selenium, [0, 1, 2, 3, 4, 5], 3) == {"3": 3, "4": 4, "5": 5}
    forget(selenium)


def test_a_copy_for_the_same_address_replaces_the_first_and_no_other(selenium):
    forget(selenium)
    assert keep(selenium, [0, 1, 2, 0], 3) == {"0": 3, "1": 1, "2": 2}
    forget(selenium)


@run_in_pyodide(packages=PACKAGES)
async def store_what_cannot_be_read(selenium):
    """Store a response whose body was read already."""
    import js

    from je_kernel.net import response_cache
    from je_kernel.net.message import Request, Response

    url = "https://data.example/read.bin"
    copy = js.Response.new("a,b")
    await copy.text()
    response_cache.store(Request("GET", url), Response(200, "OK", url, (), b"", copy), 3)


def test_a_copy_that_cannot_be_stored_disturbs_nothing(selenium):
    forget(selenium)
    store_what_cannot_be_read(selenium)
    assert keep(selenium, [0], 3) == {"0": 0}
    forget(selenium)


@run_in_pyodide(packages=PACKAGES)
def forget_in_the_same_cell(selenium, url):
    import urllib.request

    from je_kernel import net

    net.install()
    urllib.request.urlopen(url).read()
    net.clear_saved()


def test_forgetting_in_the_cell_of_a_download_leaves_nothing(selenium, other):
    forget_in_the_same_cell(selenium, f"{other.url}/rain.csv")
    assert kept_copies(selenium) == []


@run_in_pyodide(packages=PACKAGES)
def read_without_waiting(selenium, url):
    """Look for a copy the way that a browser without JSPI does, before and after the preload."""
    import warnings

    from pyodide.ffi import run_sync

    from je_kernel import coroutines
    from je_kernel.net import response_cache
    from je_kernel.net.message import Request

    request = Request("GET", url)
    before = coroutines.run(response_cache.lookup(request, None))
    response_cache.preload()
    run_sync(response_cache._cache().descriptions())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return before, coroutines.run(response_cache.lookup(request, None)).body


def test_copies_can_be_read_synchronously_once_they_are_prepared(selenium, other):
    forget(selenium)
    address = f"{other.url}/rain.csv"
    read(selenium, address)
    assert kept_copies(selenium) == [(address, 8)]
    other.stop()
    assert read_without_waiting(selenium, address) == (None, b"a,b\n1,2\n")
    forget(selenium)


@run_in_pyodide(packages=PACKAGES)
def published_while_reading(selenium, url):
    """Read slowly in a shell; return what was published before the read was over."""
    import urllib.request

    import je_kernel
    from je_kernel import net
    from je_kernel.net import progress

    je_kernel.start()
    net.install()
    published = []

    class Publisher:
        def publish(self, data, metadata=None, *, transient=None, update=False, **_):
            published.append((data.get("text/plain"), update))

    original = progress.display
    progress.display = lambda: progress.NotebookDisplay(Publisher())
    try:
        size = len(urllib.request.urlopen(url).read())
    finally:
        progress.display = original
    return size, published


def test_a_slow_download_shows_its_progress_while_the_cell_waits(selenium, other):
    size, published = published_while_reading(selenium, f"{other.url}/slow.bin")
    assert size == 4_000_000
    first, *_, last = published
    assert first[0].startswith("Reading slow.bin: ")
    assert " of 4.0 MB" in first[0]
    assert [update for _, update in published] == [False, *[True] * (len(published) - 1)]
    assert last[0] is None
