"""Where the objective is soft: what L-BFGS is told of its inverse Hessian before the first step.

Edges and textures decide what a network sees, and the colour that a whole area has hardly does:
along waves of more than 24 pixels the objective is about twenty times as soft as along others (see
docs/performance.md). L-BFGS usually begins with one length for all directions, which is that of the
stiff ones, and learns of the soft ones in some hundred steps. Here it begins with

    S = 1 + B'B

instead, where a row of B is a hat: greatest at one of its nodes, which are 24 pixels apart, falling
to 0 at the next ones, for each colour. B'B multiplies a canvas of one colour by 30, waves of 80
pixels by 16, and what is finer than 24 by next to nothing. Whatever B is, S is positive definite,
as a line search needs it.

That holds where a content picture says which areas are light: without one, as for a texture, the
whole canvas would take a share of the style's darkness in its middle, say, and of its light along
the frame, for which a step is soon enough, and stay so. There S is 1.
"""

from __future__ import annotations

import numpy as np

from .options import Options

__all__ = ["Softness", "tells_areas"]

# Between the nodes, in pixels: 16 and 32 are about as good.
_SPACING = 24
# Of a canvas of one colour: 15 and 60 are about as good.
_GAIN = 30.0


def tells_areas(options: Options) -> bool:
    """Whether a content picture says which areas are light."""
    return bool(options.content_layers) and options.content_weight > 0


class Softness:
    """B for canvases of one shape, (H, W, 3).

    B'B is the product of two such matrices, of one column of pixels and of one line, so lines are
    weighed first, band by band between two nodes, and then what is left of the columns.
    """

    def __init__(self, shape: tuple[int, ...], gain: float = _GAIN) -> None:
        """
        Args:
            gain: of a canvas of one colour; with 0, S is 1.
        """
        self.shape = shape
        height, width = shape[:2]
        nodes = (_nodes(height), _nodes(width), *shape[2:])
        self._nodes = nodes
        # Of pixels between two nodes, the weights of the one before and of the one behind.
        behind = (np.arange(_SPACING, dtype=np.float32) + 0.5) / _SPACING
        factor = np.float32(np.sqrt(gain) / _SPACING)
        self._weights = np.stack([1 - behind, behind]) * np.sqrt(factor)

    @property
    def size(self) -> int:
        """Numbers that B leaves of a canvas, about one of 576."""
        return int(np.prod(self._nodes))

    def of(self, canvas: np.ndarray) -> np.ndarray:
        """B times a canvas, which may be flat: (size,), float32."""
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
        """Write B' times (size,) numbers over a canvas, which may be flat."""
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
