"""Sharing when sessions, clocks, keys and networks are not as they should be: the real service."""

from __future__ import annotations

import functools
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

import je_kernel
from je_kernel.sharing import (
    NoSuchShareError,
    NotShared,
    ServiceRefusedError,
    Share,
    UnreachableServiceError,
)
from je_kernel.sharing.addresses import Service, reference_of
from je_kernel.sharing.driver import converse
from je_kernel.sharing.memory import FOLDER, Memory
from je_kernel.sharing.protocol import Protocol
from je_kernel.sharing.tokens import claims_of
from tests.service.running_service import bearer
from tests.sharing_student import (
    kept_by,
    new_kernel,
    no_room_for,
    own_service,
    quick,
    remembered,
    students_folder,
    use,
    write,
)

__all__ = ["own_service", "quick", "students_folder"]

OLD_KEY, NEW_KEY = ("old:" + "o" * 40, "new:" + "n" * 40)


@pytest.fixture
def running(one_service, students_folder):
    """A service that runs all the while."""
    use(one_service)
    return one_service


def aged(seconds):
    """Let the token that is remembered have come so much earlier."""
    state = remembered()
    state["token"]["received"] -= seconds
    remembered(state)


def session():
    return claims_of(remembered()["token"]["text"])["session_id"]


def share_source(source, name="rain.ipynb"):
    new_kernel()
    write(name, source=source)
    return je_kernel.share(name)


# Sessions -------------------------------------------------------------------


def test_a_restart_between_issue_and_refresh_keeps_the_session(own_service):
    running = own_service()
    first, before = share_source("one = 1"), session()
    aged(7000)
    running.kill()
    running.restart()
    second = share_source("two = 2")
    assert (second.how, second.link) == ("updated", first.link)
    assert session() == before
    assert "refresh_token" in running.log()


def test_two_kernels_that_refresh_the_same_token_both_keep_their_links(running):
    rain, snow = share_source("rain = 1"), share_source("snow = 1", "snow.ipynb")
    aged(7000)
    old = remembered()["token"]
    assert share_source("rain = 2").link == rain.link  # refreshes
    state = remembered()
    state["token"] = old  # the other kernel had read it before
    remembered(state)
    assert share_source("snow = 2", "snow.ipynb").link == snow.link  # an old token: the family ends
    assert share_source("rain = 3").link == rain.link
    assert kept_by(running, rain)["cells"][0]["source"] == "rain = 3"
    assert kept_by(running, snow)["cells"][0]["source"] == "snow = 2"


def test_a_kernel_with_an_old_token_takes_the_one_that_another_kernel_has_got(running):
    rain = share_source("rain = 1")
    aged(7000)
    before, memory = session(), Memory(running.url)
    slower = Protocol(Service.at(running.url), memory.state().token)
    assert share_source("rain = 2").link == rain.link  # the other kernel refreshes
    steps = slower.retrieve(reference_of(rain.readable_id))
    converse(steps, memory.remember_token, lambda: memory.state().token)
    assert session() == before
    assert slower.token == memory.state().token
    # The service ends a session whose old token comes again: this one goes on.
    answer = running.get(f"/notebooks/{rain.id}", memory.state().token.text)
    assert answer.status_code == 200
    refreshed = running.http.post("/api/v1/auth/refresh", json={"token": slower.token.text})
    assert refreshed.status_code == 200


def test_a_new_signing_key_changes_no_link(own_service):
    running = own_service(signing_keys=OLD_KEY)
    first, before = share_source("one = 1"), session()
    for keys, kept in ((f"{NEW_KEY},{OLD_KEY}", True), (OLD_KEY, False)):
        running.stop()
        running.environment["JE_SHARING_SIGNING_KEYS"] = keys
        running.restart()
        assert share_source(f"keys = {keys!r}", "rain.ipynb").link == first.link
        aged(7000)
        assert share_source("keys = 'refreshed'").link == first.link
        assert (session() == before) is kept


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
def test_a_clock_that_is_wrong_by_hours_is_no_trouble(running, monkeypatch, hours):
    wrong = functools.partial(Protocol, clock=lambda: time.time() + hours * 3600)
    monkeypatch.setattr("je_kernel.sharing.client.Protocol", wrong)
    first, before = share_source("one = 1"), session()
    assert share_source("two = 2").link == first.link
    assert session() == before


@pytest.mark.parametrize("hours", [-30, 30])
def test_a_clock_that_is_put_right_is_no_trouble(running, hours):
    first = share_source("one = 1")
    aged(hours * 3600)
    assert share_source("two = 2").link == first.link


# Copies ---------------------------------------------------------------------


def test_a_copy_that_is_the_same_to_the_letter_gets_a_link_of_its_own(running):
    rain = share_source("one = 1")
    copy = share_source("one = 1", "rain-Copy1.ipynb")
    assert (copy.how, copy.link != rain.link) == ("new", True)
    assert share_source("copy = 2", "rain-Copy1.ipynb").link == copy.link
    assert kept_by(running, rain)["cells"][0]["source"] == "one = 1"
    assert share_source("rain = 2").link == rain.link


# Several kernels ------------------------------------------------------------

KERNEL = """
import sys
import je_kernel.sharing
print("ready", flush=True)
sys.stdin.readline()
print(je_kernel.share("rain"), flush=True)
"""


def test_kernels_that_share_the_same_notebook_at_once_hand_out_one_link(running):
    write(source="one = 1")
    command = [sys.executable, "-c", KERNEL]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    kernels = [subprocess.Popen(command, **pipes) for _ in range(3)]
    assert [kernel.stdout.readline() for kernel in kernels] == ["ready\n"] * 3
    for kernel in kernels:
        kernel.stdin.write("\n")
        kernel.stdin.flush()
    links = {kernel.communicate()[0].strip() for kernel in kernels}
    assert len(links) == 1
    assert len(remembered()["shares"]) == 1
    later = share_source("two = 2")
    assert (later.how, {later.link}) == ("updated", links)


class _NotAlone(Protocol):
    """The conversation, while another kernel shares the same notebook."""

    def create(self, notebook, password):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("je_kernel.sharing.client.Protocol", Protocol)
            self.other = je_kernel.share("rain")
        return (yield from super().create(notebook, password))


@pytest.mark.parametrize("session_of_its_own", [True, False])
def test_the_kernel_that_is_slower_hands_out_the_others_link(running, session_of_its_own):
    if not session_of_its_own:
        share_source("snow = 1", "snow.ipynb")
    write(source="one = 1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("je_kernel.sharing.client.Protocol", _NotAlone)
        share = je_kernel.share("rain")
    (record,) = (one for one in remembered()["shares"] if one["path"] == "rain.ipynb")
    assert share.id == record["id"]
    # The day after, the password that is remembered is the one that the service has.
    aged(8000)
    later = share_source("two = 2")
    assert (later.how, later.link) == ("updated", share.link)


# Taking back ----------------------------------------------------------------


def test_what_is_taken_back_is_gone_and_the_notebook_stays(running):
    share = share_source("one = 1")
    said = je_kernel.share.take_back("rain")
    assert (said.name, said.link) == ("rain.ipynb", share.link)
    assert running.get(f"/notebooks/{share.id}").status_code == 404
    assert Path("rain.ipynb").exists()
    assert remembered()["shares"] == []
    assert je_kernel.share("rain").link != share.link


def test_yesterdays_share_is_taken_back_by_its_password(running):
    share = share_source("one = 1")
    aged(8000)
    new_kernel()
    je_kernel.share.take_back("rain")
    assert running.get(f"/notebooks/{share.id}").status_code == 404


def test_what_the_service_has_deleted_already_is_forgotten(running):
    share = share_source("one = 1")
    token = remembered()["token"]["text"]
    gone = running.http.delete(f"/api/v1/notebooks/{share.id}", headers=bearer(token))
    assert gone.status_code == 204
    je_kernel.share.take_back("rain")
    assert remembered()["shares"] == []


@pytest.mark.parametrize("change", ["deleted", "renamed", "unreadable"])
@pytest.mark.parametrize("way", ["link", "words", "readable_id", "id", "name"])
def test_a_share_is_taken_back_however_it_is_named_whatever_became_of_its_file(
    running, way, change
):
    share = share_source("one = 1")
    file = Path("rain.ipynb")
    if change == "deleted":
        file.unlink()
    elif change == "renamed":
        file.rename("snow.ipynb")
    else:
        file.write_text("{")
    new_kernel()
    said = je_kernel.share.take_back("rain" if way == "name" else getattr(share, way))
    assert said.link == share.link
    assert running.get(f"/notebooks/{share.id}").status_code == 404
    assert remembered()["shares"] == []


def test_a_link_of_somebody_else_cannot_be_taken_back(running):
    share = share_source("one = 1")
    with pytest.raises(NoSuchShareError, match="nothing to take back"):
        je_kernel.share.take_back("https://share.example/s/brave-quiet-otter")
    assert running.get(f"/notebooks/{share.id}").status_code == 200


# A damaged memory, a full disk ----------------------------------------------


def test_a_full_disk_costs_no_link_and_the_card_says_what_it_costs(running):
    write(source="one = 1")
    with no_room_for(0):
        share = je_kernel.share("rain")
        assert isinstance(share, Share)
        assert "had no room to remember it" in repr(share)
        assert "had no room to remember it" in share._repr_html_()
        write_anyway = je_kernel.share("rain")
        assert (write_anyway.how, write_anyway.link) == ("unchanged", share.link)
    # There is room again: the same kernel writes down what it knows.
    assert je_kernel.share("rain").link == share.link
    write(source="two = 2")
    assert "no room" not in repr(je_kernel.share("rain"))
    new_kernel()
    je_kernel.share.take_back("rain")
    assert running.get(f"/notebooks/{share.id}").status_code == 404


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"content": [], "title": ""}', b'{"content": {"cells": [7]}, "title": 1}'],
)
@pytest.mark.parametrize("room", [True, False])
def test_what_waits_and_is_damaged_costs_no_card_and_is_kept(own_service, quick, content, room):
    running = own_service()
    running.stop()
    write("snow.ipynb", source="snow = 1")
    assert je_kernel.share("snow").kept
    (waiting,) = Path(FOLDER).glob("queued-*")
    waiting.write_bytes(content)
    running.restart()
    write(source="one = 1")
    with no_room_for(10**9 if room else 0):
        share = je_kernel.share("rain")
    assert isinstance(share, Share)
    (damaged,) = share.others
    assert "What waited to be sent is damaged" in repr(damaged)
    assert "snow.ipynb is not shared: What waited" in repr(share)
    assert waiting.read_bytes() == content
    assert je_kernel.share("rain").others == ()


def test_a_damaged_memory_is_set_aside_and_the_card_says_so(running):
    share_source("one = 1")
    Path(FOLDER, "shares.json").write_text("{")
    share = share_source("two = 2")
    (aside,) = Path(FOLDER).glob("shares-damaged-*")
    assert aside.read_text() == "{"
    assert str(aside) in repr(share)
    assert je_kernel.share("rain").problems == ()


def test_what_was_not_shared_cannot_be_taken_back(running):
    write()
    with pytest.raises(NoSuchShareError, match="nothing to take back"):
        je_kernel.share.take_back("rain")


def test_behind_a_log_in_page_it_is_not_said_to_be_gone(own_service, quick):
    running = own_service()
    share_source("one = 1")
    running.stop()
    with portal(running.port, 404), pytest.raises(UnreachableServiceError):
        je_kernel.share.take_back("rain")
    assert len(remembered()["shares"]) == 1


# What is not the service ----------------------------------------------------


@contextmanager
def portal(port, status):
    """The log-in page of a school's Wi-Fi, at the service's own address."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            page = b"<!doctype html><title>Log in to School Wi-Fi</title>"
            self.send_response(status)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(page)))
            if status == 302:
                self.send_header("Location", "/login")
            self.end_headers()
            self.wfile.write(page)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield
    server.shutdown()
    server.server_close()
    thread.join()


def test_behind_a_log_in_page_nothing_is_lost_and_the_link_stays(own_service, quick):
    running = own_service()
    first, before = share_source("one = 1"), remembered()
    running.stop()
    for status in (200, 302, 401, 403, 404, 511):
        with portal(running.port, status):
            assert share_source("two = 2").kept, status
            with pytest.raises((UnreachableServiceError, ServiceRefusedError)):
                je_kernel.open_shared(first.words)
    assert remembered()["shares"] == before["shares"]
    assert remembered()["token"] == before["token"]
    running.restart()
    (sent,) = je_kernel.share.retry()
    assert (sent.how, sent.link) == ("updated", first.link)
    assert kept_by(running, first)["cells"][0]["source"] == "two = 2"


def test_the_service_gone_between_the_token_and_the_notebook_loses_nothing(own_service, quick):
    running = own_service()
    stop_after_issue = functools.partial(_StopsAfterIssue, running)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("je_kernel.sharing.client.Protocol", stop_after_issue)
        assert share_source("one = 1").kept
    before = session()
    running.restart()
    (sent,) = je_kernel.share.retry()
    assert sent.how == "new"
    assert session() == before


class _StopsAfterIssue(Protocol):
    """The conversation, with a service that is killed once it has given the token."""

    def __init__(self, running, *arguments):
        super().__init__(*arguments)
        self.running = running

    def _keep(self, text):
        self.running.kill()
        return (yield from super()._keep(text))


def test_what_the_service_will_never_take_does_not_hold_up_the_rest(own_service, quick):
    running = own_service(max_notebook_bytes="2000")
    running.stop()
    share_source("x" * 3000, "large.ipynb")
    share_source("small = 1", "small.ipynb")
    running.restart()
    large, small = je_kernel.share.retry()
    assert isinstance(large, NotShared)
    assert "too large" in large.reason
    assert isinstance(small, Share)
    assert [queued["path"] for queued in remembered()["queued"]] == ["large.ipynb"]


# What is kept on a computer of one's own --------------------------------------


def test_what_is_remembered_stays_out_of_version_control(running):
    share_source("one = 1")
    assert Path(FOLDER, ".gitignore").read_text() == "*\n"
