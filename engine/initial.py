"""The initial canvas: where the descent starts decides much of where it ends."""

from __future__ import annotations

import math

import numpy as np

from .images import resize
from .options import DEFAULT_NOISE
from .pixels import Picture, bands

__all__ = ["blended", "cover", "noise"]

_MIDDLE_GREY = 0.5
# Pixels that a resampled one is made of, to each side: a Lanczos window.
_WINDOW = 3


def noise(height: int, width: int, seed: int, deviation: float = DEFAULT_NOISE) -> np.ndarray:
    """Normal noise within 0..1, (H, W, 3) float32; the same seed gives the same noise.

    Args:
        deviation: from middle grey, in units of the canvas, before it is clipped.
    """
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((height, width, 3), dtype=np.float32)
    values *= np.float32(deviation)
    values += _MIDDLE_GREY
    return np.clip(values, 0, 1, out=values)


def blended(
    picture: np.ndarray, share: float, seed: int, deviation: float = DEFAULT_NOISE
) -> np.ndarray:
    """The picture, (H, W, 3) float32, with a share of `noise`, 0..1, mixed in; never itself."""
    if share == 0:
        return picture.copy()
    height, width = picture.shape[:2]
    mixed = noise(height, width, seed, deviation)
    mixed *= share
    for rows in bands(height, 3 * width):
        mixed[rows] += (1 - share) * picture[rows]
    return np.clip(mixed, 0, 1, out=mixed)


def cover(picture: Picture | np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture, or one plane of it, (H, W), scaled to cover the canvas, its overhang cut off
    evenly: nothing is stretched."""
    samples = picture.samples if isinstance(picture, Picture) else picture
    scale = max(height / samples.shape[0], width / samples.shape[1])
    # Cut first: of a long strip, a thousand times the canvas would be scaled only to be cut off.
    reach = math.ceil(_WINDOW * max(1, 1 / scale))
    rows, columns = (math.ceil(side / scale) + 2 * reach for side in (height, width))
    # Whole pixels go on both sides alike, or the picture would be moved.
    rows += (samples.shape[0] - rows) % 2
    columns += (samples.shape[1] - columns) % 2
    samples = _middle(samples, rows, columns)
    whole = Picture(samples) if samples.ndim == 3 else samples
    tall = max(height, round(samples.shape[0] * scale))
    wide = max(width, round(samples.shape[1] * scale))
    return np.ascontiguousarray(_middle(resize(whole, tall, wide), height, width))


def _middle(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = max(0, picture.shape[0] - height) // 2, max(0, picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]
