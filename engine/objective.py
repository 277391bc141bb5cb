"""The objective at one canvas size: loss and gradient, for optimisers, hosts and tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from .errors import OptionsError
from .stop import Stop

__all__ = ["Evaluation", "Evaluator", "Objective"]


class Evaluation(NamedTuple):
    """Loss, its gradient (H, W, 3) float32, and its weighted terms by name, which sum to it."""

    loss: float
    gradient: np.ndarray
    terms: dict[str, float]


class Evaluator(Protocol):
    """How an objective is computed: the whole canvas at once, or tile by tile."""

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the canvas."""

    def run(self, canvas: np.ndarray, stop: Stop) -> tuple[np.ndarray, Mapping[str, float]]:
        """The gradient by a canvas of that shape, and the terms by name: see `Evaluation`."""


class Objective:
    """The function that the canvas is moved down on; see `formulas` for what it is."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the canvas that it was made for."""
        return self._evaluator.shape

    def evaluate(self, canvas: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient.

        Args:
            canvas: (H, W, 3) float32, RGB in 0..1; not modified.

        Returns:
            The loss, and its gradient by the canvas: (H, W, 3) float32.

        Raises:
            OptionsError: the canvas has another shape than the targets were made for.
            MemoryLimit: the memory for this size could not be had.
        """
        evaluation = self.measure(canvas)
        return evaluation.loss, evaluation.gradient

    def terms(self, canvas: np.ndarray) -> dict[str, float]:
        """Every term of the loss by name, multiplied by its coefficient: they sum to the loss.

        It costs as much as `evaluate`: the gradient is computed all the same.
        """
        return self.measure(canvas).terms

    def measure(self, canvas: np.ndarray, stop: Stop | None = None) -> Evaluation:
        """All of it at once; `stop` may end the evaluation early (`Stopped`)."""
        shape = (*self.shape, 3)
        if np.shape(canvas) != shape:
            raise OptionsError(f"the canvas must have the shape {shape}, not {np.shape(canvas)}")
        gradient, terms = self._evaluator.run(np.asarray(canvas), stop or Stop())
        return Evaluation(sum(terms.values()), gradient, dict(terms))
