"""Group commit: requests that wait at the same time share one trip to the database."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Batcher(Generic[Item, Answer]):
    """Collects what arrives while the last batch is under way, and handles it together.

    Parameters
    ----------
    handle
        Takes a list of items, gives their answers in the same order.
    largest
        Most items in a batch.
    at_once
        Batches that may be under way at the same time.

    Notes
    -----
    Nothing waits for a batch to fill: the first item starts one at once. Under load the batches
    grow by themselves, and the cost of a transaction is shared by all that are in it.
    """

    def __init__(
        self,
        handle: Callable[[list[Item]], Awaitable[Sequence[Answer]]],
        *,
        largest: int = 128,
        at_once: int = 1,
    ) -> None:
        self._handle = handle
        self._largest = largest
        self._idle = at_once
        self._waiting: list[tuple[Item, asyncio.Future[Answer]]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def submit(self, item: Item) -> Answer:
        """Have an item handled.

        Parameters
        ----------
        item
            What to handle.

        Returns
        -------
        Answer
            What `handle` answered for this item; what it raises is raised here.
        """
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._idle:
            self._idle -= 1
            task = asyncio.create_task(self._work())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await future

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[: self._largest]
                del self._waiting[: self._largest]
                await self._run(batch)
        finally:
            self._idle += 1

    async def _run(self, batch: list[tuple[Item, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._handle([item for item, _ in batch])
        except Exception as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
            return
        for (_, future), answer in zip(batch, answers, strict=True):
            if not future.done():
                future.set_result(answer)
