"""What the bytes of a picture file say before any decoder runs: format, parts, orientation.

Nothing here judges pixels. Metadata is where files of strangers are odd or hostile, so of PNG and
JPEG only the parts that make pixels are handed on, and EXIF is read for one number.
"""

from __future__ import annotations

import contextlib
import re
import struct
import zlib
from typing import NamedTuple

from .errors import CorruptImage

__all__ = ["FORMATS", "SUFFIXES", "BareFile", "bare_file", "format_of", "orientation"]

_SIGNATURES = {
    "JPEG": rb"\xff\xd8\xff",
    "PNG": rb"\x89PNG\r\n\x1a\n",
    "WEBP": rb"RIFF.{4}WEBP",
    "TIFF": rb"II[*+]\0|MM\0[*+]",
    # Two letters alone would claim many a text; the size of the second header is one of a few.
    "BMP": rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0",
    "GIF": rb"GIF8[79]a",
    "AVIF": rb".{4}ftyp(avi[fs]|mif1.{4,48}?avif)",
    "HEIC": rb".{4}ftyp(hei[cmsx]|mif1.{4,48}?hei[cx])",
}

FORMATS = tuple(_SIGNATURES)
"""The formats that are opened; everything else is refused unseen, whatever Pillow could read."""

SUFFIXES = {
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".avif": "AVIF",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".heic": "HEIC",
    ".heif": "HEIC",
}
"""What their files are called; a file that is read is told by its bytes all the same."""

# Segments with a length that may stand before the scan, and those of them that are only metadata.
_JPEG_SEGMENTS = {*range(0xC0, 0xD0), *range(0xDB, 0xFF)}
_JPEG_METADATA = {*range(0xE0, 0xF0), 0xFE}
# Yet these bear on colour: the header, the transform of the channels and the profile.
_JPEG_COLOUR = (b"JFIF", b"Adobe", b"ICC_PROFILE\0")
# Parts of a file, and how many bytes of it bring one more. Encoders write IDATs of 8 KiB or more,
# some one for each row; but a part of a few bytes costs hundreds here and in a decoder.
_MOST_PARTS, _BYTES_OF_A_PART = 1 << 14, 1 << 12


class BareFile(NamedTuple):
    """A picture file without what a decoder need not see."""

    data: bytes
    """The file of pixels."""

    exif: bytes
    """The EXIF block that was taken out; empty where there was none."""

    whole: bool
    """False where the file is seen to be damaged or cut off."""


def format_of(data: bytes) -> str | None:
    """The one of `FORMATS` that the first bytes show, or None."""
    for name, signature in _SIGNATURES.items():
        if re.match(signature, data, re.DOTALL):
            return name
    return None


def bare_file(data: bytes, format: str, name: str) -> BareFile:
    """Take the metadata out of a PNG or JPEG; files of other formats stay as they are.

    Raises:
        CorruptImage: it has more parts than there is a use for; the message has the `name`.
    """
    if format == "PNG":
        return _bare_png(data, _Kept(data, name))
    if format == "JPEG":
        return _bare_jpeg(data, _Kept(data, name))
    return BareFile(data, b"", format not in ("AVIF", "HEIC") or _has_whole_boxes(data))


def orientation(exif: bytes) -> int:
    """EXIF orientation 1..8 (tag 274 of the first directory); 1 where none can be trusted."""
    tiff = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    with contextlib.suppress(struct.error):
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind = struct.unpack_from(order + "HH", tiff, entry)
            if tag == 274 and kind == 3:
                (value,) = struct.unpack_from(order + "H", tiff, entry + 8)
                return value if 1 <= value <= 8 else 1
    return 1


class _Kept:
    """What stays of a file. Parts that lie side by side are one run, of which the ends alone are
    remembered: objects for millions of empty parts would fill the memory before any decoder does.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self._name = name
        # Views, for copies of many small parts would lie in the heap beside the pixels.
        self._view = memoryview(data)
        self._runs: list[memoryview] = []
        self._start = self._end = 0
        self._most = self._left = _MOST_PARTS + len(data) // _BYTES_OF_A_PART

    def count(self) -> None:
        """One part more, whether it stays or not.

        Raises:
            CorruptImage: it is one too many.
        """
        self._left -= 1
        if self._left < 0:
            raise CorruptImage(f"{self._name} is damaged: it has more than {self._most} parts")

    def add(self, start: int, end: int) -> None:
        """These bytes stay; they lie behind all that were added before."""
        if start != self._end:
            self._runs.append(self._view[self._start : self._end])
            self._start = start
        self._end = end

    def joined(self) -> bytes:
        """All that stays."""
        return b"".join([*self._runs, self._view[self._start : self._end]])


def _bare_png(data: bytes, kept: _Kept) -> BareFile:
    view = memoryview(data)
    kept.add(0, 8)
    exif, at = b"", 8
    while at + 12 <= len(data):
        kept.count()
        size, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + size
        if kind == b"eXIf":
            exif = data[at + 8 : end - 4]
        # A small first letter marks a chunk that is not critical (PNG 3rd edition, 5.4).
        elif not kind[0] & 0x20 or kind in (b"tRNS", b"iCCP"):
            kept.add(at, end)
            # No checksum of four bytes equals that of a chunk whose end is missing.
            if zlib.crc32(view[at + 4 : end - 4]).to_bytes(4, "big") != data[end - 4 : end]:
                break
        if kind == b"IEND":
            return BareFile(kept.joined(), exif, True)
        at = end
    return BareFile(kept.joined(), exif, False)


def _bare_jpeg(data: bytes, kept: _Kept) -> BareFile:
    kept.add(0, 2)
    exif, at = b"", 2
    while at + 4 <= len(data) and data[at] == 0xFF and data[at + 1] in _JPEG_SEGMENTS:
        kept.count()
        marker = data[at + 1]
        end = at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : end]
        if marker == 0xE1 and body.startswith(b"Exif\0\0"):
            exif = exif or body
        elif marker not in _JPEG_METADATA or body.startswith(_JPEG_COLOUR):
            kept.add(at, end)
        at = end
    kept.add(at, len(data))
    # Without its end marker a JPEG is cut off, however many rows can be guessed.
    return BareFile(kept.joined(), exif, data.find(b"\xff\xd9", at) >= 0)


def _has_whole_boxes(data: bytes) -> bool:
    """Whether none of the boxes up to the pixels reaches beyond the end (ISO/IEC 14496-12, 4.2)."""
    at, kind = 0, b""
    while at + 8 <= len(data) and kind != b"mdat":
        size, kind = struct.unpack_from(">I4s", data, at)
        if size == 1 and at + 16 <= len(data):
            (size,) = struct.unpack_from(">Q", data, at + 8)
        # The last one may have none, and reach to the end.
        at += max(size, 8) if size else len(data) - at
    return at <= len(data)
