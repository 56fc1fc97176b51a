"""Whatever text is accepted is also shown, downloaded and retrieved, as it was sent."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as how
from hypothesis import strategies as st
from running_service import API, RunningService, bearer, unique_notebook

pytestmark = pytest.mark.service

STRANGE = ["\ud800", "\udfff", "\ud83d", "\x00", "\ufffe", "\uffff", "\u202e", "\u2066", "\x1b[31m"]
texts = st.lists(
    st.sampled_from(
        [*STRANGE, "a", "# ", "\n", "$x$", "`", "<b>", "![a](attachment:", ")", "[a](b)"]
    ),
    max_size=6,
).map("".join)
numbers = st.sampled_from([0, -1, 2**64, 10**400, 1.5e300])
deep = st.integers(1, 150).map(lambda depth: json.loads("[" * depth + "]" * depth))
values = st.one_of(texts, numbers, deep, st.dictionaries(texts, texts, max_size=2))
bundles = st.dictionaries(
    st.sampled_from(["text/plain", "text/html", "text/markdown", "text/latex", "image/svg+xml"])
    | texts,
    texts,
    max_size=3,
)
json_bundles = st.fixed_dictionaries({"application/json": values})
outputs = st.one_of(
    st.fixed_dictionaries({"output_type": st.just("stream"), "name": texts, "text": texts}),
    st.fixed_dictionaries(
        {
            "output_type": st.just("display_data"),
            "data": bundles | json_bundles,
            "metadata": st.dictionaries(texts, values, max_size=2),
        }
    ),
    st.fixed_dictionaries(
        {
            "output_type": st.just("error"),
            "ename": texts,
            "evalue": texts,
            "traceback": st.lists(texts, max_size=2),
        }
    ),
)
metadata = st.dictionaries(texts, values, max_size=2)
cells = st.one_of(
    st.fixed_dictionaries(
        {
            "cell_type": st.just("code"),
            "metadata": metadata,
            "source": texts,
            "outputs": st.lists(outputs, max_size=3),
            "execution_count": st.sampled_from([None, 0, 10**400]),
        }
    ),
    st.fixed_dictionaries(
        {
            "cell_type": st.just("markdown"),
            "metadata": metadata,
            "source": texts,
            "attachments": st.dictionaries(texts, bundles, max_size=2),
        }
    ),
)
notebooks = st.fixed_dictionaries(
    {
        "cells": st.lists(cells, max_size=3),
        "metadata": metadata | st.fixed_dictionaries({"title": texts}),
        "nbformat": st.just(4),
        "nbformat_minor": st.just(4),
    }
)


def with_cells(*found: dict[str, Any], **about: Any) -> dict[str, Any]:
    return {"cells": list(found), "metadata": about, "nbformat": 4, "nbformat_minor": 4}


def markdown(source: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def post(running: RunningService, path: str, body: dict[str, Any]) -> httpx.Response:
    """Post JSON with its surrogates escaped, the one way to send them."""
    return running.http.post(
        f"{API}{path}",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"} | bearer(running.token()),
    )


@how(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(sent=notebooks)
@example(sent=with_cells(markdown("lone: \ud800")))
@example(sent=with_cells(markdown("# \udc00"), title="\ud800"))
@example(sent=with_cells({**markdown("x"), "\ud800": 1}))
@example(sent=with_cells({**markdown("x"), "cell_type": "\ud800"}))
def test_what_is_accepted_is_shown_downloaded_and_retrieved(
    plain_service: RunningService, sent: dict[str, Any]
) -> None:
    sent = json.loads(json.dumps(sent))  # Two halves that met are one character.
    answer = post(plain_service, "/notebooks", {"notebook": sent, "password": ""})
    assert answer.status_code in {201, 422}, answer.text
    if answer.status_code == 422:
        return
    ids = answer.json()["notebook"]
    page = f"/s/{ids['readable_id']}"
    shown = plain_service.http.get(page)
    assert shown.status_code == 200
    assert "only its plain text" not in shown.text
    assert plain_service.http.head(page).status_code < 500
    downloaded = plain_service.http.get(f"{page}/download")
    assert downloaded.json() == sent
    retrieved = plain_service.get(f"/notebooks/{ids['id']}")
    assert retrieved.json()["content"] == sent


@pytest.mark.parametrize("text", [*STRANGE, "\ud83d\ude00\ud83d"])
def test_a_strange_password_is_refused_or_works(plain_service: RunningService, text: str) -> None:
    answer = post(plain_service, "/notebooks", {"notebook": unique_notebook(), "password": text})
    assert answer.status_code in {201, 422}
    wrong = {"notebook_id": answer.json().get("notebook", {}).get("id", text), "password": text}
    issued = post(plain_service, "/auth/issue", wrong)
    assert issued.status_code in ({200} if answer.status_code == 201 else {400, 401})


@pytest.mark.parametrize("text", STRANGE)
@pytest.mark.parametrize("call", ["issue", "refresh"])
def test_strange_credentials_are_refused(
    plain_service: RunningService, call: str, text: str
) -> None:
    body = {"notebook_id": text, "password": text, "token": text}
    answer = post(plain_service, f"/auth/{call}", body)
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize("escaped", ["%ED%A0%80", "%FF", "%00", "%0D%0A", "%E2%80%AE", "a%C3"])
@pytest.mark.parametrize(
    "path",
    [
        "/s/{}",
        "/s/{}/download",
        "/s/calm-silver-otter?at={}",
        "/s/calm-silver-otter?{}={}",
        API + "/notebooks/{}",
        API + "/notebooks/get-by-readable-id/{}",
        API + "/notebooks/{}/history",
        "/{}",
    ],
)
def test_a_strange_address_is_refused(
    plain_service: RunningService, path: str, escaped: str
) -> None:
    answer = plain_service.http.get(
        path.replace("{}", escaped), headers=bearer(plain_service.token())
    )
    assert 400 <= answer.status_code < 500


@pytest.mark.parametrize(
    "value", [b"\xff\xfe", b"\xed\xa0\x80", b'"\xff"', b"Bearer \xff", b"\x7f"]
)
@pytest.mark.parametrize(
    "name", ["Authorization", "Origin", "If-None-Match", "Accept", "Content-Type", "Host", "Range"]
)
def test_a_strange_header_does_no_harm(
    plain_service: RunningService, name: str, value: bytes
) -> None:
    ids = plain_service.shared()
    for path in (f"/s/{ids['readable_id']}", f"{API}/notebooks/{ids['id']}"):
        answer = plain_service.http.get(path, headers=[(name.encode(), value)])
        assert answer.status_code < 500


def test_nothing_of_this_was_logged_as_a_failure(plain_service: RunningService) -> None:
    assert "a request failed" not in plain_service.log()
