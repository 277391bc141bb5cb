"""How a work that may take only so long shares out its time between the levels."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from time import perf_counter

from .checks import number
from .optimise import Enough
from .stop import Stop

__all__ = ["Pace", "ending_at", "seconds_of"]


class Pace:
    """When the work on a level is to end, so that the finer ones come to their part.

    Args:
        end: of the whole work, by `time.perf_counter`; None is never.
    """

    def __init__(self, end: float | None) -> None:
        self._end = end
        self._level_end: float | None = None

    def begin_level(self, costs: Sequence[float]) -> None:
        """Give a level the part of the time left that it has in the cost of the work left.

        Args:
            costs: of this level and the finer ones, in any one unit; more than 0.
        """
        if self._end is not None:
            share = costs[0] / sum(costs)
            self._level_end = perf_counter() + (self._end - perf_counter()) * share

    def has_time_for(self, seconds: float) -> bool:
        """Whether what is not painting may take so long: a twentieth of the time left."""
        return self._end is None or seconds <= (self._end - perf_counter()) / 20

    def check(self, step: float, remaining: float) -> None:
        """Called after each step.

        Args:
            step: seconds that the next one will take.
            remaining: seconds that all that is left will take.

        Raises:
            Enough: the level's time is over, and that of the whole work would not suffice.
        """
        if self._end is None or self._level_end is None:
            return
        now = perf_counter()
        if now + step > self._level_end and now + remaining > self._end:
            raise Enough("time")


def seconds_of(time: float | None) -> float | None:
    """The time that a work may take, as it was asked for.

    Raises:
        OptionsError: no number of seconds from 0.001 on.
    """
    return None if time is None else number("time", time, 0.001, 1e9)


@contextlib.contextmanager
def ending_at(moment: float | None, stop: Stop, reason: str) -> Iterator[threading.Event]:
    """Request a stop at a moment, from a thread that ends with the work; None is never.

    The event tells, after the work, whether it was that request that ended it.
    """
    exceeded = threading.Event()

    def end() -> None:
        if stop.request(reason):
            exceeded.set()

    if moment is None:
        yield exceeded
        return
    left = moment - perf_counter()
    if left <= 0:
        end()
        yield exceeded
        return
    # A lock's longest wait is the longest that a timer can be set to.
    timer = threading.Timer(min(left, threading.TIMEOUT_MAX), end)
    timer.daemon = True
    timer.start()
    try:
        yield exceeded
    finally:
        timer.cancel()
        timer.join()
