"""The initial canvas: where the descent starts decides much of where it ends."""

from __future__ import annotations

import math

import numpy as np

from .images import resize

__all__ = ["blended", "cover", "noise"]

# Noise around middle grey: wide enough to excite every layer, and seldom clipped.
_MEAN, _DEVIATION = 0.5, 0.15
# Pixels that a resampled one is made of, to each side: a Lanczos window.
_WINDOW = 3


def noise(height: int, width: int, seed: int) -> np.ndarray:
    """Normal noise within 0..1, (H, W, 3) float32; the same seed gives the same noise."""
    generator = np.random.default_rng(seed)
    values = generator.standard_normal((height, width, 3), dtype=np.float32)
    return np.asarray(np.clip(_MEAN + _DEVIATION * values, 0, 1), np.float32)


def blended(picture: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The picture with a share of noise, 0..1, mixed in."""
    if share == 0:
        return picture.copy()
    height, width = picture.shape[:2]
    mixed = (1 - share) * picture + share * noise(height, width, seed)
    return np.asarray(np.clip(mixed, 0, 1), np.float32)


def cover(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """The picture scaled to cover the canvas, its overhang cut off evenly: nothing is stretched."""
    scale = max(height / picture.shape[0], width / picture.shape[1])
    # Cut first: of a long strip, a thousand times the canvas would be scaled only to be cut off.
    reach = math.ceil(_WINDOW * max(1, 1 / scale))
    rows, columns = (math.ceil(side / scale) + 2 * reach for side in (height, width))
    # Whole pixels go on both sides alike, or the picture would be moved.
    rows += (picture.shape[0] - rows) % 2
    columns += (picture.shape[1] - columns) % 2
    picture = _middle(picture, rows, columns)
    tall = max(height, round(picture.shape[0] * scale))
    wide = max(width, round(picture.shape[1] * scale))
    return _middle(resize(picture, tall, wide), height, width).copy()


def _middle(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    top, left = max(0, picture.shape[0] - height) // 2, max(0, picture.shape[1] - width) // 2
    return picture[top : top + height, left : left + width]
