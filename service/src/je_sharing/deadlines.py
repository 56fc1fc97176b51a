"""Ends what takes too long, with one timer for all that is under way."""

import asyncio
from types import TracebackType


class Deadlines:
    """Gives everything the same time.

    `asyncio.timeout` sets a timer and takes it back, twice for each share. When all have the same
    time, what was begun first is due first, and one timer is enough for any number.

    Parameters
    ----------
    seconds
        Time for each.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # In the order in which they were begun.
        self._open: dict[Deadline, None] = {}
        self._is_watched = False

    def begin(self) -> "Deadline":
        """Give the current task time: `with deadlines.begin(): …`.

        Returns
        -------
        Deadline
            For one block. It cancels what the block waits for when its time is over, and then
            raises TimeoutError.
        """
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        deadline = Deadline(task, loop.time() + self._seconds, self._open)
        self._open[deadline] = None
        if not self._is_watched:
            self._is_watched = True
            loop.call_at(deadline.due, self._look, loop)
        return deadline

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        for deadline in [*self._open]:
            if deadline.due > loop.time():
                loop.call_at(deadline.due, self._look, loop)
                return
            deadline.end()
        self._is_watched = False


class Deadline:
    """The time that one block has; `Deadlines.begin` makes it.

    Parameters
    ----------
    task
        Whose block it is.
    due
        When the time is over, by the clock of the event loop.
    among
        Those that are under way, of which this is one until it ends.
    """

    __slots__ = ("_among", "_cancelling", "_is_over", "_task", "due")

    def __init__(
        self, task: asyncio.Task[object], due: float, among: dict["Deadline", None]
    ) -> None:
        self._task = task
        self._cancelling = task.cancelling()
        self._among = among
        self._is_over = False
        self.due = due

    def end(self) -> None:
        """End the block: its time is over."""
        del self._among[self]
        self._is_over = True
        self._task.cancel()

    def __enter__(self) -> None:
        """Begin the block."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        _where: TracebackType | None,
    ) -> None:
        """Say so when it was the deadline that ended the block, and nobody else."""
        if not self._is_over:
            del self._among[self]
        elif self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
