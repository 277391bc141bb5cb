"""SciPy's L-BFGS-B on a canvas within 0..1. The only importer of SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["lbfgs"]

_HISTORY = 10
# How far the first step moves the pixel of the largest gradient: far enough to change the loss by
# more than its rounding, near enough for the line search.
_FIRST_STEP = 0.1
_TINY = float(np.finfo(np.float32).tiny)


def lbfgs(
    evaluate: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    iterations: int,
    step_done: Callable[[], None],
) -> str:
    """Take `iterations` steps of L-BFGS-B; `evaluate` sees every canvas and keeps the best one.

    SciPy's own stopping rules are off: with their defaults it declares success after one or two
    steps, because a first step changes the loss by less than its tolerance. SciPy's first step is
    the gradient itself, so the function is scaled to make that a sensible one, whatever unit the
    weights give to the loss.

    Returns:
        "iterations", or "line search" where no step went further down.
    """
    from scipy.optimize import Bounds, minimize

    shape = start.shape
    scale = 0.0

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        nonlocal scale
        loss, gradient = evaluate(x.reshape(shape).astype(np.float32))
        scale = scale or _FIRST_STEP / max(float(np.abs(gradient).max()), _TINY)
        return loss * scale, np.multiply(gradient.ravel(), scale, dtype=np.float64)

    result = minimize(
        function,
        start.ravel().astype(np.float64),
        jac=True,
        method="L-BFGS-B",
        bounds=Bounds(0.0, 1.0),
        callback=lambda intermediate_result: step_done(),
        options={
            "maxcor": _HISTORY,
            "maxiter": iterations,
            "maxfun": 20 * iterations + 20,
            "ftol": 0.0,
            "gtol": 0.0,
        },
    )
    return "iterations" if result.nit >= iterations else "line search"
