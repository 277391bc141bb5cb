"""Adam with iterate averaging, on a canvas within 0..1 (Kingma & Ba 2014, arXiv:1412.6980)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["adam"]

_BETA1, _BETA2, _EPSILON = 0.9, 0.999, 1e-8
_TINY = float(np.finfo(np.float32).tiny)
# Adam circles around a minimum at the distance of its step; the average of the iterates is nearer.
# Its weights fall by this factor per step (section 7.2 of the paper), bias corrected.
_AVERAGING = 0.95


def adam(
    evaluate: Callable[[np.ndarray], tuple[float, np.ndarray]],
    start: np.ndarray,
    iterations: int,
    step_done: Callable[[], None],
    step: float,
) -> str:
    """Take `iterations` steps of algorithm 1; every canvas and the average go to `evaluate`.

    Differs from the paper in that the canvas is clipped to 0..1 after each step, and that gradients
    are divided by the largest element of the first one: style gradients may be far below the
    paper's absolute ε of 1e-8, and their squares outside of what float32 can hold.

    Args:
        step: how far a pixel moves at most, about, in units of the canvas (0..1).

    Returns:
        "iterations".
    """
    x = start.copy()
    first = np.zeros_like(x)
    second = np.zeros_like(x)
    average = np.zeros_like(x)
    unit = 0.0
    for count in range(1, iterations + 1):
        _, gradient = evaluate(x)
        unit = unit or max(float(np.abs(gradient).max()), _TINY)
        gradient = gradient / np.float32(unit)
        first += (1 - _BETA1) * (gradient - first)
        second += (1 - _BETA2) * (np.square(gradient) - second)
        root = np.sqrt(second / np.float32(1 - _BETA2**count))
        x = x - np.float32(step / (1 - _BETA1**count)) * first / (root + _EPSILON)
        np.clip(x, 0, 1, out=x)
        average += (1 - _AVERAGING) * (x - average)
        step_done()
    evaluate(x)
    evaluate(np.clip(average / np.float32(1 - _AVERAGING**iterations), 0, 1))
    return "iterations"
