"""L-BFGS on a canvas within 0..1, in float32: for canvases on which SciPy's costs too much.

The two-metric projection of Bertsekas 1982 ("Projected Newton methods for optimization problems
with simple constraints"): elements that stand at a bound and would leave 0..1 are held, the others
go along -H g, and what leaves 0..1 on the way is clipped. H is the inverse Hessian of the last
pairs of steps and changes of the gradient; the part of it between elements that are not held is
positive definite as well, so that the clipped path starts downhill.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .errors import ResumeError
from .pairs import Pairs, largest
from .softness import Softness
from .walk import State, Walk

__all__ = ["projected_lbfgs"]

# The share of the decrease promised by the gradient that a step must bring (Armijo's rule).
_DECREASE = 1e-4
# Each is a half to a tenth as long as the one before.
_TRIALS = 12
_TINY = float(np.finfo(np.float32).tiny)


def projected_lbfgs(
    walk: Walk,
    start: np.ndarray,
    iterations: int,
    *,
    pairs: int,
    softness: Softness,
    state: Mapping[str, np.ndarray] | None = None,
) -> str:
    """Take `iterations` steps from `start`, whose memory is used.

    Args:
        pairs: how many of the last steps are learnt from.
        softness: of canvases of this shape.
        state: what an earlier one told `walk` at `start`, to go on as if there had been no end.

    Returns:
        "iterations", or "line search" where no step went further down.

    Raises:
        ResumeError: the state does not fit.
    """
    known = Pairs(pairs, softness, walk.check)
    unit = 0.0
    if state is not None:
        try:
            known.restore(state)
            unit = float(state["unit"])
        except (KeyError, TypeError, ValueError) as error:
            raise ResumeError("the optimiser's saved state does not fit the picture") from error
    state = None  # its pairs are as large as ours
    descent = _Descent(walk, start, unit, known)
    for _ in range(iterations):
        if not descent.step() and not (known.forget() and descent.step()):
            return "line search"
        walk.step_done(descent.state)
    return "iterations"


class _Descent:
    """A canvas on its way, in as few arrays of its size as there can be."""

    def __init__(self, walk: Walk, start: np.ndarray, unit: float, pairs: Pairs) -> None:
        self._walk = walk
        self._shape = start.shape
        self._unit = unit
        self._pairs = pairs
        self._x = start.reshape(-1)
        self._trial = np.empty_like(self._x)
        self._loss, self._gradient = self._evaluate(self._x)
        walk.accept(start)
        pairs.start(self._x, self._gradient, self._trial)

    def state(self) -> State:
        """What the next step begins from; the canvas is the one that was accepted last."""
        return {"unit": np.array(self._unit), **self._pairs.state()}

    def step(self) -> bool:
        """Go to a canvas that is far enough down, if there is one within some trials."""
        length = 1.0
        for _ in range(_TRIALS):
            promised = self._pairs.step(self._x, self._gradient, length, self._trial)
            if promised >= 0:  # nothing moves, or uphill
                return False
            loss, gradient = self._evaluate(self._trial)
            if loss <= self._loss + _DECREASE * promised:
                self._walk.accept(self._trial.reshape(self._shape))
                self._pairs.learn(self._x, self._gradient, self._trial, gradient)
                self._x, self._trial = self._trial, self._x
                self._loss, self._gradient = loss, gradient
                return True
            del gradient  # the next one is made before this name is given away
            # The minimum of the parabola through both losses with the promised slope.
            length *= min(0.5, max(0.1, promised / 2 / (promised - (loss - self._loss))))
        return False

    def _evaluate(self, canvas: np.ndarray) -> tuple[float, np.ndarray]:
        """In units of the first gradient, whose squares may be outside of what float32 can hold."""
        loss, gradient = self._walk.evaluate(canvas.reshape(self._shape))
        self._unit = self._unit or max(largest(gradient), _TINY)
        gradient /= np.float32(self._unit)
        return loss / self._unit, gradient.reshape(-1)
