"""Coarse to fine: the scales at which the canvas is worked on.

A style's large forms are only within the network's reach while the canvas is small; the fine scales
then add the strokes. It is also faster: most of the way is gone where a step is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from .errors import ImageTooSmall, OptionsError
from .images import fitted_size
from .options import COARSEST_SIDE, DEFAULT_ITERATIONS

__all__ = ["Level", "plan_levels", "smallest_size"]


@dataclass(frozen=True)
class Level:
    """One scale: canvas size in pixels, and how many optimiser steps are taken there."""

    height: int
    width: int
    iterations: int

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) of the canvas."""
        return self.height, self.width


def plan_levels(
    picture: tuple[int, int],
    size: int | float | tuple[int, int],
    levels: int | None,
    iterations: int | tuple[int, ...] | None,
    smallest_side: int,
    unit: int = 1,
    coarsest: int = COARSEST_SIDE,
    factor: float = 2.0,
    usual: tuple[int, ...] = DEFAULT_ITERATIONS,
) -> tuple[Level, ...]:
    """The levels from coarse to fine; the last has the size of the result.

    Args:
        picture: (height, width) of the content picture, for its aspect.
        size: of the result: see `Options`.
        levels: how many, or None for as many as keep the coarsest longer side at `coarsest` or
            more.
        iterations: for each level, or None for the usual ones.
        smallest_side: what the network's deepest layer needs.
        unit: of which the sides are multiples.
        coarsest, factor: see `Options`.
        usual: from the coarsest level on; the last number goes for every finer one.

    Raises:
        ImageTooSmall: the result would be smaller than that; the message names the smallest size.
        OptionsError: more levels than the size allows, a list of iterations of another length, or
            sides that are given and no multiples.
    """
    if isinstance(size, tuple):
        _check_sides(size, smallest_side, unit)
        picture, size = size[::-1], max(size)
    elif isinstance(size, float):
        size = max(1, round(size * max(picture)))
    if min(fitted_size(*picture, size)) < smallest_side:
        raise ImageTooSmall(
            f"the network needs {smallest_side} pixels on each side: with this picture "
            f"the smallest size is {smallest_size(picture, smallest_side)}, not {size}"
        )
    longer_sides = [size]
    while len(longer_sides) < (levels or 12):
        smaller = ceil(longer_sides[-1] / factor)
        too_small = min(fitted_size(*picture, smaller)) < smallest_side
        if too_small and levels is not None:
            raise OptionsError(f"levels must be at most {len(longer_sides)} at size {size}")
        if too_small or (levels is None and smaller < coarsest):
            break
        longer_sides.append(smaller)
    sizes = [fitted_size(*picture, longer) for longer in reversed(longer_sides)]
    counts = _per_level(iterations, usual, len(sizes))
    return tuple(
        Level(max(1, round(height / unit)) * unit, max(1, round(width / unit)) * unit, count)
        for (height, width), count in zip(sizes, counts, strict=True)
    )


def _check_sides(size: tuple[int, int], smallest_side: int, unit: int) -> None:
    if min(size) < smallest_side:
        raise ImageTooSmall(
            f"the network needs {smallest_side} pixels on each side, and the size is "
            f"{size[0]}x{size[1]}"
        )
    near = tuple(max(1, round(side / unit)) * unit for side in size)
    if near != size:
        raise OptionsError(
            f"size must be in multiples of {unit} where the border wraps, as the network's "
            f"poolings are: {near[0]}x{near[1]} is near"
        )


def smallest_size(picture: tuple[int, int], smallest_side: int) -> int:
    """The smallest longer side at which the shorter one still has `smallest_side` pixels."""
    longer, shorter = max(picture), min(picture)
    size = max(smallest_side, (smallest_side * longer) // shorter)
    while min(fitted_size(*picture, size)) < smallest_side:
        size += 1
    while size > smallest_side and min(fitted_size(*picture, size - 1)) >= smallest_side:
        size -= 1
    return size


def _per_level(
    iterations: int | tuple[int, ...] | None, usual: tuple[int, ...], levels: int
) -> tuple[int, ...]:
    if isinstance(iterations, int):
        return (iterations,) * levels
    if iterations is None:
        return (usual + usual[-1:] * levels)[:levels]
    if len(iterations) != levels:
        raise OptionsError(
            f"iterations must list one number for each level, and levels is {levels} here: "
            f"the list has {len(iterations)}"
        )
    return iterations
