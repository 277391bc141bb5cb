"""L-BFGS on a canvas within 0..1, in float32: for canvases on which SciPy's costs too much.

The two-metric projection of Bertsekas 1982 ("Projected Newton methods for optimization problems
with simple constraints"): elements that stand at a bound and would leave 0..1 are held, the others
go along -H g, and what leaves 0..1 on the way is clipped. H is the inverse Hessian of the last
pairs of steps and changes of the gradient; the part of it between elements that are not held is
positive definite as well, so that the clipped path starts downhill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

__all__ = ["projected_lbfgs"]

# A flat canvas to its loss and a gradient that is nobody else's.
_Function: TypeAlias = Callable[[np.ndarray], tuple[float, np.ndarray]]

# More pairs get further down in as many evaluations; a large canvas has what fits into 256 MiB.
_PAIRS, _FEWEST_PAIRS, _BYTES_OF_PAIRS = 20, 5, 2**28
# How far a step without pairs moves the pixel of the largest gradient: far enough to change the
# loss by more than its rounding, near enough for the line search.
_FIRST_STEP = 0.1
# The share of the decrease promised by the gradient that a step must bring (Armijo's rule).
_DECREASE = 1e-4
# Each is a half to a tenth as long as the one before.
_TRIALS = 12
# Between a step and the change of the gradient along it; below, the change may be all rounding.
_SMALLEST_COSINE = 1e-6
# Elements worked on at once: the rows of all pairs stay in the cache, and float32 sums over so few
# are as good as their terms. Sums over the parts are float64.
_PART = 4096
_TINY = float(np.finfo(np.float32).tiny)


def projected_lbfgs(
    evaluate: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    iterations: int,
    step_done: Callable[[], None],
) -> str:
    """Take `iterations` steps; `evaluate` sees every canvas, whose memory is then used again.

    Besides the pairs, four float32 arrays of the canvas's size are held during an evaluation.

    Returns:
        "iterations", or "line search" where no step went further down.
    """
    unit = 0.0

    def function(canvas: np.ndarray) -> tuple[float, np.ndarray]:
        """In units of the first gradient, whose squares may be outside of what float32 can hold."""
        nonlocal unit
        loss, gradient = evaluate(canvas.reshape(start.shape))
        unit = unit or max(_largest(gradient), _TINY)
        return loss / unit, np.divide(gradient, np.float32(unit), dtype=np.float32).ravel()

    x = start.flatten().astype(np.float32, copy=False)
    trial, direction = np.empty_like(x), np.empty_like(x)
    pairs = _Pairs(x.size)
    loss, gradient = function(x)
    for _ in range(iterations):
        pairs.point_downhill(x, gradient, direction)
        found = _search(function, x, loss, gradient, direction, trial)
        if found is None and pairs.forget():
            pairs.point_downhill(x, gradient, direction)
            found = _search(function, x, loss, gradient, direction, trial)
        if found is None:
            return "line search"
        pairs.add((x, gradient), (trial, found[1]))
        loss, gradient = found
        x, trial = trial, x
        step_done()
    return "iterations"


class _Pairs:
    """The last steps s and changes y of the gradient, and the products of them all."""

    def __init__(self, size: int) -> None:
        count = min(_PAIRS, max(_FEWEST_PAIRS, _BYTES_OF_PAIRS // (8 * size)))
        # s and y of each slot one after the other: the slots in use are one block from the start.
        self._rows = np.empty((2 * count, size), np.float32)
        # The last column is for the gradient.
        self._products = np.zeros((2 * count, 2 * count + 1))
        self._slots: list[int] = []  # the oldest first

    def forget(self) -> bool:
        """Go on without what was learnt; False where there was nothing."""
        known = bool(self._slots)
        self._slots.clear()
        return known

    def add(
        self, before: tuple[np.ndarray, np.ndarray], after: tuple[np.ndarray, np.ndarray]
    ) -> None:
        """Learn from a step between two (canvas, gradient), where the gradient grew along it."""
        free = set(range(len(self._rows) // 2)).difference(self._slots)
        slot = min(free) if free else self._slots.pop(0)
        pair = slice(2 * slot, 2 * slot + 2)
        rows = self._rows[: 2 * max(slot, *self._slots, 0) + 2]
        products = np.zeros((len(rows), 2))
        for part in _parts(rows.shape[1]):
            for row, old, new in zip(rows[pair], before, after, strict=True):
                np.subtract(new[part], old[part], out=row[part])
            products += rows[:, part] @ rows[pair, part].T
        self._products[: len(rows), pair] = products
        self._products[pair, : len(rows)] = products.T
        (ss, sy), (_, yy) = products[pair]
        if sy > _SMALLEST_COSINE * np.sqrt(ss * yy):
            self._slots.append(slot)

    def point_downhill(self, x: np.ndarray, gradient: np.ndarray, direction: np.ndarray) -> None:
        """Write -H g to `direction`, with 0 for g and for the result where an element is held."""
        rows = self._rows[: 2 * max(self._slots, default=-1) + 2]
        products = np.zeros(len(rows))
        for part in _parts(x.size):
            np.multiply(gradient[part], _is_free(x[part], gradient[part]), out=direction[part])
            products += rows[:, part] @ direction[part]
        if not self._slots:
            direction *= np.float32(-_FIRST_STEP / max(_largest(direction), _TINY))
            return
        self._products[: len(rows), -1] = products
        *factors, share = self._two_loops().astype(np.float32)
        weights = np.array(factors[: len(rows)])
        for part in _parts(x.size):
            direction[part] *= share
            direction[part] += weights @ rows[:, part]
            direction[part] *= _is_free(x[part], gradient[part])

    def _two_loops(self) -> np.ndarray:
        """-H g as factors of the rows and of g: the two loops of L-BFGS (Nocedal 1980), in which
        every vector is such a sum, and every product one of those that are known."""
        factors = np.zeros(self._products.shape[1])
        factors[-1] = -1.0
        alphas = {}
        for slot in reversed(self._slots):
            s, y = 2 * slot, 2 * slot + 1
            alphas[slot] = self._products[s] @ factors / self._products[s, y]
            factors[y] -= alphas[slot]
        newest = self._slots[-1]
        s, y = 2 * newest, 2 * newest + 1
        factors *= self._products[s, y] / self._products[y, y]
        for slot in self._slots:
            s, y = 2 * slot, 2 * slot + 1
            factors[s] += alphas[slot] - self._products[y] @ factors / self._products[s, y]
        return factors


def _search(
    function: _Function,
    x: np.ndarray,
    loss: float,
    gradient: np.ndarray,
    direction: np.ndarray,
    trial: np.ndarray,
) -> tuple[float, np.ndarray] | None:
    """Write a canvas that is far enough down to `trial`; its loss and gradient, or None."""
    length = 1.0
    for _ in range(_TRIALS):
        promised = 0.0
        for part in _parts(x.size):
            np.multiply(direction[part], np.float32(length), out=trial[part])
            trial[part] += x[part]
            np.clip(trial[part], 0, 1, out=trial[part])
            promised += float((trial[part] - x[part]) @ gradient[part])
        if promised >= 0:  # nothing moves, or uphill
            return None
        reached, found = function(trial)
        if reached <= loss + _DECREASE * promised:
            return reached, found
        # The minimum of the parabola through both losses with the promised slope.
        length *= min(0.5, max(0.1, promised / 2 / (promised - (reached - loss))))
    return None


def _is_free(x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Whether an element may move: not at a bound, or away from it."""
    return ~(((x <= 0) & (gradient > 0)) | ((x >= 1) & (gradient < 0)))


def _largest(values: np.ndarray) -> float:
    return max(float(values.max()), -float(values.min()))


def _parts(size: int) -> Iterator[slice]:
    return (slice(first, first + _PART) for first in range(0, size, _PART))
