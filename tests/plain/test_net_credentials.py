"""What says who asks: one definition, and everything that has to keep to it."""

import logging
import time
from dataclasses import replace
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from je_kernel import coroutines, doctor_report, settings
from je_kernel.errors import SiteForbidsError
from je_kernel.net import fallback
from je_kernel.net.credentials import redact_text, redact_url, secret_in
from je_kernel.net.diagnostics import Diagnosis
from je_kernel.net.error_messages import displayed_url, network_error
from je_kernel.net.failure import TransportFailure
from je_kernel.net.message import Request, Response
from je_kernel.net.page_check import reject_unexpected_page
from je_kernel.net.relay import may_relay
from je_kernel.net.response_cache import is_storable
from je_kernel.net.status_messages import status_message
from je_kernel.settings import Settings
from je_kernel.sharing.personal_data import scan_text
from tests.secret_requests import OPEN_ADDRESSES, SECRET_ADDRESSES, SECRET_HEADERS, SITE

OK = Response(200, "OK", SITE, (), b"a,b\n1,2\n")


@pytest.mark.parametrize(("url", "secret"), SECRET_ADDRESSES)
class TestAnAddressThatSaysWhoAsks:
    def test_is_not_shown_to_a_relay(self, url, secret):
        assert not may_relay(Request("GET", url))

    def test_is_not_kept(self, url, secret):
        assert not is_storable(Request("GET", url), replace(OK, url=url))

    def test_is_not_kept_where_a_redirect_led_to_it(self, url, secret):
        assert not is_storable(Request("GET", SITE), replace(OK, url=url))

    def test_is_found_before_a_share(self, url, secret):
        found = [found for kind, _, found in scan_text(f"pd.read_csv('{url}')") if "key" in kind]
        assert any(secret in part or part in secret for part in found)

    def test_is_named_without_its_secret(self, url, secret):
        assert secret not in secret_in(Request("GET", url))

    def test_is_shown_without_its_secret(self, url, secret):
        assert secret not in redact_url(url)
        assert secret not in displayed_url(url)
        assert secret not in redact_text(f"GET {url} failed, see '{url}'.")

    def test_is_in_no_error_about_it(self, url, secret):
        failure = TransportFailure("network", Request("GET", url), f"could not load {url}")
        page = Response(200, "OK", url, (("Content-Type", "text/html"),), b"<html>")
        texts = [str(failure), str(network_error(failure)), status_message(url, 404)]
        try:
            reject_unexpected_page(Request("GET", url), page)
        except OSError as error:
            texts.append(str(error))
        assert secret not in "\n".join(texts)


@pytest.mark.parametrize(("name", "value", "secret"), SECRET_HEADERS)
class TestAHeaderThatSaysWhoAsks:
    def test_is_not_shown_to_a_relay_nor_kept(self, name, value, secret):
        request = Request("GET", SITE, ((name, value),))
        assert secret_in(request) is not None
        assert not may_relay(request)
        assert not is_storable(request, OK)

    def test_is_found_before_a_share(self, name, value, secret):
        found = [found for kind, _, found in scan_text(f'headers = {{"{name}": "{value}"}}')]
        assert any(secret in part or part in secret for part in found)

    def test_is_shown_without_its_secret(self, name, value, secret):
        assert secret not in redact_text(f"{name}: {value}")
        assert secret not in redact_text(repr({name: value}))


def test_what_is_sent_in_a_body_is_neither_shown_to_a_relay_nor_kept():
    request = Request("POST", SITE, body=b"name=x")
    assert secret_in(request) is not None
    assert not may_relay(request)
    assert not is_storable(request, OK)


@pytest.mark.parametrize("url", OPEN_ADDRESSES)
class TestAnAddressOfOpenData:
    def test_may_be_relayed_and_kept_and_is_shown_as_it_is(self, url):
        assert may_relay(Request("GET", url))
        assert is_storable(Request("GET", url), replace(OK, url=url))
        assert redact_url(url) == url

    def test_is_no_finding_before_a_share(self, url):
        assert not [found for kind, _, found in scan_text(f"url = '{url}'") if "key" in kind]


MARK = "q7Zk2W9xLr4Tb8Np"
anything = st.text(st.characters(codec="utf-8"), max_size=30)
SECRET_NAMES = [
    "api_key",
    "token",
    "X-Amz-Signature",
    "password",
    "sig",
    "appid",
    "Subscription-Key",
]


@given(anything, st.sampled_from(SECRET_NAMES), st.sampled_from("?&;#"), anything)
def test_whatever_stands_around_it_a_secret_is_not_shown(before, name, joint, after):
    url = f"https://a.example/{quote(before)}{joint}{name}={MARK}&{quote(after)}=1"
    for text in (redact_url(url), displayed_url(url), redact_text(f"{before} {url} {after}")):
        assert MARK not in text


@given(st.text(max_size=200))
def test_any_text_at_all_can_be_shown(text):
    assert isinstance(redact_url(text), str)
    assert isinstance(redact_text(text), str)
    secret_in(Request("GET", text))


def seconds_for(function, text):
    def once():
        begin = time.thread_time()
        function(text)
        return time.thread_time() - begin

    return min(once() for _ in range(4))


@pytest.mark.parametrize(
    "unit",
    [
        *("?a", "&a=", ";", "#", "http:", "a://", "https://a@", "token ", "token=", "a='", "%3F"),
        *(
            "eyJaaaaaaaaa.",
            "sk-",
            "?url=https://a?",
            "?token=a1b2c3d4;",
            "bearer a1b2c3d4 ",
            '"a":',
        ),
    ],
)
@pytest.mark.parametrize("function", [redact_url, redact_text, lambda text: list(scan_text(text))])
def test_twice_the_text_takes_about_twice_the_time(function, unit):
    size = 8_000 // len(unit)
    small = seconds_for(function, unit * size)
    # Quadratic time would be 64 times as long; the half second is for a machine that others use.
    assert seconds_for(function, unit * size * 8) < small * 24 + 0.5


def recovered(monkeypatch, request):
    monkeypatch.setenv("JE_KERNEL_RELAY_URL", "https://notebooks.example/relay")
    settings.reload()
    diagnosis = Diagnosis("network", request.url, "https://notebooks.example/", True, True, True)
    sent = []

    async def diagnose(*_):
        return diagnosis

    async def send(asked):
        sent.append(asked.url)
        return OK

    monkeypatch.setattr(fallback, "diagnose", diagnose)
    failure = TransportFailure("network", request)
    try:
        return coroutines.run(fallback.fall_back(failure, send, None)), sent
    finally:
        monkeypatch.undo()
        settings.reload()


def test_who_is_not_relayed_for_a_secret_learns_why_and_what_to_do(monkeypatch):
    with pytest.raises(SiteForbidsError) as caught:
        recovered(monkeypatch, Request("GET", f"{SITE}?api_key={MARK}"))
    assert "a key in the address ('api_key')" in str(caught.value)
    assert "ask without it" in str(caught.value)
    assert MARK not in str(caught.value)


def test_what_holds_no_secret_is_relayed(monkeypatch):
    answer, sent = recovered(monkeypatch, Request("GET", f"{SITE}?key=population"))
    assert answer.body == OK.body
    assert len(sent) == 1


def test_the_doctor_shows_no_secret_of_an_address_or_of_an_error(monkeypatch):
    variables = {
        "JE_KERNEL_SHARING_URL": f"https://jane:{MARK}@share.example/x?token={MARK}",
        "JE_KERNEL_RELAY_URL": f"ftp://relay.example/?api_key={MARK}",
    }
    monkeypatch.setattr(settings, "_in_force", Settings.from_environ(variables))
    failed = doctor_report.startup.StepResult(
        "network", "failed", 1.0, f"OSError: {SITE}?sig={MARK} (Bearer {MARK})"
    )
    monkeypatch.setattr(doctor_report.startup, "_results", {"network": failed})
    report = doctor_report.doctor()
    assert "relay.example" in str(report)
    assert SITE in str(report)
    assert MARK not in str(report) + report._repr_html_()


def test_the_console_shows_no_secret_of_a_message_or_of_an_error():
    record = logging.LogRecord(
        "je_kernel", logging.ERROR, __file__, 1, "asked %s", (f"{SITE}?token={MARK}",), None
    )
    try:
        raise OSError(f"no answer from https://mia:{MARK}@data.example/")
    except OSError as error:
        record.exc_info = (OSError, error, error.__traceback__)
    text = doctor_report.startup.ConsoleFormatter("je-kernel: %(message)s").format(record)
    assert "je-kernel: asked" in text
    assert "OSError" in text
    assert MARK not in text
