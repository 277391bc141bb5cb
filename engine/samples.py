"""The samples of a picture out of images of Pillow, which has more than 8 bits in grey alone."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .errors import UnsupportedImage
from .srgb import SRGB_PROFILE

__all__ = ["Convert", "from_colours", "from_deep_grey", "from_halves", "tiles_of_low_bytes"]

# A band of each image -> samples (rows, W, 3 or 1), and opacity (rows, W) where there is one.
Convert: TypeAlias = Callable[..., list[NDArray[Any]]]

# Pillow has colours in 8 bits only: how it unpacks 16 decides of which byte it takes the first for
# the larger. Unpacked the other way, the same file gives the other byte of each.
_OTHER_BYTES = {
    f"{mode};16{order}": f"{mode};16{other}"
    for mode in ("RGB", "RGBA")
    for order, other in ("LB", "BL", ("N", "B" if sys.byteorder == "little" else "L"))
}


def tiles_of_low_bytes(image: Any) -> list[Any] | None:
    """What makes Pillow decode the lower bytes of 16-bit colours; None where there are none, or
    where a profile or a transparent colour has to do with them, which Pillow has for 8 bits."""
    if image.info.get("icc_profile") not in (None, SRGB_PROFILE) or "transparency" in image.info:
        return None
    tiles = []
    for tile in getattr(image, "tile", ()):
        mode, *rest = (tile.args,) if isinstance(tile.args, str) else tile.args
        if mode not in _OTHER_BYTES:
            return None
        other = _OTHER_BYTES[mode]
        tiles.append(tile._replace(args=(other, *rest) if rest else other))
    return tiles or None


def from_halves(high: Any, low: Any) -> list[NDArray[Any]]:
    """Of colours of 16 bits, with alpha or without: the upper byte of each, and the lower one."""
    samples = np.asarray(high).astype(np.uint16)
    samples <<= 8
    samples |= np.asarray(low)
    return [samples] if samples.shape[2] == 3 else [samples[..., :3], samples[..., 3]]


def from_deep_grey(image: Any, name: str) -> Convert:
    """Of grey of more than 8 bits, which Pillow's own conversion would clip to white."""
    white = 65535 if image.mode.startswith("I") else 1
    # Pillow widens TIFF samples of 12 bits without scaling them.
    if getattr(image, "tag_v2", {}).get(258) == (12,):
        white = 4095
    transparent = image.info.get("transparency")

    def convert(band: Any) -> list[NDArray[Any]]:
        values = np.asarray(band)[..., np.newaxis]
        # The comparisons are false for NaN.
        if not (values.min() >= 0 and values.max() <= white):
            raise UnsupportedImage(f"{name} has pixels outside 0..{white}, so its white is unknown")
        if white == 4095:
            samples = values.astype(np.float32) / np.float32(white)
        else:
            samples = values.astype(np.uint16 if white == 65535 else np.float32)
        if transparent is None:
            return [samples]
        return [samples, np.where(values[..., 0] != transparent, np.uint8(255), np.uint8(0))]

    return convert


def from_colours(image: Any, to_srgb: Callable[[str], Any]) -> Convert:
    """Of 8 bits.

    Args:
        to_srgb: of a mode, the transform to RGB by the embedded profile; None where there is none.
    """
    is_grey = image.mode in ("1", "L", "LA", "La")
    is_transparent = image.has_transparency_data
    mode = "L" if is_grey else "RGB"
    if not is_transparent and image.mode in ("CMYK", "LAB"):
        mode = image.mode
    transform = to_srgb(mode)

    def convert(band: Any) -> list[NDArray[Any]]:
        opacity = []
        if is_transparent:
            # Pillow knows no direct way from La.
            straight = (band.convert("LA") if band.mode == "La" else band).convert("RGBA")
            opacity = [np.asarray(straight.getchannel("A"))]
            band = straight.getchannel("R") if is_grey else straight.convert("RGB")
        elif band.mode != mode:
            band = band.convert(mode)
        if transform is not None:
            band = transform.apply(band)
        elif mode not in ("L", "RGB"):
            band = band.convert("RGB")
        return [np.atleast_3d(np.asarray(band)), *opacity]

    return convert
