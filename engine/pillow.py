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
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, TypeAlias

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
from .picture_memory import Header, announced
from .pixels import Picture, as_stored, bands, check_size, scaled
from .samples import Convert, from_colours, from_deep_grey, from_halves, tiles_of_low_bytes
from .srgb import SRGB_PROFILE

if TYPE_CHECKING:
    from PIL import Image, ImageCms

__all__ = [
    "Opened",
    "PillowImage",
    "decode",
    "encode",
    "has_plugin",
    "header_of",
    "open_file",
    "open_image",
    "resample",
]

PillowImage: TypeAlias = "Image.Image"

_LOG = logging.getLogger(__name__)

# Samples of a band that is resampled: for each band the weights are computed anew.
_RESAMPLED = 1 << 19

# As Pillow spells them in the names of its plugins.
_PLUGINS = {
    "JPEG": "Jpeg",
    "PNG": "Png",
    "WEBP": "WebP",
    "TIFF": "Tiff",
    "BMP": "Bmp",
    "GIF": "Gif",
    "AVIF": "Avif",
    "HEIC": "Heif",
}


class Opened(NamedTuple):
    """A file or an image that announced what is within the limits."""

    image: Image.Image
    name: str
    exif: bytes
    """The EXIF block that the file was freed of; empty where there was none."""

    file_bytes: int
    """What is read before anything is decoded; 0 for a caller's image."""

    low: Image.Image | None = None
    """The same picture in the lower bytes of its 16 bits, where its colours have so many."""

    @property
    def orientation(self) -> int:
        """As EXIF numbers it, 1..8."""
        exif = self.exif or self.image.info.get("exif")
        return orientation(exif) if isinstance(exif, bytes) else 1


def open_file(data: bytes, limits: Limits, name: str) -> Opened:
    """A picture file of which only the header was read; errors as in `read_picture`."""
    if len(data) > limits.file_bytes:
        raise ImageTooLarge(f"{name} has more than {limits.file_bytes} bytes")
    format = format_of(data)
    if format is None:
        reason = "is not a picture of a known format" if data else "is empty"
        raise UnsupportedImage(f"{name} {reason}; known formats: {' '.join(FORMATS)}")
    bare, low = bare_file(data, format, name), None
    with _decoding(name):
        if not has_plugin(format):
            hint = ": pip install 'impasto[heif]' for that" if format == "HEIC" else ""
            raise UnsupportedImage(f"{name} is {format}, which this Pillow cannot decode{hint}")
        opens = getattr(_plugin(format), f"{_PLUGINS[format]}ImageFile")
        image = opens(io.BytesIO(bare.data))
        check_size(image.size, limits, name)
        if format == "TIFF":
            # The tile is allocated as announced, however small the picture.
            check_size((image.tag_v2.get(322, 1), image.tag_v2.get(323, 1)), limits, name)
        if not bare.whole:
            raise CorruptImage(f"{name} is damaged or cut off")
        if (tiles := tiles_of_low_bytes(image)) is not None:
            low = opens(io.BytesIO(bare.data))
            low.tile = tiles
    return Opened(image, name, bare.exif, len(data), low)


def has_plugin(format: str) -> bool:
    """Whether there is what the format needs, in this Pillow or beside it."""
    try:
        return bool(getattr(_plugin(format), "SUPPORTED", True))
    except ImportError:
        return False


def _plugin(format: str) -> ModuleType:
    """Of HEIC, Pillow has none of its own; importing this one registers nothing."""
    return importlib.import_module(
        "pillow_heif" if format == "HEIC" else f"PIL.{_PLUGINS[format]}ImagePlugin"
    )


def open_image(image: object, limits: Limits, name: str) -> Opened:
    """A caller's `PIL.Image.Image`; errors as in `read_picture`."""
    from PIL import Image

    if not isinstance(image, Image.Image):
        raise OptionsError(
            f"{name} must be a path, bytes, a PIL image or a NumPy array, "
            f"not {type(image).__name__}"
        )
    if min(image.size) < 1:
        raise OptionsError(f"{name} has no pixels: {image.width} x {image.height}")
    check_size(image.size, limits, name)
    return Opened(image, name, b"", 0)


def header_of(opened: Opened) -> Header:
    """What its decoding makes, and takes."""
    with _decoding(opened.name):
        return announced(
            opened.image, opened.orientation, opened.file_bytes, opened.low is not None
        )


def decode(opened: Opened) -> Picture:
    """The picture in an opened file or image; errors as in `read_picture`."""
    with _decoding(opened.name):
        for image in filter(None, (opened.image, opened.low)):
            image.load()
        return _picture(opened)


def encode(
    blocks: Iterable[NDArray[np.uint8]],
    shape: tuple[int, int, int],
    stream: BinaryIO,
    format: str,
    options: dict[str, Any],
) -> None:
    """Write the file of a picture of `shape`, (H, W, 3) or (H, W, 4).

    Args:
        blocks: its pixels, some whole rows after the other: they are never there at once beside
            the four bytes per pixel that Pillow takes.
        stream: what is written to.
        format, options: of Pillow; "text" of a PNG is a table of words to put into it.

    Raises:
        OutputError: the format cannot hold them.
        OSError: the stream cannot be written.
    """
    from PIL import Image

    if "text" in options:
        options = {**options, "pnginfo": _words(options["text"])}
    height, width, channels = shape
    image = Image.new("RGB" if channels == 3 else "RGBA", (width, height))
    top = 0
    for block in blocks:
        image.paste(Image.fromarray(block), (0, top))
        top += block.shape[0]
    try:
        image.save(stream, format, **options)
    except (OSError, RuntimeError, ValueError, struct.error) as error:
        # What the system says, as of a full disk, is for whoever owns the stream.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise OutputError(
            f"cannot encode {width} x {height} pixels as {format}: {error}"
        ) from error


def _words(texts: dict[str, str]) -> object:
    from PIL.PngImagePlugin import PngInfo

    words = PngInfo()
    for keyword, text in texts.items():
        words.add_itxt(keyword, text)
    return words


def resample(plane: NDArray[Any], result: NDArray[np.float32]) -> None:
    """Bring one channel (H, W) to another size by Lanczos with three lobes; it may overshoot.

    Pillow's float mode holds one channel; its 8-bit modes would quantise the canvas. It goes across
    first and then down, of which each row and then each column is on its own: so by bands.

    Args:
        plane: uint8, uint16 or floats, see `Picture`.
        result: is filled: (height, width), of any strides.
    """
    from PIL import Image

    height, width = result.shape
    across = np.empty((plane.shape[0], width), np.float32)
    for rows in bands(plane.shape[0], plane.shape[1], _RESAMPLED):
        band = Image.fromarray(scaled(plane[rows]))
        size = (width, band.height)
        across[rows] = np.asarray(band.resize(size, Image.Resampling.LANCZOS))
    for columns in bands(width, max(height, plane.shape[0]), _RESAMPLED):
        band = Image.fromarray(np.ascontiguousarray(across[:, columns]))
        size = (band.width, height)
        result[:, columns] = np.asarray(band.resize(size, Image.Resampling.LANCZOS))


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
        reason = " ".join(str(error).split())
        raise CorruptImage(f"{name} is damaged or of an unknown variety: {reason}") from error


def _picture(opened: Opened) -> Picture:
    """A loaded image of any mode as an upright sRGB picture, band by band."""
    image, name = opened.image, opened.name
    images: tuple[Image.Image, ...] = (image,)
    convert: Convert
    if opened.low is not None:
        images, convert = (image, opened.low), from_halves
    elif image.mode[0] in "IF":
        convert = from_deep_grey(image, name)
    else:
        profile = image.info.get("icc_profile")
        convert = from_colours(image, lambda mode: _to_srgb(mode, profile, name))
    turn = opened.orientation
    wholes: list[NDArray[Any]] = []
    for rows in bands(image.height, 3 * image.width):
        parts = convert(*(one.crop((0, rows.start, one.width, rows.stop)) for one in images))
        for number, part in enumerate(parts):
            if len(wholes) <= number:
                size = (image.width, image.height) if turn > 4 else (image.height, image.width)
                wholes.append(np.empty((*size, *part.shape[2:]), part.dtype))
            as_stored(wholes[number], turn)[rows] = part
    return Picture(*wholes)


def _to_srgb(mode: str, profile: object, name: str) -> ImageCms.ImageCmsTransform | None:
    """What makes RGB of a mode that has a valid profile; None where it has none, or is sRGB."""
    from PIL import ImageCms

    source: Any = None
    if mode == "LAB":
        source = ImageCms.createProfile("LAB")
    elif isinstance(profile, bytes) and profile not in (b"", SRGB_PROFILE):
        source = io.BytesIO(profile)
    if source is None:
        return None
    try:
        return ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except ImageCms.PyCMSError as error:
        _LOG.info("%s: its colour profile is ignored: %s", name, error)
        return None
