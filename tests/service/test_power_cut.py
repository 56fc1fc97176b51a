"""A share that was answered is on the disk: a power cut at any moment after loses none.

`power_cut` tells how that can be known without cutting the power.
"""

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from power_cut import Answer, Disk, Replay, strace, wait_for_the_end_of
from running_service import UNHURRIED, RunningService, unique_notebook

pytestmark = [pytest.mark.service, pytest.mark.slow]

CLIENTS = 6
# More than a request keeps in memory, and than a page of the database holds.
LARGE = 300_000
# Each takes the start of a service to look at.
CUTS = 8


@dataclass
class Cut:
    """A power cut: what is left, and how often each notebook had been answered for by then."""

    folder: Path
    answered: Counter[str]


@dataclass
class TracedService:
    """A service whose calls are logged, and what was shared with it.

    Its disk is one that had only an empty folder on it when it was first started.
    """

    root: Path
    settings: dict[str, str]
    logs: list[Path] = field(default_factory=list)
    # What each notebook held, one content after the other.
    contents: dict[str, list[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.root = self.root.resolve()
        self.disk_root = self.root / "disk"
        self.disk_root.mkdir(parents=True)

    def run(self, rounds: int) -> None:
        """Start it, share and update with many clients at once, and end it in good order."""
        log = self.root / f"calls{len(self.logs)}.log"
        self.logs.append(log)
        service = self._service(self.disk_root, under=strace(log)).start()
        try:
            with ThreadPoolExecutor(CLIENTS) as clients:
                for made in clients.map(
                    lambda _: share_and_update(service, rounds), range(CLIENTS)
                ):
                    self.contents |= made
        finally:
            service.stop()
        wait_for_the_end_of(log, service.process.pid)

    def cuts(self, *, at_answers: bool, keeps: Callable[[], bool]) -> list[Cut]:
        """Cut the power as an answer leaves, or before a flush since the first share's answer."""
        moments = [number for number, *_ in self._moments(at_answers=at_answers)]
        chosen = {*moments[:: max(1, len(moments) // CUTS)], moments[-1]}
        cuts = []
        for number, disk, answers in self._moments(at_answers=at_answers):
            if number in chosen:
                folder = self.root / f"{'answer' if at_answers else 'flush'}{number}"
                disk.write_what_is_left(folder, keeps)
                cuts.append((folder, len(answers)))
        # What the log tells of is all that was answered.
        saved = [saved_notebook(answer) for answer in answers]
        assert Counter(filter(None, saved)) == {
            name: len(held) for name, held in self.contents.items()
        }
        return [Cut(folder, Counter(filter(None, saved[:known]))) for folder, known in cuts]

    def _moments(self, *, at_answers: bool) -> Iterator[tuple[int, Disk, list[Answer]]]:
        """Go through the moments of one kind, with the disk and the answers up to then."""
        disk = Disk(self.disk_root)
        answers: list[Answer] = []
        moments = (moment for log in self.logs for moment in Replay(log, disk))
        for number, moment in enumerate(moments):
            is_answer = isinstance(moment, Answer)
            if is_answer:
                answers.append(moment)
            if is_answer == at_answers and any(saved_notebook(answer) for answer in answers):
                yield number, disk, answers

    def lost(self, cut: Cut) -> list[str]:
        """Start a service on what is left, and list what it does not have."""
        service = self._service(cut.folder).start()
        try:
            token = service.token()
            lost = []
            for name, times in cut.answered.items():
                answer = service.get(f"/notebooks/get-by-readable-id/{name}", token)
                # An update that is under way may be there as well.
                allowed = self.contents[name][times - 1 :]
                if answer.status_code != 200 or answer.json()["content"] not in allowed:
                    lost.append(f"{name}: {answer.status_code}")
            return lost
        finally:
            service.stop()

    def _service(self, disk: Path, under: list[str] | None = None) -> RunningService:
        # The service makes its folder itself.
        settings = {**UNHURRIED, **self.settings, "JE_SHARING_DATA_DIR": str(disk / "school/data")}
        return RunningService(settings, self.root / "service.log", under=under or ())


def saved_notebook(answer: Answer) -> str | None:
    """Return the readable id of the notebook that an answer says was saved."""
    head, _, body = answer.sent.partition(b"\r\n\r\n")
    if head.split()[1] not in {b"200", b"201"} or b'"readable_id"' not in body:
        return None
    return str(json.loads(body)["notebook"]["readable_id"])


def share_and_update(service: RunningService, rounds: int) -> dict[str, list[Any]]:
    token = service.token()
    made = {}
    for number in range(rounds):
        content = unique_notebook()
        if number == 1:
            content["cells"][0]["source"] += f" # {'y' * LARGE}"
        shared = service.shared(content, token)
        made[shared["readable_id"]] = [content]
        if number % 2:
            later = unique_notebook()
            answer = service.put(f"/notebooks/{shared['id']}", later, token)
            assert answer.status_code == 200, answer.text
            made[shared["readable_id"]].append(later)
    return made


@pytest.fixture(scope="module")
def traced(tmp_path_factory) -> TracedService:
    """One that was started twice: it makes everything at first, and finds it there later."""
    service = TracedService(tmp_path_factory.mktemp("traced"), {})
    service.run(rounds=4)
    service.run(rounds=2)
    return service


def test_what_was_answered_is_there_when_the_disk_kept_nothing_but_what_was_flushed(traced):
    cuts = traced.cuts(at_answers=True, keeps=lambda: False)
    assert {cut.folder: traced.lost(cut) for cut in cuts} == {cut.folder: [] for cut in cuts}


def test_what_was_answered_is_there_when_the_disk_kept_some_of_what_was_not_flushed(traced):
    drawn = random.Random(1)
    cuts = traced.cuts(at_answers=False, keeps=lambda: drawn.random() < 0.5)
    assert {cut.folder: traced.lost(cut) for cut in cuts} == {cut.folder: [] for cut in cuts}


def test_a_service_that_does_not_wait_for_the_disk_loses_shares(tmp_path):
    """So the two tests above could fail."""
    service = TracedService(tmp_path, {"JE_SHARING_FSYNC": "false"})
    service.run(rounds=1)
    cut = service.cuts(at_answers=True, keeps=lambda: False)[-1]
    assert len(service.lost(cut)) == CLIENTS
