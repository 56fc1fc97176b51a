"""Limit the processor time for a notebook, and for each part of it."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_CAN_INTERRUPT = hasattr(signal, "setitimer")  # not on Windows, where the worker's limit is all


# Not an Exception, for code that survives any of those must not survive this.
class OutOfTimeError(BaseException):
    """The part took its time, and is to be shown more simply."""


class TimeBudget:
    """Shares out the processor time of a notebook; for the main thread of a process.

    Parameters
    ----------
    seconds
        Processor time for all parts together.
    seconds_each
        Processor time for one part.

    Notes
    -----
    A timer's signal ends Python code, and a regular expression, wherever they are. Code in other
    languages goes on until it returns.
    """

    def __init__(self, seconds: float, seconds_each: float) -> None:
        self._ends = time.process_time() + seconds
        self._each = seconds_each
        self._is_counting = False

    @contextmanager
    def part(self) -> Iterator[None]:
        """Give a block its share.

        Raises
        ------
        OutOfTimeError
            When the block took too long, or when nothing is left for it.
        """
        seconds = min(self._each, self._ends - time.process_time())
        if seconds <= 0:
            raise OutOfTimeError
        if not _CAN_INTERRUPT:
            yield
            return
        before = signal.signal(signal.SIGVTALRM, self._end)
        self._is_counting = True
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        try:
            yield
        finally:
            # First of all: the signal may be on its way already.
            self._is_counting = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, before)

    def _end(self, _number: int, _frame: FrameType | None) -> None:
        if self._is_counting:
            raise OutOfTimeError
