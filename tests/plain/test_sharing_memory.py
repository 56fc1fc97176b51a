"""What sharing remembers, when several kernels change it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from je_kernel.files import choose
from je_kernel.sharing.memory import FOLDER, Memory, Record, State
from je_kernel.sharing.tokens import Token


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    choose.forget_choice()
    yield tmp_path
    choose.forget_choice()


def record(path, notebook_id="u-1", cells=("a",)):
    return Record(path, notebook_id, "a-b-c", "pw", "hash", 1.0, cells)


def test_it_is_the_same_for_the_next_kernel():
    token = Token("t", 1.0, 60.0)
    memory = Memory("https://one")
    memory.remember_token(token)
    memory.change(lambda state: state.with_record(record("rain.ipynb")).with_approved({"x"}))
    choose.forget_choice()
    assert Memory("https://one").state() == State(
        token, (record("rain.ipynb"),), (), frozenset({"x"})
    )


def test_each_service_has_a_memory_of_its_own():
    Memory("https://one").remember_token(Token("t", 1.0))
    assert Memory("https://two").state() == State()
    Memory("https://two").remember_token(Token("u", 1.0))
    assert Memory("https://one").state().token == Token("t", 1.0)


def test_two_kernels_at_once_lose_nothing():
    memory = Memory("https://one")
    meddled = []

    def change(state):
        if not meddled:  # another kernel is quicker
            meddled.append(True)
            other = Memory("https://one")
            other.change(lambda there: there.with_record(record("snow.ipynb", "u-2")))
        return state.with_record(record("rain.ipynb"))

    memory.change(change)
    assert {r.path for r in memory.state().records} == {"rain.ipynb", "snow.ipynb"}


def test_a_share_under_a_new_name_replaces_its_record():
    state = State(records=(record("rain.ipynb"),)).with_record(record("snow.ipynb"))
    assert [r.path for r in state.records] == ["snow.ipynb"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"https://one": 7}', '{"https://one": {"token": 7, "shares": [7, {}]}}'],
)
def test_what_cannot_be_read_is_forgotten_and_written_over(text):
    Path(FOLDER).mkdir()
    Path(FOLDER, "shares.json").write_text(text)
    memory = Memory("https://one")
    assert memory.state() == State()
    memory.remember_token(Token("t", 1.0))
    assert memory.state().token == Token("t", 1.0)


def test_what_a_newer_version_adds_does_not_disturb():
    memory = Memory("https://one")
    memory.change(lambda state: state.with_record(record("rain.ipynb")))
    file = Path(FOLDER, "shares.json")
    kept = json.loads(file.read_text())
    kept["https://one"]["shares"][0]["novelty"] = 1
    file.write_text(json.dumps(kept))
    assert memory.state().records == (record("rain.ipynb"),)


def test_what_waits_is_replaced_by_a_newer_state_of_it():
    memory = Memory("https://one")
    memory.enqueue("rain.ipynb", b"1", 1.0)
    queued = memory.enqueue("rain.ipynb", b"2", 2.0)
    assert memory.state().queued == (queued,)
    assert memory.body_of(queued) == b"2"
    assert len(list(Path(FOLDER).glob("queued-*"))) == 1
    memory.dequeue("rain.ipynb")
    assert list(Path(FOLDER).glob("queued-*")) == []


def test_a_password_is_not_shown_with_its_record():
    assert "secret" not in repr(dataclasses.replace(record("rain.ipynb"), password="secret"))
