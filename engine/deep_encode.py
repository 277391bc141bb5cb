"""PNG and TIFF with 16 bits for each sample, in colour, which Pillow cannot write.

Both are written some rows at a time, so that no more of the picture is there in whole numbers, each
pixel as its difference from the left neighbour: the lower half of 16 bits of a painting is noise,
of which cleverer predictions save another hundredth.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .embedding import DESCRIPTION, itxt_of
from .errors import OutputError
from .srgb import SRGB_PROFILE

__all__ = ["DEEP_ENCODERS"]

# (h, W, 3) or (h, W, 4): whole rows, as many in each block as in the first, but for the last.
_Blocks: TypeAlias = Iterable[NDArray[np.uint16]]
_Encoder: TypeAlias = Callable[[_Blocks, tuple[int, int, int], BinaryIO, str | None], None]

# Of pixels: there must be room for the directory behind them.
_LARGEST = 2**32 - 2**28
_ASCII, _SHORT, _LONG, _BYTES = 2, 3, 4, 7


def _write_png(
    blocks: _Blocks, shape: tuple[int, int, int], stream: BinaryIO, text: str | None
) -> None:
    """PNG 3rd edition: chunks in section 11, and the filter "Sub" of section 9."""

    def chunk(kind: bytes, data: bytes) -> None:
        check = zlib.crc32(kind + data)
        stream.write(struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", check))

    height, width, channels = shape
    stream.write(b"\x89PNG\r\n\x1a\n")
    colours = 2 if channels == 3 else 6
    chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colours, 0, 0, 0))
    chunk(b"iCCP", b"sRGB\0\0" + zlib.compress(SRGB_PROFILE))
    if text is not None:
        chunk(b"iTXt", itxt_of(text))
    packer, step = zlib.compressobj(), 2 * channels
    for block in blocks:
        samples = block.astype(">u2").view(np.uint8).reshape(len(block), -1)
        rows = np.empty((len(block), 1 + samples.shape[1]), np.uint8)
        rows[:, 0] = 1
        rows[:, 1 : 1 + step] = samples[:, :step]
        rows[:, 1 + step :] = samples[:, step:] - samples[:, :-step]
        if packed := packer.compress(rows.tobytes()):
            chunk(b"IDAT", packed)
    chunk(b"IDAT", packer.flush())
    chunk(b"IEND", b"")


def _write_tiff(
    blocks: _Blocks, shape: tuple[int, int, int], stream: BinaryIO, text: str | None
) -> None:
    """TIFF 6.0: one strip for each block, by deflate and the predictor of section 14."""
    height, width, channels = shape
    stream.write(struct.pack("<2sHI", b"II", 42, 0))
    at, places, sizes, rows = 8, [], [], 1
    for block in blocks:
        samples = block.astype("<u2")
        samples[:, 1:] -= block[:, :-1]
        strip = zlib.compress(samples.tobytes())
        stream.write(strip)
        places.append(at)
        sizes.append(len(strip))
        at, rows = at + len(strip), max(rows, len(block))
        if at > _LARGEST:
            raise OutputError(f"a TIFF ends at 4 GB; {width} x {height} pixels take more")
    tags: dict[int, Any] = {
        256: width,
        257: height,
        258: np.full(channels, 16, np.uint16),
        259: 8,  # deflate
        262: 2,  # RGB
        DESCRIPTION: None if text is None else text.encode("ascii") + b"\0",
        273: np.array(places, np.uint32),
        277: channels,
        278: rows,
        279: np.array(sizes, np.uint32),
        284: 1,  # the channels of a pixel lie together
        317: 2,
        338: 2 if channels == 4 else None,  # alpha, not multiplied into the colours
        34675: SRGB_PROFILE,
    }
    stream.write(_directory({tag: value for tag, value in tags.items() if value is not None}, at))
    stream.seek(4)
    stream.write(struct.pack("<I", at + at % 2))


def _directory(tags: Mapping[int, Any], at: int) -> bytes:
    """The tags, given in rising order, as they lie from `at` on; long values come behind them."""
    begin = at + at % 2
    entries, beside = b"", b""
    behind = begin + 2 + 12 * len(tags) + 4
    for tag, value in tags.items():
        if isinstance(value, int):
            value = np.array([value], np.uint16 if value < 2**16 else np.uint32)
        if isinstance(value, bytes):
            kind, count, data = (_ASCII if tag == DESCRIPTION else _BYTES), len(value), value
        else:
            kind, count = (_SHORT if value.dtype == np.uint16 else _LONG), len(value)
            data = value.astype(value.dtype.newbyteorder("<")).tobytes()
        if len(data) > 4:
            place = behind + len(beside)
            beside += data + bytes(len(data) % 2)
            data = struct.pack("<I", place)
        entries += struct.pack("<HHI4s", tag, kind, count, data)
    return bytes(at % 2) + struct.pack("<H", len(tags)) + entries + bytes(4) + beside


DEEP_ENCODERS: Mapping[str, _Encoder] = {"PNG": _write_png, "TIFF": _write_tiff}
"""By format: write the blocks of a picture of `shape`, (H, W, 3 or 4), and a text of ASCII, or
none, to a stream that can be sought."""
