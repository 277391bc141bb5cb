"""Where the objective is soft: L-BFGS begins its inverse Hessian here, not with the identity.

Edges and textures decide what a network sees, and hardly the colour that a whole area has: along
changes of less than a wave in 50 pixels or so the objective is some thirty times as soft as along
others (measured: steps over changes of the gradient, by frequency). L-BFGS begins with one length
for all directions, that of the stiff ones, and takes a hundred steps to learn of the soft ones what
is known before the first. So it begins with

    S = 1 + Bᵀ B

instead, where a row of B is a hat: 1 at one of its nodes, which are 24 pixels apart, falling to 0
at the next ones, in each colour for itself. Bᵀ B is `GAIN` on a grey canvas, half of that on waves
of 80 pixels, and nothing on those below 24. Whatever B is, S is positive definite, as a line search
needs it; so what the pairs have learnt is as true as before.
"""

from __future__ import annotations

import numpy as np

__all__ = ["Softness"]

# Between the nodes, in pixels: 16 and 32 need up to 3 % more steps.
_SPACING = 24
# 15 and 60 are about as good.
_GAIN = 30.0


class Softness:
    """B for a canvas of this shape, (H, W, 3); see the module."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape
        height, width = shape[:2]
        nodes = (_nodes(height), _nodes(width), *shape[2:])
        self._nodes = nodes
        # Of pixels between two nodes, the weights of the one before and of the one behind.
        behind = (np.arange(_SPACING, dtype=np.float32) + 0.5) / _SPACING
        factor = np.float32(np.sqrt(_GAIN) / _SPACING)
        self._weights = np.stack([1 - behind, behind]) * np.sqrt(factor)

    @property
    def size(self) -> int:
        """Numbers that B leaves of a canvas, about one of 576."""
        return int(np.prod(self._nodes))

    def of(self, canvas: np.ndarray) -> np.ndarray:
        """B times a canvas of as many numbers: (size,), float32."""
        height, width = self.shape[:2]
        lines = canvas.reshape(height, -1)
        columns = np.zeros((self._nodes[0], lines.shape[1]), np.float32)
        for node, first in enumerate(range(0, height, _SPACING)):
            band = lines[first : first + _SPACING]
            columns[node : node + 2] += self._weights[:, : len(band)] @ band
        pixels = columns.reshape(len(columns), width, -1)
        found = np.zeros(self._nodes, np.float32)
        for node, first in enumerate(range(0, width, _SPACING)):
            band = pixels[:, first : first + _SPACING]
            found[:, node : node + 2] += self._weights[:, : band.shape[1]] @ band
        return found.reshape(-1)

    def spread(self, found: np.ndarray, canvas: np.ndarray) -> None:
        """Write Bᵀ times (size,) numbers over a canvas."""
        height, width = self.shape[:2]
        found = found.reshape(self._nodes)
        pixels = np.empty((len(found), width, *self.shape[2:]), np.float32)
        for node, first in enumerate(range(0, width, _SPACING)):
            band = pixels[:, first : first + _SPACING]
            band[...] = self._weights.T[: band.shape[1]] @ found[:, node : node + 2]
        columns = pixels.reshape(len(pixels), -1)
        lines = canvas.reshape(height, -1)
        for node, first in enumerate(range(0, height, _SPACING)):
            band = lines[first : first + _SPACING]
            np.matmul(self._weights.T[: len(band)], columns[node : node + 2], out=band)


def _nodes(side: int) -> int:
    """One before each piece of `_SPACING` pixels, and one behind the last."""
    return -(-side // _SPACING) + 1
