"""The cheapest of many ways that fits, where it takes long to know whether one does."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from heapq import heapify, heappop, heappush
from math import inf

__all__ = ["Ladder", "cheapest"]

# How much larger the second one is that is looked at: then it is known how what is taken grows.
_SECOND = 4
# After so many looks where it is likely to pay, the middle is looked at.
_GUESSES = 5


class Ladder:
    """Ways from the cheapest, which is the largest, to the smallest.

    Args:
        costs: of each, ascending.
        sizes: of each, descending, in any unit.
        taken: what one takes, by its place; it falls along the ladder.
        most: that it may take.
    """

    def __init__(
        self,
        costs: Sequence[float],
        sizes: Sequence[float],
        taken: Callable[[int], int],
        most: int,
    ) -> None:
        self._costs, self._sizes, self._taken, self._most = costs, sizes, taken, most
        self._first = 0  # that may fit
        self.place = len(costs)  # the first that is known to fit
        self._fitting: list[tuple[float, int]] = []
        self._looks = 0

    @property
    def cost(self) -> float:
        """Of the first that may fit: of all that do, no less."""
        return self._costs[self._first]

    @property
    def is_known(self) -> bool:
        """Whether `place` is the first that fits, if one does."""
        return self._first == self.place

    def look(self) -> bool:
        """Find out whether one more fits; whether any still may."""
        place = self._likely()
        taken = self._taken(place)
        self._looks += 1
        if taken <= self._most:
            self.place = place
            self._fitting.append((self._sizes[place], taken))
        else:
            self._first = place + 1
        return self._first < len(self._costs)

    def _likely(self) -> int:
        """The first that is likely to fit, among those that nothing is known of."""
        last = self.place - 1
        if not self._fitting:
            return last
        if self._looks > _GUESSES:
            return (self._first + last) // 2
        size, taken = self._fitting[-1]
        largest = _SECOND * size
        if len(self._fitting) > 1:
            before, less = self._fitting[-2]
            slope = max(0.0, (taken - less) / (size - before))
            largest = size + (self._most - taken) / slope if slope else inf
        place = bisect_left(self._sizes, -largest, key=lambda one: -one)
        return min(max(place, self._first), last)


def cheapest(ladders: Sequence[Ladder]) -> Ladder | None:
    """The one with the cheapest way that fits, of equal ones the first; None where there is none.

    No more is looked at than is needed to know it.
    """
    open_ones = [(ladder.cost, number) for number, ladder in enumerate(ladders)]
    heapify(open_ones)
    while open_ones:
        _, number = heappop(open_ones)
        ladder = ladders[number]
        if ladder.is_known:
            return ladder
        if ladder.look():
            heappush(open_ones, (ladder.cost, number))
    return None
