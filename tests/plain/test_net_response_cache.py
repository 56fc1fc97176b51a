"""Kept copies: which are kept, which go first, and what is said of them."""

import asyncio
import gc
import warnings
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from je_kernel import coroutines, settings
from je_kernel.errors import SavedCopyWarning
from je_kernel.net import response_cache, waiting
from je_kernel.net.message import Request, Response
from je_kernel.net.response_cache import (
    CachedResponse,
    age_in_words,
    is_storable,
    to_evict,
    warn_of,
)

DATA = "https://data.example/rain.csv"
MB = 1_000_000
GET = Request("GET", DATA)
OK = Response(200, "OK", DATA, (("Content-Type", "text/csv"),), b"a,b\n1,2\n")


def with_header(name, value):
    return replace(GET, headers=((name, value),))


@pytest.mark.parametrize(
    "request_",
    [
        GET,
        replace(GET, url="http://data.example/a?b=c#d"),
        with_header("Accept", "*/*"),
        with_header("User-Agent", "Python-urllib/3.14"),
        with_header("Accept-Encoding", "gzip, deflate"),
        with_header("Connection", "close"),
        with_header("Host", "data.example"),
        with_header("Cache-Control", "no-cache"),
    ],
)
def test_a_plain_get_that_succeeded_is_kept(request_):
    assert is_storable(request_, OK)


@pytest.mark.parametrize(
    "request_",
    [
        replace(GET, method="POST", body=b"x"),
        replace(GET, method="HEAD"),
        replace(GET, body=b"x"),
        replace(GET, credentials=True),
        replace(GET, url="https://me:secret@data.example/a"),
        replace(GET, url="https://data.example/a?api_key=1"),
        replace(GET, url="https://data.example/a?x=1&TOKEN=1"),
        replace(GET, url="https://bucket.example/a?X=1&Signature=abc"),
        replace(GET, url="http://[half"),
        with_header("Authorization", "Bearer x"),
        with_header("cookie", "a=b"),
        with_header("X-Api-Key", "x"),
        with_header("Range", "bytes=0-9"),
        with_header("Accept", "application/json"),
        with_header("Cache-Control", "no-store"),
    ],
)
def test_what_may_say_who_asks_or_asks_for_something_special_is_not_kept(request_):
    assert not is_storable(request_, OK)


@pytest.mark.parametrize(
    "response",
    [
        replace(OK, status=206),
        replace(OK, status=404),
        replace(OK, status=304),
        replace(OK, headers=(("Cache-Control", "private, No-Store"),)),
        replace(OK, headers=(("cache-control", "max-age=1"), ("cache-control", "no-store"))),
    ],
)
def test_what_is_not_the_whole_data_or_wants_not_to_be_stored_is_not_kept(response):
    assert not is_storable(GET, response)


def copy_of(asked, size, used, when=0.0):
    return CachedResponse(asked, asked, (("A", "b"), ("A", "c")), size, when, used)


def test_the_least_recently_used_goes_first():
    copies = [copy_of("new", 40, 3.0), copy_of("old", 30, 1.0), copy_of("middle", 30, 2.0)]
    assert to_evict(copies, 0, 100) == []
    assert to_evict(copies, 10, 100) == ["old"]
    assert to_evict(copies, 31, 100) == ["old", "middle"]
    assert to_evict(copies, 100, 100) == ["old", "middle", "new"]


@given(
    st.lists(st.tuples(st.integers(1, 1000), st.floats(0, 1e9))),
    st.integers(1, 1000),
    st.integers(1000, 5000),
)
def test_dropping_always_makes_room_and_never_more_than_needed(sizes, coming, limit):
    copies = [copy_of(str(number), size, used) for number, (size, used) in enumerate(sizes)]
    dropped = to_evict(copies, coming, limit)
    kept = sum(copy.size for copy in copies if copy.request_url not in dropped)
    assert kept + coming <= limit
    if dropped:
        last = next(copy.size for copy in copies if copy.request_url == dropped[-1])
        assert kept + last + coming > limit


def test_a_description_comes_back_from_json_as_it_was():
    copy = copy_of(DATA, 8, 2.5, when=1.5)
    assert CachedResponse.from_json(copy.to_json()) == copy


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"headers": 1}', "null", '{"headers": [[1]]}'])
def test_a_description_of_another_version_is_a_value_error(text):
    with pytest.raises(ValueError, match=r"."):
        CachedResponse.from_json(text)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "less than a minute"),
        (0, "less than a minute"),
        (59, "less than a minute"),
        (60, "1 minute"),
        (89, "1 minute"),
        (150, "2 minutes"),
        (3600, "1 hour"),
        (7200, "2 hours"),
        (86400, "1 day"),
        (29 * 86400, "29 days"),
        (31 * 86400, "1 month"),
        (400 * 86400, "13 months"),
    ],
)
def test_an_age_is_said_in_words(seconds, words):
    assert age_in_words(seconds) == words


LESSON = "\n\ndef read(copy):\n    warn_of(copy)\n"


def read_in_a_lesson(copy):
    namespace = {"warn_of": warn_of}
    exec(compile(LESSON, "lesson.py", "exec"), namespace)
    namespace["read"](copy)


def test_the_warning_points_at_the_students_line_and_gives_the_age(monkeypatch):
    monkeypatch.setattr(response_cache.time, "time", lambda: 3 * 86400.0)
    with pytest.warns(SavedCopyWarning, match="that was kept in this browser 2 days ago") as seen:
        read_in_a_lesson(copy_of(DATA, 8, 0.0, when=86400.0))
    assert (seen[0].filename, seen[0].lineno) == ("lesson.py", 4)
    assert DATA in str(seen[0].message)


def test_the_warning_is_given_every_time():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for _ in range(3):
            read_in_a_lesson(copy_of(DATA, 8, 0.0))
    assert len(seen) == 3


def test_the_warning_can_be_silenced_as_any_other():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("ignore", SavedCopyWarning)
        read_in_a_lesson(copy_of(DATA, 8, 0.0))
    assert seen == []


class Shelf:
    """A cache in memory, for the order of operations; the browser's own is tested in a browser."""

    def __init__(self, *copies):
        self.entries = {copy.request_url: (copy, b"x" * copy.size) for copy in copies}

    async def copies(self):
        return [copy for copy, _ in self.entries.values()]

    async def put(self, copy, body):
        self.entries[copy.request_url] = (copy, body)

    async def delete(self, url):
        del self.entries[url]


def store(shelf, copy, limit):
    asyncio.run(response_cache._write(shelf, copy, b"y" * copy.size, limit))


def test_keeping_makes_room_first():
    shelf = Shelf(copy_of("old", 60, 1.0), copy_of("new", 30, 2.0))
    store(shelf, copy_of("coming", 50, 3.0), 100)
    assert set(shelf.entries) == {"new", "coming"}


def test_the_copy_for_the_same_address_is_replaced_and_pushes_nothing_out():
    shelf = Shelf(copy_of("same", 60, 1.0), copy_of("other", 30, 0.5))
    store(shelf, copy_of("same", 60, 3.0), 100)
    assert set(shelf.entries) == {"same", "other"}
    assert shelf.entries["same"][1] == b"y" * 60


def test_a_store_that_is_broken_is_as_good_as_none():
    class Broken:
        async def find(self, url):
            raise OSError("storage is forbidden")

    assert asyncio.run(response_cache._find(Broken(), GET)) is None


@pytest.mark.parametrize("turns", [0, 1, 3])
def test_forgetting_in_the_cell_of_a_download_leaves_nothing_that_was_never_awaited(turns):
    shelf = Shelf()

    async def cell():
        response_cache._in_background(
            lambda: response_cache._write(shelf, copy_of(DATA, 8, 1.0), b"x", MB)
        )
        for _ in range(turns):
            await asyncio.sleep(0)
        response_cache.clear_saved()
        await asyncio.sleep(0)

    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        asyncio.run(cell())
        gc.collect()
    assert [str(warning.message) for warning in seen] == []
    assert response_cache._tasks == set()


def test_a_copy_may_take_half_of_the_room_and_no_more(monkeypatch):
    monkeypatch.setenv("JE_KERNEL_SAVED_COPIES_MB", "1")
    settings.reload()
    monkeypatch.setattr(response_cache, "_cache", object)
    try:
        assert response_cache.storable_bytes(GET, OK) == 500_000
        assert response_cache.storable_bytes(replace(GET, method="POST"), OK) == 0
        # In ordinary Python nothing can be written: neither of these is.
        response_cache.store(GET, OK, 500_001)
        response_cache.store(GET, replace(OK, body=b""), 0)
    finally:
        monkeypatch.undo()
        settings.reload()


def test_off_means_off(monkeypatch):
    monkeypatch.setenv("JE_KERNEL_SAVED_COPIES_MB", "0")
    settings.reload()
    monkeypatch.setattr(response_cache, "_cache", lambda: pytest.fail("nothing may be stored"))
    try:
        response_cache.store(GET, OK, 8)
        assert response_cache.storable_bytes(GET, OK) == 0
        assert coroutines.run(response_cache.lookup(GET, None)) is None
        assert asyncio.run(response_cache.lookup(GET, waiting.suspend)) is None
    finally:
        monkeypatch.undo()
        settings.reload()


def test_on_cpython_there_is_no_cache():
    response_cache.preload()
    response_cache.store(GET, OK, 8)
    assert coroutines.run(response_cache.lookup(GET, None)) is None
    response_cache.clear_saved()
