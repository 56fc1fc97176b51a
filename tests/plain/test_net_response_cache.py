"""The response cache: which responses are stored, and the warning."""

import asyncio
import warnings
from dataclasses import replace

import pytest

from je_kernel import coroutines, settings
from je_kernel.errors import SavedCopyWarning
from je_kernel.net import response_cache, waiting
from je_kernel.net.message import Request, Response
from je_kernel.net.response_cache import age_in_words, is_storable, warn_of

DATA = "https://data.example/rain.csv"
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


LESSON = "\n\ndef read(url, stored):\n    warn_of(url, stored)\n"


def read_in_a_lesson(stored=0.0):
    namespace = {"warn_of": warn_of}
    exec(compile(LESSON, "lesson.py", "exec"), namespace)
    namespace["read"](DATA, stored)


def test_the_warning_points_at_the_students_line_and_gives_the_age(monkeypatch):
    monkeypatch.setattr(response_cache.time, "time", lambda: 3 * 86400.0)
    with pytest.warns(SavedCopyWarning, match="that was kept in this browser 2 days ago") as seen:
        read_in_a_lesson(86400.0)
    assert (seen[0].filename, seen[0].lineno) == ("lesson.py", 4)
    assert DATA in str(seen[0].message)


def test_the_warning_is_given_every_time():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("default")
        for _ in range(3):
            read_in_a_lesson()
    assert len(seen) == 3


def test_the_warning_can_be_silenced_as_any_other():
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("ignore", SavedCopyWarning)
        read_in_a_lesson()
    assert seen == []


def test_a_copy_may_take_half_of_the_room_and_no_more(monkeypatch):
    monkeypatch.setenv("JE_KERNEL_SAVED_COPIES_MB", "1")
    settings.reload()
    monkeypatch.setattr(response_cache, "_has_cache", lambda: True)
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
    monkeypatch.setattr(response_cache, "_has_cache", lambda: True)
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
