"""Rendering is done by processes of their own: it stops nobody, and is stopped."""

import asyncio
import contextlib
import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from running_service import RunningService, notebook, unique_notebook

from conftest import Start
from je_sharing.rendering.workers import RenderingStoppedError, Workers

pytestmark = pytest.mark.service

AS_TEXT = "only its plain text"
PATIENCE = 60
NOTEBOOK = json.dumps(notebook()).encode()


def outputs_of(*markup: str) -> dict[str, object]:
    cell = {
        **unique_notebook()["cells"][0],
        "outputs": [
            {"output_type": "display_data", "data": {"text/html": html}, "metadata": {}}
            for html in markup
        ],
    }
    return notebook(cells=[cell])


def page_of(running: RunningService, content: dict[str, object] | None = None) -> str:
    return f"/s/{running.shared(content)['readable_id']}"


def renderings(running: RunningService, outcome: str) -> int:
    text = running.http.get("/metrics").text
    name = f'je_sharing_renderings_total{{outcome="{outcome}"}}'
    return sum(int(float(line.split()[-1])) for line in text.splitlines() if name in line)


def workers_of(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == pid and b"rendering.worker" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
    return found


def is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def wait_until(condition) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def slow_notebook() -> dict[str, object]:
    """A notebook that takes all the time there is for one, some seconds.

    The lexer of its language looks through all the spaces again at each of them.
    """
    cells = [notebook("x" + " " * 50_000 + "x")["cells"][0] | {"id": f"a{n}"} for n in range(8)]
    about = {"language_info": {"name": "c++"}, "nonce": unique_notebook()["cells"][0]["source"]}
    return notebook(cells=cells, metadata=about)


def processor_ticks(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11])


def test_the_process_that_starts_with_the_service_renders_the_first_page(start: Start) -> None:
    running = start()
    assert running.process is not None
    pid = running.process.pid
    wait_until(lambda: len(workers_of(pid)) == 1)
    (worker,) = workers_of(pid)
    assert running.http.get(page_of(running)).status_code == 200
    assert workers_of(pid) == [worker]


def test_a_process_that_ends_for_being_idle_is_replaced_by_a_fresh_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def render() -> None:
        monkeypatch.setattr("je_sharing.rendering.workers._SECONDS_IDLE", 0.01)
        workers = Workers()
        workers.prepare()
        await workers.render(NOTEBOOK)
        (first,) = workers_of(os.getpid())
        while is_running(first):
            await asyncio.sleep(0.01)
        (second,) = workers_of(os.getpid())
        assert second != first
        workers.close()
        assert workers_of(os.getpid()) == []

    asyncio.run(render())


def test_thirty_readers_of_a_new_link_cause_one_rendering(plain_service: RunningService) -> None:
    page = page_of(plain_service)
    before = renderings(plain_service, "done")
    with ThreadPoolExecutor(30) as readers:
        answers = [*readers.map(lambda _: plain_service.http.get(page), range(30))]
    assert {answer.status_code for answer in answers} == {200}
    assert renderings(plain_service, "done") == before + 1


def test_others_are_answered_while_a_hostile_notebook_renders(
    plain_service: RunningService,
) -> None:
    page = page_of(plain_service, slow_notebook())
    answered = 0
    with ThreadPoolExecutor(1) as reader:
        answer = reader.submit(plain_service.http.get, page)
        with httpx.Client(base_url=plain_service.url, timeout=PATIENCE) as other:
            while not answer.done():
                assert other.get("/health").status_code == 200
                assert plain_service.share().status_code == 201
                answered += 1
    assert answered > 10
    assert answer.result().text.count("takes too long to lay out") == 8


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGSEGV, signal.SIGXCPU])
def test_a_worker_that_dies_is_replaced_and_its_notebook_is_text(
    start: Start, ending: signal.Signals
) -> None:
    running = start()
    assert running.process is not None
    page = page_of(running, slow_notebook())
    running.http.get(page_of(running))
    (worker,) = workers_of(running.process.pid)
    idle = processor_ticks(worker)
    with ThreadPoolExecutor(1) as reader:
        answer = reader.submit(running.http.get, page)
        wait_until(lambda: processor_ticks(worker) > idle + 20)
        os.kill(worker, ending)
    assert AS_TEXT in answer.result().text
    assert "x" + " " * 50_000 + "x" in answer.result().text
    assert AS_TEXT not in running.http.get(page_of(running)).text
    assert running.http.get(page).text == answer.result().text
    assert renderings(running, "stopped") == 1


def test_a_worker_that_does_not_answer_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    async def render() -> None:
        workers = Workers()
        await workers.render(NOTEBOOK)
        (halted,) = workers_of(os.getpid())
        os.kill(halted, signal.SIGSTOP)
        monkeypatch.setattr("je_sharing.rendering.workers._SECONDS", 0.2)
        with pytest.raises(RenderingStoppedError):
            await workers.render(NOTEBOOK)
        assert not is_running(halted)
        monkeypatch.undo()
        assert (await workers.render(NOTEBOOK)).cell_count == 1
        workers.close()
        assert workers_of(os.getpid()) == []

    asyncio.run(render())


def test_a_notebook_that_needs_too_much_memory_is_text_for_every_reader(
    plain_service: RunningService,
) -> None:
    # Each of ten thousand paragraphs takes three hundred elements over from the one before.
    formatting = "".join(f"<b title={number}>" for number in range(300))
    page = page_of(plain_service, outputs_of(*[formatting + "<p>x</p>" * 15_000] * 30))
    before = renderings(plain_service, "done"), renderings(plain_service, "stopped")
    first, second = plain_service.http.get(page), plain_service.http.get(page)
    assert first.status_code == second.status_code == 200
    assert first.text == second.text
    after = renderings(plain_service, "done"), renderings(plain_service, "stopped")
    assert sum(after) == sum(before) + 1


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_the_service(start: Start, ending: signal.Signals) -> None:
    running = start()
    assert running.process is not None
    running.http.get(page_of(running))
    workers = workers_of(running.process.pid)
    assert workers
    os.kill(running.process.pid, ending)
    wait_until(lambda: not any(is_running(worker) for worker in workers))
    running.process.wait(PATIENCE)


def test_a_worker_knows_no_secret_of_the_service(start: Start) -> None:
    running = start(signing_keys="one:" + "secret-of-the-service" * 3)
    assert running.process is not None
    running.http.get(page_of(running))
    (worker,) = workers_of(running.process.pid)
    assert b"secret-of-the-service" not in Path(f"/proc/{worker}/environ").read_bytes()
