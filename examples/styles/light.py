"""Light on relief: a lamp at the upper left, and a little gloss on the ridges."""

import numpy as np

from .fields import Field

__all__ = ["lit"]


def lit(colour: Field, height: Field, strength: float, gloss: float) -> Field:
    """The colours (H, W, 3) of a surface whose height (H, W) is given in pixels."""
    slope_y, slope_x = np.gradient(height)
    facing = strength * (0.75 * slope_y + 0.65 * slope_x)
    shade = 1.0 + np.clip(np.tanh(facing), -0.55, 0.45)
    shine = gloss * np.clip(np.tanh(facing) - 0.35, 0.0, 1.0) ** 2
    return np.asarray(np.clip(colour * shade[..., None] + shine[..., None], 0.0, 1.0))
