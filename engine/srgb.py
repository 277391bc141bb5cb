"""The colour profile of sRGB, for programs that take a picture without one for something else.

Made here and not by Little CMS, which writes the date of today into it: the same picture is to be
the same bytes. It is a matrix and a curve (ICC.1:2022, 8.3.3), and by them Little CMS, as most
readers of profiles, finds exactly the colours of its own sRGB.
"""

from __future__ import annotations

import struct

__all__ = ["SRGB_PROFILE"]

# Sixteen bits after the point, all of them. The D50 of profiles; what adapts D65 to it (Bradford);
# the primaries of ITU-R BT.709 under it, whose sum is the white but for rounding.
_WHITE = (63190, 65536, 54061)
_ADAPTATION = (68674, 1502, -3291, 1939, 64912, -1119, -606, 988, 49262)
_RED, _GREEN, _BLUE = (28576, 14581, 912), (25239, 46983, 6361), (9375, 3972, 46787)
# IEC 61966-2-1: ((x + 0.055) / 1.055) ** 2.4 from 0.04045 on, and x / 12.92 below.
_CURVE = (157286, 62119, 3417, 5072, 2651)


def _text(words: str) -> bytes:
    head = struct.pack(">4sIII2s2sII", b"mluc", 0, 1, 12, b"en", b"US", 2 * len(words), 28)
    return head + words.encode("utf-16-be")


def _numbers(kind: bytes, *values: int) -> bytes:
    return struct.pack(f">4sI{len(values)}i", kind, 0, *values)


def _profile() -> bytes:
    curve = struct.pack(">4sIHH5i", b"para", 0, 3, 0, *_CURVE)
    parts = {
        b"desc": _text("sRGB"),
        b"cprt": _text("No copyright, use freely"),
        b"wtpt": _numbers(b"XYZ ", *_WHITE),
        b"chad": _numbers(b"sf32", *_ADAPTATION),
        b"rXYZ": _numbers(b"XYZ ", *_RED),
        b"gXYZ": _numbers(b"XYZ ", *_GREEN),
        b"bXYZ": _numbers(b"XYZ ", *_BLUE),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    body, table, places = b"", b"", {}
    begin = 128 + 4 + 12 * len(parts)
    for name, part in parts.items():
        # Equal parts lie there once; all are whole numbers of four bytes.
        if part not in places:
            places[part] = begin + len(body)
            body += part
        table += struct.pack(">4sII", name, places[part], len(part))
    head = struct.pack(
        ">I4xI4s4s4s6H4s28x3i48x",
        begin + len(body),
        0x04400000,  # of the format
        b"mntr",
        b"RGB ",
        b"XYZ ",
        *(2026, 1, 1, 0, 0, 0),  # a date there must be
        b"acsp",
        *_WHITE,
    )
    return head + struct.pack(">I", len(parts)) + table + body


SRGB_PROFILE = _profile()
