"""Pictures that tell regions: grey ones, of which white is inside, and coloured ones, with a region
for each colour."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np

from .color import grey
from .errors import OptionsError
from .images import read_header, read_picture
from .limits import Limits
from .options import Options
from .pixels import Picture, bands, scaled
from .regions import NO_REGIONS, Region, Regions, everywhere

__all__ = ["read_regions"]

Shape: TypeAlias = tuple[int, ...]
_Color: TypeAlias = tuple[int, int, int]

# Of 255: between the least and the greatest channel of a pixel that has a colour, and between two
# colours of one segmentation, or of one region in two; what compression adds is less.
_GREY, _NEAR, _SAME = 40, 48, 72
# A share of the pixels: less of a colour is an edge between two others.
_FEW = 0.002
_MOST_COLORS = 16
# Of each pixel: its nearest colour, whether that is a certain one, and where it is.
_WORKING_BYTES = 4
# Samples whose colours are counted at once, the colours that are remembered of those before, and
# what both take besides.
_MANY, _REMEMBERED = 1 << 17, 1 << 15
_COUNTING_BYTES = 8 << 20
# Of the longer to the shorter side: what rounding leaves of a shape in a small mask.
_OTHER_SHAPE = 0.02


def read_regions(
    options: Options, content: Shape | None, styles: Sequence[Shape], limits: Limits
) -> Regions:
    """What `options.masks` and `options.keep` tell.

    Args:
        content, styles: (height, width, ...) of the pictures.

    Raises:
        OptionsError: there is no photograph or no style for them, or they contradict each other.
        ImageError: a mask cannot be read.
    """
    if not options.masks and options.keep is None:
        return NO_REGIONS
    if content is None or not (styles and options.style_layers):
        raise OptionsError("masks and keep need a photograph, and a style to paint it in")
    regions: list[Region] = []
    reading = 0
    for number, (where, on_style) in enumerate(options.masks):
        counted = _styles_of(number, options, len(styles))
        of_style = styles[counted[0]]
        files = [(where, content), *([(on_style, of_style)] if on_style else [])]
        before = Regions(tuple(regions)).nbytes
        reading = max(reading, before + sum(_reading_bytes(path, limits) for path, _ in files))
        mask, *others = (_read(path, shape, limits) for path, shape in files)
        regions += _regions(where, mask, on_style, others[0] if others else None, counted)
    kept = None
    if options.keep is not None:
        before = Regions(tuple(regions)).nbytes
        reading = max(reading, before + _reading_bytes(options.keep, limits))
        kept = _grey(options.keep, _read(options.keep, content, limits))
    return Regions(tuple(regions) or (everywhere(styles),), kept, reading)


def _styles_of(number: int, options: Options, styles: int) -> tuple[int, ...]:
    """Which style pictures count in the region of a mask."""
    masks = len(options.masks)
    if styles == 1 or masks == 1:
        if styles > 1 and options.masks[number][1]:
            raise OptionsError("a mask on the style needs one style picture, or a mask for each")
        return tuple(range(styles))
    if styles != masks:
        raise OptionsError(
            f"{masks} masks need one style picture, or one for each mask, not {styles}"
        )
    if options.layer_styles:
        raise OptionsError("layers with a style of their own need masks for all styles together")
    return (number,)


def _read(path: str, fits: Shape, limits: Limits) -> Picture:
    mask = read_picture(path, limits, "mask")
    (height, width), (tall, wide) = mask.shape[:2], fits[:2]
    if abs(height * wide - width * tall) > _OTHER_SHAPE * max(height * wide, width * tall):
        raise OptionsError(
            f"the mask {path!r} of {width} x {height} pixels has another shape than its picture of "
            f"{wide} x {tall}"
        )
    return mask


def _reading_bytes(path: str, limits: Limits) -> int:
    """That a mask takes at most until its regions are known."""
    header = read_header(path, limits, "mask")
    pixels = header.shape[0] * header.shape[1]
    working = header.held_bytes + _WORKING_BYTES * pixels + _COUNTING_BYTES
    return max(header.decode_bytes, working)


def _regions(
    where: str,
    mask: Picture,
    on_style: str,
    style_mask: Picture | None,
    styles: tuple[int, ...],
) -> list[Region]:
    if not _has_colors(mask):
        shown = None if style_mask is None else _grey(on_style, style_mask)
        return [Region(_grey(where, mask), styles, shown)]
    if style_mask is None or not _has_colors(style_mask):
        raise OptionsError(
            f"the mask {where!r} has colours: it needs another with the same colours, for the style"
        )
    parts, shown_parts = _parts(where, mask), _parts(on_style, style_mask)
    return [
        Region(part, styles, shown_parts[_matching(color, shown_parts, where, on_style)])
        for color, part in parts.items()
    ]


def _grey(path: str, mask: Picture) -> np.ndarray:
    """(H, W) uint8: luminance times opacity."""
    if _has_colors(mask):
        raise OptionsError(f"the mask {path!r} has colours, where a grey one is needed")
    found = np.ascontiguousarray(grey(mask).samples[..., 0])
    if mask.opacity is not None:
        for rows in bands(*found.shape):
            found[rows] = scaled(found[rows]) * scaled(mask.opacity[rows]) * 255 + 0.5
    if not found.any():
        raise OptionsError(f"the mask {path!r} is black: it shows nothing")
    return found


def _has_colors(mask: Picture) -> bool:
    samples = _bytes(mask)
    if samples.shape[2] == 1:
        return False
    colored = 0
    for rows in bands(len(samples), samples[0].size):
        spread = samples[rows].max(axis=2).astype(np.int16) - samples[rows].min(axis=2)
        colored += int(np.count_nonzero(spread > _GREY))
    return colored > _FEW * samples[..., 0].size


def _parts(path: str, mask: Picture) -> dict[_Color, np.ndarray]:
    """For each colour, from the most frequent on, (H, W) uint8, 255 where it is the nearest."""
    samples = _bytes(mask)
    values, counts = _counted(samples)
    palette: list[_Color] = []
    for value in values[np.argsort(-counts, kind="stable")][: 64 * _MOST_COLORS]:
        color = (int(value) >> 16, (int(value) >> 8) & 255, int(value) & 255)
        if all(_apart(color, other) > _NEAR for other in palette):
            palette.append(color)
    colors = _frequent(path, samples, palette)
    # What is left are edges, which belong to the colours beside them.
    nearest = np.empty(samples.shape[:2], np.int16)
    for rows, found in _nearest(samples, colors):
        nearest[rows] = found
    return {c: np.uint8(255) * (nearest == n) for n, c in enumerate(colors)}


def _counted(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The colours that there are, red, green and blue as one number each, and how often.

    Noise has as many as it has pixels, of which no more than `_REMEMBERED` are ever known: those
    that were the most frequent up to then.
    """
    values, counts = np.empty(0, np.int32), np.empty(0, np.int64)
    for rows in bands(len(samples), samples[0].size, _MANY):
        red, green, blue = (samples[rows, :, channel].astype(np.int32) for channel in range(3))
        here, often = np.unique((red << 16) | (green << 8) | blue, return_counts=True)
        values, places = np.unique(np.concatenate([values, here]), return_inverse=True)
        summed = np.bincount(places, np.concatenate([counts, often]))
        counts = summed.astype(np.int64)
        if len(values) > _REMEMBERED:
            often = np.sort(np.argpartition(-counts, _REMEMBERED)[:_REMEMBERED])
            values, counts = values[often], counts[often]
    return values, counts


def _frequent(path: str, samples: np.ndarray, palette: Sequence[_Color]) -> list[_Color]:
    """The colours that are the nearest of so many pixels that they are no edges."""
    counts = np.zeros(len(palette), np.int64)
    size = samples[..., 0].size
    for _, found in _nearest(samples, palette):
        counts += np.bincount(found.ravel(), minlength=len(palette))
        if np.count_nonzero(counts / size >= _FEW) > _MOST_COLORS:
            raise OptionsError(
                f"the mask {path!r} has more than {_MOST_COLORS} colours: each is to be a region"
            )
    return [color for color, count in zip(palette, counts, strict=True) if count / size >= _FEW]


def _matching(color: _Color, others: dict[_Color, np.ndarray], where: str, on_style: str) -> _Color:
    nearest = min(others, key=lambda other: _apart(color, other))
    if _apart(color, nearest) > _SAME:
        raise OptionsError(
            f"the colour #{bytes(color).hex()} of the mask {where!r} is not in {on_style!r}"
        )
    return nearest


def _bytes(mask: Picture) -> np.ndarray:
    """Its samples in eight bits."""
    if mask.samples.dtype == np.uint8:
        return mask.samples
    return np.asarray(scaled(mask.samples) * 255 + 0.5, np.uint8)


def _apart(one: _Color, other: _Color) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))


def _nearest(samples: np.ndarray, colors: Sequence[_Color]) -> Iterator[tuple[slice, np.ndarray]]:
    """Some rows after the others, (H, W), the number of each pixel's nearest colour: all distances
    of a large mask to many colours would take gigabytes."""
    palette = np.array(colors, np.float32)
    # Of |s - c|^2 what depends on c; a float32 holds each of these whole numbers exactly.
    lengths = np.square(palette).sum(axis=1)
    for rows in bands(len(samples), samples.shape[1] * max(3, len(colors))):
        apart = samples[rows].astype(np.float32) @ (-2 * palette.T)
        apart += lengths
        yield rows, apart.argmin(axis=2)
