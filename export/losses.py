"""The terms of the objective as graph builders: each is a scalar, without its weight.

Every formula that the engine offers is a choice of coefficients for these same terms, so that one
program serves them all; see `engine/formulas.py`.
"""

from __future__ import annotations

import numpy as np

from .graph import Graph, Value

__all__ = [
    "content",
    "gram_per_position",
    "style",
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


def style(b: Graph, gram: Value, target: Value) -> Value:
    """Σ (F Fᵀ / N - A / N_s)²: Gatys et al. 2015, equations 3 and 4, per position.

    The paper compares sums over positions, and so needs a style image of the canvas's size; means
    over positions compare pictures of any two sizes. `target` is A / N_s, (C, C).
    """
    return b.op("SumOfSquares", b.op("Sub", gram, target))


def gram_per_position(b: Graph, features: Value) -> Value:
    """F Fᵀ / N of (1, C, h, w) features, N = h w: the mean of f fᵀ over the positions, (C, C)."""
    return b.op("Div", b.op("Gram", features), _positions(b, features))


def total_variation(b: Graph, image: Value) -> Value:
    """Squared differences of neighbouring pixels, summed over channels, as a mean over pixels.

    Not in the paper; Mahendran & Vedaldi 2015, arXiv:1412.0035, equation 3 with β = 2.
    """
    return b.op("Div", sum_of_variations(b, image), _positions(b, image))


def sum_of_variations(b: Graph, image: Value, core: Value | None = None) -> Value:
    """The same as a sum over pixels: of those within the core, and the neighbours below and to the
    right of each, wherever those are."""
    down, right = (
        b.op("SumOfSquares", within(b, _differences(b, image, axis), _before(b, core, axis)))
        for axis in (2, 3)
    )
    return b.op("Add", down, right)


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
