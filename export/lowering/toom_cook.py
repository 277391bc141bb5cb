"""The matrices of Winograd's minimal filtering, from the points that they interpolate at.

Lavin & Gray 2015, arXiv:1509.09308, section 4: m outputs of a correlation with r taps take only
n = m + r - 1 multiplications, y = Aᵀ [(G g) * (Bᵀ d)]. The construction of Toom and Cook gives the
matrices for any n - 1 different points and infinity; it is exact, the points only decide how much
rounding errors grow (Barabasz et al. 2018, arXiv:1803.10986).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

import numpy as np

__all__ = ["minimal_filtering"]


def minimal_filtering(
    points: Sequence[Fraction], taps: int = 3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Aᵀ (m, n), G (n, taps) and Bᵀ (n, n), float64, for n = len(points) + 1."""
    size = len(points) + 1
    outputs = size - taps + 1
    at_infinity = Fraction(1)
    a = [[p**i for p in points] for i in range(outputs)]
    for i, row in enumerate(a):
        row.append(at_infinity if i == outputs - 1 else Fraction(0))
    norms = [prod(p - q for q in points if q != p) for p in points]
    g = [[p**k / norm for k in range(taps)] for p, norm in zip(points, norms, strict=True)]
    g.append([Fraction(0)] * (taps - 1) + [at_infinity])
    b = [_polynomial([q for q in points if q != p], size) for p in points]
    b.append(_polynomial(points, size))
    return np.array(a, np.float64), np.array(g, np.float64), np.array(b, np.float64)


def _polynomial(roots: Sequence[Fraction], size: int) -> list[Fraction]:
    """The coefficients of the product of all (x - root), from the constant up, and zeros."""
    coefficients = [Fraction(1)]
    for root in roots:
        raised = [Fraction(0), *coefficients]
        scaled = [-root * c for c in coefficients] + [Fraction(0)]
        coefficients = [r + s for r, s in zip(raised, scaled, strict=True)]
    return coefficients + [Fraction(0)] * (size - len(coefficients))
