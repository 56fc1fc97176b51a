"""Why there was no answer, or the wrong one: the decisions, without a network."""

import http.server
import threading
import urllib.error
import urllib.request
from email.message import Message

import pytest

from je_kernel import errors
from je_kernel.net.diagnostics import Diagnosis, error_class, is_loopback, is_private_host
from je_kernel.net.error_messages import displayed_url, network_error
from je_kernel.net.failure import TransportFailure
from je_kernel.net.message import Request, Response
from je_kernel.net.page_check import reject_unexpected_page
from je_kernel.net.status_messages import http_error_default, status_message

HTTPS = "https://notebooks.example/lab/"
HTTP = "http://localhost:8000/lab/"
DATA = "https://data.example/rain.csv"


def seen(kind="network", url=DATA, page=HTTPS, online=True, host=None, site=None):
    return Diagnosis(kind, url, page, online, host, site)


@pytest.mark.parametrize(
    ("diagnosis", "expected"),
    [
        (seen(host=True, site=True), errors.SiteForbidsError),
        (seen(host=True, site=None), errors.SiteForbidsError),
        # It is a network whose answer came, whatever the browser thinks of it.
        (seen(host=True, online=False), errors.SiteForbidsError),
        (seen(host=False, site=True), errors.UnreachableError),
        (seen(host=False, site=False), errors.OfflineError),
        (seen(host=False, site=None), errors.UnreachableError),
        (seen(online=False), errors.OfflineError),
        (seen(), errors.NetworkError),
        (seen(online=None), errors.NetworkError),
        (seen(page=""), errors.NetworkError),
        (seen(url="http://data.example/rain.csv"), errors.InsecureAddressError),
        (seen(url="http://data.example/rain.csv", online=False), errors.InsecureAddressError),
        (seen(url="http://data.example/a", page=HTTP, host=True), errors.SiteForbidsError),
        (seen(url="http://localhost:1/a", host=False, site=True), errors.UnreachableError),
        (seen(url="http://127.0.0.1:1/a", host=True), errors.SiteForbidsError),
        # This computer can be reached without a network.
        (seen(url="http://127.0.0.1:1/a", online=False, host=False), errors.UnreachableError),
        (seen(url="https://notebooks.example/files/a", site=False), errors.UnreachableError),
        (seen(url="https://notebooks.example/files/a", online=False), errors.OfflineError),
        # It may lead on to another site, which forbids.
        (seen(url="https://notebooks.example/files/a"), errors.NetworkError),
        (seen(url="https://notebooks.example/files/a", site=True), errors.NetworkError),
        (seen(url="https://notebooks.example/a", host=True, site=True), errors.SiteForbidsError),
        (seen("timeout"), errors.TimedOutError),
        (seen("timeout", host=True), errors.TimedOutError),
        (seen("interrupted"), errors.BrokenOffError),
        (seen("bad-url"), errors.BadAddressError),
    ],
)
def test_the_evidence_decides(diagnosis, expected):
    assert error_class(diagnosis) is expected


@pytest.mark.parametrize(
    ("url", "page", "same"),
    [
        ("https://notebooks.example:443/a", HTTPS, True),
        ("https://NOTEBOOKS.example/a", HTTPS, True),
        ("http://notebooks.example/a", HTTPS, False),
        ("https://notebooks.example:8443/a", HTTPS, False),
        ("https://notebooks.example.evil/a", HTTPS, False),
        ("http://[half", HTTPS, False),
    ],
)
def test_an_origin_is_scheme_host_and_port(url, page, same):
    assert seen(url=url, page=page).same_origin is same


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("localhost", True),
        ("a.localhost", True),
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("10.0.0.1", True),
        ("172.16.0.1", True),
        ("192.168.1.1", True),
        ("169.254.169.254", True),
        ("100.64.0.1", True),
        ("0.0.0.0", True),
        ("::1", True),
        ("fd00::1", True),
        ("fe80::1", True),
        ("::ffff:192.168.1.1", True),
        ("printer.local", True),
        ("db.internal", True),
        ("intranet", True),
        ("LOCALHOST.", True),
        ("2130706433", True),
        ("0x7f.1", True),
        ("127.1", True),
        ("example.com", False),
        ("8.8.8.8", False),
        ("2606:4700::1111", False),
        ("local.example.com", False),
    ],
)
def test_private_hosts_are_known(host, private):
    assert is_private_host(host) is private


def test_only_this_computer_is_loopback():
    assert is_loopback("http://localhost/")
    assert is_loopback("http://[::1]:8/")
    assert not is_loopback("http://192.168.1.1/")
    assert not is_loopback("http://localhost.example.com/")


def failure(kind="network", url=DATA, timeout=None, **more):
    return TransportFailure(kind, Request("GET", url, timeout=timeout), **more)


def told(diagnosis, **more):
    return network_error(failure(diagnosis.kind, diagnosis.url, **more), diagnosis)


def test_a_site_that_forbids_is_named_and_the_code_is_not_blamed():
    error = told(seen(host=True))
    text = str(error)
    assert text.startswith(f"Could not read {DATA}\n")
    assert "data.example answers, but does not let notebooks" in text
    assert "Your code is right" in text
    assert "CORS" in text
    assert error.url == DATA


def test_an_address_of_this_site_that_leads_elsewhere_is_not_blamed_on_this_site():
    text = str(told(seen(url="https://notebooks.example/go", host=True, site=True)))
    assert "leads on to another site" in text
    assert "notebooks.example answers" not in text


def test_an_address_of_this_site_that_could_not_be_looked_into_names_both_possibilities():
    text = str(told(seen(url="https://notebooks.example/go")))
    assert "this site does not answer" in text
    assert "leads on to another site" in text


def test_an_insecure_address_is_told_with_the_secure_one():
    text = str(told(seen(url="http://data.example/rain.csv")))
    assert "\n    https://data.example/rain.csv" in text


def test_a_timeout_says_how_long_was_waited():
    assert "in 2.5 seconds" in str(told(seen("timeout"), timeout=2.5))
    assert "in time" in str(told(seen("timeout")))


def test_a_timeout_in_the_middle_of_an_answer_does_not_say_that_none_came():
    text = str(told(seen("timeout"), timeout=2.5, partial=b"x" * 1234))
    assert "data.example began to answer and fell silent for 2.5 seconds after 1,234 bytes." in text
    assert "No answer" not in text


def test_a_broken_answer_says_how_much_came():
    assert "after 1,234 bytes" in str(told(seen("interrupted"), partial=b"x" * 1234))


def test_a_bad_address_says_what_is_wrong_with_it():
    assert "(a space)" in str(told(seen("bad-url"), detail="a space"))


def test_an_undecided_failure_names_both_possibilities():
    text = str(told(seen()))
    assert "CORS" in text
    assert "nobody answers there" in text


@pytest.mark.parametrize("host", [True, False, None])
def test_the_link_of_a_sharing_page_is_told_whatever_the_browser_knows(host):
    error = told(seen(url="https://github.com/u/r/blob/main/a.csv", host=host))
    assert type(error) is errors.SharingLinkError
    assert error.link == "https://raw.githubusercontent.com/u/r/main/a.csv"
    assert str(error).endswith(f"    {error.link}")


def test_a_sharing_page_without_network_is_offline():
    diagnosis = seen(url="https://github.com/u/r/blob/main/a.csv", online=False)
    assert type(told(diagnosis)) is errors.OfflineError


def test_every_text_says_what_happened_and_what_to_do():
    for diagnosis in (
        seen(host=True),
        seen(host=False),
        seen(online=False),
        seen(),
        seen("timeout"),
        seen("interrupted"),
        seen("bad-url"),
        seen(url="http://data.example/a"),
        seen(url="https://notebooks.example/a"),
    ):
        first, _, rest = str(told(diagnosis)).partition("\n\n")
        assert first == f"Could not read {diagnosis.url}"
        assert len(rest.splitlines()) >= 2
        assert "None" not in rest


def test_a_password_in_an_address_is_not_shown():
    text = str(told(seen(url="https://me:secret@data.example/a", host=True)))
    assert "secret" not in text
    assert displayed_url("https://me:secret@[half") == "https://[half"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("https://data.example:443/a", "https://data.example/a"),
        ("http://data.example:80/a", "http://data.example/a"),
        ("https://data.example:80/a", "https://data.example:80/a"),
        ("https://data.example/a:443", "https://data.example/a:443"),
        ("https://me:pw@data.example:443/a", "https://data.example/a"),
        ("https://data.example", "https://data.example"),
        ("https://data.example:x/a", "https://data.example:x/a"),
    ],
)
def test_an_address_is_shown_without_a_port_that_goes_without_saying(url, text):
    assert displayed_url(url) == text


def test_an_endless_address_is_cut():
    assert len(displayed_url("https://data.example/?" + "x" * 5000)) == 300


def test_on_cpython_the_failure_itself_is_all_the_evidence():
    assert type(network_error(failure("timeout", timeout=1))) is errors.TimedOutError
    assert type(network_error(failure())) is errors.NetworkError


# Answers that are pages.

PAGE = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"
HTML = (("Content-Type", "text/html; charset=utf-8"),)


def answer(url=DATA, body=PAGE, headers=HTML, status=200, came=None, method="GET", sent=()):
    return Request(method, url, tuple(sent)), Response(status, "OK", came or url, headers, body)


@pytest.mark.parametrize(
    "exchange",
    [
        answer(),
        answer("https://data.example/a.JSON?x=1"),
        answer("https://data.example/book.xlsx"),
        answer("https://data.example/get?format=csv"),
        answer(body=b"\xef\xbb\xbf\n  <HTML lang='en'>"),
        answer(body=b"<!-- saved --><!doctype html>"),
        answer(body=b'<?xml version="1.0"?>\n<html xmlns="x">'),
        answer(headers=(("content-type", "application/xhtml+xml"),), body=b"<html>"),
        answer("https://api.example/rows", sent=[("Accept", "application/json")]),
    ],
)
def test_a_page_where_data_was_asked_for_is_an_error(exchange):
    with pytest.raises(errors.NotDataError, match="where data was asked for"):
        reject_unexpected_page(*exchange)


@pytest.mark.parametrize(
    "exchange",
    [
        answer("https://data.example/"),
        answer("https://data.example/page.html"),
        answer("https://data.example/rows"),
        answer(body=b"a,b\n1,2\n"),
        answer(body=b""),
        answer(headers=()),
        answer(headers=(("Content-Type", "text/csv"),)),
        answer(headers=(("Content-Type", "text/plain"),), body=PAGE),
        answer(status=404),
        answer(method="POST"),
        answer(method="HEAD", body=b""),
        answer("https://data.example/rows", sent=[("Accept", "*/*")]),
        answer("https://data.example/x", sent=[("Accept", "text/html,application/json")]),
        answer("https://en.wikipedia.org/wiki/River"),
        answer("http://[half.csv", body=b"a,b"),
    ],
)
def test_what_may_be_meant_is_left_alone(exchange):
    reject_unexpected_page(*exchange)


def test_a_sharing_page_that_came_is_told_with_the_link_that_works():
    with pytest.raises(errors.SharingLinkError) as caught:
        reject_unexpected_page(*answer("https://huggingface.co/datasets/u/d/blob/main/a.csv"))
    assert caught.value.link == "https://huggingface.co/datasets/u/d/resolve/main/a.csv"


def test_a_page_to_log_in_is_told():
    with pytest.raises(errors.NotDataError, match="page to log in"):
        reject_unexpected_page(*answer(came="https://accounts.example/ServiceLogin?continue=x"))


# Statuses.


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (401, "logged in"),
        (403, "refuses"),
        (404, "nothing at this address"),
        (410, "nothing at this address"),
        (429, "asked too often. Wait a minute"),
        (500, "not in your code"),
        (503, "not in your code"),
        (405, "did not accept"),
    ],
)
def test_each_status_is_explained(code, words):
    text = status_message(DATA, code)
    assert words in text
    assert DATA in text


@pytest.mark.parametrize(
    ("after", "words"),
    [
        ("30", "Wait 30 seconds"),
        ("600", "Wait 10 minutes"),
        ("Fri, 21 Nov", "Wait a minute"),
        pytest.param("9" * 5000, "Wait a minute", id="5000 digits"),
    ],
)
def test_how_long_to_wait_is_told_where_the_site_says_so(after, words):
    headers = Message()
    headers["Retry-After"] = after
    assert words in status_message(DATA, 429, headers)


def test_a_missing_file_on_github_suggests_the_branch():
    assert "main or master" in status_message(
        "https://raw.githubusercontent.com/u/r/main/a.csv", 404
    )


def test_the_page_of_a_file_that_answers_404_is_told_with_the_link_that_works():
    assert "raw.githubusercontent" in status_message("https://github.com/u/r/blob/main/a", 404)


class Gone(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(404)
        self.send_header("X-Kind", "real")
        self.send_header("Content-Length", "4")
        self.end_headers()
        self.wfile.write(b"gone")

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with http.server.HTTPServer(("127.0.0.1", 0), Gone) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_urllibs_own_openers_raise_our_error_once_the_method_is_in_place(server, monkeypatch):
    monkeypatch.setattr(
        urllib.request.HTTPDefaultErrorHandler, "http_error_default", http_error_default
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{server}/a.csv")
    error = caught.value
    assert type(error) is errors.NotFoundError
    assert (error.code, error.headers["X-Kind"], error.read()) == (404, "real", b"gone")
    assert str(error).startswith("HTTP Error 404: Not Found\n")
    assert "127.0.0.1 has nothing at this address" in str(error)
