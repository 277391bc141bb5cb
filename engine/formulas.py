"""The objective's formulas: the coefficient of each term of the program.

The program computes, for a canvas with features F (C x N at each layer):

    loss = Σ_content a_l Σ (F_l - T_l)² + Σ_style b_l Σ (F_l F_lᵀ / N_l - A_l / N_s,l)² + c · tv

and every formula is a choice of a, b and c. W is `content_weight`, S `style_weight` (where none is
given, that of `DEFAULT_STYLE_WEIGHTS`), V `tv_weight`; the layers' own weights are u_l (content)
and w_l (style, scaled to sum to 1); the canvas has P pixels.

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

from collections.abc import Callable, Mapping
from math import sqrt
from typing import NamedTuple

import numpy as np

from .options import Formula, Options

__all__ = ["Extent", "coefficients"]

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
) -> dict[str, float]:
    """The factor of each term by its name: "content.<layer>", "style.<layer>", "tv".

    Args:
        content: of the features to match, by layer.
        style: Gram matrices per position to match by layer, (C, C).
        pixels: of the canvas.
    """
    formula, total = options.objective, sum(options.style_layers.values())
    factors = {
        f"content.{layer}": options.content_weight
        * options.content_layers[layer]
        * _CONTENT[formula](extent)
        for layer, extent in content.items()
    }
    factors |= {
        f"style.{layer}": options.style_factor
        * options.style_layers[layer]
        / total
        * _STYLE[formula](target)
        for layer, target in style.items()
    }
    unit = 255**2 * pixels / 2 if formula == "johnson" else 1
    return factors | {"tv": options.tv_weight * unit}


def _per_size(target: np.ndarray) -> float:
    return 1 / (float(np.sum(np.square(target), dtype=np.float64)) + _EPSILON)


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
