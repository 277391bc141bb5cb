"""A bounded choice out of a row whose length nobody knows beforehand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

__all__ = ["Thinned"]

T = TypeVar("T")


class Thinned(Generic[T]):
    """Entries of a row, evenly spaced from its first on; never more than `most` of them.

    When there are too many, every other one goes, and from then on half as many are taken: at
    least half of `most` remain of any longer row.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._offered = 0
        self._stride = 1
        self.entries: list[T] = []

    def offer(self, make: Callable[[], T]) -> None:
        """The next entry of the row, which is made only if it is taken."""
        is_due = self._offered % self._stride == 0
        if is_due and len(self.entries) == self._most:
            self.entries = self.entries[::2]
            self._stride *= 2
            is_due = self._offered % self._stride == 0
        self._offered += 1
        if is_due:
            self.entries.append(make())
