"""The picture that a style file is to hold: its file as it was given, or one made of it."""

from __future__ import annotations

from pathlib import Path

from .encode import encode_picture
from .errors import ImageTooLarge
from .images import PictureSource, read_file, read_picture
from .known_targets import KnownTargets
from .limits import Limits
from .pixels import Picture
from .style_file import is_style_file, opened_style, style_file

__all__ = ["file_to_save", "known_of", "picture_to_save"]


def picture_to_save(style: PictureSource, limits: Limits) -> tuple[bytes, Picture]:
    """A picture file, and the picture that will be read of it.

    A path or bytes are taken as they stand, with all that the file says; a style file is opened.
    What is no file becomes a PNG, of eight bits.

    Raises:
        ImageError: see `read_picture`.
    """
    what = "style picture"
    if isinstance(style, str | bytes | Path):
        data, name = read_file(style, limits, what)
        if is_style_file(data):
            data, _ = opened_style(data, limits, name)
    else:
        picture = read_picture(style, limits, what)
        data = encode_picture(picture.rgb, picture.alpha, "PNG")
    return data, read_picture(data, limits, what)


def file_to_save(data: bytes, known: KnownTargets, limits: Limits) -> bytes:
    """A style file that these limits let be read again.

    Raises:
        ImageTooLarge: there is none.
    """
    file = style_file(data, known)
    if len(file) > limits.file_bytes:
        raise ImageTooLarge(
            f"the style file would have {len(file)} bytes, but the limit of file_bytes is "
            f"{limits.file_bytes}: name fewer sizes"
        )
    return file


def known_of(style: PictureSource, limits: Limits | None = None) -> KnownTargets | None:
    """What a style file tells beside its picture; None of any other picture.

    Raises:
        ImageError: it cannot be read.
    """
    if not isinstance(style, str | bytes | Path):
        return None
    limits = limits or Limits()
    data, name = read_file(style, limits, "style picture")
    return opened_style(data, limits, name)[1] if is_style_file(data) else None
