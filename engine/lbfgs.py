"""SciPy's L-BFGS-B on a canvas within 0..1. The only importer of SciPy."""

from __future__ import annotations

import numpy as np

from .walk import Walk

__all__ = ["lbfgs"]

_HISTORY = 10
# How far the first step moves the pixel of the largest gradient: far enough to change the loss by
# more than its rounding, near enough for the line search.
_FIRST_STEP = 0.1
_TINY = float(np.finfo(np.float32).tiny)


def lbfgs(walk: Walk, start: np.ndarray, iterations: int) -> str:
    """Take `iterations` steps of L-BFGS-B. Its state cannot be had: `walk` is told an empty one.

    SciPy's own stopping rules are off: with their defaults it declares success after one or two
    steps, because a first step changes the loss by less than its tolerance. SciPy's first step is
    the gradient itself, so the function is scaled to make that a sensible one, whatever unit the
    weights give to the loss.

    Returns:
        "iterations", or "line search" where no step went further down.
    """
    from scipy.optimize import Bounds, minimize

    shape = start.shape
    scale, least = 0.0, float("inf")

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal scale, least
        canvas = x.reshape(shape).astype(np.float32)
        loss, gradient = walk.evaluate(canvas)
        if loss < least:
            least = loss
            walk.accept(canvas)
        scale = scale or _FIRST_STEP / max(float(np.abs(gradient).max()), _TINY)
        return loss * scale, np.multiply(gradient.ravel(), scale, dtype=np.float64)

    result = minimize(
        function,
        start.ravel().astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(0.0, 1.0),
        callback=lambda intermediate_result: walk.step_done(dict),
        options={
            "maxcor": _HISTORY,
            "maxiter": iterations,
            "maxfun": 20 * iterations + 20,
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    return "iterations" if result.nit >= iterations else "line search"
