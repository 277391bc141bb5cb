"""The inverse Hessian as L-BFGS knows it: the last steps, and how the gradient changed on each.

Everything is done part by part of the canvas, in as few passes over the pairs as there can be: two
for each step. A part of all pairs stays in the cache, and float32 sums over so few numbers are as
good as their terms; sums over the parts are float64. What H is before it knows of a pair, and in
directions that no pair tells of, is the S of `Softness`, times a length.

The pairs are whole numbers of 16 bits, each part of each vector in units of its own largest
element: in the memory of 20 pairs of float32 there is room for 40, which brings more (see
docs/memory.md). That is more exact than float16 there, and NumPy converts it seven times faster
(0.2 ns a number). Products are those of what is stored, so that they fit it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np

from .softness import Softness
from .walk import State

__all__ = ["PART_BYTES", "Pairs", "largest"]

# Numbers of the canvas worked on at once.
_PART = 4096
# Of both vectors of a pair in float32, where they are worked on.
PART_BYTES = 2 * 4 * _PART
# Of 16 bits with a sign.
_STEPS = 32767
# Between a step and the change of the gradient along it; below, the change may be all rounding.
_SMALLEST_COSINE = 1e-6
# How far a step without pairs moves the pixel of the largest gradient: far enough to change the
# loss by more than its rounding, near enough for the line search.
_FIRST_STEP = 0.1
# How much longer H is, in directions that no pair tells of, than the last pair says: that went in
# stiff ones mostly. The line search refuses one step of a hundred for it.
_LONGER = 2.0
_TINY = float(np.finfo(np.float32).tiny)


class Pairs:
    """The last steps s and changes y of the gradient, and the products of them all.

    Args:
        count: of pairs at most.
        softness: of the canvas.
        check: called between parts; may raise.
    """

    def __init__(self, count: int, softness: Softness, check: Callable[[], None]) -> None:
        size = int(np.prod(softness.shape))
        # s and y of each slot one after the other: the slots in use are one block from the start.
        self._rows = np.empty((2 * count, size), np.int16)
        # What stands in a part of a row is in these units.
        self._units = np.ones((2 * count, -(-size // _PART)), np.float32)
        self._products = np.zeros((2 * count, 2 * count))
        self._slots: list[int] = []  # the oldest first
        # Of the rows with the gradient, where it may move; and its largest element there.
        self._slopes = np.zeros(2 * count)
        self._steepest = 0.0
        self._softness = softness
        # B times the changes, and the gradient, where it may move.
        self._soft = np.zeros((count, self._softness.size), np.float32)
        self._soft_slope = np.zeros(self._softness.size, np.float32)
        self._buffer = np.empty((2 * count, min(size, _PART)), np.float32)
        self._check = check

    def forget(self) -> bool:
        """Go on without what was learnt; False where there was nothing."""
        known = bool(self._slots)
        self._slots.clear()
        return known

    def start(self, x: np.ndarray, gradient: np.ndarray, spare: np.ndarray) -> None:
        """Begin at a canvas, with the pairs that there are; `spare` is one to write over."""
        self._multiply((), x, gradient, spare)

    def learn(
        self, x: np.ndarray, gradient: np.ndarray, to: np.ndarray, gradient_there: np.ndarray
    ) -> None:
        """Go on from `x` to another canvas; what is learnt counts if the gradient grew on the way.

        `gradient` is overwritten.
        """
        free = set(range(len(self._rows) // 2)).difference(self._slots)
        slot = min(free) if free else self._slots.pop(0)
        s, y = 2 * slot, 2 * slot + 1
        for number, part in self._parts():
            np.subtract(gradient_there[part], gradient[part], out=gradient[part])
            self._store(y, number, part, gradient[part])
        self._soft[slot] = self._softness.of(gradient)
        for number, part in self._parts():
            np.subtract(to[part], x[part], out=gradient[part])
            self._store(s, number, part, gradient[part])
        self._multiply((s, y), to, gradient_there, gradient)
        ss, sy, yy = (self._products[pair] for pair in ((s, s), (s, y), (y, y)))
        if sy > _SMALLEST_COSINE * np.sqrt(ss * yy):
            self._slots.append(slot)

    def step(self, x: np.ndarray, gradient: np.ndarray, length: float, to: np.ndarray) -> float:
        """Write x - length H g, clipped to 0..1, to `to`; the change that the slope promises.

        g is 0, and the result, where an element stands at a bound and would leave.
        """
        factors, soft = self._factors()
        weights, share = factors[:-1].astype(np.float32), np.float32(factors[-1])
        self._softness.spread(soft, to)
        promised = 0.0
        for number, part in self._parts():
            direction = gradient[part] * share
            direction += to[part]
            if len(weights):
                rows, units = self._read(len(weights), number, part)
                direction += (weights * units) @ rows
            direction *= _is_free(x[part], gradient[part])
            direction *= np.float32(length)
            direction += x[part]
            np.clip(direction, 0, 1, out=to[part])
            promised += float((to[part] - x[part]) @ gradient[part])
        return promised

    def state(self) -> State:
        """What `restore` takes; its arrays are the ones that go on changing."""
        used = self._used()
        return {
            "pairs": self._rows[:used],
            "units": self._units[:used],
            "products": self._products[:used, :used],
            "slots": np.array(self._slots, np.int64),
        }

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over what another one had learnt, of the same count, size and kind, arrays and all.

        Raises:
            ValueError, KeyError: it is of another one.
        """
        rows, slots = state["pairs"], [int(slot) for slot in state["slots"]]
        used = len(rows)
        fits = rows.dtype == self._rows.dtype and rows.shape[1:] == self._rows.shape[1:]
        if not fits or used > len(self._rows) or not set(slots) <= set(range(used // 2)):
            raise ValueError("the optimiser's pairs do not fit")
        if used == len(self._rows):  # as large as everything else together
            self._rows = rows
        else:
            self._rows[:used] = rows
        self._units[:used] = state["units"]
        self._products[:used, :used] = state["products"]
        self._slots = slots
        changes = np.empty(self._rows.shape[1], np.float32)
        for slot in slots:
            y = 2 * slot + 1
            for number, part in self._parts():
                np.multiply(self._rows[y, part], self._units[y, number], out=changes[part])
            self._soft[slot] = self._softness.of(changes)

    def _used(self, *others: int) -> int:
        """Rows from the first one to the last that is in use."""
        return 2 * max([*self._slots, *(row // 2 for row in others)], default=-1) + 2

    def _parts(self) -> Iterator[tuple[int, slice]]:
        for number, first in enumerate(range(0, self._rows.shape[1], _PART)):
            self._check()
            yield number, slice(first, first + _PART)

    def _store(self, row: int, number: int, part: slice, values: np.ndarray) -> None:
        """What is then in `values` is what was stored."""
        unit = max(largest(values) / _STEPS, _TINY)
        self._units[row, number] = unit
        values /= np.float32(unit)
        self._rows[row, part] = np.rint(values, out=values)
        values *= np.float32(unit)

    def _read(self, used: int, number: int, part: slice) -> tuple[np.ndarray, np.ndarray]:
        """A part of the rows, and what each is to be multiplied by."""
        stored = self._rows[:used, part]
        rows = self._buffer[:used, : stored.shape[1]]
        np.copyto(rows, stored)
        return rows, self._units[:used, number]

    def _multiply(
        self, new: tuple[int, ...], x: np.ndarray, gradient: np.ndarray, free: np.ndarray
    ) -> None:
        """The products of all rows with the new ones and with the gradient, where it may move:
        that is written to `free`."""
        used = self._used(*new)
        products = np.zeros((used, len(new) + 1))
        self._steepest = 0.0
        columns = np.empty((len(new) + 1, min(x.size, _PART)), np.float32)
        for number, part in self._parts():
            column = columns[:, : len(x[part])]
            np.multiply(gradient[part], _is_free(x[part], gradient[part]), out=free[part])
            self._steepest = max(self._steepest, largest(free[part]))
            if not used:
                continue
            column[-1] = free[part]
            rows, units = self._read(used, number, part)
            column[:-1] = rows[list(new)]
            found = (rows @ column.T).astype(np.float64)
            found *= units[:, None].astype(np.float64)
            found[:, :-1] *= units[list(new)]
            products += found
        if new:
            self._products[:used, new] = products[:, :-1]
            self._products[new, :used] = products[:, :-1].T
        self._slopes[:used] = products[:, -1]
        self._soft_slope = self._softness.of(free)

    def _factors(self) -> tuple[np.ndarray, np.ndarray]:
        """-H g as a sum of the rows and g, by their factors, and of B' times the numbers that are
        told beside: the two loops of L-BFGS (Nocedal 1980), in which every product is known."""
        used = self._used()
        factors = np.zeros(used + 1)
        factors[-1] = -1.0
        if not self._slots:
            factors[-1] = -_FIRST_STEP / max(self._steepest, _TINY)
            return factors, np.zeros_like(self._soft_slope)
        products = np.column_stack([self._products[:used, :used], self._slopes[:used]])
        alphas = {}
        for slot in reversed(self._slots):
            s, y = 2 * slot, 2 * slot + 1
            alphas[slot] = products[s] @ factors / products[s, y]
            factors[y] -= alphas[slot]
        newest = self._slots[-1]
        s, y = 2 * newest, 2 * newest + 1
        soft = self._soft[: used // 2]
        length = _LONGER * products[s, y] / (products[y, y] + soft[newest] @ soft[newest])
        factors *= length
        spread = factors[1:-1:2].astype(np.float32) @ soft
        spread += np.float32(factors[-1]) * self._soft_slope
        softened = soft @ spread
        for slot in self._slots:
            s, y = 2 * slot, 2 * slot + 1
            known = products[y] @ factors + softened[slot]
            factors[s] += alphas[slot] - known / products[s, y]
        return factors, spread


def largest(values: np.ndarray) -> float:
    """The largest magnitude."""
    return max(float(values.max()), -float(values.min()))


def _is_free(x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Whether an element may move: not at a bound, or away from it."""
    return ~(((x <= 0) & (gradient > 0)) | ((x >= 1) & (gradient < 0)))
