"""What may be shown to a relay, and what is made of failures: relay, kept copy or error."""

import asyncio
from dataclasses import replace

import pytest

from je_kernel import coroutines, errors, settings
from je_kernel.net import diagnostics, fallback, response_cache, waiting
from je_kernel.net import relay as relay_module
from je_kernel.net.diagnostics import Diagnosis
from je_kernel.net.failure import TransportFailure
from je_kernel.net.message import Request, Response
from je_kernel.net.relay import may_relay, refusal, relay_request
from je_kernel.sharing.tokens import Token

DATA = "https://data.example/rain.csv"
RELAY = "https://notebooks.example/relay"


@pytest.mark.parametrize(
    "request_",
    [
        Request("GET", DATA),
        Request("GET", "http://data.example:8080/a?b=c"),
        Request("GET", "https://8.8.8.8/a"),
        Request("GET", DATA, (("Accept", "*/*"), ("User-Agent", "Python-urllib/3.14"))),
    ],
)
def test_a_plain_get_of_a_public_address_may_be_relayed(request_):
    assert may_relay(request_)


@pytest.mark.parametrize(
    "request_",
    [
        Request("POST", DATA, body=b"x"),
        Request("HEAD", DATA),
        Request("GET", DATA, body=b"x"),
        Request("GET", DATA, credentials=True),
        Request("GET", DATA, (("Authorization", "Bearer x"),)),
        Request("GET", DATA, (("COOKIE", "a=b"),)),
        Request("GET", DATA, (("X-Api-Key", "x"),)),
        Request("GET", "https://me:secret@data.example/a"),
        Request("GET", "http://localhost:8000/a"),
        Request("GET", "http://127.0.0.1/a"),
        Request("GET", "http://127.1/a"),
        Request("GET", "http://2130706433/a"),
        Request("GET", "http://[::1]/a"),
        Request("GET", "http://10.1.2.3/a"),
        Request("GET", "http://192.168.0.1/a"),
        Request("GET", "http://169.254.169.254/latest"),
        Request("GET", "http://printer.local/a"),
        Request("GET", "http://intranet/a"),
        Request("GET", "ftp://data.example/a"),
        Request("GET", "http:///a"),
        Request("GET", "http://[half"),
    ],
)
def test_nothing_else_is_shown_to_a_relay(request_):
    assert not may_relay(request_)


def test_the_relay_is_asked_with_the_address_percent_encoded_and_no_headers_of_the_student():
    request = Request(
        "GET", "https://data.example/a b?x=1&y=ü#part", (("Accept", "*/*"),), timeout=5
    )
    asked = relay_request(request, RELAY)
    assert asked.url == f"{RELAY}?url=https%3A%2F%2Fdata.example%2Fa%20b%3Fx%3D1%26y%3D%C3%BC"
    assert asked.headers == ()
    assert asked.timeout == 5


def test_a_relay_address_with_a_query_of_its_own_keeps_it():
    assert relay_request(Request("GET", DATA), RELAY + "?v=1").url.startswith(
        f"{RELAY}?v=1&url=https"
    )


def test_what_the_relay_fetched_seems_to_come_from_the_address_asked_for():
    async def send(_request):
        return Response(200, "OK", RELAY + "?url=x", (("Content-Type", "text/csv"),), b"a,b")

    response = coroutines.run(relay_module.fetch(Request("GET", DATA), RELAY, send))
    assert (response.url, response.body) == (DATA, b"a,b")


# Fallbacks, with the browser's diagnosis put in its place.

REFUSED = Diagnosis("network", DATA, "https://notebooks.example/", True, True, True)
UNREACHABLE = Diagnosis("network", DATA, "https://notebooks.example/", True, False, True)
UNKNOWN = Diagnosis("network", DATA, "https://notebooks.example/", True)
COPY = Response(200, "OK", DATA, (), b"kept")
RELAYED = Response(200, "OK", RELAY, (), b"relayed")


class Net:
    """Runs one fallback: without an event loop, or in one."""

    def __init__(self, monkeypatch, asynchronous):
        self.monkeypatch = monkeypatch
        self.asynchronous = asynchronous
        self.sent = []
        monkeypatch.delenv("JE_KERNEL_RELAY_URL", raising=False)
        settings.reload()

    def use_relay(self):
        self.monkeypatch.setenv("JE_KERNEL_RELAY_URL", RELAY)
        settings.reload()

    def fall_back(self, diagnosis, copy=None, relay=RELAYED, request=None):
        request = request or Request("GET", diagnosis.url)
        failure = TransportFailure(diagnosis.kind, request)

        async def send(asked):
            self.sent.append(asked.url)
            if relay is None:
                raise TransportFailure("network", asked)
            return relay

        async def later(value):
            return value

        patch = self.monkeypatch.setattr
        patch(fallback, "diagnose", lambda *_: later(diagnosis))
        patch(response_cache, "lookup", lambda *_: later(copy))
        if self.asynchronous:
            return asyncio.run(fallback.fall_back(failure, send, waiting.suspend))
        return coroutines.run(fallback.fall_back(failure, send, None))


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def net(request, monkeypatch):
    yield Net(monkeypatch, request.param)
    monkeypatch.undo()
    settings.reload()


def test_without_a_relay_a_refusal_is_an_error_and_nothing_is_sent(net):
    with pytest.raises(errors.SiteForbidsError):
        net.fall_back(REFUSED)
    assert net.sent == []


def test_a_refusal_goes_through_the_relay(net):
    net.use_relay()
    response = net.fall_back(REFUSED)
    assert (response.body, response.url) == (b"relayed", DATA)
    assert net.sent == [f"{RELAY}?url=https%3A%2F%2Fdata.example%2Frain.csv"]


def test_a_kept_copy_does_not_stand_in_for_a_site_that_forbids(net):
    with pytest.raises(errors.SiteForbidsError):
        net.fall_back(REFUSED, copy=COPY)


@pytest.mark.parametrize("kind", ["timeout", "interrupted"])
def test_a_kept_copy_stands_in_for_an_answer_that_did_not_come_whole(net, kind):
    assert net.fall_back(Diagnosis(kind, DATA), copy=COPY) is COPY


def test_what_was_refused_a_minute_ago_may_lack_a_network_now(net):
    assert net.fall_back(replace(REFUSED, remembered=True), copy=COPY) is COPY


def test_a_kept_copy_stands_in_for_nothing_that_could_never_have_worked(net):
    insecure = Diagnosis("network", "http://data.example/a", "https://notebooks.example/", True)
    for diagnosis, kind in (
        (insecure, errors.InsecureAddressError),
        (Diagnosis("bad-url", "http://a b/"), errors.BadAddressError),
    ):
        with pytest.raises(kind):
            net.fall_back(diagnosis, copy=COPY)


def test_a_kept_copy_stands_in_for_an_unreachable_host(net):
    net.use_relay()
    assert net.fall_back(UNREACHABLE, copy=COPY) is COPY
    assert net.sent == []


def test_where_the_browser_cannot_tell_a_kept_copy_comes_first_and_then_the_relay(net):
    net.use_relay()
    assert net.fall_back(UNKNOWN, copy=COPY) is COPY
    assert net.fall_back(UNKNOWN).body == b"relayed"


def test_an_unreachable_host_is_not_asked_for_at_the_relay(net):
    net.use_relay()
    with pytest.raises(errors.UnreachableError):
        net.fall_back(UNREACHABLE)
    assert net.sent == []


def test_what_may_not_be_shown_to_a_relay_is_not(net):
    net.use_relay()
    secret = Request("GET", DATA, (("Authorization", "Bearer x"),))
    with pytest.raises(errors.SiteForbidsError):
        net.fall_back(REFUSED, request=secret)
    assert net.sent == []


@pytest.mark.parametrize("relay", [None, Response(403, "Forbidden", RELAY, (), b"no")])
def test_a_relay_that_fails_leaves_the_first_error(net, relay):
    net.use_relay()
    with pytest.raises(errors.SiteForbidsError) as caught:
        net.fall_back(REFUSED, relay=relay)
    assert DATA in str(caught.value)
    # No inner failure is shown below the explanation.
    assert caught.value.__suppress_context__


def test_the_sharing_link_error_is_told_even_with_a_relay_that_fails(net):
    net.use_relay()
    page = Diagnosis("network", "https://github.com/u/r/blob/main/a.csv", "", True, True)
    with pytest.raises(errors.SharingLinkError):
        net.fall_back(page, relay=None)


def test_evidence_is_gathered_without_a_browser_on_cpython():
    failure = TransportFailure("network", Request("GET", DATA))
    assert coroutines.run(diagnostics.diagnose(failure, None)) == Diagnosis("network", DATA)
    outcome = asyncio.run(diagnostics.diagnose(failure, waiting.suspend))
    assert outcome == Diagnosis("network", DATA)


@pytest.mark.parametrize("url", ["https://a.org/relay", "http://localhost:8000/relay?v=1"])
def test_the_relays_address_is_a_web_address(url):
    found, problems = settings.Settings.from_environ({"JE_KERNEL_RELAY_URL": f" {url} "})
    assert (found.relay_url, problems) == (url, ())


@pytest.mark.parametrize("url", ["a.org/relay", "ftp://a.org/", "javascript:alert(1)", "https://"])
def test_another_address_of_a_relay_is_ignored_and_reported(url):
    found, (problem,) = settings.Settings.from_environ({"JE_KERNEL_RELAY_URL": url})
    assert found.relay_url is None
    assert "write an address that begins with https://" in str(problem)


def test_no_address_is_no_relay():
    found, problems = settings.Settings.from_environ({"JE_KERNEL_RELAY_URL": ""})
    assert (found.relay_url, problems) == (None, ())


@pytest.mark.parametrize(
    "name", ["Accept", "Accept-Encoding", "Accept-Language", "Connection", "Host", "User-Agent"]
)
def test_a_header_that_every_client_sends_does_not_forbid_the_relay(name):
    assert may_relay(Request("GET", DATA, ((name, "x"),)))


def test_only_a_get_with_a_secret_is_told_that_the_secret_forbids_the_relay():
    secret = (("Authorization", "Bearer x"),)
    assert "who you are" in refusal(Request("GET", DATA, secret))
    assert refusal(Request("POST", DATA, secret)) is None
    assert refusal(Request("GET", DATA)) is None


# The token that a sharing service's relay wants.

SERVICES_RELAY = "https://share.example/api/v1/relay"
NO_TOKEN = Response(503, "", SERVICES_RELAY, (), b"")


def issued(text):
    return Response(200, "OK", SERVICES_RELAY, (), b'{"token": "%s"}' % text.encode())


@pytest.fixture
def tokens(monkeypatch):
    held = {}
    monkeypatch.setattr(relay_module, "_tokens", held)
    return held


def conversation(*answers):
    """Send a request through the relay; return the response, and each request as path and token."""
    requests, answers = [], list(answers)

    async def send(request):
        path = request.url.partition("/api/v1/")[2].partition("?")[0]
        requests.append((path, dict(request.headers).get("Authorization")))
        return answers.pop(0)

    response = coroutines.run(relay_module.fetch(Request("GET", DATA), SERVICES_RELAY, send))
    assert not answers
    return response, requests


def test_a_token_for_the_relay_is_asked_for_once(tokens):
    assert conversation(issued("t"), RELAYED) == (
        replace(RELAYED, url=DATA),
        [("auth/issue", None), ("relay", "Bearer t")],
    )
    assert conversation(RELAYED) == (replace(RELAYED, url=DATA), [("relay", "Bearer t")])


def test_a_token_for_the_relay_that_ends_is_not_used(tokens):
    tokens[SERVICES_RELAY] = Token("old", 0.0, 60.0)
    assert conversation(issued("t"), RELAYED)[1] == [("auth/issue", None), ("relay", "Bearer t")]


def test_a_token_that_the_relay_refuses_is_replaced_once(tokens):
    tokens[SERVICES_RELAY] = Token("old", 0.0)
    refused = replace(RELAYED, status=403)
    assert conversation(refused, issued("t"), refused) == (
        replace(refused, url=DATA),
        [("relay", "Bearer old"), ("auth/issue", None), ("relay", "Bearer t")],
    )


def test_where_no_token_is_given_the_relay_is_asked_without(tokens):
    assert conversation(NO_TOKEN, RELAYED)[1] == [("auth/issue", None), ("relay", None)]
    assert tokens == {}
