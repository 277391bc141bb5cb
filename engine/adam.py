"""Adam with iterate averaging, on a canvas within 0..1 (Kingma & Ba 2014, arXiv:1412.6980)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .options import Options

__all__ = ["adam"]

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
# Adam circles around a minimum at the distance of its step; the average of the iterates is nearer.
# The weights of the average fall by this factor per step (section 7.2 of the paper), bias
# corrected.
_AVERAGING = 0.95


def adam(
    evaluate: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    iterations: int,
    step_done: Callable[[], None],
    options: Options,
) -> str:
    """Take `iterations` steps of algorithm 1; every canvas and the average go to `evaluate`.

    Differs from the paper in that the canvas is clipped to 0..1 after each step, and that ε is
    relative to the gradient's own size: style gradients may be far below the paper's absolute 1e-8.

    Returns:
        "iterations".
    """
    x = start.copy()
    first = np.zeros_like(x)
    second = np.zeros_like(x)
    average = np.zeros_like(x)
    for count in range(1, iterations + 1):
        _, gradient = evaluate(x)
        first += (1 - _BETA1) * (gradient - first)
        second += (1 - _BETA2) * (np.square(gradient) - second)
        root = np.sqrt(second / np.float32(1 - _BETA2**count))
        floor = np.float32(_EPSILON * float(root.max()) + np.finfo(np.float32).tiny)
        x = x - np.float32(options.step / (1 - _BETA1**count)) * first / (root + floor)
        np.clip(x, 0, 1, out=x)
        average += (1 - _AVERAGING) * (x - average)
        step_done()
    evaluate(x)
    evaluate(np.clip(average / np.float32(1 - _AVERAGING**iterations), 0, 1))
    return "iterations"
