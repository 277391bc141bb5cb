"""The objective at one canvas size.

Loss and gradient of a canvas, for optimisers, hosts and tests.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from .errors import OptionsError
from .session import Session
from .stop import Stop

__all__ = ["Evaluation", "Objective", "to_canvas", "to_image"]


class Evaluation(NamedTuple):
    """Loss, its gradient (H, W, 3) float32, and its weighted terms by name.

    They sum to the loss.
    """

    loss: float
    gradient: np.ndarray
    terms: dict[str, float]


def to_image(canvas: np.ndarray) -> np.ndarray:
    """(H, W, 3) -> the network's (1, 3, H, W), contiguous float32."""
    return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], np.float32)


def to_canvas(image: np.ndarray) -> np.ndarray:
    """(1, 3, H, W) -> (H, W, 3), contiguous."""
    return np.ascontiguousarray(image[0].transpose(1, 2, 0))


class Objective:
    """The function that the canvas is moved down on; see `formulas` for what it is.

    Args:
        session: the objective program.
        targets: its inputs besides the canvas and the coefficients, by name.
        coefficients: one factor per term.
        names: name of each term, such as "content.relu4_2", "style.relu1_1", "tv".
        shape: (height, width) of the canvas that the targets were made for.
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
        self._feeds = {**targets, "coefficients": coefficients}
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
        """Every term of the loss, multiplied by its coefficient: they sum to the loss.

        Without the gradient: less than half the work of `evaluate`.
        """
        return self._named(self._run(canvas, ["terms"], None)["terms"])

    def measure(self, canvas: np.ndarray, stop: Stop | None = None) -> Evaluation:
        """All of it at once; `stop` may end the evaluation early (`Stopped`)."""
        results = self._run(canvas, ["gradient", "terms"], stop)
        terms = self._named(results["terms"])
        return Evaluation(sum(terms.values()), to_canvas(results["gradient"]), terms)

    def _named(self, terms: np.ndarray) -> dict[str, float]:
        return {name: float(value) for name, value in zip(self._names, terms, strict=True)}

    def _run(
        self, canvas: np.ndarray, outputs: list[str], stop: Stop | None
    ) -> dict[str, np.ndarray]:
        shape = (*self.shape, 3)
        if np.shape(canvas) != shape:
            raise OptionsError(f"the canvas must have the shape {shape}, not {np.shape(canvas)}")
        return self._session.run(
            {"image": to_image(np.asarray(canvas)), **self._feeds}, outputs, stop
        )
