"""The pictures of one work, shrunk once to what its levels look at.

A photograph of 18 megapixels takes 215 MB as floats, and a canvas of 512 pixels is 3 MB: the
originals are let go before the work begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from .errors import ImageNotFound, MemoryLimit
from .images import Picture, read_picture, resize
from .initial import blended, cover, noise
from .limits import Limits
from .options import Options
from .pyramid import Level
from .targets import style_size

__all__ = ["Scene", "Sources", "gather", "style_side"]


@dataclass(frozen=True, eq=False)
class Scene:
    """One level, and what is looked at there.

    Args:
        level: the canvas's size, and the steps to take.
        content: the content picture, (H, W, 3), at the canvas's size.
        styles: the style pictures, for `style_targets` to bring to the size they are looked at:
            larger ones have it already.
        start: makes the initial canvas, (H, W, 3).
    """

    level: Level
    content: np.ndarray = field(repr=False)
    styles: tuple[np.ndarray, ...] = field(repr=False)
    start: Callable[[], np.ndarray] = field(repr=False)


@dataclass(frozen=True, eq=False)
class Sources:
    """The scenes from coarse to fine, and the result's transparency, (H, W), if any."""

    scenes: tuple[Scene, ...]
    alpha: np.ndarray | None = field(repr=False)


def gather(
    content: Picture,
    styles: Sequence[np.ndarray],
    levels: Sequence[Level],
    options: Options,
    smallest_side: int,
    limits: Limits,
) -> Sources:
    """Everything that a work looks at; nothing of it refers to a larger original.

    Args:
        smallest_side: pixels that the network needs on each side of a picture.
        limits: of an initial picture that is given by path.

    Raises:
        ImageError: the initial picture cannot be used.
        MemoryLimit: the pictures do not fit into the memory.
    """
    first = _initial_picture(styles, options, limits)
    final = levels[-1]
    try:
        scenes = []
        for level in levels:
            scaled = resize(content.rgb, level.height, level.width)
            picture = scaled if first is None else cover(first, level.height, level.width)
            side = style_side(options, (level.height, level.width))
            scenes.append(
                Scene(
                    level,
                    scaled,
                    tuple(_shrunk(style, side, smallest_side) for style in styles),
                    partial(noise, level.height, level.width, options.seed)
                    if options.init == "noise"
                    else partial(blended, picture, options.init_blend, options.seed),
                )
            )
        alpha = content.alpha
        return Sources(
            tuple(scenes), None if alpha is None else resize(alpha, final.height, final.width)
        )
    except MemoryError as error:
        raise MemoryLimit("there is not enough memory for this size") from error


def style_side(options: Options, canvas: tuple[int, int]) -> int:
    """The longer side at which style pictures are looked at beside a canvas of this size."""
    return max(1, round(options.style_scale * max(canvas)))


def _shrunk(style: np.ndarray, longer_side: int, smallest_side: int) -> np.ndarray:
    """The style at the size it is looked at; itself where that is larger than it is.

    One so thin that the network needs more of it than was asked for stays as it is, too.
    """
    size = style_size(style, longer_side, smallest_side)
    is_smaller = max(size) == longer_side < max(style.shape[:2])
    return resize(style, *size) if is_smaller else style


def _initial_picture(
    styles: Sequence[np.ndarray], options: Options, limits: Limits
) -> np.ndarray | None:
    """The picture that covers the initial canvas; None where it is the content, or noise."""
    if options.init in ("content", "noise"):
        return None
    if options.init == "style":
        return styles[0]
    try:
        return read_picture(options.init, limits, "initial picture").rgb
    except ImageNotFound as error:
        raise ImageNotFound(
            f"{error}; init is content, style, noise or the path of a picture"
        ) from error
