"""Comparisons with 0 that give 1 or 0, to multiply with: half the cost of Where or Cast(Greater).

HardSigmoid(x; alpha, beta) = clip(alpha x + beta, 0, 1) is a step at 0 for every normal float32.
"""

from __future__ import annotations

from ..graph import Graph, Value

__all__ = ["not_negative", "positive"]

# Larger than this, alpha would not be a finite float32.
_STEEP = 3e38


def positive(b: Graph, x: Value) -> Value:
    """1 where x > 0, else 0."""
    return b.op("HardSigmoid", x, alpha=_STEEP, beta=0.0)


def not_negative(b: Graph, x: Value) -> Value:
    """1 where x >= 0, else 0."""
    return b.op("HardSigmoid", x, alpha=_STEEP, beta=1.0)
