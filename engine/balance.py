"""Balance: terms of one kind that pull at the canvas as strongly as their weights say.

A formula (see `formulas`) makes terms comparable by what they are, and not by how they pull: of
five style layers with equal weights one may have most of the gradient. Here the norms of the
gradients are measured, once, at the canvas from which a level starts, and the coefficients are
changed so that terms of one group pull in proportion to the weights v of their layers: with
coefficients c of the formula, and the norms n of the gradients of c times the term,

    c' = c s v / n        s = Π (n / v)^(v / Σ v)

The norms then are s v; and the mean of the factors s v / n, the geometric one by the weights, is 1.
(The sum of the norms is not kept: one layer that is far off when a level starts would have most of
it, and leave it to the others.) Groups are the content layers, and the style layers, of each region
for itself: so the balance of content, style and total variation remains that of the formula and its
three weights. From then on the coefficients are constant: loss and gradient are of one function, as
a line search needs it.

Terms that are met already have a gradient of rounding alone: the content, where the canvas starts
as the content picture. They keep their coefficients, and so do those without a gradient.

The idea is `-normalize_gradients` of jcjohnson/neural-style, which divides each layer's gradient by
its norm at every evaluation; what it follows then is no gradient of any loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, isfinite, log, sqrt
from typing import NamedTuple

import numpy as np

from .formulas import Extent, shares_of, size_of_style
from .options import Options
from .selection import region_of

__all__ = ["Part", "Pull", "balanced", "measured", "norm_of", "parts_of", "uneven"]

# Of a term's value with all features 0: below it, canvas and target differ by a thousandth, as
# much as half precision does.
_MET = 1e-6


class Part(NamedTuple):
    """What a term is in its group: the group's name, the weight v of its layer, and the size, which
    is its value, without a coefficient, where all features are 0."""

    group: str
    weight: float
    size: float


class Pull(NamedTuple):
    """A term's value, and the norm of its gradient by the canvas, both with its coefficient."""

    value: float
    norm: float


def parts_of(
    options: Options, content: Mapping[str, Extent], style: Mapping[str, np.ndarray]
) -> dict[str, Part]:
    """Of each term that is in a group, by its name; see `formulas.coefficients` for the rest."""
    found = {
        f"content.{layer}": Part("content", options.content_layers[layer], extent.squares)
        for layer, extent in content.items()
    }
    for place, share in shares_of(options, style).items():
        region = region_of(place)
        group = "style" if region is None else f"style@{region}"
        found[f"style.{place}"] = Part(group, share, size_of_style(options, style[place]))
    return found


def uneven(coefficients: Mapping[str, float], parts: Mapping[str, Part]) -> list[str]:
    """Names of the terms that are to be measured: those with a coefficient, and another in their
    group."""
    counted = [name for name in parts if coefficients[name] > 0]
    groups = [parts[name].group for name in counted]
    return [name for name in counted if groups.count(parts[name].group) > 1]


def measured(options: Options, regions: int) -> int:
    """How many terms that are, of a canvas with so many regions of their own style: evaluations
    before a level's first step."""
    if not options.balance_gradients:
        return 0
    content, style = (
        sum(weight > 0 for weight in layers.values()) if factor else 0
        for factor, layers in (
            (options.content_weight, options.content_layers),
            (options.style_factor, options.style_layers),
        )
    )
    return sum(count for count in (content, *[style] * max(1, regions)) if count > 1)


def balanced(
    coefficients: Mapping[str, float], parts: Mapping[str, Part], pulls: Mapping[str, Pull]
) -> dict[str, float]:
    """The coefficients that balance what was measured; others as they are."""
    found = dict(coefficients)
    pulling = [
        name for name, pull in pulls.items() if _pulls(coefficients[name], parts[name], pull)
    ]
    for group in {parts[name].group for name in pulling}:
        names = [name for name in pulling if parts[name].group == group]
        total = sum(parts[name].weight for name in names)
        # Of a weight: the logarithm of the norm that the gradient has of it.
        logs = {name: log(pulls[name].norm / parts[name].weight) for name in names}
        mean = sum(parts[name].weight * logs[name] for name in names) / total
        for name in names:
            found[name] *= exp(mean - logs[name])
    return found


def _pulls(coefficient: float, part: Part, pull: Pull) -> bool:
    """Whether the gradient is more than rounding."""
    return pull.value > _MET * coefficient * part.size and pull.norm > 0 and isfinite(pull.norm)


def norm_of(gradient: np.ndarray) -> float:
    """The Euclidean norm of (H, W, 3), row by row in float64."""
    return sqrt(sum(float(np.square(row, dtype=np.float64).sum()) for row in gradient))
