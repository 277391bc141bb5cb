"""Coarse to fine: the scales at which the canvas is worked on.

A style's large forms are only within the network's reach while the canvas is small; the fine scales
then add the strokes. It is also faster: most of the way is gone where a step is cheap.
"""

from __future__ import annotations

from dataclasses import dataclass

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


def plan_levels(
    picture: tuple[int, int],
    size: int,
    levels: int | None,
    iterations: int | tuple[int, ...] | None,
    smallest_side: int,
) -> tuple[Level, ...]:
    """The levels from coarse to fine; the last has the size of the result.

    Args:
        picture: (height, width) of the content picture, for its aspect.
        size: longer side of the result.
        levels: how many, or None for as many as keep the coarsest longer side at 96 or more.
        iterations: for each level, or None for the defaults.
        smallest_side: what the network's deepest layer needs.

    Raises:
        ImageTooSmall: the result would be smaller than that; the message names the smallest size.
        OptionsError: more levels than the size allows, or a list of iterations of another length.
    """
    if min(fitted_size(*picture, size)) < smallest_side:
        raise ImageTooSmall(
            f"the network needs {smallest_side} pixels on each side: with this picture "
            f"the smallest size is {smallest_size(picture, smallest_side)}, not {size}"
        )
    longer_sides = [size]
    while len(longer_sides) < (levels or 12):
        half = (longer_sides[-1] + 1) // 2
        too_small = min(fitted_size(*picture, half)) < smallest_side
        if too_small and levels is not None:
            raise OptionsError(f"levels must be at most {len(longer_sides)} at size {size}")
        if too_small or (levels is None and half < COARSEST_SIDE):
            break
        longer_sides.append(half)
    sizes = [fitted_size(*picture, longer) for longer in reversed(longer_sides)]
    counts = _per_level(iterations, len(sizes))
    return tuple(Level(*shape, count) for shape, count in zip(sizes, counts, strict=True))


def smallest_size(picture: tuple[int, int], smallest_side: int) -> int:
    """The smallest longer side at which the shorter one still has `smallest_side` pixels."""
    longer, shorter = max(picture), min(picture)
    size = max(smallest_side, (smallest_side * longer) // shorter)
    while min(fitted_size(*picture, size)) < smallest_side:
        size += 1
    while size > smallest_side and min(fitted_size(*picture, size - 1)) >= smallest_side:
        size -= 1
    return size


def _per_level(iterations: int | tuple[int, ...] | None, levels: int) -> tuple[int, ...]:
    if isinstance(iterations, int):
        return (iterations,) * levels
    if iterations is None:
        return (DEFAULT_ITERATIONS + DEFAULT_ITERATIONS[-1:] * levels)[:levels]
    if len(iterations) != levels:
        raise OptionsError(
            f"iterations must list one number for each level, and levels is {levels} here: "
            f"the list has {len(iterations)}"
        )
    return iterations
