"""Colours as pigments: hex names in, linear blends between neighbours out."""

import numpy as np
from numpy.typing import ArrayLike

from .fields import Field

__all__ = ["jittered", "pigment", "ramp"]


def pigment(name: str) -> Field:
    """The colour '#rrggbb' as three values in 0..1."""
    return np.array([int(name[k : k + 2], 16) / 255.0 for k in (1, 3, 5)])


def ramp(names: list[str], position: ArrayLike) -> Field:
    """Colours (..., 3) along a list of pigments: 0 is the first of them, 1 the last."""
    stops = np.stack([pigment(name) for name in names])
    where = np.clip(np.asarray(position, dtype=np.float64), 0.0, 1.0)
    knots = np.linspace(0.0, 1.0, len(names))
    return np.stack([np.interp(where, knots, stops[:, k]) for k in range(3)], axis=-1)


def jittered(colour: Field, amount: float, rng: np.random.Generator) -> Field:
    """The colours (N, 3), each a little lighter or darker, warmer or cooler than mixed."""
    value = rng.normal(0.0, amount, (len(colour), 1))
    warmth = rng.normal(0.0, 0.6 * amount, (len(colour), 1)) * np.array([1.0, 0.2, -0.7])
    mixed = colour * (1.0 + value + warmth) + 0.12 * np.abs(value)
    return np.asarray(np.clip(mixed, 0.0, 1.0))
