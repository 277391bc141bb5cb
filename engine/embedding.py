"""A text inside a picture file: where each format has room for one, and how it is found again.

PNG has a chunk for it (iTXt; PNG 3rd edition, 11.3.3.4), JPEG, WebP and AVIF an EXIF block (its
UserComment; EXIF 2.32, 4.6.5), TIFF its ImageDescription (TIFF 6.0, section 8). A file to be read
may come from a stranger: its parts are walked by their lengths, a bounded number of them, and no
more of it is read than the text. Pillow would parse all that is there, and tell the host's filters
of warnings what it thinks of it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, TypeAlias

from .containers import format_of

__all__ = [
    "DESCRIPTION",
    "KEYWORD",
    "MOST_CHARACTERS",
    "embedded_text",
    "exif_of",
    "itxt_of",
    "room_for",
]

KEYWORD = "impasto"
# An EXIF block in a JPEG has 65533 bytes.
MOST_CHARACTERS = 60_000
_PARTS = 4096
# Beyond the end of every file.
_FAR = 2**62
_HEAD = b"Exif\0\0"
_ASCII = b"ASCII\0\0\0"
DESCRIPTION, _DIRECTORY, _COMMENT = 270, 34665, 37510
# Keyword, no compression, no language and no translation.
_ITXT = KEYWORD.encode() + b"\0\0\0\0\0"

# (offset, size) -> so many bytes, or fewer at the end of the file.
_Read: TypeAlias = Callable[[int, int], bytes]


def room_for(text: str, format: str) -> dict[str, Any]:
    """What Pillow is to be told beside the pixels, to write a text of ASCII; nothing for BMP."""
    if format == "TIFF":
        return {"tiffinfo": {DESCRIPTION: text}}
    if format in ("JPEG", "WEBP", "AVIF"):
        return {"exif": exif_of(text)}
    return {"text": {KEYWORD: text}} if format == "PNG" else {}


def itxt_of(text: str) -> bytes:
    """The body of a PNG's chunk of this text of ASCII."""
    return _ITXT + text.encode("ascii")


def exif_of(text: str) -> bytes:
    """An EXIF block whose only word is this text of ASCII."""
    comment = _ASCII + text.encode("ascii")
    first = b"II*\0" + struct.pack("<IHHHIII", 8, 1, _DIRECTORY, 4, 1, 26, 0)
    return _HEAD + first + struct.pack("<HHHIII", 1, _COMMENT, 7, len(comment), 44, 0) + comment


def embedded_text(stream: BinaryIO) -> str | None:
    """The text that Impasto put into a picture file; None where there is none, or no picture."""

    def read(offset: int, size: int) -> bytes:
        stream.seek(offset)
        return stream.read(size)

    find = {
        "PNG": _in_png,
        "JPEG": _in_jpeg,
        "WEBP": _in_webp,
        "TIFF": _in_tiff,
        "AVIF": _in_avif,
    }
    format = format_of(read(0, 64))
    if format not in find:
        return None
    try:
        found = find[format](read)
    except (struct.error, OverflowError):  # cut off, or an offset that no file has
        return None
    return None if found is None else found.decode("ascii", "replace")


def _in_png(read: _Read) -> bytes | None:
    at = 8
    for _ in range(_PARTS):
        size, kind = struct.unpack(">I4s", read(at, 8))
        if kind in (b"IDAT", b"IEND"):
            return None
        if kind == b"iTXt" and len(_ITXT) <= size <= len(_ITXT) + MOST_CHARACTERS:
            body = read(at + 8, size)
            if body.startswith(_ITXT):
                return body[len(_ITXT) :]
        at += 12 + size
    return None


def _in_jpeg(read: _Read) -> bytes | None:
    at = 2
    for _ in range(_PARTS):
        mark, kind, size = struct.unpack(">BBH", read(at, 4))
        if mark != 0xFF or kind == 0xDA:
            return None
        if kind == 0xE1 and read(at + 4, len(_HEAD)) == _HEAD:
            return _in_exif(read(at + 4 + len(_HEAD), size - 2 - len(_HEAD)))
        at += 2 + size
    return None


def _in_webp(read: _Read) -> bytes | None:
    at = 12
    for _ in range(_PARTS):
        kind, size = struct.unpack("<4sI", read(at, 8))
        if kind == b"EXIF":
            return _in_exif(read(at + 8, min(size, 2 * MOST_CHARACTERS)).removeprefix(_HEAD))
        at += 8 + size + size % 2
    return None


def _in_avif(read: _Read) -> bytes | None:
    """As libavif writes it: an item of the type "Exif", in one piece (ISO/IEC 14496-12, 8.11)."""
    metas = (box for box in _boxes(read, 0, _FAR) if box[0] == b"meta")
    _, begin, end = next(metas, (b"", 0, 0))
    parts = {kind: (at, to) for kind, at, to in _boxes(read, begin + 4, end)}
    if not parts.keys() >= {b"iinf", b"iloc"}:
        return None
    begin, end = parts[b"iinf"]
    known = (struct.unpack(">B3xHH4s", read(at, 12)) for _, at, _ in _boxes(read, begin + 6, end))
    wanted = [item for version, item, _, kind in known if (version, kind) == (2, b"Exif")]
    begin, _ = parts[b"iloc"]
    version, widths, count = struct.unpack(">B3xHH", read(begin, 8))
    # Places and lengths have four bytes each, and nothing is added to them.
    if (version, widths) != (0, 0x4400):
        return None
    for number in range(min(count, _PARTS)):
        entry = read(begin + 8 + 14 * number, 14)
        item, _, pieces, at, length = struct.unpack(">HHHII", entry)
        if pieces != 1:
            return None
        if item in wanted:
            # Four bytes tell how far it is to the block, of which a word may stand before it.
            return _in_exif(read(at + 4, min(length, 2 * MOST_CHARACTERS)).removeprefix(_HEAD))
    return None


def _boxes(read: _Read, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The kind of each box from `at` on, and where its content begins and ends."""
    for _ in range(_PARTS):
        if at + 8 > end:
            return
        size, kind = struct.unpack(">I4s", read(at, 8))
        if size < 8:  # to the end of the file, or longer than 4 GB
            return
        yield kind, at + 8, min(at + size, end)
        at += size


def _in_exif(block: bytes) -> bytes | None:
    def read(offset: int, size: int) -> bytes:
        return block[offset : offset + size]

    order = _order(read)
    (directory,) = struct.unpack(order + "I", read(4, 4))
    inner = _value(read, order, directory, _DIRECTORY)
    if inner is None:
        return None
    (at,) = struct.unpack(order + "I", inner)
    comment = _value(read, order, at, _COMMENT)
    return None if comment is None else comment.removeprefix(_ASCII)


def _in_tiff(read: _Read) -> bytes | None:
    order = _order(read)
    (directory,) = struct.unpack(order + "I", read(4, 4))
    text = _value(read, order, directory, DESCRIPTION)
    return None if text is None else text.rstrip(b"\0")


def _order(read: _Read) -> str:
    """Which byte comes first in a TIFF, which EXIF is too; a BigTIFF is none of ours."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(read(0, 4))
    if order is None:
        raise struct.error
    return order


def _value(read: _Read, order: str, directory: int, wanted: int) -> bytes | None:
    """The bytes of a tag, of one byte each or one number of four (TIFF 6.0, section 2)."""
    (count,) = struct.unpack(order + "H", read(directory, 2))
    for number in range(min(count, _PARTS)):
        entry = read(directory + 2 + 12 * number, 12)
        tag, kind, length, offset = struct.unpack(order + "HHII", entry)
        if tag == wanted:
            if kind == 4 and length == 1:
                return entry[8:]
            if kind in (2, 7) and 4 < length <= MOST_CHARACTERS + len(_ASCII) + 1:
                return read(offset, length)
            return None
    return None
