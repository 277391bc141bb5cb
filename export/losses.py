"""The terms of the objective as graph builders: each is a scalar, without its weight.

Every formula that the engine offers is a choice of coefficients for these same terms, so that one
program serves them all; see `engine/formulas.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ..engine.selection import Variation
from .graph import Graph, Value

__all__ = [
    "content",
    "gram_per_position",
    "guided_gram",
    "guided_mean",
    "mean_per_position",
    "sum_of_variations",
    "total_variation",
    "within",
]

_OPEN_END = int(np.iinfo(np.int64).max)


def content(b: Graph, features: Value, target: Value, core: Value | None = None) -> Value:
    """Σ (F - T)²: Gatys et al. 2015, equation 1, without its ½.

    Args:
        core: (1, 1, h, w), 1 for the positions that count and 0 for the others; None is all.
    """
    return b.op("SumOfSquares", within(b, b.op("Sub", features, target), core))


def gram_per_position(b: Graph, features: Value) -> Value:
    """F Fᵀ / N of (1, C, h, w) features, N = h w: the mean of f fᵀ over the positions, (C, C)."""
    return b.op("Div", b.op("Gram", features), _positions(b, features))


def guided_gram(b: Graph, features: Value, guide: Value) -> Value:
    """Σ t² f fᵀ over the positions, (C, C): Gatys et al. 2016, arXiv:1611.07865, equation 9.

    Args:
        guide: t, (1, 1, h, w), whose squares sum to 1: this is a mean weighted by t².
    """
    return b.op("Gram", within(b, features, guide))


def guided_mean(b: Graph, features: Value, guide: Value) -> Value:
    """Σ t² f likewise, (C,)."""
    return b.op("Sums", within(b, features, b.op("Mul", guide, guide)))


def mean_per_position(b: Graph, features: Value) -> Value:
    """The mean of f over the positions of (1, C, h, w) features, (C,)."""
    return b.op("Div", b.op("Sums", features), _positions(b, features))


def total_variation(b: Graph, image: Value, variation: Variation) -> Value:
    """Differences of neighbouring pixels, summed over channels, as a mean over pixels.

    Not in the paper. "squared": their squares, Mahendran & Vedaldi 2015, arXiv:1412.0035, equation
    3 with β = 2. "absolute": their absolute values, Rudin, Osher & Fatemi 1992 along each axis,
    which lets edges stay.
    """
    return b.op("Div", sum_of_variations(b, image, variation), _positions(b, image))


def sum_of_variations(
    b: Graph, image: Value, variation: Variation, core: Value | None = None
) -> Value:
    """The same as a sum over pixels: of those within the core, and the neighbours below and to the
    right of each, wherever those are."""
    down, right = (
        _SUMS[variation](b, within(b, _differences(b, image, axis), _before(b, core, axis)))
        for axis in (2, 3)
    )
    return b.op("Add", down, right)


def _sum_of_squares(b: Graph, x: Value) -> Value:
    return b.op("SumOfSquares", x)


def _sum_of_sizes(b: Graph, x: Value) -> Value:
    """One axis after the other: see the direct lowering of `SumOfSquares`."""
    total = b.op("Abs", x)
    while total.shape:
        total = b.op("ReduceSum", total, b.constant([-1]), keepdims=0)
    return total


_SUMS: Mapping[Variation, Callable[[Graph, Value], Value]] = {
    "squared": _sum_of_squares,
    "absolute": _sum_of_sizes,
}


def within(b: Graph, features: Value, core: Value | None) -> Value:
    """The features with zeros outside of the core; see `content`.

    The core stands on the right, where the tiled lowering knows it.
    """
    return features if core is None else b.op("Mul", features, core)


def _positions(b: Graph, x: Value) -> Value:
    """h w of (1, C, h, w), as a float."""
    height, width = x.shape[2:]
    if isinstance(height, int) and isinstance(width, int):
        return b.constant(float(height * width))
    elements = b.op("Cast", b.op("Size", x), to="float")
    return b.op("Div", elements, b.constant(float(x.shape[1])))


def _differences(b: Graph, image: Value, axis: int) -> Value:
    """x[i + 1] - x[i] along the axis."""
    return b.op("Sub", _cut(b, image, axis, 1, _OPEN_END), _cut(b, image, axis, 0, -1))


def _before(b: Graph, core: Value | None, axis: int) -> Value | None:
    """Whether the first of two neighbours is in the core."""
    return None if core is None else _cut(b, core, axis, 0, -1)


def _cut(b: Graph, x: Value, axis: int, start: int, end: int) -> Value:
    return b.op("Slice", x, *(b.constant([part]) for part in (start, end, axis, 1)))
