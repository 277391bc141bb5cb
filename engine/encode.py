"""Pictures out: which formats are written, and how floats become their eight or sixteen bits."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from .checks import bit_depth, whole
from .containers import SUFFIXES
from .deep_encode import DEEP_ENCODERS
from .embedding import MOST_CHARACTERS, room_for
from .errors import OptionsError
from .files import atomic_writer
from .pillow import encode, has_plugin
from .pixels import bands
from .srgb import SRGB_PROFILE

__all__ = ["check_encoding", "encode_picture", "format_of", "output_format", "write_picture"]

# Full colour resolution where the format leaves the choice; brush strokes live on colour edges.
_SRGB: dict[str, Any] = {"icc_profile": SRGB_PROFILE}
_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "PNG": _SRGB,
    "JPEG": {**_SRGB, "quality": 95, "subsampling": 0},
    "WEBP": {**_SRGB, "quality": 95, "use_sharp_yuv": True, "exact": True},
    "TIFF": {**_SRGB, "compression": "tiff_lzw"},
    # Slower searches save a twentieth. What one thread finds is not what several do, of which the
    # number makes no difference.
    "AVIF": {**_SRGB, "quality": 95, "subsampling": "4:4:4", "speed": 8, "max_threads": 4},
    "BMP": {},
}
_SUFFIXES = {suffix: format for suffix, format in SUFFIXES.items() if format in _SAVE_OPTIONS}
_KEEPS_ALPHA = ("PNG", "WEBP", "TIFF", "AVIF")


def output_format(path: str | Path) -> str:
    """The format that the suffix of `path` asks for ("PNG", "JPEG", ...), to be asked before work.

    Raises:
        OptionsError: no suffix, or an unknown one.
    """
    return _found(Path(path).suffix, f"cannot tell the picture format of {str(path)!r}")


def format_of(suffix: str) -> str:
    """The format of a suffix such as ".png".

    Raises:
        OptionsError: there is none.
    """
    return _found(suffix, f"{suffix!r} is no suffix of a picture format")


def _found(suffix: object, otherwise: str) -> str:
    format = _SUFFIXES.get(suffix.lower()) if isinstance(suffix, str) else None
    if format is None:
        raise OptionsError(f"{otherwise}; known suffixes: {' '.join(_SUFFIXES)}")
    return format


def check_encoding(format: str, quality: int | None = None, depth: int = 8) -> None:
    """Say whether a picture of this format can be written so.

    Args:
        format: a result of `output_format`.
        quality: 1..100; any format can have None, its default.
        depth: bits of each sample; any format can have 8.

    Raises:
        OptionsError: it cannot; the message says why.
    """
    if quality is not None:
        whole("quality", quality, 1, 100)
        if "quality" not in _SAVE_OPTIONS[format]:
            raise OptionsError(f"quality has no meaning for {format}: JPEG, WebP and AVIF have one")
    if bit_depth("depth", depth) == 16 and format not in DEEP_ENCODERS:
        raise OptionsError(
            f"depth 16 is more than {format} holds: only {' and '.join(DEEP_ENCODERS)} have 16 bits"
        )
    if format == "AVIF" and not has_plugin(format):
        raise OptionsError("this Pillow cannot write AVIF")


def write_picture(
    path: str | Path,
    rgb: NDArray[Any],
    alpha: NDArray[Any] | None = None,
    *,
    metadata: Mapping[str, Any] | None = None,
    quality: int | None = None,
    depth: int = 8,
) -> None:
    """Write a picture as a whole or not at all, in the format of the suffix of `path`.

    Args:
        rgb, alpha: see `encode_picture`.
        metadata: is put into the file as JSON, of at most 60000 characters; a BMP has no room.
        quality: of a JPEG, WebP or AVIF, 1..100; None is 95.
        depth: bits of each sample, 8, or in a PNG or TIFF 16.

    Raises:
        OptionsError: see `output_format`, `check_encoding` and `encode_picture`; or the metadata is
            no JSON, or too long.
        OutputError: it cannot be encoded or written; what was at `path` is unchanged.
    """
    format = output_format(path)
    _check(rgb, alpha, format)
    check_encoding(format, quality, depth)
    text = None if metadata is None else _json(metadata)
    # Straight to the file: encoded, a picture may be as large again as its pixels.
    with atomic_writer(Path(path)) as stream:
        _encode_to(stream, rgb, alpha, format, text, quality, depth)


def encode_picture(
    rgb: NDArray[Any], alpha: NDArray[Any] | None, format: str, depth: int = 8
) -> bytes:
    """The bytes of a file of sRGB pixels, with the profile that says so where the format has room
    for one, and no metadata.

    Args:
        rgb: (H, W, 3) floats; clipped to 0..1.
        alpha: (H, W) floats, or None; JPEG and BMP show it on white, others keep it.
        format: a result of `output_format`.
        depth: see `write_picture`.

    Raises:
        OptionsError: an array of another shape or not finite, or an unknown format.
        OutputError: the format cannot hold this picture, as a WebP wider than 16383 pixels.
    """
    _check(rgb, alpha, format)
    check_encoding(format, depth=depth)
    stream = io.BytesIO()
    _encode_to(stream, rgb, alpha, format, None, None, depth)
    return stream.getvalue()


def _json(metadata: Mapping[str, Any]) -> str:
    """In ASCII, which every format has room for."""
    try:
        text = json.dumps(metadata, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise OptionsError(f"the metadata cannot be written as JSON: {error}") from error
    if len(text) > MOST_CHARACTERS:
        raise OptionsError(
            f"the metadata has {len(text)} characters as JSON; there is room for {MOST_CHARACTERS}"
        )
    return text


def _encode_to(
    stream: BinaryIO,
    rgb: NDArray[Any],
    alpha: NDArray[Any] | None,
    format: str,
    text: str | None,
    quality: int | None,
    depth: int,
) -> None:
    keeps_alpha = alpha is not None and format in _KEEPS_ALPHA
    shape = (rgb.shape[0], rgb.shape[1], 4 if keeps_alpha else 3)
    blocks = (
        _rounded(rgb[rows], None if alpha is None else alpha[rows], keeps_alpha, depth)
        for rows in bands(shape[0], shape[1] * shape[2])
    )
    if depth == 16:
        DEEP_ENCODERS[format](blocks, shape, stream, text)
        return
    more = {} if text is None else room_for(text, format)
    if quality is not None:
        more["quality"] = quality
    target = stream if format == "TIFF" else cast(BinaryIO, _Written(stream))
    encode(blocks, shape, target, format, {**_SAVE_OPTIONS[format], **more})


class _Written:
    """A stream without its descriptor, to which Pillow would write behind it.

    Pillow takes a write of a part for one of all: on a disk that is just full, a picture would be
    cut off and nobody told. libtiff, which writes TIFF, counts, and would else take memory.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self.write = stream.write
        self.seek = stream.seek
        self.tell = stream.tell
        self.flush = stream.flush


def _rounded(
    rgb: NDArray[Any], alpha: NDArray[Any] | None, keeps_alpha: bool, depth: int
) -> NDArray[Any]:
    """Some rows as whole numbers of `depth` bits: (h, W, 3), or with their alpha (h, W, 4)."""
    pixels = rgb if alpha is None else np.concatenate([rgb, alpha[..., np.newaxis]], axis=2)
    if not np.isfinite(pixels).all():
        raise OptionsError("a picture to write must be finite everywhere")
    pixels = np.clip(pixels, 0.0, 1.0)
    if alpha is not None and not keeps_alpha:
        opacity = pixels[..., 3:]
        pixels = pixels[..., :3] * opacity + (1.0 - opacity)
    samples: NDArray[Any] = np.round(pixels * float(2**depth - 1))
    return samples.astype(np.uint8 if depth == 8 else np.uint16)


def _check(rgb: NDArray[Any], alpha: NDArray[Any] | None, format: str) -> None:
    if format not in _SAVE_OPTIONS:
        raise OptionsError(f"cannot write the format {format!r}; known: {' '.join(_SAVE_OPTIONS)}")
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.size == 0:
        raise OptionsError(f"a picture to write must be (H, W, 3), not {rgb.shape}")
    if alpha is not None and alpha.shape != rgb.shape[:2]:
        raise OptionsError(f"the alpha of a picture {rgb.shape} cannot be {alpha.shape}")
