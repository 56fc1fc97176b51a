"""What may be shown to a relay, and what is made of failures: relay, kept copy or error."""

import asyncio
from dataclasses import replace

import pytest

from je_kernel import errors, settings
from je_kernel.net import diagnostics, fallback, response_cache
from je_kernel.net import relay as relay_module
from je_kernel.net.diagnostics import Diagnosis
from je_kernel.net.failure import TransportFailure
from je_kernel.net.message import Request, Response
from je_kernel.net.relay import answer_of, ask, may_relay, refusal, relayed
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
    asked = relayed(request, RELAY)
    assert asked.url == f"{RELAY}?url=https%3A%2F%2Fdata.example%2Fa%20b%3Fx%3D1%26y%3D%C3%BC"
    assert asked.headers == ()
    assert asked.timeout == 5


def test_a_relay_address_with_a_query_of_its_own_keeps_it():
    assert relayed(Request("GET", DATA), RELAY + "?v=1").url.startswith(f"{RELAY}?v=1&url=https")


def test_what_the_relay_fetched_seems_to_come_from_the_address_asked_for():
    came = Response(200, "OK", RELAY + "?url=x", (("Content-Type", "text/csv"),), b"a,b")
    answer = answer_of(Request("GET", DATA), came)
    assert (answer.url, answer.body) == (DATA, b"a,b")


# Recovery, with the browser's diagnosis put in its place.

REFUSED = Diagnosis("network", DATA, "https://notebooks.example/", True, True, True)
UNREACHABLE = Diagnosis("network", DATA, "https://notebooks.example/", True, False, True)
UNKNOWN = Diagnosis("network", DATA, "https://notebooks.example/", True)
COPY = Response(200, "OK", DATA, (), b"kept")
RELAYED = Response(200, "OK", RELAY, (), b"relayed")


class Net:
    """Drives one recovery: by the synchronous or by the asynchronous way."""

    def __init__(self, monkeypatch, asynchronous):
        self.monkeypatch = monkeypatch
        self.asynchronous = asynchronous
        self.sent = []
        monkeypatch.delenv("JE_KERNEL_RELAY_URL", raising=False)
        settings.reload()

    def use_relay(self):
        self.monkeypatch.setenv("JE_KERNEL_RELAY_URL", RELAY)
        settings.reload()

    def recover(self, diagnosis, copy=None, relay=RELAYED, request=None):
        request = request or Request("GET", diagnosis.url)
        failure = TransportFailure(diagnosis.kind, request)

        def send(asked):
            self.sent.append(asked.url)
            if relay is None:
                raise TransportFailure("network", asked)
            return relay

        async def send_async(asked):
            return send(asked)

        async def later(value):
            return value

        patch = self.monkeypatch.setattr
        patch(fallback, "diagnose", lambda _: diagnosis)
        patch(fallback, "diagnose_async", lambda _: later(diagnosis))
        patch(response_cache, "recall", lambda _: copy)
        patch(response_cache, "recall_async", lambda _: later(copy))
        if self.asynchronous:
            return asyncio.run(fallback.recover_async(failure, send_async))
        return fallback.recover(failure, send)


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def net(request, monkeypatch):
    yield Net(monkeypatch, request.param)
    monkeypatch.undo()
    settings.reload()


def test_without_a_relay_a_refusal_is_an_error_and_nothing_is_sent(net):
    with pytest.raises(errors.SiteForbidsError):
        net.recover(REFUSED)
    assert net.sent == []


def test_a_refusal_goes_through_the_relay(net):
    net.use_relay()
    response = net.recover(REFUSED)
    assert (response.body, response.url) == (b"relayed", DATA)
    assert net.sent == [f"{RELAY}?url=https%3A%2F%2Fdata.example%2Frain.csv"]


def test_a_kept_copy_does_not_stand_in_for_a_site_that_forbids(net):
    with pytest.raises(errors.SiteForbidsError):
        net.recover(REFUSED, copy=COPY)


@pytest.mark.parametrize("kind", ["timeout", "interrupted"])
def test_a_kept_copy_stands_in_for_an_answer_that_did_not_come_whole(net, kind):
    assert net.recover(Diagnosis(kind, DATA), copy=COPY) is COPY


def test_what_was_refused_a_minute_ago_may_lack_a_network_now(net):
    assert net.recover(replace(REFUSED, remembered=True), copy=COPY) is COPY


def test_a_kept_copy_stands_in_for_nothing_that_could_never_have_worked(net):
    insecure = Diagnosis("network", "http://data.example/a", "https://notebooks.example/", True)
    for diagnosis, kind in (
        (insecure, errors.InsecureAddressError),
        (Diagnosis("bad-url", "http://a b/"), errors.BadAddressError),
    ):
        with pytest.raises(kind):
            net.recover(diagnosis, copy=COPY)


def test_a_kept_copy_stands_in_for_an_unreachable_host(net):
    net.use_relay()
    assert net.recover(UNREACHABLE, copy=COPY) is COPY
    assert net.sent == []


def test_where_the_browser_cannot_tell_a_kept_copy_comes_first_and_then_the_relay(net):
    net.use_relay()
    assert net.recover(UNKNOWN, copy=COPY) is COPY
    assert net.recover(UNKNOWN).body == b"relayed"


def test_an_unreachable_host_is_not_asked_for_at_the_relay(net):
    net.use_relay()
    with pytest.raises(errors.UnreachableError):
        net.recover(UNREACHABLE)
    assert net.sent == []


def test_what_may_not_be_shown_to_a_relay_is_not(net):
    net.use_relay()
    secret = Request("GET", DATA, (("Authorization", "Bearer x"),))
    with pytest.raises(errors.SiteForbidsError):
        net.recover(REFUSED, request=secret)
    assert net.sent == []


@pytest.mark.parametrize("relay", [None, Response(403, "Forbidden", RELAY, (), b"no")])
def test_a_relay_that_fails_leaves_the_first_error(net, relay):
    net.use_relay()
    with pytest.raises(errors.SiteForbidsError) as caught:
        net.recover(REFUSED, relay=relay)
    assert DATA in str(caught.value)
    # No inner failure is shown below the explanation.
    assert caught.value.__suppress_context__


def test_the_sharing_link_error_is_told_even_with_a_relay_that_fails(net):
    net.use_relay()
    page = Diagnosis("network", "https://github.com/u/r/blob/main/a.csv", "", True, True)
    with pytest.raises(errors.SharingLinkError):
        net.recover(page, relay=None)


def test_evidence_is_gathered_without_a_browser_on_cpython():
    failure = TransportFailure("network", Request("GET", DATA))
    assert diagnostics.diagnose(failure) == Diagnosis("network", DATA)
    assert asyncio.run(diagnostics.diagnose_async(failure)) == Diagnosis("network", DATA)


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
    """Run `ask` against answers; return its result, and each request as path and token."""
    steps = ask(Request("GET", DATA), SERVICES_RELAY)
    asked, answers = [], list(answers)
    request = next(steps)
    while True:
        asked.append((request.url.partition("/api/v1/")[2], dict(request.headers)))
        try:
            request = steps.send(answers.pop(0))
        except StopIteration as end:
            assert not answers
            return end.value, [
                (path.partition("?")[0], headers.get("Authorization")) for path, headers in asked
            ]


def test_a_token_for_the_relay_is_asked_for_once(tokens):
    assert conversation(issued("t"), RELAYED) == (
        RELAYED,
        [("auth/issue", None), ("relay", "Bearer t")],
    )
    assert conversation(RELAYED) == (RELAYED, [("relay", "Bearer t")])


def test_a_token_for_the_relay_that_ends_is_not_used(tokens):
    tokens[SERVICES_RELAY] = Token("old", 0.0, 60.0)
    assert conversation(issued("t"), RELAYED)[1] == [("auth/issue", None), ("relay", "Bearer t")]


def test_a_token_that_the_relay_refuses_is_replaced_once(tokens):
    tokens[SERVICES_RELAY] = Token("old", 0.0)
    refused = replace(RELAYED, status=403)
    assert conversation(refused, issued("t"), refused) == (
        refused,
        [("relay", "Bearer old"), ("auth/issue", None), ("relay", "Bearer t")],
    )


def test_where_no_token_is_given_the_relay_is_asked_without(tokens):
    assert conversation(NO_TOKEN, RELAYED)[1] == [("auth/issue", None), ("relay", None)]
    assert tokens == {}
