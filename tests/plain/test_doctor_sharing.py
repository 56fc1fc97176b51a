"""What the doctor tells of sharing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from je_kernel import doctor_report, settings
from je_kernel.files import store_selection
from je_kernel.sharing.share_state import FOLDER, Record, StateFile
from je_kernel.sharing.tokens import Token
from tests.data_server import DataServer


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store_selection.reset()
    yield tmp_path
    store_selection.reset()
    monkeypatch.undo()
    settings.reload()


def told(monkeypatch, address):
    monkeypatch.setenv("JE_KERNEL_SHARING_URL", address)
    settings.reload()
    sections = {section.title: dict(section.lines) for section in doctor_report.doctor().sections}
    return sections["Sharing"]


def test_without_a_service_it_says_what_share_does(monkeypatch):
    assert told(monkeypatch, "") == {"service": "(none): share() offers the notebook as a file"}


def test_it_counts_what_is_remembered_and_what_waits(monkeypatch):
    memory = StateFile("https://share.example")
    record = Record("mias-diary.ipynb", "0d3a", "brave-quiet-otter", "s3cret", "f", 1.0)
    memory.change(lambda state: state.with_record(record))
    memory.enqueue("mias-letter.ipynb", b"{}", 2.0)
    memory.remember_token(Token("ey.to.ken", time.time(), 7200.0))
    lines = told(monkeypatch, "https://share.example/api/v1")
    assert lines == {
        "service": "https://share.example (not asked for this report)",
        "session": "open",
        "notebooks with a link": "1",
        "notebooks that wait to be sent": "1",
    }
    report = str(doctor_report.doctor())
    for personal in ("mias", "0d3a", "otter", "s3cret", "ey.to.ken"):
        assert personal not in report


def test_a_session_that_has_ended_is_told_apart(monkeypatch):
    old = Token("ey.to.ken", time.time() - 7300.0, 7200.0)
    StateFile("https://share.example").remember_token(old)
    assert told(monkeypatch, "https://share.example")["session"] == "ended"


def test_the_service_is_asked_nothing(monkeypatch):
    with DataServer() as server:
        told(monkeypatch, server.url)
        assert server.requests == []


def test_a_memory_that_cannot_be_read_is_told_and_the_report_goes_on(monkeypatch):
    Path(FOLDER).mkdir()
    Path(FOLDER, "shares.json").mkdir()
    assert "cannot be read" in told(monkeypatch, "https://share.example")["remembered"]
