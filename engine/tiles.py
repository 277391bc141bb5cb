"""Tiles of a canvas: crops that overlap, whose cores cover it side by side.

A crop is computed as if it were a whole picture, so the features near its edges are wrong where
the canvas goes on: as far inwards as a position of the deepest layer sees. What is computed from
the core alone, at least that far away from such edges, is exactly what the whole canvas gives.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise, product
from typing import Literal, TypeAlias

import numpy as np

__all__ = ["Outside", "Span", "Tile", "Tiling", "halo_of", "side_of", "spans_of", "wrapping"]

Outside: TypeAlias = Literal["end", "wrap", "mirror"]


@dataclass(frozen=True)
class Span:
    """A tile along one axis, in pixels of the canvas: from `start` to before `stop`.

    Its core goes from `begin` to before `end`: multiples of every layer's stride, except where the
    canvas ends.
    """

    start: int
    stop: int
    begin: int
    end: int

    def crop(self, stride: int = 1) -> slice:
        """Of the canvas's layer with this stride: what the tile sees."""
        return slice(self.start // stride, self.stop // stride)

    def core(self, stride: int = 1) -> slice:
        """Of the canvas's layer with this stride: what is the tile's own."""
        return slice(self.begin // stride, self.end // stride)

    def inside(self, stride: int = 1) -> slice:
        """Of the tile's own layer with this stride: the core."""
        first = self.start // stride
        return slice(self.begin // stride - first, self.end // stride - first)


@dataclass(frozen=True)
class Tile:
    """One crop of the canvas and its core; see `Span`."""

    down: Span
    across: Span

    def crop(self, stride: int = 1) -> tuple[slice, slice]:
        """Rows and columns that the tile sees, of the canvas's layer with this stride."""
        return self.down.crop(stride), self.across.crop(stride)

    def core(self, stride: int = 1) -> tuple[slice, slice]:
        """Rows and columns that are the tile's own, of the canvas's layer with this stride."""
        return self.down.core(stride), self.across.core(stride)

    def inside(self, stride: int = 1) -> tuple[slice, slice]:
        """The same, of the tile's layer with this stride."""
        return self.down.inside(stride), self.across.inside(stride)

    def mask(self, stride: int) -> np.ndarray:
        """(1, 1, h, w) float32: 1 in the core, 0 in the halo."""
        height, width = ((s.stop - s.start) // stride for s in (self.down, self.across))
        mask = np.zeros((1, 1, height, width), np.float32)
        mask[(0, 0, *self.inside(stride))] = 1
        return mask


@dataclass(frozen=True)
class Tiling:
    """How pictures are computed tile by tile.

    Args:
        joint: the last layer that is tiled; see `export.selection.Selection`.
        height, width: of a tile at most, halo included; at least twice the halo and two units.
        halo: pixels around a core that its features depend on, a multiple of the unit.
        unit: the greatest stride of a tiled layer, in which cores and crops begin.
        half: whether content targets of tiled layers are kept in half precision.
        outside: what lies around a picture: its "end", which the network sees as its border; or
            a halo made of itself, by "wrap" of the opposite side, whose sides then are multiples of
            the unit, or by "mirror". Everything is tiled then.
    """

    joint: str
    height: int
    width: int
    halo: int
    unit: int
    half: bool = False
    outside: Outside = "end"

    @property
    def around(self) -> int:
        """Pixels of what lies outside that are added to each side of a picture."""
        return 0 if self.outside == "end" else self.halo

    def of_styles(self) -> Tiling:
        """The same for style pictures. They do not wrap, but beside canvases without an end theirs
        must not show either: its features could never be matched."""
        return self if self.outside == "end" else replace(self, outside="mirror")

    def whole(self, shape: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of a picture with what is around it."""
        return shape[0] + 2 * self.around, shape[1] + 2 * self.around

    def counts(self, shape: tuple[int, int]) -> tuple[int, int]:
        """How many tiles a picture of this (height, width) has down and across."""
        height, width = self.whole(shape)
        return (
            _fewest(height, self.height, self.halo, self.unit),
            _fewest(width, self.width, self.halo, self.unit),
        )

    def size(self, shape: tuple[int, int]) -> tuple[int, int]:
        """(height, width) of every tile of a picture of this (height, width)."""
        down, across = self.counts(shape)
        height, width = self.whole(shape)
        return (
            side_of(height, down, self.halo, self.unit),
            side_of(width, across, self.halo, self.unit),
        )

    def tiles(self, shape: tuple[int, int]) -> Iterator[Tile]:
        """The tiles of a picture of this (height, width), all of the same size: in pixels of
        `whole`."""
        axes = (
            spans_of(length, count, self.halo, self.unit, self.around)
            for length, count in zip(self.whole(shape), self.counts(shape), strict=True)
        )
        for down, across in product(*axes):
            yield Tile(down, across)


def halo_of(strides: Mapping[str, int], layers: Sequence[str]) -> tuple[int, int]:
    """Halo and unit of tiles up to the deepest of these layers.

    A 3x3 convolution reaches one position to each side, which is `stride` pixels, and a pooling
    stays within its own position. Cores begin where a position of every layer does.

    Args:
        strides: of all layers of the network by name, in order; those of convolutions are `relu`s.
        layers: at least one of them.
    """
    names = list(strides)
    deepest = max(map(names.index, layers))
    stride = strides[names[deepest]]
    reach = sum(strides[name] for name in names[: deepest + 1] if name.startswith("relu"))
    return -(-reach // stride) * stride, stride


def side_of(length: int, count: int, halo: int, unit: int) -> int:
    """The shortest crop with which so many cover a side; at most the side itself.

    All crops have this length, so that one program serves all. It leaves the same remainder as the
    side: the last crop, which ends where the canvas does, then begins at a multiple of the unit.
    """
    if count == 1:
        return length
    rest = length % unit
    # In units: the crops' beginnings lie at most `whole - 2 halo` apart.
    around, total = halo // unit, length // unit
    whole = -(-(total + 2 * around * (count - 1)) // count)
    return min(length, max(whole, 2 * around + 1) * unit + rest)


def wrapping(strides: Mapping[str, int], layers: Sequence[str], shape: tuple[int, int]) -> Tiling:
    """A picture of this (height, width) whose opposite sides join, in one tile."""
    halo, unit = halo_of(strides, layers)
    joint = max(layers, key=list(strides).index)
    height, width = (max(side, 2 * unit) + 2 * halo for side in shape)
    return Tiling(joint, height, width, halo, unit, outside="wrap")


def spans_of(length: int, count: int, halo: int, unit: int, around: int = 0) -> tuple[Span, ...]:
    """So many tiles along a side, or fewer where less are enough to cover it, but for what is
    around it on each end."""
    side = side_of(length, count, halo, unit)
    last, furthest = (length - side) // unit, side // unit - 2 * (halo // unit)
    if last == 0:
        return (Span(0, length, around, length - around),)
    steps = -(-last // furthest)
    starts = [unit * (last * number // steps) for number in range(steps + 1)]
    begins = [around, *(start + halo for start in starts[1:]), length - around]
    return tuple(
        Span(start, start + side, *core)
        for start, core in zip(starts, pairwise(begins), strict=True)
    )


def _fewest(length: int, side: int, halo: int, unit: int) -> int:
    """The smallest number of tiles of at most this side."""
    if side < 2 * halo + 2 * unit:
        raise ValueError(f"a tile of {side} pixels is all halo: {halo} on each side")
    count = 1
    while side_of(length, count, halo, unit) > side:
        count += 1
    return count
