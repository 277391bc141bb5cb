"""Whose colours a picture has: linear maps of colours before painting, chroma given back after it.

Everything is done with values as sRGB encodes them, not in linear light: they are what the network
was trained on and what Gatys et al. 2016 (arXiv:1611.07865, section 5) compute with, and equal
steps look about equal, so that one painted brightness may replace another under the same chroma.
In linear light the chroma of a bright place would be far too much for a dark stroke. Luminance is
the Y' of YIQ (ITU-R BT.601), as in the paper; its white is grey's, so adding to all three channels
alike changes Y' and leaves I and Q.

Pictures are read in bands of rows: beside the result, a band's floats are all that it takes.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .pixels import Picture, Pixels, bands, scaled

__all__ = ["Spread", "grey", "luma", "luma_matched", "matched", "recolored", "spread"]

_Reals: TypeAlias = NDArray[np.float64]

_LUMA = np.array([0.299, 0.587, 0.114])
# The least variance that is looked at: a deviation of less than one step of eight bits. What is
# flat but for rounding has nothing to be stretched.
_FLAT = 1e-5
_SMALLEST = np.float32(1e-12)


class Spread(NamedTuple):
    """How the colours of a picture are spread: their mean (3), and their covariance (3, 3)."""

    mean: _Reals
    covariance: _Reals


def spread(picture: Picture) -> Spread:
    """Of all its pixels alike, whatever their opacity, in units of 0..1."""
    height, width, _ = picture.shape
    total, products = np.zeros(3), np.zeros((3, 3))
    for rows in bands(height, 3 * width):
        # From middle grey, or squares would differ in their last digits alone.
        colors = _colors(picture, rows).reshape(-1, 3).astype(np.float64) - 0.5
        total += colors.sum(axis=0)
        products += colors.T @ colors
    mean = total / (height * width)
    return Spread(mean + 0.5, products / (height * width) - np.outer(mean, mean))


def matched(picture: Picture, wanted: Spread) -> Picture:
    """The picture with colours spread as is wanted, in eight bits; what leaves 0..1 is clipped.

    Gatys et al. 2016, "Preserving Color in Neural Artistic Style Transfer", arXiv:1606.05897,
    after Hertzmann's Image Analogies: x -> A (x - mean) + wanted mean, with A the symmetric root of
    the wanted covariance times the inverse of the symmetric root of its own. Directions in which
    the picture has no colours, a grey one's chroma, get none.
    """
    own = spread(picture)
    matrix = _root(wanted.covariance) @ _inverse_root(own.covariance)
    return _mapped(picture, matrix, wanted.mean - matrix @ own.mean)


def luma_matched(picture: Picture, wanted: Spread) -> Picture:
    """`grey`, with the mean and the deviation of luminance that `wanted` has.

    Gatys et al. 2016, section 5: L -> (wanted deviation / deviation) (L - mean) + wanted mean.
    """
    own = spread(picture)
    variance, asked = (float(_LUMA @ one.covariance @ _LUMA) for one in (own, wanted))
    gain = np.sqrt(max(0.0, asked) / variance) if variance > _FLAT else 0.0
    offset = _LUMA @ wanted.mean - gain * (_LUMA @ own.mean)
    return _mapped(picture, gain * _LUMA[None], np.array([offset]))


def grey(picture: Picture) -> Picture:
    """The picture's luminance alone, (H, W, 1) in eight bits, and opaque."""
    return _mapped(picture, _LUMA[None], np.zeros(1))


def luma(colors: Pixels) -> Pixels:
    """Y' of colours (..., 3) in 0..1: (...)."""
    return colors @ _LUMA.astype(np.float32)


def recolored(canvas: Pixels, colors: Pixels) -> Pixels:
    """The luminance of a canvas with the chroma of other colours, (H, W, 3) float32 each in 0..1.

    Gatys et al. 2016, section 5: Y' of the one, I and Q of the other. Where that is no colour
    within 0..1, saturation gives way, as far as it must: hue and luminance stay.
    """
    bright = luma(canvas)[..., None]
    chroma = colors - luma(colors)[..., None]
    # Both at least 0: chroma has no luminance, so that it has no one sign.
    above = np.maximum(chroma.max(axis=-1, keepdims=True), _SMALLEST)
    below = np.maximum(-chroma.min(axis=-1, keepdims=True), _SMALLEST)
    chroma *= np.minimum(1, np.minimum((1 - bright) / above, bright / below))
    chroma += bright
    return np.clip(chroma, 0, 1, out=chroma)


def _colors(picture: Picture, rows: slice) -> Pixels:
    """(h, W, 3) float32 of some rows."""
    samples: NDArray[Any] = picture.samples[rows]
    return scaled(np.broadcast_to(samples, (*samples.shape[:2], 3)))


def _mapped(picture: Picture, matrix: _Reals, offset: _Reals) -> Picture:
    """matrix (C, 3) times each colour, plus offset (C): (H, W, C) in eight bits."""
    height, width, _ = picture.shape
    factors, shift = matrix.T.astype(np.float32), offset.astype(np.float32)
    samples = np.empty((height, width, len(offset)), np.uint8)
    for rows in bands(height, 3 * width):
        values = _colors(picture, rows) @ factors
        values += shift
        values *= 255
        values += 0.5
        samples[rows] = np.clip(values, 0, 255, out=values)
    return Picture(samples)


def _root(covariance: _Reals) -> _Reals:
    values, directions = np.linalg.eigh(covariance)
    return np.asarray((directions * np.sqrt(np.maximum(values, 0))) @ directions.T)


def _inverse_root(covariance: _Reals) -> _Reals:
    """On the directions that the colours have; 0 on the others."""
    values, directions = np.linalg.eigh(covariance)
    inverse = np.where(values > _FLAT, 1 / np.sqrt(np.maximum(values, _FLAT)), 0)
    return np.asarray((directions * inverse) @ directions.T)
