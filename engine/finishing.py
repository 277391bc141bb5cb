"""What a painting is given of the photograph: before it is painted, and when it is done.

The optimiser's canvas knows nothing of it, so that a work that is saved and goes on ends the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .color import grey, luma_matched, matched, recolored, spread
from .pixels import Picture, bands, scaled

if TYPE_CHECKING:
    from .options import Options
    from .picture_memory import Header

__all__ = [
    "Kept",
    "finished",
    "in_bytes",
    "kept",
    "kept_bytes",
    "needs_content",
    "prepared",
    "prepared_bytes",
]

# The photograph at the final size, (H, W, 3): 16 bits hold 8 and 16 bits exactly.
Kept: TypeAlias = NDArray[np.uint16]

_RECOLORED = ("content", "luminance")
_KEPT_BYTES = 6
_WHITE = np.float32(65535)


def needs_content(options: Options) -> bool:
    """Whether the result is made with the photograph, once it is painted."""
    return options.color in _RECOLORED or options.strength != 1 or options.keep is not None


def prepared(
    content: Picture, styles: Sequence[Picture], options: Options
) -> tuple[Picture, list[Picture]]:
    """The pictures as `options.color` wants the network to see them."""
    if options.color == "luminance":
        wanted = spread(content)
        return grey(content), [luma_matched(style, wanted) for style in styles]
    if options.color == "match":
        wanted = spread(content)
        return content, [matched(style, wanted) for style in styles]
    return content, list(styles)


def prepared_bytes(content: Header, styles: Sequence[Header], options: Options) -> int:
    """That `prepared` takes at most, beside the pictures that it is given."""
    pixels = [header.shape[0] * header.shape[1] for header in styles]
    if options.color == "luminance":
        return content.shape[0] * content.shape[1] + sum(pixels)
    return 3 * sum(pixels) if options.color == "match" else 0


def kept(picture: NDArray[np.float32]) -> Kept:
    """What `finished` needs of the content picture at the final size, (H, W, 3) in 0..1."""
    samples = np.empty(picture.shape, np.uint16)
    for rows in bands(len(picture), picture[0].size):
        samples[rows] = picture[rows] * _WHITE + np.float32(0.5)
    return samples


def in_bytes(mask: NDArray[np.float32]) -> NDArray[np.uint8]:
    """A mask in 0..1 as `finished` takes it, in a quarter of the memory."""
    return np.asarray(mask * 255 + 0.5, np.uint8)


def kept_bytes(shape: tuple[int, int], options: Options) -> int:
    """That are kept of the photograph all the time, for a result of this (height, width)."""
    each = (_KEPT_BYTES if needs_content(options) else 0) + (options.keep is not None)
    return each * shape[0] * shape[1]


def finished(
    canvas: NDArray[np.float32],
    photograph: Kept | None,
    options: Options,
    stays: NDArray[np.uint8] | None = None,
) -> NDArray[np.float32]:
    """The result: the photograph's colours where `options.color` asks for them, and then

        photograph + strength (1 - stays) (painting - photograph)

    with values as sRGB encodes them, as a layer's opacity is in programs for pictures.

    Args:
        canvas: (H, W, 3) in 0..1; it is the result where there is nothing to be done.
        photograph: what `kept` made, of the same size; None where `needs_content` is false.
        stays: (H, W), 255 where the photograph stays as it is.
    """
    if photograph is None:
        return canvas
    result = np.empty_like(canvas)
    for rows in bands(len(canvas), canvas[0].size):
        shown, painted = scaled(photograph[rows]), canvas[rows]
        if options.color in _RECOLORED:
            painted = recolored(painted, shown)
        share: NDArray[np.float32] | np.float32 = np.float32(options.strength)
        if stays is not None:
            share = share * (1 - scaled(stays[rows])[..., None])
        if options.strength != 1 or stays is not None:
            painted = shown + share * (painted - shown)
        result[rows] = np.clip(painted, 0, 1)
    return result
