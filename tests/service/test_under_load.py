"""Many at once, and the worst moment to die: nothing that was confirmed is ever lost."""

import asyncio
import json
import threading
import time
from pathlib import Path

import httpx
import msgspec
import pytest
from running_service import (
    API,
    END_SECONDS,
    START_SECONDS,
    RunningService,
    bearer,
    unique_notebook,
)

pytestmark = pytest.mark.service

SHARES = 10_000
AT_ONCE = 64


class Connection:
    """A bare HTTP/1.1 connection, so that the tests' own client is not what is slow."""

    def __init__(self, port: int) -> None:
        self.port = port

    async def __aenter__(self) -> "Connection":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def request(
        self, method: str, path: str, token: str, body: bytes = b""
    ) -> tuple[int, bytes]:
        self.writer.write(
            f"{method} {API}{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.split("content-length: ")[1].split("\r\n")[0])
        return int(head.split()[1]), await self.reader.readexactly(length)


def share_body(number: int) -> bytes:
    return json.dumps({"notebook": unique_notebook() | {"metadata": {"number": number}}}).encode()


async def share_all(ports: list[int], token: str, count: int) -> dict[int, dict[str, str]]:
    numbers = iter(range(count))
    found: dict[int, dict[str, str]] = {}

    async def worker(port: int) -> None:
        async with Connection(port) as connection:
            for number in numbers:
                status, body = await connection.request(
                    "POST", "/notebooks", token, share_body(number)
                )
                assert status == 201, body
                found[number] = msgspec.json.decode(body)["notebook"]

    await asyncio.gather(*(worker(ports[index % len(ports)]) for index in range(AT_ONCE)))
    return found


async def read_all(ports: list[int], token: str, ids: dict[int, dict[str, str]]) -> set[int]:
    waiting = iter(ids.items())
    found: set[int] = set()

    async def worker(port: int) -> None:
        async with Connection(port) as connection:
            for number, notebook in waiting:
                path = f"/notebooks/get-by-readable-id/{notebook['readable_id']}"
                status, body = await connection.request("GET", path, token)
                assert status == 200, body
                answer = msgspec.json.decode(body)
                assert answer["id"] == notebook["id"]
                assert answer["content"]["metadata"]["number"] == number
                found.add(number)

    await asyncio.gather(*(worker(ports[index % len(ports)]) for index in range(AT_ONCE)))
    return found


@pytest.mark.slow
def test_ten_thousand_concurrent_shares_on_two_processes_are_ten_thousand_notebooks(start):
    first = start("postgres-folder", access_log="false", fsync="false")
    second = start(like=first)
    token = first.token()
    found = asyncio.run(share_all([first.port, second.port], token, SHARES))
    assert len(found) == SHARES
    assert len({notebook["readable_id"] for notebook in found.values()}) == SHARES
    assert len({notebook["id"] for notebook in found.values()}) == SHARES
    # Each is read from the process that did not take it as often as from the one that did.
    assert asyncio.run(read_all([second.port, first.port], token, found)) == set(range(SHARES))


@pytest.mark.parametrize("kind", ["sqlite-folder", "postgres-folder"])
def test_the_same_share_sent_at_the_same_time_to_two_processes_is_one_notebook(start, kind):
    first = start(kind, access_log="false")
    second = start(like=first)
    token = first.token()
    bodies = [share_body(number) for number in range(10)]

    async def send(port: int, body: bytes) -> str:
        async with Connection(port) as connection:
            status, answer = await connection.request("POST", "/notebooks", token, body)
            assert status == 201, answer
            return str(msgspec.json.decode(answer)["notebook"]["id"])

    async def send_all() -> list[str]:
        ports = [first.port, second.port]
        return await asyncio.gather(*(send(ports[n % 2], bodies[n // 2 % 10]) for n in range(80)))

    answers = asyncio.run(send_all())
    assert len(set(answers)) == 10


@pytest.mark.parametrize(("kind", "rounds"), [("sqlite-folder", 2), ("postgres-s3", 1)])
def test_every_share_that_was_answered_survives_a_kill(start, kind, rounds):
    service: RunningService = start(kind, access_log="false")
    token = service.token()
    answered: dict[int, dict[str, str]] = {}

    async def worker(numbers: "iter") -> None:
        async with Connection(service.port) as connection:
            for number in numbers:
                status, body = await connection.request(
                    "POST", "/notebooks", token, share_body(number)
                )
                assert status == 201, body
                answered[number] = msgspec.json.decode(body)["notebook"]

    async def until_it_dies() -> None:
        numbers = iter(range(1_000_000))
        await asyncio.gather(*(worker(numbers) for _ in range(32)), return_exceptions=True)

    for round_number in range(rounds):
        before = len(answered)
        load = threading.Thread(target=lambda: asyncio.run(until_it_dies()))
        answered_before_the_kill = before + 150
        load.start()
        deadline = time.monotonic() + START_SECONDS
        while len(answered) < answered_before_the_kill:
            assert time.monotonic() < deadline, "the load did not get going"
            time.sleep(0.002)
        service.kill()
        load.join(END_SECONDS)
        assert not load.is_alive()
        service.restart()
        assert len(answered) >= answered_before_the_kill, round_number
        assert asyncio.run(read_all([service.port], token, answered)) == set(answered)


@pytest.mark.slow
def test_a_hundred_large_uploads_at_once_fit_in_bounded_memory(start):
    # A slow machine may take minutes for them; what counts here is the memory.
    service: RunningService = start(
        access_log="false", upload_timeout_seconds="900", request_timeout_seconds="900"
    )
    token = service.token()
    frame = json.dumps({"notebook": unique_notebook()})
    large = frame.replace('"metadata": {}', '"metadata": {"x": "%s"}' % ("y" * 10_000_000), 1)

    async def upload(client: httpx.AsyncClient, number: int) -> int:
        body = large.replace("yyyyyyyy", f"{number:08}", 1)
        answer = await client.post(f"{API}/notebooks", content=body, headers=bearer(token))
        return answer.status_code

    async def upload_all() -> list[int]:
        limits = httpx.Limits(max_connections=100)
        async with httpx.AsyncClient(base_url=service.url, timeout=900, limits=limits) as client:
            return await asyncio.gather(*(upload(client, number) for number in range(100)))

    assert asyncio.run(upload_all()) == [201] * 100
    # The kernel's own high-water mark, which misses no peak.
    lines = Path(f"/proc/{service.process.pid}/status").read_text().splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM:"))
    # 1,000 MB arrived; the process held what it needs anyway, the upload budget, and some slack.
    assert peak < 500 * 1024 * 1024, f"{peak / 1e6:.0f} MB"
