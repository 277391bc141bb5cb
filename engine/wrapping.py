"""Canvases whose opposite sides join: what lies around them is themselves again."""

from __future__ import annotations

import math

import numpy as np

from .images import resize
from .tiles import Outside

__all__ = ["resize_wrapped", "surrounded", "unwrapped"]

# Pixels of the smaller picture that a resampled one is made of, to each side, at least.
_WINDOW = 4


def surrounded(picture: np.ndarray, around: int, outside: Outside) -> np.ndarray:
    """(H, W, 3) with so many pixels added to each side; see `tiles.Tiling.outside`."""
    if outside == "end":
        return picture
    margins = ((around, around), (around, around), (0, 0))
    return np.pad(picture, margins, mode="wrap" if outside == "wrap" else "symmetric")


def unwrapped(gradient: np.ndarray, around: int) -> np.ndarray:
    """The gradient by a picture, from that by what `surrounded` made of it by wrapping: each pixel
    has the sum of all its places."""
    for axis in (0, 1) if around else ():
        length = gradient.shape[axis] - 2 * around
        parts = np.moveaxis(gradient, axis, 0)
        total = parts[around : around + length].copy()
        for first in range(-math.ceil(around / length) * length, length + around, length):
            begin, end = max(first, -around), min(first + length, length + around)
            if first != 0 and begin < end:
                total[begin - first : end - first] += parts[begin + around : end + around]
        gradient = np.moveaxis(total, 0, axis)
    return np.ascontiguousarray(gradient)


def resize_wrapped(canvas: np.ndarray, height: int, width: int) -> np.ndarray:
    """`images.resize` of a canvas whose opposite sides join."""
    before, after = zip(
        *(_margins(old, new) for old, new in zip(canvas.shape, (height, width), strict=False)),
        strict=True,
    )
    down, across = ((margin, margin) for margin in before)
    padded = np.pad(canvas, (down, across, (0, 0)), mode="wrap")
    resized = resize(padded, height + 2 * after[0], width + 2 * after[1])
    inner = resized[after[0] : after[0] + height, after[1] : after[1] + width]
    return np.ascontiguousarray(inner)


def _margins(old: int, new: int) -> tuple[int, int]:
    """Whole pixels of both that have the same length, a resampling window or more."""
    common = math.gcd(old, new)
    times = math.ceil(_WINDOW / min(old // common, new // common))
    return times * old // common, times * new // common
