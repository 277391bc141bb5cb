"""The one module that knows Pillow: decoding, encoding and resampling, each behind one function.

The plugin of the format that the first bytes show, and no other, is called directly.
`PIL.Image.open` is left out because it judges sizes by a limit of its own and says so through
`warnings`, whose filters belong to the host; here `Limits` decides, after the header and before
any pixel. TIFF cannot be stripped of its metadata: Pillow may pass a remark about an odd tag to the
host's `warnings` filters.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .containers import FORMATS, bare_file, format_of, orientation
from .errors import (
    CorruptImage,
    ImageTooLarge,
    OptionsError,
    OutputError,
    StyleError,
    UnsupportedImage,
)
from .limits import Limits
from .pixels import Picture, Pixels, check_size, scaled

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["PillowImage", "decode", "encode", "from_image", "resample"]

PillowImage: TypeAlias = "Image.Image"

_LOG = logging.getLogger(__name__)

# As Pillow spells them in the names of its plugins.
_PLUGINS = {
    "JPEG": "Jpeg",
    "PNG": "Png",
    "WEBP": "WebP",
    "TIFF": "Tiff",
    "BMP": "Bmp",
    "GIF": "Gif",
    "AVIF": "Avif",
}

# What makes pixels upright that were stored with EXIF orientation 2..8.
_UPRIGHT = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}


def decode(data: bytes, limits: Limits, name: str) -> Picture:
    """The first frame of a picture file; errors as in `read_picture`."""
    if len(data) > limits.file_bytes:
        raise ImageTooLarge(f"{name} has more than {limits.file_bytes} bytes")
    format = format_of(data)
    if format is None:
        reason = "is not a picture of a known format" if data else "is empty"
        raise UnsupportedImage(f"{name} {reason}; known formats: {' '.join(FORMATS)}")
    bare = bare_file(data, format)
    with _decoding(name):
        plugin = importlib.import_module(f"PIL.{_PLUGINS[format]}ImagePlugin")
        if not getattr(plugin, "SUPPORTED", True):
            raise UnsupportedImage(f"{name} is {format}, which this Pillow cannot decode")
        image = getattr(plugin, f"{_PLUGINS[format]}ImageFile")(io.BytesIO(bare.data))
        check_size(image.size, limits, name)
        if format == "TIFF":
            # The tile is allocated as announced, however small the picture.
            check_size((image.tag_v2.get(322, 1), image.tag_v2.get(323, 1)), limits, name)
        if not bare.whole:
            raise CorruptImage(f"{name} is damaged or cut off")
        image.load()
        return _picture(image, bare.exif or image.info.get("exif"), name)


def from_image(image: object, limits: Limits, name: str) -> Picture:
    """The picture in a caller's `PIL.Image.Image`; errors as in `read_picture`."""
    from PIL import Image

    if not isinstance(image, Image.Image):
        raise OptionsError(
            f"{name} must be a path, bytes, a PIL image or a NumPy array, "
            f"not {type(image).__name__}"
        )
    if min(image.size) < 1:
        raise OptionsError(f"{name} has no pixels: {image.width} x {image.height}")
    check_size(image.size, limits, name)
    with _decoding(name):
        image.load()
        return _picture(image, image.info.get("exif"), name)


def encode(pixels: NDArray[np.uint8], format: str, options: dict[str, Any]) -> bytes:
    """The file of pixels (H, W, 3) or (H, W, 4) in a format and with options of Pillow.

    Raises:
        OutputError: the format cannot hold them.
    """
    from PIL import Image

    stream = io.BytesIO()
    try:
        Image.fromarray(pixels).save(stream, format, **options)
    except (OSError, ValueError, struct.error) as error:
        height, width = pixels.shape[:2]
        raise OutputError(
            f"cannot encode {width} x {height} pixels as {format}: {error}"
        ) from error
    return stream.getvalue()


def resample(plane: NDArray[Any], height: int, width: int) -> Pixels:
    """One channel (H, W) of floats at another size, by Lanczos with three lobes; it may overshoot.

    Pillow's float mode holds one channel; its 8-bit modes would quantise the canvas.
    """
    from PIL import Image

    image = Image.fromarray(np.ascontiguousarray(plane, dtype=np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


@contextlib.contextmanager
def _decoding(name: str) -> Iterator[None]:
    """The border: plugins meet damage with almost any exception, none of which may leak."""
    from PIL import Image

    try:
        yield
    except StyleError:
        raise
    except (MemoryError, Image.DecompressionBombError) as error:
        raise ImageTooLarge(f"{name} needs more memory than there is to decode") from error
    except Exception as error:
        raise CorruptImage(f"{name} is damaged or of an unknown variety: {error}") from error


def _picture(image: Image.Image, exif: object, name: str) -> Picture:
    """A loaded image of any mode as an upright sRGB picture."""
    from PIL import Image

    turn = _UPRIGHT.get(orientation(exif) if isinstance(exif, bytes) else 1)
    if turn is not None:
        image = image.transpose(Image.Transpose[turn])
    if image.mode.startswith(("I", "F")):
        return _deep_grey(image, name)
    profile = image.info.get("icc_profile")
    grey = image.mode in ("1", "L", "LA", "La")
    alpha = None
    if image.has_transparency_data:
        # Pillow knows no direct way from La.
        straight = image.convert("LA") if image.mode == "La" else image
        bands = straight.convert("RGBA").split()
        alpha = scaled(np.asarray(bands[3]), 255)
        image = bands[0] if grey else Image.merge("RGB", bands[:3])
    elif image.mode not in ("L", "RGB", "CMYK", "LAB"):
        image = image.convert("L" if grey else "RGB")
    return Picture(scaled(np.asarray(_to_srgb(image, profile, name)), 255), alpha)


def _deep_grey(image: Image.Image, name: str) -> Picture:
    """Grey of more than 8 bits, which Pillow's own conversion would clip to white."""
    values = np.asarray(image)
    white = 65535 if image.mode.startswith("I") else 1
    # Pillow widens TIFF samples of 12 bits without scaling them.
    if getattr(image, "tag_v2", {}).get(258) == (12,):
        white = 4095
    # The comparisons are false for NaN.
    if not (values.min() >= 0 and values.max() <= white):
        raise UnsupportedImage(f"{name} has pixels outside 0..{white}, so its white is unknown")
    transparent = image.info.get("transparency")
    alpha = None if transparent is None else (values != transparent).astype(np.float32)
    rgb = np.broadcast_to(values[..., np.newaxis], (*values.shape, 3))
    return Picture(scaled(rgb, white), alpha)


def _to_srgb(image: Image.Image, profile: object, name: str) -> Image.Image:
    """Mode L, RGB, CMYK or LAB to RGB, through the embedded profile where that is valid."""
    from PIL import ImageCms

    source: Any = None
    if image.mode == "LAB":
        source = ImageCms.createProfile("LAB")
    elif isinstance(profile, bytes) and profile:
        source = io.BytesIO(profile)
    if source is not None:
        try:
            converted = ImageCms.profileToProfile(
                image,
                source,
                ImageCms.createProfile("sRGB"),
                renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
                outputMode="RGB",
                flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
            )
            assert converted is not None
            return converted
        except ImageCms.PyCMSError as error:
            _LOG.info("%s: its colour profile is ignored: %s", name, error)
    return image.convert("RGB")
