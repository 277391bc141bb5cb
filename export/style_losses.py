"""What is compared of a style layer: statistics of its features over all positions, and how.

f are the features of one position, C numbers; G = mean of f fᵀ, the Gram matrix per position, and
μ = mean of f. A and ν are those of the style picture. Means over positions compare pictures of any
two sizes, where the paper's sums need a style picture of the canvas's size.

gram         Σ (G - A)²
             Gatys et al. 2015, equations 3 and 4
moments      Σ (μ - ν)² + Σ (σ - τ)², σ² = diag G - μ², τ² = diag A - ν²
             Li et al. 2017, arXiv:1701.01036: what batch normalisation knows of a layer
wasserstein  |μ - ν|² + tr(S + T - 2 (T^½ S T^½)^½), S = G - μ μᵀ, T = A - ν νᵀ
             the squared 2-Wasserstein distance of two normal distributions (Olkin & Pukelsheim
             1982), as crowsonkb/style-transfer-pytorch has it; for X^½ stands (X + c I)^½ - c^½ I
             with c^½ a thousandth of T's size, below which directions are left alone

A statistic is named as its layer is, and the mean by ".mean" behind that. In a region (see
`engine.selection.places_of`) the means over positions are weighted ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import sqrt

import numpy as np

from ..engine.selection import StyleLoss
from .graph import Graph, Value
from .losses import gram_per_position, guided_gram, guided_mean, mean_per_position

__all__ = ["guided", "per_position", "style_term", "totals", "trace_of_root"]

# Added to variances, in squared units of features, whose deviations are 0.1 to 1000: a channel that
# is flat has a gradient.
_FLAT = 1e-5
# Of the style picture's largest deviation: what is smaller than that is not told from nothing.
_SMALL = 1e-3
# How many times as far as the style picture's the canvas's deviations may reach.
_REACH = 4.0


def per_position(
    b: Graph, loss: StyleLoss, place: str, features: Value, guide: Value | None = None
) -> dict[str, Value]:
    """The statistics by name: (C, C) and (C,).

    Args:
        guide: how much each position counts, see `losses.guided_gram`; None is all alike.
    """
    if guide is not None:
        return guided(b, loss, place, features, guide)
    found = {place: gram_per_position(b, features)}
    return found if loss == "gram" else found | {f"{place}.mean": mean_per_position(b, features)}


def guided(
    b: Graph, loss: StyleLoss, place: str, features: Value, guide: Value
) -> dict[str, Value]:
    """The same where positions count by a guide; those of tiles, each with its part of the guide,
    add up to them."""
    found = {place: guided_gram(b, features, guide)}
    return found if loss == "gram" else found | {f"{place}.mean": guided_mean(b, features, guide)}


def totals(b: Graph, loss: StyleLoss, layer: str, features: Value) -> dict[str, Value]:
    """The same as sums, which those of tiles add up to."""
    found = {layer: b.op("Gram", features)}
    return found if loss == "gram" else found | {f"{layer}.mean": b.op("Sums", features)}


def style_term(b: Graph, loss: StyleLoss, layer: str, found: Mapping[str, Value]) -> Value:
    """The term of a layer, a scalar; its targets become inputs.

    Args:
        found: the canvas's statistics, by name.
    """
    return _TERMS[loss](b, layer, found)


def _gram(b: Graph, layer: str, found: Mapping[str, Value]) -> Value:
    return _distance(b, found[layer], f"style.{layer}")


def _moments(b: Graph, layer: str, found: Mapping[str, Value]) -> Value:
    gram, mean = found[layer], found[f"{layer}.mean"]
    target = b.input(f"style.{layer}", gram.shape)
    of_target = b.input(f"style.{layer}.mean", mean.shape)
    deviations = (_deviations(b, *pair) for pair in ((gram, mean), (target, of_target)))
    apart = b.op("SumOfSquares", b.op("Sub", *deviations))
    return b.op("Add", b.op("SumOfSquares", b.op("Sub", mean, of_target)), apart)


def _deviations(b: Graph, gram: Value, mean: Value) -> Value:
    """σ of each channel, (C,)."""
    squares = b.op("ReduceSum", b.op("Mul", gram, _identity(b, gram)), b.constant([1]), keepdims=0)
    variances = b.op("Sub", squares, b.op("Mul", mean, mean))
    # Rounding leaves a flat channel a little below 0.
    positive = b.op("Max", variances, b.constant(0.0))
    return b.op("Sqrt", b.op("Add", positive, b.constant(_FLAT)))


def _wasserstein(b: Graph, layer: str, found: Mapping[str, Value]) -> Value:
    gram, mean = found[layer], found[f"{layer}.mean"]
    apart = _distance(b, mean, f"style.{layer}.mean")
    root = b.input(f"root.{layer}", gram.shape)
    column, row = (b.op("Unsqueeze", mean, b.constant([axis])) for axis in (1, 0))
    covariance = b.op("Sub", gram, b.op("Mul", column, row))
    # The root of X + c I instead of X: it exists to float32's accuracy, and has a slope at 0.
    size = b.op("Sqrt", b.op("SumOfSquares", b.op("MatMul", root, root)))
    small = b.op("Add", b.op("Mul", size, b.constant(_SMALL)), b.constant(_FLAT))
    lifted = b.op("Mul", _identity(b, root), b.op("Mul", small, small))
    product = b.op("Add", b.op("MatMul", b.op("MatMul", root, covariance), root), lifted)
    common = b.op("Sub", trace_of_root(b, product), _times(b, small, int(gram.shape[0])))
    both = b.op("Add", _trace(b, covariance), b.op("SumOfSquares", root))
    return b.op("Add", apart, b.op("Sub", both, _times(b, common, 2)))


def trace_of_root(b: Graph, x: Value) -> Value:
    """tr X^½ of a positive definite matrix, by the coupled iteration of Newton and Schulz (Higham
    2008, Functions of Matrices, equation 6.35): no eigenvalues, products alone.

    It also finds X^-½, half of which is the gradient. The steps are scaled as by Chen & Chow 2014,
    "A Stable Scaling of Newton-Schulz for Improving the Sign Function Computation": half as many.
    """
    size = b.op("Sqrt", b.op("SumOfSquares", x))
    identity = _identity(b, x)
    three = _times(b, identity, 3)
    y, z = b.op("Div", x, size), identity
    for scale in _scales(_SMALL / _REACH):
        product = _times(b, b.op("MatMul", z, y), scale**2)
        factor = _times(b, b.op("Sub", three, product), scale / 2)
        y, z = b.op("MatMul", y, factor), b.op("MatMul", factor, z)
    length = b.op("Sqrt", size)
    slope = _times(b, b.op("Div", z, length), 0.5)
    return b.op("Linearized", b.op("Mul", _trace(b, y), length), x, slope)


def _scales(smallest: float) -> list[float]:
    """Of steps that bring all between `smallest` and 1 to 1, as near as float32 has it."""
    found = []
    while smallest < 1 - 1e-6:
        scale = sqrt(3 / (1 + smallest + smallest**2))
        smallest = scale / 2 * smallest * (3 - (scale * smallest) ** 2)
        found.append(scale)
    return found


def _times(b: Graph, x: Value, factor: float) -> Value:
    return b.op("Mul", x, b.constant(float(factor)))


def _trace(b: Graph, x: Value) -> Value:
    rows = b.op("ReduceSum", b.op("Mul", x, _identity(b, x)), b.constant([1]), keepdims=0)
    return b.op("ReduceSum", rows, b.constant([0]), keepdims=0)


def _identity(b: Graph, like: Value) -> Value:
    """1 on the diagonal: made of two short lists, for a matrix of constants would be as large as
    what it is multiplied with."""
    places = np.arange(int(like.shape[0]))
    same = b.op("Equal", b.constant(places[:, None]), b.constant(places[None]))
    return b.op("Cast", same, to="float")


def _distance(b: Graph, x: Value, target: str) -> Value:
    return b.op("SumOfSquares", b.op("Sub", x, b.input(target, x.shape)))


_TERMS: Mapping[StyleLoss, Callable[[Graph, str, Mapping[str, Value]], Value]] = {
    "gram": _gram,
    "moments": _moments,
    "wasserstein": _wasserstein,
}
