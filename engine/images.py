"""Pictures in and out: the face of everything that stands between files and arrays.

Files come from strangers, so one is read once and up to a limit, its format is told by its first
bytes (`containers`), and only then a decoder sees it (`pillow`). The other way is `encode`.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .encode import check_encoding, encode_picture, format_of, output_format, write_picture
from .errors import ImageNotFound, OptionsError
from .files import open_regular
from .known_targets import KnownTargets
from .limits import Limits
from .picture_memory import Header
from .pillow import Opened, PillowImage, decode, header_of, open_file, open_image, resample
from .pixels import Picture, Pixels, array_header, bands, from_array, scaled
from .style_file import is_style_file, opened_style

__all__ = [
    "Picture",
    "PictureSource",
    "check_encoding",
    "encode_picture",
    "fitted_size",
    "format_of",
    "output_format",
    "read_file",
    "read_header",
    "read_picture",
    "resize",
    "write_picture",
]

# Quoted as a whole, since Pillow is loaded only where a picture is.
PictureSource: TypeAlias = "str | Path | bytes | PillowImage | NDArray[Any] | Picture"

_BLOCK = 1 << 20


def read_picture(
    source: PictureSource, limits: Limits | None = None, what: str = "content picture"
) -> Picture:
    """Decode the first frame of a picture to sRGB.

    Args:
        source: a path (`str` or `Path`) of a regular file; the `bytes` of one (JPEG, PNG, WebP,
            TIFF, BMP, GIF, AVIF where Pillow has it, HEIC where pillow-heif is installed; or a
            style file: see `style_file`); a `PIL.Image.Image`; a NumPy array (H, W), (H, W, 1),
            (H, W, 3) or (H, W, 4) of uint8, uint16 or floats in 0..1, taken as sRGB; or a
            `Picture`, which is given back. An array is never changed, an image at most loaded.
        limits: the defaults of `Limits` where None.
        what: the picture's part in the work, for messages.

    An EXIF orientation is applied and a valid ICC profile of an 8-bit picture converted; damaged
    ones are ignored. 32-bit integer pixels count from 0 to 65535, float pixels from 0 to 1.

    Raises:
        ImageNotFound: no readable regular file is there.
        UnsupportedImage: not one of the formats, or pixels outside their range.
        CorruptImage: damaged or cut off.
        ImageTooLarge: more bytes or pixels than the limits allow.
        OptionsError: `source` is none of the above, or an array that is no picture.
    """
    limits = limits or Limits()
    if isinstance(source, np.ndarray):
        return from_array(source, limits, what)
    if isinstance(source, Picture):
        return source
    opened, known = _opened(source, limits, what)
    picture = decode(opened)
    return picture if known is None else replace(picture, known=known)


def read_header(
    source: PictureSource, limits: Limits | None = None, what: str = "content picture"
) -> Header:
    """The size and the cost of a picture, before any of its pixels is decoded.

    Arguments and errors are those of `read_picture`, but that damage to pixels may not show yet.
    """
    limits = limits or Limits()
    if isinstance(source, np.ndarray):
        return array_header(source, limits, what)
    if isinstance(source, Picture):
        return Header(source.shape, 0, 0)  # its memory is its owner's
    opened, known = _opened(source, limits, what)
    header, beside = header_of(opened), 0 if known is None else known.nbytes
    # The numbers are there twice, for they are views of the file's bytes.
    return replace(
        header,
        decode_bytes=header.decode_bytes + 2 * beside,
        held_bytes=header.held_bytes + beside,
    )


def resize(picture: Picture | NDArray[Any], height: int, width: int) -> Pixels:
    """Resample a picture to `height` x `width` with a Lanczos window.

    The window widens when shrinking, so that nothing aliases; overshoot is clipped to 0..1. An
    equal size gives an exact copy. Beside the result it takes four bytes for each row of the
    picture and column of the result.

    Args:
        picture: becomes (height, width, 3); or an array (H, W, C) or (H, W) of its kinds of
            samples, which keeps its channels.

    Raises:
        OptionsError: a side is below 1, or an array has another rank.
    """
    samples = picture.samples if isinstance(picture, Picture) else picture
    if height < 1 or width < 1 or samples.ndim not in (2, 3) or samples.size == 0:
        raise OptionsError(f"a picture of {samples.shape} has no version of {height} x {width}")
    channels = picture.shape[2:]
    resized = np.empty((height, width, *channels), np.float32)
    if samples.shape[:2] == (height, width):
        for rows in bands(height, resized[0].size):
            resized[rows] = scaled(samples[rows])
        return resized
    for channel in np.ndindex(samples.shape[2:]):
        plane = resized[(..., *channel)]
        resample(samples[(..., *channel)], plane)
        np.clip(plane, 0.0, 1.0, out=plane)
    if samples.shape[2:] != channels:
        resized[..., 1:] = resized[..., :1]
    return resized


def fitted_size(height: int, width: int, longer_side: int) -> tuple[int, int]:
    """(height, width) of the same shape with this longer side: half rounds up, each at least 1.

    Raises:
        OptionsError: a side is below 1.
    """
    if min(height, width, longer_side) < 1:
        raise OptionsError(f"a picture of {height} x {width} cannot be fitted to {longer_side}")
    longest = max(height, width)
    # In whole numbers, so that no size depends on how a quotient was rounded.
    rows, columns = (
        (2 * side * longer_side + longest) // (2 * longest) for side in (height, width)
    )
    return max(1, rows), max(1, columns)


def read_file(source: str | Path | bytes, limits: Limits, what: str) -> tuple[bytes, str]:
    """The bytes of a picture file, or somewhat more than there may be, and its name for messages.

    Raises:
        ImageNotFound: no readable regular file is there.
    """
    if isinstance(source, bytes):
        return source, what
    # repr keeps a message printable and on one line, whatever the name holds.
    name = f"{what} {str(source)!r}"
    return _read_bytes(Path(source), limits.file_bytes, name), name


def _opened(
    source: str | Path | bytes | PillowImage, limits: Limits, what: str
) -> tuple[Opened, KnownTargets | None]:
    if not isinstance(source, str | Path | bytes):
        return open_image(source, limits, what), None
    data, name = read_file(source, limits, what)
    if not is_style_file(data):
        return open_file(data, limits, name), None
    picture, known = opened_style(data, limits, name)
    return open_file(picture, limits, name), known


def _read_bytes(path: Path, most: int, name: str) -> bytes:
    """The file, or somewhat more than `most` bytes of it: a size asked for can be outgrown."""
    try:
        with open_regular(path) as stream:
            size = os.fstat(stream.fileno()).st_size
            # One block as a rule, which is then not copied. One of `most` bytes would claim them
            # all beforehand.
            blocks = [stream.read(min(size, most) + 1)]
            while sum(map(len, blocks)) <= most and (block := stream.read(_BLOCK)):
                blocks.append(block)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageNotFound(f"{name} cannot be read: {reason}") from error
    return b"".join(blocks)
