"""Style files: a style picture, and what a network saw when it looked at it at some sizes.

    a zip archive, nothing compressed: "impasto-style.json", the picture file as it was given, and
    for each size the statistics one after the other, little-endian float32, as the first tells

There is no pickle in it. A style file may come from a stranger: what is read is never more than the
file has bytes, and the picture inside is refused or decoded as any other.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from .checks import number, whole
from .errors import CorruptImage, ImageTooLarge, UnsupportedImage
from .kept_grams import Grams
from .known_targets import KnownLook, KnownTargets
from .limits import Limits

__all__ = ["STYLE_VERSION", "is_style_file", "opened_style", "style_file"]

STYLE_VERSION = 1

_MANIFEST = "impasto-style.json"
_PICTURE = "picture"
# Where the first member's name stands in a zip archive (APPNOTE 6.3.10, 4.3.7).
_NAME_AT = 30
_MOST_LOOKS = 64
_MOST_STATISTICS = 64
_MOST_TEXT = 200
_LARGEST_SIDE = 2**20


def is_style_file(data: bytes) -> bool:
    """Whether the first bytes are those of a style file."""
    return data.startswith(b"PK\3\4") and data.startswith(_MANIFEST.encode(), _NAME_AT)


def style_file(picture: bytes, known: KnownTargets) -> bytes:
    """The bytes of a style file.

    Args:
        picture: a file of one.
    """
    manifest = {
        "version": STYLE_VERSION,
        "model": known.model[:_MOST_TEXT],
        "fingerprint": known.fingerprint,
        "scale": known.scale,
        "looks": [
            {
                "size": look.size,
                "pool": look.pool,
                "border": look.border,
                "statistics": {name: gram.shape for name, gram in look.grams.items()},
            }
            for look in known.looks
        ],
    }
    members = {_MANIFEST: json.dumps(manifest).encode(), _PICTURE: picture}
    for index, look in enumerate(known.looks):
        arrays = (np.ascontiguousarray(gram, "<f4") for gram in look.grams.values())
        members[f"look{index}"] = b"".join(array.tobytes() for array in arrays)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        for name, data in members.items():
            # The same style gives the same bytes, whenever it is saved.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    return stream.getvalue()


def opened_style(data: bytes, limits: Limits, name: str) -> tuple[bytes, KnownTargets]:
    """The picture file inside a style file, and what is known of it.

    Args:
        name: of the style file, for messages.

    Raises:
        ImageTooLarge: more bytes than the limits allow.
        UnsupportedImage: of another version.
        CorruptImage: damaged, cut off, or not what it says.
    """
    if len(data) > limits.file_bytes:
        raise ImageTooLarge(f"{name} has more than {limits.file_bytes} bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > _MOST_LOOKS + 2:
                raise ValueError("it has too many parts")
            # What is stored as it stands cannot become more than the file has bytes, but the same
            # bytes could be handed out as several members.
            if any(member.compress_type != zipfile.ZIP_STORED for member in members):
                raise ValueError("its parts are compressed")
            if sum(member.file_size for member in members) > len(data):
                raise ValueError("its parts overlap")
            manifest = json.loads(archive.read(_MANIFEST))
            if manifest["version"] != STYLE_VERSION:
                raise UnsupportedImage(
                    f"{name} is a style file of version {str(manifest['version'])[:20]!r}, "
                    f"not {STYLE_VERSION}"
                )
            if len(manifest["looks"]) > _MOST_LOOKS:
                raise ValueError("it has too many sizes")
            looks = tuple(
                _look(told, archive.read(f"look{index}"))
                for index, told in enumerate(manifest["looks"])
            )
            known = KnownTargets(
                _text(manifest["model"]),
                _text(manifest["fingerprint"]),
                number("scale", manifest["scale"], 1 / 16, 16),
                looks,
            )
            return archive.read(_PICTURE), known
    except UnsupportedImage:
        raise
    except Exception as error:  # of the many kinds that damage makes zipfile and json raise
        reason = " ".join(str(error).split())[:_MOST_TEXT]
        raise CorruptImage(f"{name} is a style file that is damaged: {reason}") from error


def _look(told: Mapping[str, Any], data: bytes) -> KnownLook:
    height, width = (whole("a size", side, 1, _LARGEST_SIDE) for side in told["size"])
    return KnownLook(
        (height, width),
        _text(told["pool"]),
        _text(told["border"]),
        _statistics(told["statistics"], np.frombuffer(data, "<f4")),
    )


def _statistics(shapes: Mapping[str, Any], numbers: np.ndarray) -> Grams:
    if len(shapes) > _MOST_STATISTICS:
        raise ValueError("it has too many layers")
    if not np.isfinite(numbers).all():
        raise ValueError("its numbers are not finite")
    grams, first = {}, 0
    for name, told in shapes.items():
        shape = tuple(whole("a side", side, 1, _LARGEST_SIDE) for side in told)
        count = math.prod(shape)
        # A slice that is too short has another shape.
        grams[_text(name)] = numbers[first : first + count].reshape(shape)
        first += count
    if first != numbers.size:
        raise ValueError("its numbers are too many")
    return grams


def _text(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MOST_TEXT:
        raise ValueError("a name is no short text")
    return value
