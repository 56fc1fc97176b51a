"""Sharing from plain Python, against the real service over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

import je_kernel
from je_kernel import settings
from je_kernel.sharing import (
    InvalidNotebookError,
    NoSharingServiceError,
    NoSuchShareError,
    NotShared,
    PersonalDataError,
    Share,
    TakenDownError,
    TooLargeError,
    UnreachableServiceError,
)
from je_kernel.sharing.share_state import FOLDER
from tests.service import warm_start
from tests.service.running_service import END_SECONDS, free_port, notebook
from tests.sharing_student import (
    kept_by,
    new_kernel,
    no_room_for,
    own_service,
    remembered,
    students_folder,
    use,
    write,
)

__all__ = ["own_service", "students_folder"]

pytestmark = pytest.mark.usefixtures("students_folder")


@pytest.fixture
def shared_service(one_service, students_folder):
    use(one_service)
    return one_service


# The way it should go -------------------------------------------------------


def test_a_share_is_there_to_be_read_by_everyone(shared_service):
    write(source="print('wet')")
    share = je_kernel.share("rain.ipynb")
    assert share.how == "new"
    assert share.link == f"{shared_service.url}/s/{share.readable_id}"
    page = shared_service.http.get(f"/s/{share.readable_id}")
    assert page.status_code == 200
    assert "wet" in page.text
    assert kept_by(shared_service, share)["cells"][0]["source"] == "print('wet')"


def test_the_extension_need_not_be_written(shared_service):
    write()
    assert je_kernel.share("rain").notebook == "rain.ipynb"


def test_sharing_the_same_again_makes_no_new_copy_and_asks_nobody(own_service):
    running = own_service()
    write()
    first = je_kernel.share("rain")
    running.stop()
    new_kernel()
    again = je_kernel.share("rain")
    assert (again.how, again.link) == ("unchanged", first.link)


def test_sharing_a_newer_state_keeps_the_link(shared_service):
    write(source="one = 1")
    first = je_kernel.share("rain")
    new_kernel()
    write(source="two = 2")
    second = je_kernel.share("rain")
    assert (second.how, second.link) == ("updated", first.link)
    assert kept_by(shared_service, second)["cells"][0]["source"] == "two = 2"


def test_a_renamed_notebook_keeps_its_link(shared_service):
    write(source="one = 1")
    first = je_kernel.share("rain")
    Path("rain.ipynb").rename("snow.ipynb")
    write("snow.ipynb", source="two = 2")
    assert je_kernel.share("snow").link == first.link


def test_a_copy_of_a_notebook_gets_a_link_of_its_own(shared_service):
    write(source="one = 1")
    first = je_kernel.share("rain")
    write("rain-Copy1.ipynb", source="two = 2")
    assert je_kernel.share("rain-Copy1").link != first.link
    assert kept_by(shared_service, first)["cells"][0]["source"] == "one = 1"


def test_a_new_notebook_under_an_old_name_gets_a_link_of_its_own(shared_service):
    content = write("Untitled.ipynb")
    first = je_kernel.share("Untitled")
    content["cells"][0]["id"] = "another-cell"
    write("Untitled.ipynb", content)
    second = je_kernel.share("Untitled")
    assert (second.how, second.link != first.link) == ("new", True)


def test_the_local_notebook_is_not_touched(shared_service):
    write()
    before = Path("rain.ipynb").read_bytes(), Path("rain.ipynb").stat().st_mtime_ns
    je_kernel.share("rain", title="Rain", clear_outputs=True)
    assert (Path("rain.ipynb").read_bytes(), Path("rain.ipynb").stat().st_mtime_ns) == before


def test_a_title_and_cleared_outputs_are_only_in_what_is_sent(shared_service):
    content = notebook()
    content["cells"][0]["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "1"}]
    write("rain.ipynb", content)
    sent = kept_by(shared_service, je_kernel.share("rain", title="Rain", clear_outputs=True))
    assert sent["metadata"]["title"] == "Rain"
    assert sent["cells"][0]["outputs"] == []


def test_what_is_remembered_is_hidden_from_the_students_files(shared_service):
    write()
    je_kernel.share("rain")
    from je_kernel import files

    assert files.list().names == ["rain.ipynb"]


# Opening --------------------------------------------------------------------


@pytest.mark.parametrize("way", ["words", "capitals", "readable_id", "id", "id_bare", "link"])
def test_a_share_is_opened_however_it_is_named(shared_service, way):
    write(source=f"way = {way!r}")
    share = je_kernel.share("rain")
    site_link = f"https://school.example/lab/index.html?notebook={share.readable_id}"
    named = {
        "words": f"  {share.words} ",
        "capitals": share.words.title().replace(" ", "  "),
        "readable_id": share.readable_id,
        "id": share.id.upper(),
        "id_bare": share.id.replace("-", ""),
        "link": site_link,
    }[way]
    opened = je_kernel.open_shared(named)
    assert opened.content["cells"][0]["source"] == f"way = {way!r}"
    assert opened.link == share.link


def test_a_share_from_when_ids_had_three_words_is_opened_everywhere(shared_service):
    write(source="old = 1")
    share = je_kernel.share("rain")
    path = Path(shared_service.environment["JE_SHARING_DATA_DIR"]) / "sharing.db"
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database, database:
        database.execute(
            "UPDATE notebooks SET readable_id = 'calm-silver-otter' WHERE readable_id = ?",
            [share.readable_id],
        )
    for name in ("Calm silver OTTER", f"{shared_service.url}/s/calm-silver-otter"):
        assert je_kernel.open_shared(name).content["cells"][0]["source"] == "old = 1"
    assert shared_service.http.get("/s/calm-silver-otter").status_code == 200
    assert shared_service.http.get("/s/calm-silver-otter/download").status_code == 200


def test_the_card_says_how_long_it_is_kept(shared_service):
    write()
    share = je_kernel.share("rain")
    day = datetime.fromtimestamp(time.time() + 400 * 24 * 3600).date()
    days = {str(day - timedelta(n)) for n in range(2)}
    for card in (repr(share), share._repr_html_()):
        assert {d for d in days if f"It is kept until {d}" in card}


def test_what_it_showed_at_a_time_is_opened_by_a_link_with_that_time(shared_service):
    write(source="before = 1")
    share = je_kernel.share("rain")
    taken = shared_service.get(f"/notebooks/{share.id}/history").json()["taken_at"][0]
    write(source="after = 2")
    je_kernel.share("rain")
    assert je_kernel.open_shared(share.link).content["cells"][0]["source"] == "after = 2"
    then = je_kernel.open_shared(f"{share.link}?at={taken}")
    assert then.content["cells"][0]["source"] == "before = 1"


def test_what_does_not_exist_is_an_error_in_words(shared_service):
    with pytest.raises(NoSuchShareError, match="letter by letter"):
        je_kernel.open_shared("brave quiet unicorn")


def test_what_the_operator_blocks_is_taken_down_and_the_error_says_what_to_do(
    shared_service, tmp_path
):
    write(source="blocked = 1")
    share = je_kernel.share("rain")
    command = ["block", share.readable_id]
    warm_start.start(command, shared_service.environment, tmp_path / "block.txt").wait(END_SECONDS)
    with pytest.raises(TakenDownError, match="taken down by whoever runs the sharing service"):
        je_kernel.open_shared(share.link)
    write(source="blocked = 2")
    with pytest.raises(TakenDownError, match="Your own file stays as it is"):
        je_kernel.share("rain")
    with pytest.raises(TakenDownError):
        je_kernel.share.revoke("rain")
    # The content is blocked under any name.
    write("other.ipynb", source="blocked = 1")
    with pytest.raises(TakenDownError):
        je_kernel.share("other")


@pytest.mark.parametrize("text", ["", "  ", "?!", "https://school.example/lab", "https://[::"])
def test_what_names_no_share_is_an_error_that_shows_how(shared_service, text):
    with pytest.raises(NoSuchShareError, match="the words of its link"):
        je_kernel.open_shared(text)


def test_a_copy_never_overwrites(shared_service):
    write(source="shared = 1")
    share = je_kernel.share("rain")
    write(source="mine = 2")
    opened = je_kernel.open_shared(share.link)
    copies = [opened.save_copy("rain.ipynb").name for _ in range(2)]
    assert copies == ["rain (copy).ipynb", "rain (copy 2).ipynb"]
    assert json.loads(Path("rain.ipynb").read_text())["cells"][0]["source"] == "mine = 2"
    assert json.loads(Path(copies[0]).read_text()) == opened.content


def test_a_copy_does_not_claim_that_strangers_outputs_are_trusted(shared_service):
    write(source="shared = 1")
    opened = je_kernel.open_shared(je_kernel.share("rain").link)
    trusting = {**opened.content["cells"][0], "metadata": {"trusted": True, "tags": ["a"]}}
    hostile = replace(opened, content={**opened.content, "cells": [trusting, "no cell"]})
    cells = json.loads(Path(hostile.save_copy("copy").name).read_text())["cells"]
    assert [cells[0]["metadata"], cells[1]] == [{"tags": ["a"]}, "no cell"]


# Consent --------------------------------------------------------------------


def test_personal_data_stay_until_somebody_says_they_may_leave(own_service):
    running = own_service()
    write(source="ask = 'mia.lund@school.org'")
    with pytest.raises(PersonalDataError, match=r"e-mail address in cell 1, line 1") as caught:
        je_kernel.share("rain")
    assert "mia.lund@school.org" not in str(caught.value)
    assert "/api/v1" not in running.log()
    share = je_kernel.share("rain", allow_personal_data=True)
    assert "mia.lund" in kept_by(running, share)["cells"][0]["source"]


def test_what_may_leave_is_not_asked_again_but_new_things_are(shared_service):
    write(source="ask = 'mia.lund@school.org'")
    je_kernel.share("rain", allow_personal_data=True)
    write(source="ask = 'mia.lund@school.org'  # changed")
    assert je_kernel.share("rain").how == "updated"
    write(source="ask = 'mia.lund@school.org'\ncall = '555-123-4567'")
    with pytest.raises(PersonalDataError, match="phone number in cell 1, line 2") as caught:
        je_kernel.share("rain")
    assert len(caught.value.findings) == 1


def test_metadata_about_the_author_stay_at_home(shared_service):
    metadata = {
        "kernelspec": {"name": "/home/mia/env", "display_name": "Python 3", "env": {"A": "b"}},
        "authors": [{"name": "Mia"}],
        "widgets": {"application/vnd.jupyter.widget-state+json": {"state": {"a": {}}}},
        "vscode": {"interpreter": {"hash": "1"}},
    }
    content = notebook(metadata=metadata)
    content["cells"][0]["metadata"] = {"tags": ["x"], "executionInfo": {"user": "Mia"}}
    write("rain.ipynb", content)
    sent = kept_by(shared_service, je_kernel.share("rain"))
    assert sent["metadata"] == {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
    assert sent["cells"][0]["metadata"] == {"tags": ["x"]}
    with pytest.raises(PersonalDataError, match="user in the notebook's title or metadata"):
        je_kernel.share("rain", keep_metadata=True)
    whole = kept_by(
        shared_service, je_kernel.share("rain", keep_metadata=True, allow_personal_data=True)
    )
    assert whole["metadata"] == metadata


# What cannot be shared ------------------------------------------------------


def test_without_a_service_the_file_is_offered():
    write()
    answer = je_kernel.share("rain")
    assert isinstance(answer, NotShared)
    assert not answer.kept
    assert "JE_KERNEL_SHARING_URL" in repr(answer)
    assert 'download="rain.ipynb"' in answer._repr_html_()
    with pytest.raises(NoSharingServiceError):
        je_kernel.open_shared("brave quiet otter")


def test_a_notebook_that_is_too_large_names_the_cells_that_make_it_so(shared_service):
    content = notebook()
    big = {"output_type": "stream", "name": "stdout", "text": "x " * 5_500_000}
    content["cells"].append({**content["cells"][0], "id": "b2", "outputs": [big]})
    write("rain.ipynb", content)
    with pytest.raises(TooLargeError, match=r"cell 2: 11\.0 MB \(its output\)") as caught:
        je_kernel.share("rain")
    assert "cell 1:" not in str(caught.value)
    assert isinstance(je_kernel.share("rain", clear_outputs=True), Share)


def test_a_service_that_takes_less_names_the_cells_too(own_service):
    own_service(max_notebook_bytes="2000")
    write(source="x" * 3000)
    said = r"has 4 KB, and 2 KB are allowed[^$]*cell 1: 4 KB \(itself\)"
    with pytest.raises(TooLargeError, match=said):
        je_kernel.share("rain")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nbformat": 3}, "format 3"),
        ({"nbformat_minor": 9}, r"4\.9"),
        ({"metadata": None}, "no metadata"),
        ({"cells": [{"cell_type": "mystery"}]}, "cell 1 is of the unknown type"),
    ],
)
def test_an_invalid_notebook_is_refused_before_it_is_sent(shared_service, change, said):
    write("rain.ipynb", {**notebook(), **change})
    with pytest.raises(InvalidNotebookError, match=said):
        je_kernel.share("rain")


# Sessions over time ---------------------------------------------------------


def wait_until_expired(token):
    end = token["received"] + token["lifetime"] + 1
    while time.time() < end:
        time.sleep(min(0.1, max(0.0, end - time.time())))


def test_the_day_after_the_share_is_updated_under_its_link(own_service):
    own_service(token_minutes="0.02", clock_skew_seconds="0")
    write(source="one = 1")
    first = je_kernel.share("rain")
    before = remembered()["token"]["text"]
    wait_until_expired(remembered()["token"])
    write(source="two = 2")
    second = je_kernel.share("rain")
    assert (second.how, second.link) == ("updated", first.link)
    assert remembered()["token"]["text"] != before


def test_a_restart_of_the_service_between_two_shares_is_not_noticed(own_service):
    running = own_service()
    write(source="one = 1")
    first = je_kernel.share("rain")
    running.kill()
    running.restart()
    write(source="two = 2")
    assert je_kernel.share("rain").link == first.link


def test_a_service_that_has_lost_everything_gets_a_new_share(own_service, tmp_path):
    running = own_service()
    write(source="one = 1")
    first = je_kernel.share("rain")
    running.stop()
    running.environment["JE_SHARING_DATA_DIR"] = str(tmp_path / "other")
    running.restart()
    write(source="two = 2")
    second = je_kernel.share("rain")
    assert second.how == "replaced"
    assert second.link != first.link
    assert "earlier link can no longer be updated" in repr(second)


def test_a_notebook_that_was_deleted_at_the_service_gets_a_new_link(shared_service):
    write(source="one = 1")
    first = je_kernel.share("rain")
    token = remembered()["token"]["text"]
    gone = shared_service.http.delete(
        f"/api/v1/notebooks/{first.id}", headers={"Authorization": f"Bearer {token}"}
    )
    assert gone.status_code == 204
    write(source="two = 2")
    assert je_kernel.share("rain").how == "replaced"


# Offline --------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch):
    """The pauses of a conversation, shorter: what is waited for is the same."""
    monkeypatch.setattr("je_kernel.sharing.protocol._FIRST_PAUSE", 0.01)


def offline():
    os.environ["JE_KERNEL_SHARING_URL"] = f"http://127.0.0.1:{free_port()}"
    settings.reload()


def test_offline_nothing_is_lost_and_retry_sends_it(own_service, quick):
    running = own_service()
    running.stop()
    write(source="one = 1")
    kept = je_kernel.share("rain")
    assert isinstance(kept, NotShared)
    assert kept.kept
    assert "share.retry()" in repr(kept)
    write(source="later = 2")  # what was to be shared is what was there then
    new_kernel()
    running.restart()
    (sent,) = je_kernel.share.retry()
    assert isinstance(sent, Share)
    assert kept_by(running, sent)["cells"][0]["source"] == "one = 1"
    assert remembered()["queued"] == []
    assert {path.name for path in Path(FOLDER).iterdir()} == {".gitignore", "shares.json"}
    nothing = je_kernel.share.retry()
    assert nothing == ()
    assert repr(nothing) == "Nothing waits to be shared."


def test_without_room_to_keep_it_the_notebook_is_offered_and_nothing_half_stays(quick):
    offline()
    write(source="x" * 50_000)
    with no_room_for(20_000):
        answer = je_kernel.share("rain")
    assert not answer.kept
    assert "There was no room here to keep it" in answer.reason
    assert 'download="rain.ipynb"' in answer._repr_html_()
    assert not list(Path(FOLDER).glob("queued-*"))


def test_the_next_share_sends_what_waits_too(own_service, quick):
    running = own_service()
    running.stop()
    write("rain.ipynb", source="rain = 1")
    write("snow.ipynb", source="snow = 1")
    assert isinstance(je_kernel.share("rain"), NotShared)
    running.restart()
    shared = je_kernel.share("snow")
    assert [other.notebook for other in shared.others] == ["rain.ipynb"]
    assert "rain.ipynb" in repr(shared)


def test_a_newer_share_replaces_what_waits(own_service, quick):
    running = own_service()
    running.stop()
    for number in (1, 2):
        write(source=f"number = {number}")
        je_kernel.share("rain")
    running.restart()
    (sent,) = je_kernel.share.retry()
    assert kept_by(running, sent)["cells"][0]["source"] == "number = 2"


def test_still_offline_retry_keeps_what_waits(own_service, quick):
    running = own_service()
    running.stop()
    write()
    je_kernel.share("rain")
    (still,) = je_kernel.share.retry()
    assert isinstance(still, NotShared)
    assert len(remembered()["queued"]) == 1


def test_a_service_that_goes_away_in_mid_share_keeps_the_session(own_service, quick):
    running = own_service()
    write(source="one = 1")
    first = je_kernel.share("rain")
    running.kill()
    write(source="two = 2")
    assert isinstance(je_kernel.share("rain"), NotShared)
    running.restart()
    assert je_kernel.share("rain").link == first.link


def test_opening_offline_says_what_is_wrong(quick):
    offline()
    with pytest.raises(UnreachableServiceError, match="cannot be reached"):
        je_kernel.open_shared("brave quiet otter")


def test_a_damaged_memory_is_no_reason_not_to_share(shared_service):
    write()
    Path(FOLDER).mkdir()
    Path(FOLDER, "shares.json").write_text("{not json")
    assert je_kernel.share("rain").how == "new"
    assert je_kernel.share("rain").how == "unchanged"
