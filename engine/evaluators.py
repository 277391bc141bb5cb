"""The two ways to compute an objective: the whole canvas at once, and tile by tile."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import numpy as np

from .front import Front
from .pixels import to_canvas, to_image
from .session import Session
from .stop import Stop
from .tile_runner import Given

__all__ = ["TiledCanvas", "WholeCanvas"]


class WholeCanvas:
    """One run of the objective program.

    Args:
        session: the objective program.
        targets: its inputs besides the canvas and the coefficients, by name. They and the
            coefficients are put on the session's device once; the canvas goes there for each
            evaluation, and its gradient and the terms come back.
        coefficients: the factor of each term by its name, such as "content.relu4_2",
            "style.relu1_1", "tv", in the program's order.
        shape: (height, width) of the canvas that the targets were made for.

    Raises:
        MemoryLimit: the device has no memory for the targets.
    """

    def __init__(
        self,
        session: Session,
        targets: Mapping[str, np.ndarray],
        coefficients: Mapping[str, float],
        shape: tuple[int, int],
    ) -> None:
        self.shape = shape
        self.coefficients = coefficients
        self._session = session
        self._placed = session.place({**targets, "coefficients": _vector(coefficients)})

    def weighed(self, coefficients: Mapping[str, float]) -> WholeCanvas:
        """See `Evaluator`."""
        other = copy(self)
        other.coefficients = coefficients
        placed = self._session.place({"coefficients": _vector(coefficients)})
        other._placed = {**self._placed, **placed}
        return other

    def run(self, canvas: np.ndarray, stop: Stop) -> tuple[np.ndarray, dict[str, float]]:
        """See `Evaluator`."""
        feeds = {"image": to_image(canvas), **self._placed}
        found = self._session.run(feeds, ["gradient", "terms"], stop)
        terms = dict(zip(self.coefficients, map(float, found["terms"]), strict=True))
        return to_canvas(found["gradient"]), terms


class TiledCanvas:
    """The front tile by tile, the rest as one program: the same in less memory.

    Args:
        front: the network's front on the canvas.
        rest: the objective program from the joint on; None where no term needs it.
        tiled: the features to match in the layers in front; see `Front.features`.
        content: those of the layers behind, (1, C, h, w) by layer.
        style: what is to be matched of the style layers, by the names of the program's inputs.
        coefficients: the factor of each term by its name: "content.<layer>", "style.<layer>", "tv".
        shape: (height, width) of the canvas.
    """

    def __init__(
        self,
        front: Front,
        rest: Session | None,
        tiled: Given,
        content: Mapping[str, np.ndarray],
        style: Mapping[str, np.ndarray],
        coefficients: Mapping[str, float],
        shape: tuple[int, int],
    ) -> None:
        self.shape = shape
        self._front = front
        self._rest = rest
        self._tiled = tiled
        self._targets = dict(style) if rest else {}
        for layer, features in content.items() if rest else ():
            self._targets[f"content.{layer}"] = features
        self._weigh(coefficients)

    def _weigh(self, coefficients: Mapping[str, float]) -> None:
        """Share out the coefficients to the front and the rest."""
        self.coefficients = coefficients
        own = [*(f"content.{layer}" for layer in self._front.selection.content_layers), "tv"]
        self._own = {name: coefficients[name] for name in own}
        self._others = {name: value for name, value in coefficients.items() if name not in own}

    def weighed(self, coefficients: Mapping[str, float]) -> TiledCanvas:
        """See `Evaluator`."""
        other = copy(self)
        other._weigh(coefficients)
        return other

    def run(self, canvas: np.ndarray, stop: Stop) -> tuple[np.ndarray, dict[str, float]]:
        """See `Evaluator`."""
        crops = self._front.crops(canvas)
        grams, joined = self._front.sums(crops, stop)
        terms, by_grams, by_joined = self._run_rest(grams, joined, stop)
        del joined
        own = np.fromiter(self._own.values(), np.float64)
        gradient, found = self._front.pull_back(crops, self._tiled, own, by_grams, by_joined, stop)
        terms |= dict(zip(self._own, map(float, found), strict=True))
        return gradient, {name: terms[name] for name in self.coefficients}

    def _run_rest(
        self, grams: Mapping[str, np.ndarray], joined: np.ndarray | None, stop: Stop
    ) -> tuple[dict[str, float], dict[str, np.ndarray], np.ndarray | None]:
        """Terms, and the gradients by the statistics and by the features at the joint."""
        if self._rest is None:
            return {}, {}, None
        feeds = {**self._targets, **{f"found.{name}": value for name, value in grams.items()}}
        feeds["coefficients"] = _vector(self._others)
        names = ["terms", *(f"gradient.{name}" for name in grams)]
        if joined is not None:
            feeds["joined"] = joined
            names.append("gradient")
        found = self._rest.run(feeds, names, stop, gives_back=True)
        terms = dict(zip(self._others, map(float, found["terms"]), strict=True))
        by_grams = {name: found[f"gradient.{name}"] for name in grams}
        return terms, by_grams, found.get("gradient")


def _vector(coefficients: Mapping[str, float]) -> np.ndarray:
    return np.fromiter(coefficients.values(), np.float32)
