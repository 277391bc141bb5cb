"""One interface for every optimiser: move a canvas down an objective, never lose the best one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from .adam import adam
from .errors import NumericalError
from .lbfgs import lbfgs
from .methods import Method
from .objective import Objective
from .options import Options
from .projected_lbfgs import projected_lbfgs
from .softness import Softness, tells_areas
from .stop import Stop, Stopped
from .walk import State

__all__ = ["Best", "Descent", "Ending", "Enough", "descend"]


class Enough(Exception):
    """Raised out of `step_done` to end a descent, but not the work; its text is the reason."""


@dataclass(frozen=True)
class Ending:
    """Why a descent ended, and whether the whole work ends with it.

    Args:
        reason: "iterations" (all were made), "line search" (no step goes further down), that of
            `Enough`, or the reason of a stop from outside, which may be any text, these included.
        final: no finer level follows.
    """

    reason: str
    final: bool


@dataclass(frozen=True, eq=False)
class Best:
    """A canvas, (H, W, 3), with its loss, and that by terms; infinite and none while unknown."""

    canvas: np.ndarray
    loss: float
    terms: Mapping[str, float]


class Descent:
    """The objective as an optimiser sees it: it counts, times, checks and keeps the best canvas.

    An exception out of an optimiser loses its iterate; this record survives it.

    Args:
        start: what is known of the canvas to start from; its memory is the optimiser's to use.
        step_done: called after each step.
        iterations, evaluations: made before, in another process.
    """

    def __init__(
        self,
        objective: Objective,
        start: Best,
        stop: Stop,
        step_done: Callable[[Descent], None],
        iterations: int = 0,
        evaluations: int = 0,
    ) -> None:
        self.best = start
        self.first_loss: float | None = None
        self.iterations = iterations
        self.durations: list[float] = []
        self._state: Callable[[], State] = dict
        self._best_then = start
        self._objective = objective
        self._stop = stop
        self._step_done = step_done
        self._before = iterations, evaluations
        self._began = time.perf_counter()
        self._latest = (start.loss, start.terms)

    @property
    def evaluations(self) -> int:
        """Evaluations of the objective so far."""
        return self._before[1] + len(self.durations)

    @property
    def evaluation_seconds(self) -> float:
        """Median of one evaluation's seconds; 0 when there was none."""
        return statistics.median(self.durations) if self.durations else 0.0

    @property
    def seconds_per_step(self) -> float:
        """Mean of all that belongs to a step; 0 when there was none."""
        steps = self.iterations - self._before[0]
        return (time.perf_counter() - self._began) / steps if steps else 0.0

    def evaluate(self, canvas: np.ndarray) -> tuple[float, np.ndarray]:
        """See `Walk`.

        Raises:
            NumericalError: the loss or the gradient is not finite.
            Stopped: a stop was requested.
        """
        began = time.perf_counter()
        loss, gradient, terms = self._objective.measure(canvas, self._stop)
        self.durations.append(time.perf_counter() - began)
        # Of all elements, without an array of as many answers: NaN comes through both.
        if not np.isfinite([loss, gradient.min(), gradient.max()]).all():
            raise NumericalError(
                f"the loss or its gradient is not finite at evaluation {self.evaluations}"
            )
        if self.first_loss is None:
            self.first_loss = loss
        self._latest = (loss, terms)
        return loss, gradient

    def accept(self, canvas: np.ndarray) -> None:
        """See `Walk`."""
        self.best = Best(canvas, *self._latest)

    def step_done(self, state: Callable[[], State]) -> None:
        """See `Walk`."""
        self.iterations += 1
        self._state, self._best_then = state, self.best
        try:
            self._step_done(self)
        except StopIteration as error:  # to SciPy a wish to stop, which would hide it
            raise RuntimeError("the progress callback raised StopIteration") from error

    def check(self) -> None:
        """See `Walk`."""
        self._stop.check()

    def state(self) -> State:
        """Of the optimiser, at the best canvas; nothing where a step was broken off after that."""
        return self._state() if self.best is self._best_then else {}

    def forget(self) -> None:
        """Let the optimiser go, which knows this record: together they would outlive the level."""
        self._state = dict


def descend(
    descent: Descent,
    iterations: int,
    options: Options,
    method: Method,
    state: State | None = None,
) -> Ending:
    """Run an optimiser from `descent.best`; the best canvas is then in `descent`.

    Args:
        iterations: steps to take from here.
        state: of the same method at this canvas, to go on with; see `Walk.step_done`.

    Raises:
        ResumeError: the state is not one of this method and size.
    """
    try:
        start = descent.best.canvas
        if iterations == 0 and not state:
            descent.evaluate(start)
            descent.accept(start)
            return Ending("iterations", final=False)
        if method.name == "scipy":
            reason = lbfgs(descent, start, iterations)
        elif method.name == "adam":
            reason = adam(descent, start, iterations, step=options.step, state=state)
        else:
            told = tells_areas(options)
            softness = Softness(start.shape) if told else Softness(start.shape, gain=0)
            reason = projected_lbfgs(
                descent, start, iterations, pairs=method.pairs, softness=softness, state=state
            )
        return Ending(reason, final=False)
    except Enough as enough:
        return Ending(str(enough), final=False)
    except Stopped as stopped:
        return Ending(str(stopped), final=True)
