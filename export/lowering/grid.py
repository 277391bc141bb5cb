"""Where the positions of a layer lie in memory: one row of C numbers each, ordered by tiles.

A layer of height x width positions is cut into tiles of unit x unit. All rows that have the same
place in their tile follow each other, and within these the tiles go from left to right and down:
what a convolution makes for every place of all tiles by one product is then contiguous. The last
tiles may stick out; rows there hold anything, and nobody gathers them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Grid", "Line", "Tiles", "Wanted", "gather_index", "places"]


def places(unit: int) -> tuple[tuple[int, int], ...]:
    """(down, right) of every place in a tile, in the order of the rows.

    In tiles of 4 x 4 the four members of each 2 x 2 pooling window follow each other, so that
    pooling is one reduction of (4 windows, 4 members, ...) over its second axis and leaves the
    order of tiles of 2 x 2.
    """
    if unit == 4:
        pairs = [(a, b) for a in (0, 1) for b in (0, 1)]
        return tuple((i + 2 * k, j + 2 * m) for k, m in pairs for i, j in pairs)
    return tuple((i, j) for i in range(unit) for j in range(unit))


@dataclass(frozen=True)
class Grid:
    """A layer's tiles, and the bands that they are worked in.

    Args:
        height, width: positions of the layer.
        unit: side of a tile: 4 out of a convolution, 2 out of a pooling, 1 for rows in plain order.
        across: tiles side by side: at least as many as the width needs.
        edges: rows of tiles where the bands begin; the last one is where the last band ends.
    """

    height: int
    width: int
    unit: int
    across: int
    edges: tuple[int, ...]

    @property
    def bands(self) -> int:
        """How many bands there are."""
        return len(self.edges) - 1

    def down(self, band: int) -> int:
        """Rows of tiles in a band."""
        return self.edges[band + 1] - self.edges[band]

    def rows(self, band: int) -> int:
        """Rows of the tensor that holds a band."""
        return self.unit**2 * self.down(band) * self.across

    def lines(self, band: int) -> tuple[int, int]:
        """The lines of the layer that a band covers, from the first to before the last."""
        first, last = (self.edges[band + i] * self.unit for i in (0, 1))
        return min(first, self.height), min(last, self.height)

    def bands_of(self, begin: int, end: int) -> range:
        """The bands that hold the lines of the layer from `begin` to before `end`."""
        first = bisect_right(self.edges, begin // self.unit) - 1
        last = bisect_left(self.edges, -(-min(end, self.height) // self.unit))
        return range(first, last) if begin < end else range(0)

    def full(self, band: int) -> bool:
        """Whether no row of the band lies outside of the layer."""
        inside = self.edges[band + 1] * self.unit <= self.height
        return inside and self.across * self.unit == self.width

    def pooled(self) -> Grid:
        """The layer after pooling 2 x 2 windows without padding, from tiles of 4 to tiles of 2."""
        sizes = (self.height // 2, self.width // 2)
        return Grid(*sizes, self.unit // 2, self.across, self.edges)

    def unrolled(self, height: int, width: int) -> Grid:
        """Positions in plain order, line by line, of a layer of about this size: in bands that lie
        where these do."""
        edges = {min(edge * self.unit, height) for edge in self.edges[:-1]} | {height}
        return Grid(height, width, 1, width, tuple(sorted(edges)))

    def inside(self, band: int) -> np.ndarray:
        """(rows, 1) of a band: 1 for what lies in the layer, 0 for what sticks out."""
        y, x = Wanted(self.unit, self.down(band), self.across, outer=places(self.unit)).positions()
        real = (y + self.edges[band] * self.unit < self.height) & (x < self.width)
        return np.asarray(real.reshape(-1, 1), np.float64)


@dataclass(frozen=True)
class Tiles:
    """The rows of a whole band, as a place to gather from.

    Args:
        top: the band's first line, counted from where the gathering begins.
        unit, down, across: of the band's tiles.
    """

    top: int
    unit: int
    down: int
    across: int

    @property
    def lines(self) -> int:
        """How many lines of the layer it holds."""
        return self.unit * self.down

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.lines * self.unit * self.across

    def row(self, y: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The row of each position; y counts from the first line."""
        order = np.empty((self.unit, self.unit), np.int32)
        for number, place in enumerate(places(self.unit)):
            order[place] = number
        tile = y // self.unit * self.across + x // self.unit
        row: np.ndarray = order[y % self.unit, x % self.unit] * (self.down * self.across) + tile
        return row


@dataclass(frozen=True)
class Line:
    """The rows of one line of a band (that `Rows` cuts out), as a place to gather from."""

    top: int
    unit: int
    across: int

    @property
    def lines(self) -> int:
        """It holds one line of the layer."""
        return 1

    @property
    def rows(self) -> int:
        """How many rows it has."""
        return self.unit * self.across

    def row(self, _: np.ndarray, x: np.ndarray) -> np.ndarray:
        """The row of each position."""
        order = np.empty(self.unit, np.int32)
        order[[right for down, right in places(self.unit) if down == 0]] = np.arange(
            self.unit, dtype=np.int32
        )
        row: np.ndarray = order[x % self.unit] * self.across + x // self.unit
        return row


@dataclass(frozen=True)
class Wanted:
    """What is gathered: places of a layer around each of down x across tiles, `stride` apart.

    The result has the axes (outer, down, across, inner): position (y, x) =
    (stride * tile_y, stride * tile_x) + outer + inner, counted from the first tile.
    """

    stride: int
    down: int
    across: int
    outer: tuple[tuple[int, int], ...] = ((0, 0),)
    inner: tuple[tuple[int, int], ...] = ((0, 0),)

    def positions(self) -> tuple[np.ndarray, np.ndarray]:
        """Line and column of everything that is gathered."""
        y, x = (self._axis(axis, count) for axis, count in enumerate((self.down, self.across)))
        shape = (len(self.outer), self.down, self.across, len(self.inner))
        return np.broadcast_to(y, shape), np.broadcast_to(x, shape)

    @property
    def count(self) -> int:
        """How many positions are gathered."""
        return len(self.outer) * self.down * self.across * len(self.inner)

    def _axis(self, axis: int, count: int) -> np.ndarray:
        outer, inner = (np.array(part, np.int32)[:, axis] for part in (self.outer, self.inner))
        tiles = self.stride * np.arange(count, dtype=np.int32).reshape(
            (-1, 1, 1) if axis == 0 else (-1, 1)
        )
        places: np.ndarray = outer[:, None, None, None] + tiles + inner
        return places

    def reach(self) -> tuple[int, int]:
        """The first line that is gathered, and the one after the last."""
        return self._reach(0, self.down)

    def reaches_out(self, inside: tuple[int, int, int]) -> bool:
        """Whether any position lies outside of the layer; `inside` is as of `gather_index`."""
        first, last, width = inside
        (top, bottom), (left, right) = self.reach(), self._reach(1, self.across)
        return top < first or bottom > last or left < 0 or right > width

    def _reach(self, axis: int, count: int) -> tuple[int, int]:
        offsets = [a[axis] + b[axis] for a in self.outer for b in self.inner]
        return min(offsets), max(offsets) + self.stride * (count - 1) + 1


def gather_index(
    wanted: Wanted, parts: Sequence[Tiles | Line], inside: tuple[int, int, int]
) -> np.ndarray:
    """Which row of the joined `parts` each of what is wanted is.

    Args:
        parts: what is joined, in this order.
        inside: first line of the layer and the one after its last, counted as in `wanted`, and its
            width. What lies outside gets the row after all parts.
    """
    y, x = wanted.positions()
    first, last, width = inside
    index = np.full(y.shape, sum(part.rows for part in parts), np.int32)
    real = (y >= first) & (y < last) & (x >= 0) & (x < width)
    found = np.zeros(y.shape, bool)
    before = 0
    for part in parts:
        here = real & (y >= part.top) & (y < part.top + part.lines)
        index[here] = before + part.row(y[here] - part.top, x[here])
        found |= here
        before += part.rows
    if (real & ~found).any():
        raise ValueError("a gathered line is in none of the parts")
    return index
