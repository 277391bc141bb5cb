"""Small picture files, sound ones and those made by hand."""

import io
import struct
import zlib

import numpy as np
import pillow_heif
from PIL import Image

# For code of its own process: `ru_maxrss` would begin with what the parent had.
PEAK = """
from pathlib import Path

def peak():
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.partition("VmHWM:")[2].split()[0])

"""


def photo(height=40, width=40):
    """Smooth colour with a little noise, so that every coder has something to code."""
    rows, columns = np.mgrid[0:height, 0:width] / max(height, width)
    noise = np.random.default_rng(7).random((height, width)) * 0.2
    pixels = np.stack([rows, columns, 1 - rows * columns], axis=2) * 0.8 + noise[..., None]
    return Image.fromarray((pixels * 255).astype(np.uint8))


def saved(image, format, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def heic(image):
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=90)
    return stream.getvalue()


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def png(width, height, depth, colour_type, pixels, *between):
    """`pixels` is the compressed stream."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    chunks = [chunk(b"IHDR", header), *between, chunk(b"IDAT", pixels), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def exif(orientation):
    entry = struct.pack("<HHIHH", 274, 3, 1, orientation, 0)
    return b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)


SOUND = {
    "jpeg": saved(photo(), "JPEG", quality=90),
    "progressive": saved(photo(), "JPEG", quality=90, progressive=True),
    "png": saved(photo(), "PNG"),
    "palette": saved(photo().quantize(16), "PNG", transparency=3),
    "webp": saved(photo(), "WEBP", quality=90),
    "lossless webp": saved(photo(), "WEBP", lossless=True),
    "tiff": saved(photo(), "TIFF"),
    "lzw tiff": saved(photo(), "TIFF", compression="tiff_lzw"),
    "bmp": saved(photo(), "BMP"),
    "gif": saved(photo().quantize(32), "GIF"),
    "avif": saved(photo(), "AVIF"),
    "heic": heic(photo()),
}
