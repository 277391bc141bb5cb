"""Scalar fields over a picture: coordinates, smooth noise, soft steps, and blends between them."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import zoom

__all__ = ["Field", "fractal", "grid", "halved", "lerp", "smooth_noise", "smoothstep"]

Field = NDArray[np.float64]


def grid(height: int, width: int) -> tuple[Field, Field]:
    """Coordinates (x, y) of the pixel centres, in units of the picture's width, y downwards."""
    y, x = np.mgrid[:height, :width]
    return (x + 0.5) / width, (y + 0.5) / width


def smooth_noise(height: int, width: int, cell: float, rng: np.random.Generator) -> Field:
    """Noise of mean 0 and deviation 1 whose features are about `cell` pixels wide."""
    rows, columns = int(height / cell) + 4, int(width / cell) + 4
    coarse = rng.standard_normal((rows, columns))
    fine = zoom(coarse, (height / (rows - 3), width / (columns - 3)), order=3)[:height, :width]
    return np.asarray((fine - fine.mean()) / fine.std())


def fractal(height: int, width: int, cell: float, octaves: int, rng: np.random.Generator) -> Field:
    """A sum of noises, each with half the size and half the strength of the one before."""
    layers = [
        0.5**k * smooth_noise(height, width, max(cell / 2**k, 2.0), rng) for k in range(octaves)
    ]
    total = np.sum(layers, axis=0)
    return np.asarray(total / total.std())


def smoothstep(low: float | Field, high: float | Field, value: Field) -> Field:
    """0 below `low`, 1 above `high`, and an S-shaped ramp between."""
    t = np.clip((value - low) / (high - low), 0.0, 1.0)
    return np.asarray(t * t * (3.0 - 2.0 * t))


def lerp(start: Field, end: Field, amount: Field) -> Field:
    """Blend two colour pictures (H, W, 3) by a field (H, W) in 0..1."""
    return np.asarray(start + (end - start) * amount[..., None])


def halved(picture: Field) -> Field:
    """The picture (2H, 2W, 3) at half its size (H, W, 3): what is drawn large has smooth edges."""
    height, width, channels = picture.shape
    blocks = picture.reshape(height // 2, 2, width // 2, 2, channels)
    return np.asarray(blocks.mean(axis=(1, 3)))
