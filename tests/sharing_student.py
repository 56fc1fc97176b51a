"""A student at a computer with plain Python, and services that the student shares with."""

from __future__ import annotations

import json
import os
import resource
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from je_kernel import settings
from je_kernel.files import store_selection
from je_kernel.sharing.share_state import FOLDER, forget_unwritten
from tests.service.running_service import UNHURRIED, RunningService, notebook

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "kept_by",
    "new_kernel",
    "no_room_for",
    "own_service",
    "quick",
    "remembered",
    "students_folder",
    "use",
    "write",
]


def use(service):
    """Set the service as the site's."""
    os.environ["JE_KERNEL_SHARING_URL"] = service.url
    settings.reload()


def write(name="rain.ipynb", content=None, **changes):
    """Write a notebook into the student's folder."""
    content = content if content is not None else notebook(**changes)
    Path(name).write_text(json.dumps(content), "utf-8")
    return content


def new_kernel():
    """Forget all that a kernel holds in memory, as a restart does."""
    store_selection.reset()
    forget_unwritten()


@contextmanager
def no_room_for(size):
    """Let the operating system refuse to write files that are larger."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def kept_by(service, share):
    """Return the notebook that the service has of a share."""
    answer = service.get(f"/notebooks/{share.id}")
    assert answer.status_code == 200, answer.text
    return answer.json()["content"]


def remembered(changed=None):
    """Return what is remembered of the one service; or write something else in its place."""
    file = Path(FOLDER, "shares.json")
    everything = json.loads(file.read_text("utf-8"))
    (service,) = everything
    if changed is not None:
        file.write_text(json.dumps({service: changed}), "utf-8")
    return everything[service]


@pytest.fixture
def students_folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """A folder of the student's own, and settings that are forgotten afterwards."""
    own = tmp_path / "mine"
    own.mkdir()
    monkeypatch.chdir(own)
    monkeypatch.setenv("JE_KERNEL_SHARING_URL", "")
    store_selection.reset()
    settings.reload()
    yield own
    new_kernel()
    monkeypatch.undo()
    settings.reload()


@pytest.fixture
def own_service(tmp_path, students_folder):
    """Starts a service of the test's own, which it may stop and restart."""
    begun = []

    def begin(**chosen):
        environment = {f"JE_SHARING_{name.upper()}": value for name, value in chosen.items()}
        data = {"JE_SHARING_DATA_DIR": str(tmp_path / "data")}
        begun.append(RunningService(data | UNHURRIED | environment, tmp_path / "service.log"))
        use(begun[-1])
        return begun[-1].start()

    yield begin
    for running in begun:
        running.stop()


@pytest.fixture
def quick(monkeypatch):
    """The pauses of a conversation, shorter: what is waited for is the same."""
    monkeypatch.setattr("je_kernel.sharing.protocol._FIRST_PAUSE", 0.01)
