"""The objective at one canvas size: loss and gradient, for optimisers, hosts and tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from .balance import Part, Pull, balanced, norm_of, uneven
from .checks import number
from .errors import OptionsError
from .stop import Stop

__all__ = ["Evaluation", "Evaluator", "Objective"]

_LARGEST = float(np.finfo(np.float32).max)


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

    @property
    def coefficients(self) -> Mapping[str, float]:
        """The factor of each term by its name."""

    def weighed(self, coefficients: Mapping[str, float]) -> Evaluator:
        """The same with other coefficients of the same terms, in the same order; all else is
        shared."""

    def run(self, canvas: np.ndarray, stop: Stop) -> tuple[np.ndarray, Mapping[str, float]]:
        """The gradient by a canvas of that shape, and the terms by name: see `Evaluation`."""


class Objective:
    """The function that the canvas is moved down on; see `formulas` for what it is.

    Args:
        evaluator: how it is computed.
        parts: what its terms are beside others of their kind, by name: see `balance`.
    """

    def __init__(self, evaluator: Evaluator, parts: Mapping[str, Part]) -> None:
        self._evaluator = evaluator
        self._parts = parts

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the canvas that it was made for."""
        return self._evaluator.shape

    @property
    def coefficients(self) -> dict[str, float]:
        """The factor of each term by its name, such as "content.relu4_2", "style.relu1_1", "tv"."""
        return dict(self._evaluator.coefficients)

    def weighed(self, coefficients: Mapping[str, float]) -> Objective:
        """The same terms with other coefficients, at least 0.

        Raises:
            OptionsError: they are not those of all its terms, or one is no such number.
        """
        known = self.coefficients
        if not isinstance(coefficients, Mapping) or coefficients.keys() != known.keys():
            raise OptionsError(f"the coefficients must be those of {', '.join(known)}")
        ordered = {name: number(name, coefficients[name], 0, _LARGEST) for name in known}
        return Objective(self._evaluator.weighed(ordered), self._parts)

    def balanced(self, canvas: np.ndarray, stop: Stop | None = None) -> Objective:
        """The same terms with coefficients by which, at this canvas, those of one kind pull as
        strongly as the weights of their layers say; see `balance`.

        It takes an evaluation for each such term, unless it is the only one of its kind.

        Args:
            canvas: as of `evaluate`.
            stop: may end it early (`Stopped`).
        """
        known = self.coefficients
        pulls = {}
        for name in uneven(known, self._parts):
            alone = {**dict.fromkeys(known, 0.0), name: known[name]}
            _, gradient, terms = self.weighed(alone).measure(canvas, stop)
            pulls[name] = Pull(terms[name], norm_of(gradient))
        return self.weighed(balanced(known, self._parts, pulls))

    def evaluate(self, canvas: np.ndarray) -> tuple[float, np.ndarray]:
        """Loss and gradient.

        Args:
            canvas: (H, W, 3) float32, RGB in 0..1; not modified.

        Returns:
            The loss, and its gradient by the canvas: (H, W, 3) float32.

        Raises:
            OptionsError: the canvas has another shape than the targets were made for, or is not of
                finite floats.
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
        canvas, shape = np.asarray(canvas), (*self.shape, 3)
        if canvas.shape != shape:
            raise OptionsError(f"the canvas must have the shape {shape}, not {canvas.shape}")
        if canvas.dtype.kind != "f" or not np.isfinite(canvas).all():
            # A ReLU may make a number of what is none, and nobody would know.
            raise OptionsError("the canvas must be of finite floats")
        gradient, terms = self._evaluator.run(canvas, stop or Stop())
        return Evaluation(sum(terms.values()), gradient, dict(terms))
