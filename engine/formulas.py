"""The objective's formulas: the coefficient of each term of the program.

The program computes, for a canvas with features F (C x N at each layer):

    loss = Σ_content a_l Σ (F_l - T_l)² + Σ_style b_l Σ (F_l F_lᵀ / N_l - A_l / N_s,l)² + c · tv

and every formula is a choice of a, b and c. W is `content_weight`, S `style_weight` (where none is
given, that of `DEFAULT_STYLE_WEIGHTS`), V `tv_weight`; the layers' own weights are u_l (content)
and w_l (style, times `style_falloff` to the power of the layer's place, scaled to sum to 1); the
canvas has P pixels.

In a region (see `regions`) the sum over style layers has a term for each region r, with G and A of
that region and b_l times the region's share of the canvas: as strong, in each of its pixels, as
where there are no regions.

Where the style loss is another than "gram", the second sum is of that distance, in squared units of
features (see `export.style_losses`), and b_l = S w_l / (tr A / N_s + ε) in every formula: that is
about its distance from features that are all 0.

relative, the default: each term is divided by the size of its own target.
    a_l = W u_l / (Σ T² + ε)        b_l = S w_l / (Σ (A / N_s)² + ε)        c = V
gatys: Gatys et al. 2015, equations 1, 4, 5 and 7, over means instead of sums over positions, so
that style and canvas may have different sizes; where they have the same it is the paper's formula.
    a_l = W u_l / 2                 b_l = S w_l / (4 C²)                    c = V
neuralart: ckmarkoh/neuralart_tensorflow, whose content term alone differs from the paper's.
    a_l = W u_l / (2 √C √N)         b_l = S w_l / (4 C²)                    c = V
johnson: jcjohnson/neural-style: means of squares, of Gram matrices divided by C N; and half of the
sum of squared differences of pixels in 0..255, of which theirs has the gradient alone.
    a_l = W u_l / (C N)             b_l = S w_l / C⁴                        c = V 255² P / 2
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np

from .options import Formula, Options
from .selection import layer_of, region_of

__all__ = ["Extent", "coefficients", "shares_of", "size_of_style"]

# Guards a target of zeros (a dead layer, or a black picture): far below any real target, which has
# the order of its number of elements, and far above float32's smallest number.
_EPSILON = 1e-8


class Extent(NamedTuple):
    """Of the features that a content layer is to match: Σ T², channels C and positions N."""

    squares: float
    channels: int
    positions: int


def coefficients(
    options: Options,
    content: Mapping[str, Extent],
    style: Mapping[str, np.ndarray],
    pixels: int,
    areas: Sequence[float] = (),
) -> dict[str, float]:
    """The factor of each term by its name: "content.<layer>", "style.<place>", "tv".

    Args:
        content: of the features to match, by layer.
        style: Gram matrices per position to match by place (see `selection.places_of`), (C, C), in
            the network's order; what else is to be matched is not looked at.
        pixels: of the canvas.
        areas: the share of the canvas that each region has.
    """
    formula = options.objective
    of_style = _STYLE[formula] if options.style_loss == "gram" else _per_trace
    factors = {
        f"content.{layer}": options.content_weight
        * options.content_layers[layer]
        * _CONTENT[formula](extent)
        for layer, extent in content.items()
    }
    for place, share in shares_of(options, style).items():
        region = region_of(place)
        area = 1.0 if region is None else areas[region]
        factors[f"style.{place}"] = options.style_factor * area * share * of_style(style[place])
    unit = 255**2 * pixels / 2 if formula == "johnson" else 1
    return factors | {"tv": options.tv_weight * unit}


def shares_of(options: Options, style: Mapping[str, np.ndarray]) -> dict[str, float]:
    """The weight w of each place's layer; those of the layers sum to 1.

    Args:
        style: as of `coefficients`.
    """
    places = [name for name in style if "." not in name]
    layers = dict.fromkeys(map(layer_of, places))
    weights = {
        layer: options.style_layers[layer] * options.style_falloff**number
        for number, layer in enumerate(layers)
    }
    total = sum(weights.values())
    return {place: weights[layer_of(place)] / total for place in places}


def size_of_style(options: Options, target: np.ndarray) -> float:
    """What the term of a Gram matrix per position is, without its coefficient, where all features
    of the canvas are 0."""
    return _squares(target) if options.style_loss == "gram" else _trace(target)


def _squares(target: np.ndarray) -> float:
    return float(np.sum(np.square(target), dtype=np.float64))


def _trace(target: np.ndarray) -> float:
    return float(np.trace(target, dtype=np.float64))


def _per_size(target: np.ndarray) -> float:
    return 1 / (_squares(target) + _EPSILON)


def _per_trace(target: np.ndarray) -> float:
    return 1 / (_trace(target) + _EPSILON)


def _per_pair(target: np.ndarray) -> float:
    return 1 / (4 * float(target.shape[0]) ** 2)


_CONTENT: Mapping[Formula, Callable[[Extent], float]] = {
    "relative": lambda extent: 1 / (extent.squares + _EPSILON),
    "gatys": lambda extent: 0.5,
    "neuralart": lambda extent: 1 / (2 * sqrt(extent.channels) * sqrt(extent.positions)),
    "johnson": lambda extent: 1 / (extent.channels * extent.positions),
}
_STYLE: Mapping[Formula, Callable[[np.ndarray], float]] = {
    "relative": _per_size,
    "gatys": _per_pair,
    "neuralart": _per_pair,
    "johnson": lambda target: 1 / float(target.shape[0]) ** 4,
}
