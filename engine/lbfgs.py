"""SciPy's L-BFGS-B on a canvas within 0..1. The only importer of SciPy."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .options import Options

__all__ = ["lbfgs"]

_HISTORY = 10


def lbfgs(
    evaluate: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    iterations: int,
    step_done: Callable[[], None],
    options: Options,
) -> str:
    """Take `iterations` steps of L-BFGS-B; every canvas goes through `evaluate`, which keeps the
    best.

    SciPy's own stopping rules are off: with their defaults it declares success after one or two
    steps, because a first step changes the loss by less than its tolerance.

    Returns:
        "iterations", or "line search" where no step went further down.
    """
    from scipy.optimize import Bounds, minimize

    shape = start.shape

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        loss, gradient = evaluate(x.reshape(shape).astype(np.float32))
        return loss, gradient.ravel().astype(np.float64)

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
