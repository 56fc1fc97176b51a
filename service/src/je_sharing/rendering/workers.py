"""Render notebooks in worker processes, which can be stopped."""

import asyncio
import json
import logging
import os
import subprocess
import sys

from je_sharing.rendering.document import Document
from je_sharing.rendering.worker import ANSWER, ORDER, READY

_AT_ONCE = 2
_SECONDS = 30
_SECONDS_TO_START = 60
_SECONDS_IDLE = 60
_LARGEST_ANSWER = 128 << 20
# What a Python needs to start; the rest, with the service's secrets, is none of its business.
_PASSED_ON = ("PYTHON", "PATH", "LANG", "LC_", "LD_LIBRARY_PATH", "SYSTEMROOT", "TEMP", "TMPDIR")
_log = logging.getLogger(__name__)


class RenderingStoppedError(Exception):
    """A notebook took too much time or memory."""


class Workers:
    """Processes that render. They end when idle; after `prepare`, a fresh one is always ready."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._preparation: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Start a process in the background, so that the first rendering need not wait for it."""
        self._preparation = asyncio.create_task(self._add_fresh())

    async def _add_fresh(self) -> None:
        try:
            self._idle.append(await self._start())
        except (OSError, RuntimeError, TimeoutError):
            _log.exception("no process for renderings could be prepared")

    async def render(self, content: bytes, *, plain: bool = False) -> Document:
        """Render a notebook.

        Parameters
        ----------
        content
            A valid notebook's JSON.
        plain
            Whether to show its text alone.

        Returns
        -------
        Document
            Its parts.

        Raises
        ------
        RenderingStoppedError
            When it took too much time or memory.
        """
        async with self._turns:
            worker = await self._take()
            worker.is_ready = False
            try:
                async with asyncio.timeout(_SECONDS):
                    document = await asyncio.to_thread(worker.render, content, plain=plain)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                raise RenderingStoppedError from error
            finally:
                # It did not answer, or nobody awaits its answer any more.
                if not worker.is_ready:
                    self._end(worker)
            self._keep(worker)
            return document

    def close(self) -> None:
        """End all processes."""
        if self._preparation:
            self._preparation.cancel()
        for worker in [*self._all]:
            self._end(worker)
        self._idle.clear()

    async def _take(self) -> "_Worker":
        if self._preparation:
            await asyncio.wait([self._preparation])
        while self._idle:
            worker = self._idle.pop()
            if worker.retirement:
                worker.retirement.cancel()
            if worker.process.poll() is None:
                return worker
            self._end(worker)
        return await self._start()

    async def _start(self) -> "_Worker":
        worker = _Worker()
        self._all.add(worker)
        try:
            async with asyncio.timeout(_SECONDS_TO_START):
                await asyncio.to_thread(worker.wait_until_ready)
        except BaseException:
            self._end(worker)
            raise
        return worker

    def _keep(self, worker: "_Worker") -> None:
        self._idle.append(worker)
        worker.retirement = asyncio.get_running_loop().call_later(
            _SECONDS_IDLE, self._retire, worker
        )

    def _retire(self, worker: "_Worker") -> None:
        self._idle.remove(worker)
        self._end(worker)
        if self._preparation and not self._idle:
            self.prepare()

    def _end(self, worker: "_Worker") -> None:
        if worker.retirement:
            worker.retirement.cancel()
        self._all.discard(worker)
        worker.process.kill()
        worker.process.wait()


class _Worker:
    """One process. Its methods wait, and so are for threads; killing it ends the wait."""

    def __init__(self) -> None:
        environment = {
            name: value for name, value in os.environ.items() if name.upper().startswith(_PASSED_ON)
        }
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "je_sharing.rendering.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
        )
        self.retirement: asyncio.TimerHandle | None = None
        self.is_ready = False

    def wait_until_ready(self) -> None:
        assert self.process.stdout is not None
        if self.process.stdout.read(1) != READY:
            raise RuntimeError("the process that renders notebooks did not start")

    def render(self, content: bytes, *, plain: bool) -> Document:
        orders, answers = self.process.stdin, self.process.stdout
        assert orders is not None
        assert answers is not None
        orders.write(ORDER.pack(plain, len(content)))
        orders.write(content)
        orders.flush()
        (size,) = ANSWER.unpack(_exactly(answers.read(ANSWER.size), ANSWER.size))
        if size > _LARGEST_ANSWER:
            raise ValueError("the answer is too long")
        document = Document(**json.loads(_exactly(answers.read(size), size)))
        self.is_ready = True
        return document


def _exactly(received: bytes, size: int) -> bytes:
    if len(received) < size:
        raise EOFError("the process that renders notebooks has ended")
    return received
