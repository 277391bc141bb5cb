"""A picture in memory, and the arrays of callers that are taken for one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .errors import ImageTooLarge, OptionsError
from .limits import Limits
from .picture_memory import Header

if TYPE_CHECKING:
    from .known_targets import KnownTargets

__all__ = [
    "Picture",
    "Pixels",
    "array_header",
    "as_stored",
    "bands",
    "check_size",
    "from_array",
    "scaled",
    "to_canvas",
    "to_image",
]

Pixels = NDArray[np.float32]

# Samples of a band: its floats stay in the processor's cache.
_BAND = 1 << 16


@dataclass(frozen=True, eq=False)
class Picture:
    """A decoded picture, upright, in sRGB, in the few bytes per pixel that it was decoded to.

    18 megapixels take 54 MB so, and 215 MB as floats: `images.resize` makes floats of what a
    smaller version needs, a band at a time.
    """

    samples: NDArray[Any] = field(repr=False)
    """(H, W, 3), or (H, W, 1) where the picture is grey; not multiplied by the opacity. White is
    255 in uint8, 65535 in uint16 and 1 in float32."""

    opacity: NDArray[Any] | None = field(default=None, repr=False)
    """(H, W) of the same kinds, 0 is transparent; None where the source has none."""

    known: KnownTargets | None = field(default=None, repr=False, kw_only=True)
    """What a style file tells of these pixels beside them."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(H, W, 3), of the pixels as colours."""
        return (self.samples.shape[0], self.samples.shape[1], 3)

    @property
    def nbytes(self) -> int:
        """That it holds."""
        beside = 0 if self.known is None else self.known.nbytes
        return (
            self.samples.nbytes + (self.opacity.nbytes if self.opacity is not None else 0) + beside
        )

    @property
    def rgb(self) -> Pixels:
        """(H, W, 3) float32, C-contiguous, 0..1, made anew: four times the memory of uint8."""
        return scaled(np.broadcast_to(self.samples, self.shape))

    @property
    def alpha(self) -> Pixels | None:
        """(H, W) float32, 0 (transparent) .. 1 (opaque), made anew, or None."""
        return None if self.opacity is None else scaled(self.opacity)


def as_stored(upright: NDArray[Any], orientation: int) -> NDArray[Any]:
    """The view of an upright picture (H, W, ...) as its pixels lie in a file.

    Args:
        orientation: where row 0 and column 0 of the file lie, by EXIF 2.32, tag 274: 1..8.
    """
    stored = upright.swapaxes(0, 1) if orientation > 4 else upright
    down = -1 if orientation in (3, 4, 6, 7) else 1
    right = -1 if orientation in (2, 3, 7, 8) else 1
    return stored[::down, ::right]


def bands(length: int, samples: int, most: int = _BAND) -> Iterator[slice]:
    """Slices that cover 0..`length`, for work that needs memory for a band only.

    Args:
        length: rows, or columns.
        samples: of one of them.
        most: samples of a band.
    """
    step = max(1, most // samples)
    return (slice(first, min(first + step, length)) for first in range(0, length, step))


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


def scaled(values: NDArray[Any]) -> Pixels:
    """float32 of uint8, uint16 or floats, white at 1, C-contiguous and in memory of its own."""
    pixels = values.astype(np.float32, order="C")
    if values.dtype.kind == "u":
        pixels /= np.float32(np.iinfo(values.dtype).max)
    return pixels


def from_array(array: NDArray[Any], limits: Limits, name: str) -> Picture:
    """The picture of an sRGB array as `read_picture` describes it.

    Raises:
        OptionsError: another shape or type, or floats outside 0..1.
        ImageTooLarge: more pixels than the limits allow.
    """
    layers, kept = _checked(array, limits, name)
    # Copies, for the caller may change the array during the work.
    return Picture(
        np.array(layers[..., :3], kept, order="C"),
        np.array(layers[..., 3], kept, order="C") if layers.shape[2] == 4 else None,
    )


def array_header(array: NDArray[Any], limits: Limits, name: str) -> Header:
    """What `from_array` will make, and take; with the same errors."""
    layers, kept = _checked(array, limits, name)
    held = layers.size * np.dtype(kept).itemsize
    return Header((layers.shape[0], layers.shape[1], 3), held, held)


def to_image(canvas: NDArray[Any]) -> Pixels:
    """(H, W, 3) -> the network's (1, 3, H, W), contiguous float32."""
    return np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], np.float32)


def to_canvas(image: NDArray[Any]) -> NDArray[Any]:
    """(1, 3, H, W) -> (H, W, 3), contiguous."""
    return np.ascontiguousarray(image[0].transpose(1, 2, 0))


def _checked(
    array: NDArray[Any], limits: Limits, name: str
) -> tuple[NDArray[Any], type[np.generic]]:
    """The array as (H, W, 1, 3 or 4), and the type that its samples are kept in."""
    layers = array[..., np.newaxis] if array.ndim == 2 else array
    if layers.ndim != 3 or layers.size == 0 or layers.shape[2] not in (1, 3, 4):
        raise OptionsError(
            f"{name} must be an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), not {array.shape}"
        )
    height, width = layers.shape[:2]
    check_size((width, height), limits, name)
    return layers, _kept_type(array, name)


def _kept_type(array: NDArray[Any], name: str) -> type[np.generic]:
    if array.dtype.kind == "u" and array.dtype.itemsize <= 2:
        return np.uint8 if array.dtype.itemsize == 1 else np.uint16
    if array.dtype.kind != "f":
        raise OptionsError(f"{name} must be uint8, uint16 or floats in 0..1, not {array.dtype}")
    # The comparisons are false for NaN.
    if not (array.min() >= 0 and array.max() <= 1):
        raise OptionsError(f"{name} must hold finite floats in 0..1")
    return np.float32
