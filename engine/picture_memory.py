"""What a picture takes in memory, told before any of it is decoded or encoded.

The figures are those of Pillow's own store, four bytes per colour pixel, of what each codec keeps
beside it, and of what we make of it; `benchmarks/picture_memory.py` compares them with what
processes take that have loaded Pillow before: never less is told, and at most a quarter more for
pictures above a megapixel, but for two. The file of a BMP is as large as its pixels and may stay in
the heap or not, and WebP's encoder takes as much as the picture is noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

__all__ = ["Header", "announced", "encode_bytes"]

# Of bands, codecs' tables and the allocator's rounding.
_SLACK = 1_100_000
# What a codec leaves in the heap at most, in pieces too small to be given back.
_LEFT = 1_200_000
# A file above this is a mapping of its own, which is given back at once.
_SMALL_FILE = 8_000_000
# Bytes per pixel that encoders take for noise without and with alpha, which needs the most; of a
# photograph WebP's needs 8 and 41, AVIF's hardly less. Other formats are encoded row by row.
_ENCODERS = {"WEBP": {3: 31, 4: 46}, "AVIF": {3: 46, 4: 53}}
# What an AVIF's takes for the smallest picture.
_AVIF = 4_000_000


@dataclass(frozen=True)
class Header:
    """A picture that is not decoded yet.

    Args:
        shape: (H, W, 3), upright: that of the `Picture`.
        decode_bytes: that reading it takes at most, the `Picture` included.
        held_bytes: that the `Picture` takes.
    """

    shape: tuple[int, int, int]
    decode_bytes: int
    held_bytes: int


def announced(image: Any, orientation: int, file_bytes: int, is_deep: bool = False) -> Header:
    """What an opened Pillow image will be and take.

    Args:
        image: of which the header was read; one that is loaded already is its owner's.
        orientation: by EXIF, 1..8.
        file_bytes: that are read for it.
        is_deep: whether its colours have 16 bits, of which Pillow makes two images, one after the
            other.
    """
    width, height = image.size
    pixels = width * height
    held = pixels * (2 * len(image.mode) if is_deep else _held(image))
    decode = held
    if getattr(image, "tile", None) or image.format in ("WEBP", "HEIF"):
        store = pixels * _store(image.mode) * (2 if is_deep else 1)
        codec, kept = _codec(image, store, file_bytes)
        # A file is there twice while its metadata is taken out, before there are pixels.
        decode = _with_slack(max(2 * file_bytes, store + codec, store + held + kept))
    if orientation > 4:
        width, height = height, width
    return Header((height, width, 3), decode, held)


def encode_bytes(height: int, width: int, channels: int, format: str, depth: int = 8) -> int:
    """Bytes that `write_picture` takes at most, beside the canvas.

    Args:
        channels: 3, or 4 where alpha is written too.
        format: a result of `output_format`.
        depth: 8, or 16, of which only a few rows are there at once, one at the least.
    """
    if depth == 16:
        return 2 * _SLACK + 20 * width * channels
    each = 4 + _ENCODERS.get(format, {}).get(channels, 0)
    return height * width * each + _SLACK + (_AVIF if format == "AVIF" else 0)


def _with_slack(count: int) -> int:
    return math.ceil(1.02 * count + min(0.15 * count, _SLACK))


def _store(mode: str) -> int:
    """Bytes of a pixel as Pillow stores it."""
    if mode in ("1", "L", "P"):
        return 1
    return 2 if mode.startswith("I;16") else 4


def _held(image: Any) -> int:
    """Bytes of a pixel as a `Picture` holds it."""
    if image.mode.startswith("I"):
        is_12_bit = getattr(image, "tag_v2", {}).get(258) == (12,)
        return (4 if is_12_bit else 2) + ("transparency" in image.info)
    if image.mode == "F":
        return 4
    # A profile makes colours of grey.
    is_grey = image.mode in ("1", "L", "LA", "La") and not image.info.get("icc_profile")
    return (1 if is_grey else 3) + bool(image.has_transparency_data)


def _codec(image: Any, store: int, file_bytes: int) -> tuple[int, int]:
    """Bytes beside the store while the file is decoded, and those of them that stay afterwards."""
    width, height = image.size
    pixels = width * height
    if image.format == "JPEG":
        coefficients = _coefficients(image)
        return 2 * file_bytes + coefficients, min(coefficients // 2, _LEFT)
    if image.format == "PNG":
        stays = file_bytes + min(file_bytes, _SMALL_FILE)
        return stays, stays
    if image.format == "TIFF":
        # Pillow itself turns them upright, in a second store.
        turned = store if image.tag_v2.get(274, 1) != 1 else 0
        return file_bytes + max(_strip(image.tag_v2, width, height), turned), file_bytes
    if image.format == "WEBP":
        # Two canvases of an animation, even of one frame, and the frame's bytes.
        decoder = 8.5 if image.has_transparency_data else 8
        stays = int(pixels * decoder) + 3 * file_bytes
        return stays + 4 * pixels, stays
    if image.format == "AVIF":
        stays = int(pixels * _planes(image)) + 2 * file_bytes
        return stays + store // 4 * len(image.mode), stays
    if image.format == "HEIF":
        # The planes of colour, and of opacity, and most of what they become.
        samples = {420: 1.5, 422: 2}.get(image.info.get("chroma"), 3)
        samples += bool(image.has_transparency_data)
        each = samples * (2 if image.info.get("bit_depth", 16) > 8 else 1) + 2.9
        return int(pixels * each) + 2 * file_bytes + 200_000, 2 * file_bytes
    # It may stay in the heap, wherever what is free there is needed again.
    return file_bytes, file_bytes


def _strip(tags: Any, width: int, height: int) -> int:
    """Of a TIFF (6.0, section 8), or its tile, which is decoded as a whole."""
    rows = min(height, tags.get(323) or tags.get(278) or height)
    if tags.get(259, 1) == 1 and rows == height:
        return 0  # read by small blocks
    # YCbCr is made four bytes.
    depth = 32 if tags.get(262) == 6 else sum(tags.get(258, (8,)))
    return int(rows) * int(tags.get(322, width)) * int(depth) // 8


def _coefficients(image: Any) -> int:
    """Those of a JPEG with several scans wait for the last scan: two bytes each."""
    is_one_scan = hasattr(image.fp, "getvalue") and image.fp.getvalue().count(b"\xff\xda") < 2
    if is_one_scan and not image.info.get("progressive"):
        return 0
    layers = [(across, down) for _, across, down, _ in image.layer]
    most = max(across for across, _ in layers) * max(down for _, down in layers)
    samples = sum(across * down for across, down in layers) / most
    return int(2 * samples * image.width * image.height)


def _planes(image: Any) -> float:
    """Bytes of a pixel in the planes of an AVIF (AV1 in ISOBMFF 1.2, 2.3.3), and in its decoder."""
    data = image.fp.getvalue() if hasattr(image.fp, "getvalue") else b""
    at = data.find(b"av1C")
    flags = data[at + 6] if 0 <= at < len(data) - 6 else 0x40
    samples = 1 + 2 / (1 + bool(flags & 8)) / (1 + bool(flags & 4)) * (not flags & 0x10)
    if image.has_transparency_data:
        samples += 1.3
    return samples * (2 if flags & 0x40 else 1) * 1.12 + 1
