"""What sharing remembers, when several kernels change it."""

from __future__ import annotations

import dataclasses
import json
import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from je_kernel.files import store_selection
from je_kernel.sharing.share_state import FOLDER, Record, State, StateFile, forget_unwritten
from je_kernel.sharing.tokens import Token


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store_selection.reset()
    yield tmp_path
    store_selection.reset()
    forget_unwritten()


def record(path, notebook_id="u-1", cells=("a",)):
    return Record(path, notebook_id, "a-b-c", "pw", "hash", 1.0, cells)


def test_it_is_the_same_for_the_next_kernel():
    token = Token("t", 1.0, 60.0)
    memory = StateFile("https://one")
    memory.remember_token(token)
    memory.change(lambda state: state.with_record(record("rain.ipynb")).with_approved({"x"}))
    store_selection.reset()
    assert StateFile("https://one").state() == State(
        token, (record("rain.ipynb"),), (), frozenset({"x"})
    )


def test_each_service_has_a_memory_of_its_own():
    StateFile("https://one").remember_token(Token("t", 1.0))
    assert StateFile("https://two").state() == State()
    StateFile("https://two").remember_token(Token("u", 1.0))
    assert StateFile("https://one").state().token == Token("t", 1.0)


def test_two_kernels_at_once_lose_nothing():
    memory = StateFile("https://one")
    meddled = []

    def change(state):
        if not meddled:  # another kernel is quicker
            meddled.append(True)
            other = StateFile("https://one")
            other.change(lambda there: there.with_record(record("snow.ipynb", "u-2")))
        return state.with_record(record("rain.ipynb"))

    memory.change(change)
    assert {r.path for r in memory.state().records} == {"rain.ipynb", "snow.ipynb"}


def test_twenty_kernels_that_are_quicker_one_after_the_other_lose_nothing():
    memory = StateFile("https://one")
    others = [record(f"{number}.ipynb", f"u-{number}", (str(number),)) for number in range(20)]
    waiting = list(others)

    def change(state):
        if waiting:
            quicker = waiting.pop()
            StateFile("https://one").change(lambda there: there.with_record(quicker))
        return state.with_record(record("rain.ipynb", "u-rain", ("rain",)))

    memory.change(change)
    paths = {r.path for r in memory.state().records}
    assert paths == {"rain.ipynb", *(other.path for other in others)}


_PROCESS = """
import sys
from je_kernel.sharing.share_state import StateFile, Record
for number in range(10):
    name = f"{sys.argv[1]}-{number}"
    mine = Record(name, f"u-{name}", "a-b-c", f"pw-{name}", "h", 1.0, (name,))
    StateFile("https://one").change(lambda state: state.with_record(mine))
"""


def test_three_processes_that_share_at_once_lose_no_password():
    running = [subprocess.Popen([sys.executable, "-c", _PROCESS, str(name)]) for name in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    kept = {record.password for record in StateFile("https://one").state().records}
    assert kept == {f"pw-{name}-{number}" for name in range(3) for number in range(10)}


@contextmanager
def full_disk():
    """Let the operating system refuse every byte."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_what_a_full_disk_refuses_is_known_to_this_kernel_and_written_with_the_next_change():
    memory = StateFile("https://one")
    memory.change(lambda state: state.with_approved({"x"}))
    with full_disk():
        assert not memory.note(lambda state: state.with_record(record("rain.ipynb")))
        memory.remember_token(Token("t", 1.0))
        assert memory.state().records == (record("rain.ipynb"),)
    assert StateFile("https://one").note(lambda state: state.with_approved({"y"}))
    forget_unwritten()
    state = memory.state()
    assert (state.records, state.token) == ((record("rain.ipynb"),), Token("t", 1.0))
    assert state.approved == {"x", "y"}


def test_a_memory_that_cannot_be_read_does_not_stop_a_share(folder):
    Path(FOLDER, "shares.json").mkdir(parents=True)
    memory = StateFile("https://one")
    assert memory.known() == State()
    assert not memory.note(lambda state: state.with_record(record("rain.ipynb")))
    assert memory.known().records == (record("rain.ipynb"),)


def test_what_is_damaged_waits_no_more_and_stays_to_be_looked_at():
    memory = StateFile("https://one")
    queued = memory.enqueue("rain.ipynb", b"half a noteb", 1.0)
    memory.leave_out(queued)
    assert memory.state().queued == ()
    assert Path(queued.file).read_bytes() == b"half a noteb"


def test_a_share_under_a_new_name_replaces_its_record():
    state = State(records=(record("rain.ipynb"),)).with_record(record("snow.ipynb"))
    assert [r.path for r in state.records] == ["snow.ipynb"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"https://one": 7}',
        '{"https://one": {"token": 7, "shares": [7, {}]}}',
        '{"https://one": {"token": {"text": "t", "received": "yesterday"}}}',
        '{"https://one": {"queued": [{"path": 5, "file": 6, "taken": 7}]}}',
    ],
)
def test_what_is_damaged_is_set_aside_and_never_written_over(text):
    Path(FOLDER).mkdir()
    Path(FOLDER, "shares.json").write_text(text)
    memory = StateFile("https://one")
    assert memory.state() == State()
    for number in (1.0, 2.0):
        memory.remember_token(Token("t", number))
        assert memory.state().token == Token("t", number)
    (aside,) = Path(FOLDER).glob("shares-damaged-*")
    assert memory.set_aside == str(aside)
    assert aside.read_text() == text


def test_what_a_newer_version_adds_does_not_disturb():
    memory = StateFile("https://one")
    memory.change(lambda state: state.with_record(record("rain.ipynb")))
    file = Path(FOLDER, "shares.json")
    kept = json.loads(file.read_text())
    kept["https://one"]["shares"][0]["novelty"] = 1
    file.write_text(json.dumps(kept))
    assert memory.state().records == (record("rain.ipynb"),)


def test_what_waits_is_replaced_by_a_newer_state_of_it():
    memory = StateFile("https://one")
    memory.enqueue("rain.ipynb", b"1", 1.0)
    queued = memory.enqueue("rain.ipynb", b"2", 2.0)
    assert memory.state().queued == (queued,)
    assert memory.body_of(queued) == b"2"
    assert len(list(Path(FOLDER).glob("queued-*"))) == 1
    memory.dequeue("rain.ipynb")
    assert list(Path(FOLDER).glob("queued-*")) == []


def test_a_password_is_not_shown_with_its_record():
    assert "secret" not in repr(dataclasses.replace(record("rain.ipynb"), password="secret"))


def test_a_memory_without_a_token_is_whole():
    memory = StateFile("https://one")
    memory.change(lambda state: state.with_record(record("rain.ipynb")))
    memory.change(lambda state: state.with_approved({"x"}))
    assert memory.set_aside is None
    assert list(Path(FOLDER).glob("shares-damaged-*")) == []


def test_what_is_damaged_again_is_set_aside_again():
    memory = StateFile("https://one")
    for number, text in enumerate(("{", "[")):
        Path(FOLDER).mkdir(exist_ok=True)
        Path(FOLDER, "shares.json").write_text(text)
        memory.remember_token(Token("t", number))
    aside = Path(FOLDER).glob("shares-damaged-*")
    assert sorted(file.read_text() for file in aside) == ["[", "{"]


@pytest.mark.parametrize(
    ("there", "remembered", "same"),
    [
        (("a", "b"), ("b", "c"), True),
        (("a",), ("b",), False),
        ((), ("b",), True),
        (("a",), (), True),
    ],
)
def test_a_notebook_is_known_again_by_one_of_its_cells(there, remembered, same):
    assert record("rain.ipynb", cells=remembered).is_of(there) is same


def test_a_memory_that_is_deleted_while_it_is_changed_is_made_anew():
    memory = StateFile("https://one")
    memory.remember_token(Token("t", 1.0))

    def change(state):
        Path(FOLDER, "shares.json").unlink(missing_ok=True)
        return state.with_approved({"x"})

    memory.change(change)
    assert memory.state().approved == {"x"}
