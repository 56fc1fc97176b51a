"""The protocol of a sharing service: which requests are sent, in which order, for every answer."""

from __future__ import annotations

import base64
import json
from email.utils import formatdate

import pytest

from je_kernel import errors
from je_kernel.net.message import Request, Response
from je_kernel.sharing.addresses import Reference, Service
from je_kernel.sharing.errors import (
    InvalidNotebookError,
    NoSuchShareError,
    NotYourShareError,
    ServiceRefusedError,
    TakenDownError,
    TooLargeError,
    UnreachableServiceError,
)
from je_kernel.sharing.protocol import Protocol
from je_kernel.sharing.tokens import Token, claims_of

SERVICE = Service.at("https://share.example")
NOTEBOOK = b'{"cells":[]}'
SAVED = {"message": "ok", "notebook": {"id": "u-1", "domain_id": "d", "readable_id": "a-b-otter"}}
NOW = 1_800_000_000.0


def jwt(name="one", *, issued=NOW, lives=7200):
    claims = {"session_id": name, "iat": issued, "exp": issued + lives}
    parts = (json.dumps(part).encode() for part in ({"alg": "HS256"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(p).decode().rstrip("=") for p in parts), "c2ln"])


def answer(status, body=None, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(status, "", "https://share.example/", named, raw)


MISSING = answer(404, {"error_code": "NOT_FOUND", "message": "Notebook not found"})


def given(name="one", **claims):
    return answer(200, {"token": jwt(name, **claims)})


class Conversation:
    """Answers requests from a list, and records them."""

    def __init__(self, answers, token=None, now=NOW):
        self.answers = list(answers)
        self.now = now
        self.asked = []
        self.waited = []
        self.remembered = []
        self.kept = token
        self.protocol = Protocol(
            SERVICE,
            token,
            send=self.send,
            keep_token=self.remembered.append,
            kept_token=lambda: self.remembered[-1] if self.remembered else self.kept,
            pause=self.pause,
            clock=lambda: self.now,
            chance=lambda: 0.5,
        )

    def send(self, request):
        assert isinstance(request, Request)
        self.asked.append(request)
        reply = self.answers.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def pause(self, seconds):
        self.waited.append(seconds)
        self.now += seconds

    def run(self, result):
        assert not self.answers, "there were more answers than requests"
        return result

    @property
    def calls(self):
        return [f"{r.method} {r.url.partition('/api/v1/')[2]}" for r in self.asked]

    def create(self):
        return self.run(self.protocol.create(NOTEBOOK, "pw"))

    def update(self, password="pw"):
        return self.run(self.protocol.update("u-1", NOTEBOOK, password))

    def retrieve(self, *candidates, **more):
        return self.run(self.protocol.retrieve(Reference(candidates=candidates, **more)))


def good_token(name="one", *, age=0.0, lives=7200.0):
    return Token(jwt(name, lives=lives), NOW - age, lives)


def bearer_of(request):
    return dict(request.headers).get("Authorization")


# Tokens ---------------------------------------------------------------------


def test_the_first_share_asks_for_a_token_and_then_shares():
    talk = Conversation([given(), answer(201, SAVED)])
    assert talk.create().readable_id == "a-b-otter"
    assert talk.calls == ["POST auth/issue", "POST notebooks"]
    assert bearer_of(talk.asked[0]) is None
    assert bearer_of(talk.asked[1]) == f"Bearer {jwt()}"
    assert json.loads(talk.asked[1].body) == {"notebook": {"cells": []}, "password": "pw"}


def test_the_notebook_is_sent_byte_for_byte():
    exact = b'{"b":1.50,"a":"\xc3\xa9"}'
    talk = Conversation([answer(201, SAVED)], good_token())
    talk.run(talk.protocol.create(exact, ""))
    assert exact in talk.asked[0].body


def test_a_token_is_remembered_before_it_is_used():
    talk = Conversation([given(), answer(201, SAVED)])
    requests_before = []
    talk.protocol.keep_token = lambda _: requests_before.append(len(talk.asked))
    talk.create()
    assert requests_before == [1]


def test_a_good_token_is_used_as_it_is():
    talk = Conversation([answer(201, SAVED)], good_token(age=3600))
    talk.create()
    assert talk.calls == ["POST notebooks"]
    assert talk.remembered == []


@pytest.mark.parametrize(
    ("age", "lives", "first_call"),
    [
        (0, 7200, "POST notebooks"),
        (6800, 7200, "POST notebooks"),
        (6901, 7200, "POST auth/refresh"),
        (7199, 7200, "POST auth/refresh"),
        (7200, 7200, "POST auth/issue"),
        (500_000, 7200, "POST auth/issue"),
        (30, 60, "POST notebooks"),
        (50, 60, "POST auth/refresh"),
        (-30, 7200, "POST notebooks"),  # the clock was corrected a little
        (-9000, 7200, "POST auth/refresh"),  # put back: its age is anybody's guess
    ],
)
def test_a_token_is_renewed_before_its_end_and_not_earlier(age, lives, first_call):
    asked = {
        "POST notebooks": [answer(201, SAVED)],
        "POST auth/refresh": [given("two"), answer(201, SAVED)],
        "POST auth/issue": [given("two"), answer(201, SAVED)],
    }[first_call]
    talk = Conversation(asked, good_token(age=age, lives=lives))
    talk.create()
    assert talk.calls[0] == first_call
    if first_call == "POST auth/refresh":
        assert json.loads(talk.asked[0].body) == {"token": jwt(lives=lives)}
        assert bearer_of(talk.asked[1]) == f"Bearer {jwt('two')}"


@pytest.mark.parametrize("skew", [-30 * 86400.0, -3600.0, 3600.0, 30 * 86400.0])
def test_a_clock_that_is_wrong_neither_renews_early_nor_late(skew):
    service_time = NOW + skew
    token = Token.of(jwt(issued=service_time), NOW)
    assert not token.ending(NOW + 6000)
    assert token.ending(NOW + 7000)
    assert token.expired(NOW + 7200)


@pytest.mark.parametrize("text", ["opaque", "a.b.c", "a.e30.c", "a.bnVsbA.c", "..", "a.W10.c"])
def test_a_token_that_says_nothing_of_its_end_is_used_until_it_is_refused(text):
    token = Token.of(text, NOW)
    assert not token.ending(NOW + 10**9)
    assert not token.expired(NOW + 10**9)


def test_a_refused_token_is_refreshed_once_and_the_request_sent_again():
    talk = Conversation([answer(403), given("two"), answer(201, SAVED)], good_token())
    talk.create()
    assert talk.calls == ["POST notebooks", "POST auth/refresh", "POST notebooks"]
    assert [token.text for token in talk.remembered] == [jwt("two")]


@pytest.mark.parametrize("status", [400, 401, 403])
def test_when_the_refresh_is_refused_too_a_new_session_is_opened(status):
    talk = Conversation(
        [answer(403, b"Forbidden"), answer(status, b"no"), given("two"), answer(201, SAVED)],
        good_token(),
    )
    talk.create()
    assert talk.calls[1:3] == ["POST auth/refresh", "POST auth/issue"]


def test_a_service_that_refuses_every_token_is_asked_no_third_time():
    talk = Conversation([answer(403), given("two"), answer(403)], good_token())
    with pytest.raises(ServiceRefusedError, match="403"):
        talk.create()


def test_a_service_that_gives_no_token_is_an_error_in_words():
    talk = Conversation([answer(403, {"message": "Not from here."})])
    with pytest.raises(ServiceRefusedError, match=r"Not from here\.") as caught:
        talk.create()
    assert caught.value.status == 403


@pytest.mark.parametrize("token", ["", "a\r\nX-Evil: 1", "é", 7, None])
def test_a_token_that_could_not_stand_in_a_header_is_none(token):
    talk = Conversation([answer(200, {"token": token})])
    with pytest.raises(UnreachableServiceError, match="not as a sharing service does"):
        talk.create()


# Updating -------------------------------------------------------------------


def test_an_update_sends_the_notebook_alone():
    talk = Conversation([answer(200, SAVED)], good_token())
    assert talk.update().id == "u-1"
    assert talk.calls == ["PUT notebooks/u-1"]
    assert talk.asked[0].body == NOTEBOOK


def test_an_update_of_yesterdays_share_opens_a_session_by_its_password():
    talk = Conversation([given("two"), answer(200, SAVED)], good_token(age=86400))
    talk.update()
    assert talk.calls == ["POST auth/issue", "PUT notebooks/u-1"]
    assert json.loads(talk.asked[0].body) == {"notebook_id": "u-1", "password": "pw"}


@pytest.mark.parametrize("status", [401, 403])
def test_an_update_that_the_session_may_not_do_is_done_by_password(status):
    refused = [answer(401)] if status == 401 else [answer(403), given("x"), answer(403)]
    talk = Conversation([*refused, given("two"), answer(200, SAVED)], good_token())
    talk.update()
    assert talk.calls[-2:] == ["POST auth/issue", "PUT notebooks/u-1"]


@pytest.mark.parametrize(
    ("answers", "password"),
    [
        ([answer(401), answer(401)], "pw"),
        ([answer(401), given("two"), answer(401)], "pw"),
        ([answer(401)], ""),
    ],
)
def test_an_update_that_nobody_lets_us_do_says_whose_share_it_is(answers, password):
    talk = Conversation(answers, good_token())
    with pytest.raises(NotYourShareError, match="another session"):
        talk.update(password)


def test_an_update_of_what_the_service_has_lost_says_so():
    talk = Conversation([MISSING], good_token())
    with pytest.raises(NoSuchShareError):
        talk.update()


# Retrieving -----------------------------------------------------------------

HELD = {"id": "u-1", "domain_id": "d", "readable_id": "a-b-otter", "content": {"cells": []}}


def test_a_share_is_retrieved_by_its_readable_id():
    talk = Conversation([answer(200, HELD)], good_token())
    assert talk.retrieve("a-b-otter").content == {"cells": []}
    assert talk.calls == ["GET notebooks/get-by-readable-id/a-b-otter"]


def test_an_animal_of_two_words_is_found_by_the_second_way_to_write_it():
    talk = Conversation([MISSING, answer(200, HELD)], good_token())
    talk.retrieve("a-b-sea-lion", "a-b-sea lion")
    assert talk.calls[1] == "GET notebooks/get-by-readable-id/a-b-sea%20lion"


def test_a_share_is_retrieved_by_its_uuid_and_as_it_was():
    talk = Conversation([answer(200, HELD)], good_token())
    talk.run(talk.protocol.retrieve(Reference(uuid="u-1", at="2026-01-31T13:45:00+00:00")))
    assert talk.calls == ["GET notebooks/u-1?at=2026-01-31T13%3A45%3A00%2B00%3A00"]


def test_what_is_not_there_is_said_with_what_to_check():
    talk = Conversation([MISSING], good_token())
    with pytest.raises(NoSuchShareError, match="letter by letter"):
        talk.retrieve("a-b-otter")


def test_a_link_of_another_service_is_told_apart():
    talk = Conversation([MISSING], good_token())
    with pytest.raises(NoSuchShareError, match=r"other\.example, which is not this site's"):
        talk.retrieve("a-b-otter", host="other.example")


# Retrying -------------------------------------------------------------------


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_busy_service_is_asked_again_with_growing_pauses(status):
    talk = Conversation([answer(status)] * 3 + [answer(201, SAVED)], good_token())
    talk.create()
    assert talk.waited == [0.5, 1.0, 2.0]


def test_pauses_differ_from_computer_to_computer():
    pauses = set()
    for chance in (0.0, 0.3, 0.99):
        talk = Conversation([answer(503), answer(201, SAVED)], good_token())
        talk.protocol.chance = lambda chance=chance: chance
        talk.create()
        pauses.update(talk.waited)
    assert len(pauses) == 3
    assert all(0.25 <= pause <= 0.75 for pause in pauses)


@pytest.mark.parametrize(
    "failure",
    [
        errors.TimedOutError("slow"),
        errors.UnreachableError("nobody"),
        errors.BrokenOffError("stopped"),
        ConnectionResetError("reset"),
        TimeoutError("slow"),
    ],
)
def test_a_network_that_fails_in_mid_share_is_tried_again(failure):
    talk = Conversation([failure, answer(201, SAVED)], good_token())
    talk.create()
    assert talk.calls == ["POST notebooks"] * 2


def test_after_four_attempts_it_is_enough():
    talk = Conversation([ConnectionResetError("reset")] * 4, good_token())
    with pytest.raises(UnreachableServiceError, match=r"share\.example cannot be reached"):
        talk.create()
    assert len(talk.waited) == 3


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (errors.OfflineError("no"), "no connection to the internet"),
        (errors.SiteForbidsError("no"), "does not let this site use it"),
        (errors.InsecureAddressError("no"), "http://"),
        (errors.BadAddressError("no"), "cannot be reached"),
    ],
)
def test_what_waiting_cannot_mend_is_not_tried_again(failure, said):
    talk = Conversation([failure], good_token())
    with pytest.raises(UnreachableServiceError, match=said):
        talk.create()
    assert talk.waited == []


def test_offline_between_the_token_and_the_notebook_keeps_the_token():
    talk = Conversation([given(), errors.OfflineError("no")])
    with pytest.raises(UnreachableServiceError):
        talk.create()
    assert [token.text for token in talk.remembered] == [jwt()]


@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"Retry_After": "7"}, 7),
        ({"retry_after": "0"}, 0.5),
        ({"Retry_After": "soon"}, 0.5),
        ({"Retry_After": "-5"}, 0.5),
        ({"Retry_After": formatdate(NOW + 9, usegmt=True)}, 9),
        ({"Retry_After": formatdate(NOW - 9, usegmt=True)}, 0.5),
        # The service's clock is an hour off: its own Date says what it means.
        (
            {
                "Retry_After": formatdate(NOW + 3609, usegmt=True),
                "Date": formatdate(NOW + 3600, usegmt=True),
            },
            9,
        ),
    ],
)
def test_the_service_says_when_to_come_again(headers, pause):
    talk = Conversation([answer(429, **headers), answer(201, SAVED)], good_token())
    talk.create()
    assert talk.waited == [pause]


def test_a_service_that_wants_a_long_rest_does_not_keep_the_cell_waiting():
    talk = Conversation([answer(429, Retry_After="600")], good_token())
    with pytest.raises(UnreachableServiceError, match=r"too many requests.*in 10 minutes"):
        talk.create()
    assert talk.waited == []


def test_a_service_that_deletes_nothing_says_so():
    talk = Conversation([answer(405, {"message": "Method not allowed"})], good_token())
    with pytest.raises(ServiceRefusedError, match="Method not allowed"):
        talk.run(talk.protocol.delete("u-1", "pw"))
    assert talk.calls == ["DELETE notebooks/u-1"]


# Answers that are not what they should be -----------------------------------


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"<html>Log in</html>", b"[]", b"null", b"{}", b'{"notebook":7}', b"\xff\xfe"),
        *(b'{"notebook":{"id":""}}', b"[" * 5000),
    ],
)
def test_a_success_that_is_not_the_services_is_no_success(body):
    talk = Conversation([answer(201, body)], good_token())
    with pytest.raises(UnreachableServiceError, match="log in first"):
        talk.create()


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"id":"u","content":[]}', b"7"])
def test_a_notebook_that_is_none_is_not_opened(body):
    talk = Conversation([answer(200, body)], good_token())
    with pytest.raises(UnreachableServiceError):
        talk.retrieve("a-b-otter")


@pytest.mark.parametrize(
    ("status", "body", "kind", "said"),
    [
        (413, {"details": {"maxSizeBytes": 10_485_760}}, TooLargeError, r"10\.5 MB"),
        (413, b"<html>nginx</html>", TooLargeError, "clear_outputs=True"),
        (422, {"message": "cells: required"}, InvalidNotebookError, "cells: required"),
        (422, b"Unprocessable", InvalidNotebookError, "does not take this notebook"),
        (400, b"", InvalidNotebookError, "does not take"),
        (405, b"plain text", ServiceRefusedError, "405"),
        (410, {"message": "Blocked."}, TakenDownError, "taken down by whoever runs"),
        (410, b"<html>of a proxy</html>", ServiceRefusedError, "410"),
        (302, b"", UnreachableServiceError, "log in"),
    ],
)
def test_refusals_are_told_apart_whatever_their_body(status, body, kind, said):
    talk = Conversation([answer(status, body)], good_token())
    with pytest.raises(kind, match=said):
        talk.create()


def test_a_token_is_not_shown():
    assert jwt() not in repr(Protocol(SERVICE, good_token()))


# What stands between a computer and the service: a log-in page, a proxy, another site's 404.
PORTAL = b"<!doctype html><title>School Wi-Fi</title>"


@pytest.mark.parametrize("status", [200, 302, 404, 511])
def test_a_page_instead_of_a_token_is_no_answer_of_the_service(status):
    talk = Conversation([answer(status, PORTAL)])
    with pytest.raises((UnreachableServiceError, ServiceRefusedError)) as caught:
        talk.create()
    assert not isinstance(caught.value, NoSuchShareError)


def test_a_service_without_its_calls_is_a_wrong_address():
    talk = Conversation([answer(404, {"detail": "Not Found"})])
    with pytest.raises(UnreachableServiceError, match="wrong address"):
        talk.create()


def test_a_page_that_says_404_does_not_make_a_share_lost():
    talk = Conversation([answer(404, PORTAL)], good_token())
    with pytest.raises(UnreachableServiceError, match="log in first"):
        talk.update()


def test_a_page_that_says_404_does_not_say_that_the_words_are_wrong():
    talk = Conversation([answer(404, PORTAL)], good_token())
    with pytest.raises(UnreachableServiceError, match="log in first"):
        talk.retrieve("a-b-otter")


@pytest.mark.parametrize("status", [200, 404, 511])
def test_a_page_instead_of_the_password_check_does_not_say_whose_share_it_is(status):
    talk = Conversation([answer(status, PORTAL)])
    with pytest.raises((UnreachableServiceError, ServiceRefusedError)):
        talk.update()


def test_a_page_instead_of_a_refreshed_token_keeps_the_old_one():
    talk = Conversation([answer(200, PORTAL)] * 2, good_token(age=7000.0))
    with pytest.raises(UnreachableServiceError, match="log in first"):
        talk.create()
    assert talk.remembered == []


def test_an_update_is_called_invalid_with_400_as_the_contract_has_it():
    talk = Conversation([answer(400, {"message": "Invalid notebook format"})], good_token())
    with pytest.raises(InvalidNotebookError, match="Invalid notebook format"):
        talk.update()


def test_an_answer_without_a_readable_id_is_shown_by_its_uuid():
    talk = Conversation([answer(201, {"notebook": {"id": "u-9"}})], good_token())
    assert talk.create().readable_id == "u-9"


def test_another_kernels_newer_token_is_used_in_place_of_a_refresh():
    talk = Conversation([answer(403), answer(201, SAVED)], good_token("old"))
    talk.kept = good_token("newer")
    talk.create()
    assert talk.calls == ["POST notebooks", "POST notebooks"]
    assert bearer_of(talk.asked[1]) == f"Bearer {talk.kept.text}"
    assert talk.protocol.token == talk.kept


@pytest.mark.parametrize(
    "kept", [None, good_token("ended", age=7201), good_token("ending", age=7190)]
)
def test_what_another_kernel_left_is_no_token_where_it_is_nearly_over_or_gone(kept):
    talk = Conversation([answer(403), given("new"), answer(201, SAVED)], good_token("old"))
    talk.kept = kept
    talk.create()
    assert talk.calls == ["POST notebooks", "POST auth/refresh", "POST notebooks"]


def test_to_delete_what_is_gone_already_is_no_error():
    talk = Conversation([MISSING], good_token())
    talk.run(talk.protocol.delete("u-1", ""))
    assert talk.calls == ["DELETE notebooks/u-1"]


def test_a_400_to_what_sends_no_notebook_does_not_call_the_notebook_invalid():
    talk = Conversation([answer(400)], good_token())
    with pytest.raises(ServiceRefusedError, match="400"):
        talk.retrieve("a-b-otter")


def test_a_dead_link_of_this_service_is_not_taken_for_another_services():
    talk = Conversation([MISSING], good_token())
    with pytest.raises(NoSuchShareError, match="letter by letter"):
        talk.retrieve("a-b-otter", host="share.example")


def test_a_notebook_is_sent_as_json_and_json_is_asked_for():
    talk = Conversation([answer(201, SAVED)], good_token())
    talk.create()
    headers = dict(talk.asked[0].headers)
    assert (headers["Content-Type"], headers["Accept"]) == ("application/json",) * 2


def claiming(**claims):
    part = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{part}.c2ln"


@pytest.mark.parametrize(
    "claims",
    [{"iat": 1}, {"exp": 9}, {"iat": "1", "exp": 9}, {"iat": 1, "exp": "9"}, {"iat": 9, "exp": 9}],
)
def test_a_token_whose_times_make_no_sense_says_nothing_of_its_end(claims):
    assert Token.of(claiming(**claims), NOW).lifetime is None


@pytest.mark.parametrize("name", ["", "a", "ab", "abc"])
def test_claims_are_read_whatever_padding_they_want(name):
    assert claims_of(claiming(n=name)) == {"n": name}


def test_a_clock_put_back_by_a_minute_does_not_renew_a_token():
    token = Token("t", NOW, 7200.0)
    assert (token.ending(NOW - 60), token.ending(NOW - 61)) == (False, True)
