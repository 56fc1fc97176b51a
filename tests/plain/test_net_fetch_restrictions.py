"""What a browser forbids and does, applied before it would complain."""

import gzip

import pytest

from je_kernel.net.failure import TransportFailure
from je_kernel.net.fetch_restrictions import allowed, normalized
from je_kernel.net.message import Request, Response

pytestmark = pytest.mark.plain

ASKED = Request("GET", "http://example.com/a.csv")


def test_forbidden_headers_are_dropped_and_logged(caplog):
    caplog.set_level("DEBUG", "je_kernel")
    request = Request("GET", ASKED.url, (("Host", "x"), ("User-Agent", "y"), ("Accept", "z")))
    assert allowed(request).headers == (("Accept", "z"),)
    assert "Host, User-Agent" in caplog.text


@pytest.mark.parametrize(
    "request_",
    [
        Request("TRACE", ASKED.url),
        Request("GET", ASKED.url, body=b"x"),
        Request("GE T", ASKED.url),
        Request("GET", ASKED.url, (("X Y", "1"),)),
        Request("GET", ASKED.url, (("X", "a\r\nY: b"),)),
        Request("GET", ASKED.url, (("X", "\u20ac"),)),
    ],
)
def test_what_no_browser_sends_is_refused(request_):
    with pytest.raises(TransportFailure) as caught:
        allowed(request_)
    assert caught.value.kind == "bad-url"
    assert caught.value.detail


def answered(headers, body=b"abc", status=200, url=ASKED.url):
    return Response(status, "", url, headers, body)


def test_encodings_that_were_undone_are_not_mentioned():
    headers = (("content-encoding", "gzip"), ("content-length", "99"), ("etag", "x"))
    assert normalized(ASKED, answered(headers)).headers == (("ETag", "x"), ("Content-Length", "3"))


def test_the_length_of_a_head_is_that_of_the_body_to_come():
    head = Request("HEAD", ASKED.url)
    kept = normalized(head, answered((("content-length", "99"),), b""))
    assert kept.headers == (("Content-Length", "99"),)
    encoded = (("content-length", "99"), ("content-encoding", "gzip"))
    assert normalized(head, answered(encoded, b"")).headers == ()


def test_a_length_that_is_no_number_of_bytes_is_passed_over():
    answer = answered((("content-length", "9" * 5000),))
    assert normalized(ASKED, answer).body == answer.body


def test_a_body_that_is_cut_short_is_no_response():
    with pytest.raises(TransportFailure) as caught:
        normalized(ASKED, answered((("content-length", "1000"),)))
    assert (caught.value.kind, caught.value.partial) == ("interrupted", b"abc")


def test_a_gz_file_that_the_browser_has_unpacked_is_packed_again():
    response = answered((), b"a,b\n", url="http://example.com/a.csv.gz")
    again = normalized(ASKED, response)
    assert gzip.decompress(again.body) == b"a,b\n"
    assert again.header("Content-Length") == str(len(again.body))


def test_a_status_without_a_phrase_gets_one():
    assert normalized(ASKED, answered((), status=404)).reason == "Not Found"
