"""Adam with iterate averaging, on a canvas within 0..1 (Kingma & Ba 2014, arXiv:1412.6980)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .errors import ResumeError
from .walk import State, Walk

__all__ = ["adam"]

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_TINY = float(np.finfo(np.float32).tiny)
# Adam circles around a minimum at the distance of its step; the average of the iterates is nearer.
# Its weights fall by this factor per step (section 7.2 of the paper), bias corrected.
_AVERAGING = 0.95
# Numbers of the canvas worked on at once: what a formula makes on its way stays in the cache.
_PART = 16384


def adam(
    walk: Walk,
    start: np.ndarray,
    iterations: int,
    *,
    step: float,
    state: Mapping[str, np.ndarray] | None = None,
) -> str:
    """Take `iterations` steps of algorithm 1; every canvas and the average are evaluated.

    Differs from the paper in that the canvas is clipped to 0..1 after each step, and that gradients
    are divided by the largest element of the first one: style gradients may be far below the
    paper's absolute ε of 1e-8, and their squares outside of what float32 can hold.

    Args:
        start: its memory is used. With a state: the best canvas that was known.
        step: how far a pixel moves at most, about, in units of the canvas (0..1).
        state: what an earlier one told `walk`, to go on as if there had been no end.

    Returns:
        "iterations".

    Raises:
        ResumeError: the state does not fit.
    """
    descent = _Descent(walk, start, step, state)
    state = None  # its arrays are as large as ours
    for _ in range(iterations):
        descent.step()
        walk.step_done(descent.state)
    descent.end()
    return "iterations"


class _Descent:
    def __init__(
        self, walk: Walk, start: np.ndarray, step: float, state: Mapping[str, np.ndarray] | None
    ) -> None:
        self._walk = walk
        self._step = step
        self._best = start
        if state is None:
            self._x = start.copy()
            self._first, self._second, self._average = (np.zeros_like(start) for _ in range(3))
            self._count, self._unit, self._least = 0, 0.0, float("inf")
            return
        try:
            self._x, self._first, self._second, self._average = (
                np.asarray(state[name].reshape(start.shape), np.float32)
                for name in ("iterate", "first", "second", "average")
            )
            self._count, self._unit = int(state["count"]), float(state["unit"])
            self._least = float(state["least"])
        except (KeyError, TypeError, ValueError) as error:
            raise ResumeError("the optimiser's saved state does not fit the picture") from error

    def state(self) -> State:
        return {
            "iterate": self._x,
            "first": self._first,
            "second": self._second,
            "average": self._average,
            "count": np.array(self._count),
            "unit": np.array(self._unit),
            "least": np.array(self._least),
        }

    def step(self) -> None:
        gradient = self._evaluate().reshape(-1)
        self._count += 1
        first_share, second_share = 1 - _BETA1**self._count, 1 - _BETA2**self._count
        x, first, second, average = (
            array.reshape(-1) for array in (self._x, self._first, self._second, self._average)
        )
        for start in range(0, x.size, _PART):
            part = slice(start, start + _PART)
            g = gradient[part] / np.float32(self._unit)
            first[part] += (1 - _BETA1) * (g - first[part])
            second[part] += (1 - _BETA2) * (np.square(g) - second[part])
            root = np.sqrt(second[part] / np.float32(second_share))
            x[part] -= np.float32(self._step / first_share) * first[part] / (root + _EPSILON)
            np.clip(x[part], 0, 1, out=x[part])
            average[part] += (1 - _AVERAGING) * (x[part] - average[part])

    def end(self) -> None:
        """Evaluate where the last step has led, and the average, which is mostly nearer."""
        self._evaluate()
        if self._count:
            # Not in its place: the state stays whole for whoever stops the work here.
            np.divide(self._average, np.float32(1 - _AVERAGING**self._count), out=self._x)
            np.clip(self._x, 0, 1, out=self._x)
            self._evaluate()

    def _evaluate(self) -> np.ndarray:
        """The gradient at the iterate, which is kept if it is the best one."""
        loss, gradient = self._walk.evaluate(self._x)
        self._unit = self._unit or max(float(gradient.max()), -float(gradient.min()), _TINY)
        if loss < self._least:
            self._least = loss
            np.copyto(self._best, self._x)
            self._walk.accept(self._best)
        return gradient
