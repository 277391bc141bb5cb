"""The objective's formulas: the coefficient of each term of the program.

The program computes, for a canvas with features F (C x N at each layer):

    loss = Σ_content a_l Σ (F_l - T_l)² + Σ_style b_l Σ (F_l F_lᵀ / N_l - A_l / N_s,l)² + c · tv

and every formula is a choice of a, b and c. W is `content_weight`, S `style_weight` (15, or 1000
with gatys, where none is given), V `tv_weight`; the layers' own weights are u_l (content) and w_l
(style, scaled to sum to 1).

gatys: Gatys et al. 2015, equations 1, 4, 5 and 7, over means instead of sums over positions, so
that style and canvas may have different sizes; where they have the same it is the paper's formula.
    a_l = W u_l / 2        b_l = S w_l / (4 C²)        c = V
relative, the default: each term is divided by the size of its own target.
    a_l = W u_l / (Σ T² + ε)        b_l = S w_l / (Σ (A / N_s)² + ε)        c = V
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .options import Options

__all__ = ["coefficients"]

# Guards a target of zeros (a dead layer, or a black picture): far below any real target, which has
# the order of its number of elements, and far above float32's smallest number.
_EPSILON = 1e-8


def coefficients(
    options: Options, content: Mapping[str, float], style: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """The factor of each term by its name: "content.<layer>", "style.<layer>", "tv".

    Args:
        content: Σ T² of the features to match, by layer.
        style: Gram matrices per position to match by layer, (C, C).
    """
    total = sum(options.style_layers.values())
    factors = {
        f"content.{layer}": options.content_weight
        * options.content_layers[layer]
        * (0.5 if options.objective == "gatys" else 1 / (squares + _EPSILON))
        for layer, squares in content.items()
    }
    factors |= {
        f"style.{layer}": options.style_factor
        * options.style_layers[layer]
        / total
        * _style(options, target)
        for layer, target in style.items()
    }
    return factors | {"tv": options.tv_weight}


def _style(options: Options, target: np.ndarray) -> float:
    if options.objective == "gatys":
        return 1 / (4 * float(target.shape[0]) ** 2)
    return 1 / (float(np.sum(np.square(target), dtype=np.float64)) + _EPSILON)
