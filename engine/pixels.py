"""A picture in memory, and the arrays of callers that are taken for one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import ImageTooLarge, OptionsError
from .limits import Limits

__all__ = ["Picture", "Pixels", "check_size", "from_array", "scaled", "to_canvas", "to_image"]

Pixels = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture, upright, in sRGB."""

    rgb: Pixels
    """(H, W, 3) float32, C-contiguous, 0..1; not multiplied by alpha."""

    alpha: Pixels | None
    """(H, W) float32, 0 (transparent) .. 1 (opaque), or None where the source has none."""


def check_size(size: tuple[int, int], limits: Limits, name: str) -> None:
    """Refuse a picture of this (width, height) above the limits.

    Raises:
        ImageTooLarge: too many pixels in all or along a side.
    """
    width, height = size
    if width * height > limits.pixels:
        raise ImageTooLarge(f"{name} has {width} x {height} pixels, above {limits.pixels} in all")
    if max(width, height) > limits.side:
        raise ImageTooLarge(f"{name} has {width} x {height} pixels, a side above {limits.side}")


def scaled(values: NDArray[Any], white: float) -> Pixels:
    """float32 of `values` with `white` at 1, C-contiguous and in memory of its own."""
    pixels = values.astype(np.float32, order="C")
    pixels /= np.float32(white)
    return pixels


def from_array(array: NDArray[Any], limits: Limits, name: str) -> Picture:
    """The picture of an sRGB array as `read_picture` describes it.

    Raises:
        OptionsError: another shape or type, or floats outside 0..1.
        ImageTooLarge: more pixels than the limits allow.
    """
    bands = array[..., np.newaxis] if array.ndim == 2 else array
    if bands.ndim != 3 or bands.size == 0 or bands.shape[2] not in (1, 3, 4):
        raise OptionsError(
            f"{name} must be an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not {array.shape}"
        )
    height, width, count = bands.shape
    check_size((width, height), limits, name)
    white = _white(array, name)
    rgb = np.broadcast_to(bands[..., :3], (height, width, 3))
    return Picture(scaled(rgb, white), scaled(bands[..., 3], white) if count == 4 else None)


def to_image(canvas: NDArray[Any]) -> Pixels:
    """(H, W, 3) -> the network's (1, 3, H, W), contiguous float32."""
    return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], np.float32)


def to_canvas(image: NDArray[Any]) -> NDArray[Any]:
    """(1, 3, H, W) -> (H, W, 3), contiguous."""
    return np.ascontiguousarray(image[0].transpose(1, 2, 0))


def _white(array: NDArray[Any], name: str) -> float:
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        return float(np.iinfo(array.dtype).max)
    if array.dtype.kind != "f":
        raise OptionsError(f"{name} must be uint8, uint16 or floats in 0..1, not {array.dtype}")
    # The comparisons are false for NaN.
    if not (array.min() >= 0 and array.max() <= 1):
        raise OptionsError(f"{name} must hold finite floats in 0..1")
    return 1.0
