"""The objective at one canvas size: loss and gradient, for optimisers, hosts and tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .errors import OptionsError
from .pixels import to_canvas, to_image
from .session import Session
from .stop import Stop

__all__ = ["Evaluation", "Objective"]


class Evaluation(NamedTuple):
    """Loss, its gradient (H, W, 3) float32, and its weighted terms by name, which sum to it."""

    loss: float
    gradient: np.ndarray
    terms: dict[str, float]


class Objective:
    """The function that the canvas is moved down on; see `formulas` for what it is.

    Args:
        session: the objective program.
        targets: its inputs besides the canvas and the coefficients, by name. They and the
            coefficients are put on the session's device once; the canvas goes there for each
            evaluation, and its gradient and the terms come back.
        coefficients: one factor per term.
        names: name of each term, such as "content.relu4_2", "style.relu1_1", "tv".
        shape: (height, width) of the canvas that the targets were made for.

    Raises:
        MemoryLimit: the device has no memory for the targets.
    """

    def __init__(
        self,
        session: Session,
        targets: Mapping[str, np.ndarray],
        coefficients: np.ndarray,
        names: Sequence[str],
        shape: tuple[int, int],
    ) -> None:
        self._session = session
        self._placed = session.place({**targets, "coefficients": coefficients})
        self._names = tuple(names)
        self.shape = shape

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
        feeds = {"image": to_image(np.asarray(canvas)), **self._placed}
        results = self._session.run(feeds, ["gradient", "terms"], stop)
        terms = dict(zip(self._names, map(float, results["terms"]), strict=True))
        return Evaluation(sum(terms.values()), to_canvas(results["gradient"]), terms)
