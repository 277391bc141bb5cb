"""One interface for every optimiser: move a canvas down an objective, never lose the best one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

import numpy as np

from .adam import adam
from .errors import NumericalError
from .lbfgs import lbfgs
from .objective import Objective
from .options import Options
from .projected_lbfgs import projected_lbfgs
from .stop import Stop, Stopped

__all__ = ["Descent", "Ending", "descend"]

_Evaluate: TypeAlias = Callable[[np.ndarray], tuple[float, np.ndarray]]
_Optimizer: TypeAlias = Callable[[_Evaluate, np.ndarray, int, Callable[[], None]], str]

# SciPy's L-BFGS-B is "lbfgs" up to a canvas of 128 x 128, the coarsest level of most pictures, and
# our own above. Both get equally far down in as many evaluations (measured from 96 to 256 pixels),
# but a step of SciPy's takes 0.005 s at 96 x 72, 0.04 s at 256 x 256 and 0.75 s at 1024 x 1024, in
# 1.5 GB there, and one of ours 0.001 s, 0.007 s and 0.10 s, in 0.3 GB.
_SCIPY_NUMBERS = 3 * 128 * 128


@dataclass(frozen=True)
class Ending:
    """Why a descent ended, and whether the whole work ends with it.

    Args:
        reason: "iterations" (all were made), "line search" (no step goes further down), or the
            reason of a stop from outside, which may be any text, these included.
        final: no finer level follows.
    """

    reason: str
    final: bool


class Descent:
    """The objective as an optimiser sees it: it counts, times, checks and keeps the best canvas.

    An exception out of an optimiser loses its iterate; this record survives it.
    """

    def __init__(self, objective: Objective, start: np.ndarray, stop: Stop) -> None:
        self.best = start
        self.best_loss = float("inf")
        self.best_terms: dict[str, float] = {}
        self.iterations = 0
        self.durations: list[float] = []
        self._objective = objective
        self._stop = stop

    @property
    def evaluations(self) -> int:
        """Evaluations of the objective so far."""
        return len(self.durations)

    @property
    def evaluation_seconds(self) -> float:
        """Median of one evaluation's seconds; 0 when there was none."""
        return statistics.median(self.durations) if self.durations else 0.0

    def evaluate(self, canvas: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient of a canvas within 0..1, whose memory the caller may use again.

        Raises:
            NumericalError: the loss or the gradient is not finite.
            Stopped: a stop was requested.
        """
        began = time.perf_counter()
        loss, gradient, terms = self._objective.measure(canvas, self._stop)
        self.durations.append(time.perf_counter() - began)
        if not (np.isfinite(loss) and np.isfinite(gradient).all()):
            raise NumericalError(
                f"the loss or its gradient is not finite at evaluation {self.evaluations}"
            )
        if loss < self.best_loss:
            self.best, self.best_loss, self.best_terms = canvas.copy(), loss, terms
        return loss, gradient


def descend(
    descent: Descent, iterations: int, options: Options, step_done: Callable[[], None]
) -> Ending:
    """Run the chosen optimiser from `descent.best`; the best canvas is then in `descent`.

    Args:
        step_done: called after each step.
    """

    def counted() -> None:
        descent.iterations += 1
        try:
            step_done()
        except StopIteration as error:  # to SciPy a wish to stop, which would hide it
            raise RuntimeError("the progress callback raised StopIteration") from error

    optimize = _optimizer(options, descent.best.size)
    try:
        if iterations == 0:
            descent.evaluate(descent.best)
            return Ending("iterations", final=False)
        reason = optimize(descent.evaluate, descent.best, iterations, counted)
        return Ending(reason, final=False)
    except Stopped as stopped:
        return Ending(str(stopped), final=True)


def _optimizer(options: Options, numbers: int) -> _Optimizer:
    if options.optimizer == "adam":
        return partial(adam, step=options.step)
    return lbfgs if numbers <= _SCIPY_NUMBERS else projected_lbfgs
