"""The terms of the objective as graph builders: each is a scalar, without its weight.

Every formula that the engine offers is a choice of coefficients for these same terms, so that one
program serves them all; see `engine/formulas.py`.
"""

from __future__ import annotations

import numpy as np

from .graph import Graph, Value

__all__ = ["content", "gram_per_position", "style", "total_variation"]


def content(b: Graph, features: Value, target: Value) -> Value:
    """Σ (F - T)²: Gatys et al. 2015, equation 1, without its ½."""
    return b.op("SumOfSquares", b.op("Sub", features, target))


def style(b: Graph, features: Value, target: Value) -> Value:
    """Σ (F Fᵀ / N - A / N_s)²: Gatys et al. 2015, equations 3 and 4, per position.

    The paper compares sums over positions, and so needs a style image of the canvas's size; means
    over positions compare pictures of any two sizes. `target` is A / N_s, (C, C).
    """
    return b.op("SumOfSquares", b.op("Sub", gram_per_position(b, features), target))


def gram_per_position(b: Graph, features: Value) -> Value:
    """F Fᵀ / N of (1, C, h, w) features, N = h w: the mean of f fᵀ over the positions, (C, C)."""
    return b.op("Div", b.op("Gram", features), _positions(b, features))


def total_variation(b: Graph, image: Value) -> Value:
    """Squared differences of neighbouring pixels, summed over channels, as a mean over pixels.

    Not in the paper; Mahendran & Vedaldi 2015, arXiv:1412.0035, equation 3 with β = 2.
    """
    down, right = (b.op("SumOfSquares", _differences(b, image, axis)) for axis in (2, 3))
    return b.op("Div", b.op("Add", down, right), _positions(b, image))


def _positions(b: Graph, x: Value) -> Value:
    """h w of (1, C, h, w), as a float."""
    height, width = x.shape[2:]
    if isinstance(height, int) and isinstance(width, int):
        return b.constant(float(height * width))
    elements = b.op("Cast", b.op("Size", x), to="float")
    return b.op("Div", elements, b.constant(float(x.shape[1])))


def _differences(b: Graph, image: Value, axis: int) -> Value:
    """x[i + 1] - x[i] along the axis."""
    open_end = int(np.iinfo(np.int64).max)
    after, before = (
        b.op("Slice", image, *(b.constant([part]) for part in (start, end, axis, 1)))
        for start, end in ((1, open_end), (0, -1))
    )
    return b.op("Sub", after, before)
