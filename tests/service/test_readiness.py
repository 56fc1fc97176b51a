"""The readiness probe: as cheap with many notebooks, and with a store that hangs, as without."""

import asyncio
import socket

import pytest
from running_service import raw_request

from je_sharing.errors import UnavailableError
from je_sharing.readiness import Readiness
from je_sharing.storage.s3 import open_bucket

pytestmark = pytest.mark.service


@pytest.fixture(autouse=True)
def credentials(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_REGION", "us-east-1")


class Counting:
    """Passes bytes on to an S3 server, and counts those that come back."""

    def __init__(self, endpoint: str) -> None:
        self.port = int(endpoint.rpartition(":")[2])
        self.received = 0

    async def __call__(self, reader, writer):
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.port)

        async def pass_on(source, target, *, counted=False):
            while data := await source.read(65536):
                self.received += len(data) if counted else 0
                target.write(data)
            target.close()

        await asyncio.gather(
            pass_on(reader, there_writer), pass_on(there_reader, writer, counted=True)
        )


def test_a_bucket_of_many_notebooks_answers_no_more_than_an_empty_one(s3_endpoint):
    async def scenario():
        counting = Counting(s3_endpoint)
        async with await asyncio.start_server(counting, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            store = open_bucket("s3://notebooks/many", endpoint=f"http://127.0.0.1:{port}")

            async def size_of_a_ping() -> int:
                before = counting.received
                await store.ping()
                return counting.received - before

            empty = await size_of_a_ping()
            assert empty > 100
            # Of every notebook as of those whose hash begins with the same two digits.
            names = [f"contents/00/{number:064x}" for number in range(60)]
            await asyncio.gather(*(store.put(name, b"x") for name in names))
            assert await size_of_a_ping() <= empty + 50

    asyncio.run(scenario())


def test_a_bucket_that_is_not_there_is_not_ready(s3_endpoint):
    store = open_bucket("s3://no-such-bucket", endpoint=s3_endpoint)

    async def scenario():
        with pytest.raises(UnavailableError) as caught:
            await Readiness({"the storage": store.ping}, timeout_seconds=60).check()
        assert "the storage" in caught.value.message
        assert "no-such-bucket" not in caught.value.message

    asyncio.run(scenario())


def test_however_many_ask_a_store_that_hangs_is_asked_once_and_then_given_up():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.setblocking(False)
        store = open_bucket(
            "s3://notebooks", endpoint=f"http://127.0.0.1:{silent.getsockname()[1]}"
        )

        async def fine() -> None:
            pass

        async def scenario():
            readiness = Readiness(
                {"the database": fine, "the storage": store.ping}, timeout_seconds=0.5
            )
            answers = await asyncio.gather(
                *(readiness.check() for _ in range(50)), return_exceptions=True
            )
            assert {str(answer) for answer in answers} == {
                "Cannot be reached just now: the storage."
            }
            # And whoever asks right after that is told what is known.
            with pytest.raises(UnavailableError):
                await readiness.check()

        asyncio.run(scenario())
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):
            silent.accept()


def test_what_is_reached_again_is_ready_again(monkeypatch):
    from je_sharing import readiness as module

    monkeypatch.setattr(module, "_FRESH_SECONDS", 0)
    reached = iter([OSError("/srv/notebooks is gone"), None])

    async def ping() -> None:
        if error := next(reached):
            raise error

    async def scenario():
        readiness = Readiness({"the storage": ping})
        with pytest.raises(UnavailableError, match=r"^Cannot be reached just now: the storage\.$"):
            await readiness.check()
        await readiness.check()

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "header",
    [
        f"Range: bytes={'9' * 5000}-",
        f"Range: bytes=-{'9' * 5000}",
        f"Content-Length: {'9' * 5000}",
        "Content-Length: -1",
        f"If-Modified-Since: {'9' * 5000}",
        f"If-None-Match: {'9' * 5000}",
        f"Cookie: n={'9' * 5000}",
        f"X-Forwarded-For: {'9' * 5000}",
    ],
)
def test_no_number_in_a_header_is_too_long(plain_service, header):
    shared = plain_service.shared()
    token = plain_service.token()
    for method, path in (
        ("GET", f"/s/{shared['readable_id']}"),
        ("GET", f"/api/v1/notebooks/{shared['id']}?at={'9' * 5000}"),
        ("POST", "/api/v1/notebooks"),
    ):
        answer = raw_request(
            plain_service.port,
            f"{method} {path} HTTP/1.1\nHost: x\nConnection: close\n"
            f"Authorization: Bearer {token}\n{header}\n\n",
        )
        assert answer.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4")), answer[:200]
    assert "Traceback" not in plain_service.log()
