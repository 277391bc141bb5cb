"""What an evaluation costs in time, in units of its own: for choosing between ways to compute it.

A convolution at one position costs its multiplications, and the numbers that it moves through the
memory. The second weighs as much as the first in the whole of a VGG, and far more in its first
layers (measured: those up to pool2 have a third of VGG16's multiplications and take half of the
time).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np

from .layers import weight_of
from .programs import Selection
from .tiles import Tiling

__all__ = ["Costs"]

# Moving one number costs as much as so many multiplications.
_MOVE = 650
# Masking a tile's core, of a forward and a backward pass in front: measured.
_MASKING = 1.05


@dataclass(frozen=True)
class Costs:
    """The work for each pixel of a forward pass through each layer, by name, in their order."""

    layers: Mapping[str, float]

    @classmethod
    def of(cls, weights: Mapping[str, np.ndarray], strides: Mapping[str, int]) -> Costs:
        """Of a network: its weights by name, and the stride of each of its layers."""
        found: dict[str, float] = {}
        for layer, stride in strides.items():
            weight = weight_of(weights, layer)
            outputs, inputs = (0, 0) if weight is None else weight.shape[:2]
            moved = _MOVE * (outputs + inputs)
            found[layer] = (9 * outputs * inputs + moved) / stride**2
        return cls(found)

    def evaluation(
        self,
        selection: Selection,
        tiling: Tiling | None,
        shape: tuple[int, int],
        workers: int = 1,
    ) -> float:
        """Of loss and gradient of a canvas of this (height, width).

        Args:
            selection: with the joint of the tiling.
            workers: that compute tiles at the same time.
        """
        whole = self._up_to(selection.layers)
        if tiling is None:
            return 2 * shape[0] * shape[1] * whole
        height, width = tiling.size(shape)
        down, across = tiling.counts(shape)
        tiled = _MASKING * ceil(down * across / workers) * height * width
        front = min(self._up_to([tiling.joint]), whole)
        if front < whole:
            return 3 * tiled * front + 2 * shape[0] * shape[1] * (whole - front)
        return tiled * (self._up_to(selection.style_layers) + 2 * whole)

    def targets(self, selection: Selection, shape: tuple[int, int]) -> float:
        """Of looking at a content picture and a style picture of that size."""
        pictures = (selection.content_layers, selection.style_layers)
        return shape[0] * shape[1] * sum(map(self._up_to, pictures))

    def _up_to(self, wanted: Sequence[str]) -> float:
        """A forward pass through the deepest of these layers and all before it, a pixel."""
        names = list(self.layers)
        count = max((names.index(layer) + 1 for layer in wanted), default=0)
        return sum(self.layers[name] for name in names[:count])
