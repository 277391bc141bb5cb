"""An animation of frames: GIF and WebP by Pillow, MP4 by PyAV (`video.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ..engine.errors import OptionsError, OutputError
from ..engine.files import atomic_writer
from .video import write_mp4

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image

    from .frames import KeptFrames

__all__ = ["side_of", "write_animation"]

# Longer side in pixels by suffix: what a page still loads at once. GIF has no compression to speak
# of for painted pictures.
_SIDES = {".gif": 400, ".webp": 640, ".mp4": 800}

_TICK = 40  # milliseconds; 25 frames per second
_SHOWN = 6000  # milliseconds that an animation takes about, its last frame aside
_LONGEST, _LAST = 6, 50  # ticks that one frame is shown

_SAMPLES = 8  # frames that the palette of a GIF is made of, about


def side_of(path: Path) -> int:
    """Longer side of the animation in pixels, at most.

    Raises:
        OptionsError: the suffix is of no format that is written.
    """
    side = _SIDES.get(path.suffix.lower())
    if side is None:
        raise OptionsError(
            f"cannot tell the format of the animation {str(path)!r}; "
            f"known suffixes: {' '.join(_SIDES)}"
        )
    return side


def write_animation(path: Path, frames: KeptFrames, result: np.ndarray) -> None:
    """Write the frames, and the result as the last, as a whole or not at all.

    Raises:
        OutputError: the file cannot be encoded or written; what was at `path` is unchanged.
    """
    ticks = _ticks(len(frames))
    with atomic_writer(path) as stream:
        match path.suffix.lower():
            case ".gif":
                _write_gif(stream, frames, result, ticks)
            case ".webp":
                _write_webp(stream, frames, result, ticks)
            case _:
                write_mp4(stream, frames.with_result(result), ticks, _TICK)


def _ticks(count: int) -> list[int]:
    """How long each frame is shown: long enough to be seen where they are few."""
    each = max(1, min(_LONGEST, round(_SHOWN / _TICK / count)))
    return [each] * (count - 1) + [_LAST]


def _write_gif(stream: BinaryIO, frames: KeptFrames, result: np.ndarray, ticks: list[int]) -> None:
    palette = _palette(frames, result)
    images = (image.quantize(palette=palette) for image in _images(frames, result))
    _save(stream, "GIF", images, ticks, optimize=False)


def _write_webp(stream: BinaryIO, frames: KeptFrames, result: np.ndarray, ticks: list[int]) -> None:
    _save(stream, "WEBP", _images(frames, result), ticks, quality=80, method=2)


def _images(frames: KeptFrames, result: np.ndarray) -> Iterator[Image]:
    from PIL import Image

    return map(Image.fromarray, frames.with_result(result))


def _palette(frames: KeptFrames, result: np.ndarray) -> Image:
    """One for all frames: with one for each the colours of still parts would flicker."""
    from PIL import Image

    stride = max(1, len(frames) // _SAMPLES)
    # Counted from the end, so that the result is one of them.
    chosen = [
        image.reduce(2) if min(image.size) > 1 else image
        for number, image in enumerate(_images(frames, result), 1)
        if (len(frames) - number) % stride == 0
    ]
    width, height = chosen[0].size
    sheet = Image.new("RGB", (width, height * len(chosen)))
    for number, image in enumerate(chosen):
        sheet.paste(image, (0, number * height))
    return sheet.quantize(256)


def _save(
    stream: BinaryIO, format: str, images: Iterator[Image], ticks: list[int], **options: object
) -> None:
    first = next(images)
    try:
        first.save(
            stream,
            format,
            save_all=True,
            append_images=images,
            duration=[count * _TICK for count in ticks],
            loop=0,
            **options,
        )
    except ValueError as error:
        raise OutputError(f"the animation cannot be encoded as {format}: {error}") from error
