"""A layer as bands of rows (see `grid`), emitted band by band when somebody asks for them.

Asking decides the order of the program: the bands of several layers interleave, each made shortly
before it is used, while it is still in the processor's cache, and given back soon.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

import numpy as np

from ..graph import Graph, Value
from .grid import Grid, Line, Tiles, Wanted, gather_index, places

__all__ = ["Entered", "Kit", "Rows"]

# Lines of a neighbouring band that are cut out of it: the reach of a 3x3 window.
_FEW = 2


class Kit:
    """The graph that is built, and constants that many nodes share.

    Args:
        graph: to build.
        filled: whether its tables are needed, or their shapes alone.
    """

    def __init__(self, graph: Graph, filled: bool = True) -> None:
        self.graph = graph
        self._filled = filled
        self._constants: dict[Hashable, Value] = {}
        self._indices: dict[Hashable, tuple[Value, bool]] = {}
        self._repeated: dict[tuple[Value, int], Value] = {}
        self._reshaped: dict[tuple[Value, tuple[int, ...]], Value] = {}
        self._before: dict[Value, Value] = {}  # what each reshaped value was made of

    def constant(self, key: Hashable, make: Callable[[], np.ndarray]) -> Value:
        """The constant of that key, made once."""
        if key not in self._constants:
            self._constants[key] = self.graph.constant(make())
        return self._constants[key]

    def sizes(self, *numbers: int) -> Value:
        """A short vector of whole numbers."""
        return self.constant(("sizes", numbers), lambda: np.array(numbers, np.int64))

    def reshape(self, x: Value, *shape: int) -> Value:
        """`x` in another shape: by one node at most, however often its shape was changed."""
        x = self._before.get(x, x)
        if x.shape == shape:
            return x
        if (x, shape) not in self._reshaped:
            self._reshaped[x, shape] = value = self.graph.op("Reshape", x, self.sizes(*shape))
            self._before[value] = x
        return self._reshaped[x, shape]

    def index(
        self,
        wanted: Wanted,
        parts: tuple[Tiles | Line, ...],
        inside: tuple[int, int, int],
        pieces: int,
    ) -> tuple[Value, bool]:
        """`gather_index` as a table: bands in the same situation share one."""
        key = (wanted, parts, inside, pieces)
        if key not in self._indices:
            if self._filled:
                index = gather_index(wanted, parts, inside)
                if pieces > 1:
                    index = index * pieces + np.arange(pieces, dtype=np.int32)
            else:
                index = np.broadcast_to(np.int32(0), wanted.count)
            self._indices[key] = self.graph.table(index.reshape(-1)), wanted.reaches_out(inside)
        return self._indices[key]

    def repeated(self, vector: Value, times: int) -> Value:
        """A vector (C,) so many times over: (times C,)."""
        key = (vector, times)
        if key not in self._repeated:
            repeated = self.graph.op("Expand", vector, self.sizes(times, 1))
            self._repeated[key] = self.reshape(repeated, times * int(vector.shape[0]))
        return self._repeated[key]

    def ones(self, columns: int) -> Value:
        """(1, columns): a product with it sums over a first axis."""
        return self.constant(("ones", columns), lambda: np.ones((1, columns)))

    def zeros(self, rows: int, channels: int) -> Value:
        """Rows of zeros."""
        return self.constant(("zeros", rows, channels), lambda: np.zeros((rows, channels)))


class Rows:
    """One layer: the tensor of each band, (rows, C), comes into being when it is first asked for.

    Args:
        kit: of the graph that it is part of.
        grid: where its positions lie.
        channels: C.
        emit: makes a band.
    """

    def __init__(self, kit: Kit, grid: Grid, channels: int, emit: Callable[[int], Value]) -> None:
        self.kit = kit
        self.grid = grid
        self.channels = channels
        self.follows: Rows | None = None  # the layer that this is made of, band by band
        self._acts: list[Callable[[int], object]] = []
        self._emit = emit
        self._bands: dict[int, Value] = {}
        self._lines: dict[int, Value] = {}

    def band(self, number: int) -> Value:
        """The rows of a band."""
        if number not in self._bands:
            self._bands[number] = value = self._emit(number)
            if value.shape != (self.grid.rows(number), self.channels):
                raise ValueError(f"a band has the shape {value.shape}")
            for act in self._acts:  # now, while the band is in the cache
                act(number)
        return self._bands[number]

    def when_emitted(self, act: Callable[[int], object]) -> None:
        """Call `act` with the number of each band as soon as it is emitted; one that follows
        another layer is then emitted with that."""
        if self.follows is not None and not self._acts:
            self.follows.when_emitted(self.band)
        self._acts.append(act)

    def gather(self, first: int, wanted: Wanted, pieces: int = 1) -> Value:
        """What is wanted, counted from line `first`: zeros for what lies outside of the layer.

        Args:
            pieces: into so many each row is cut, and of the i-th inner place the i-th is taken.

        Returns:
            (places, C / pieces) with the places in the order of `Wanted`.
        """
        low, high = wanted.reach()
        parts, tensors = self._parts(
            first, max(first + low, 0), min(first + high, self.grid.height)
        )
        # Counted from `first`, and no further than is looked at, bands in the middle are all alike.
        inside = (max(-first, low), min(self.grid.height - first, high), self.grid.width)
        index, zeros = self.kit.index(wanted, tuple(parts), inside, pieces)
        if zeros:
            tensors.append(self.kit.zeros(1, self.channels))
        b = self.kit.graph
        joined = b.op("Concat", *tensors, axis=0) if len(tensors) > 1 else tensors[0]
        rows = int(joined.shape[0])
        joined = self.kit.reshape(joined, rows * pieces, self.channels // pieces)
        return b.op("Gather", joined, index, axis=0)

    def lines(self, begin: int, end: int) -> Value:
        """The lines of the layer from `begin` to before `end`, each from left to right."""
        return self.gather(begin, Wanted(1, end - begin, self.grid.width))

    def regridded(self, grid: Grid) -> Rows:
        """The same layer in other tiles or bands."""
        if self.grid == grid:
            return self

        def band(number: int) -> Value:
            wanted = Wanted(grid.unit, grid.down(number), grid.across, outer=places(grid.unit))
            return self.gather(grid.edges[number] * grid.unit, wanted)

        return Rows(self.kit, grid, self.channels, band)

    def real(self, number: int) -> Value:
        """A band with zeros for the rows that lie outside of the layer."""
        band, grid = self.band(number), self.grid
        if grid.full(number):
            return band
        key = ("inside", grid.unit, grid.edges[number : number + 2], grid.height, grid.width)
        return self.kit.graph.op("Mul", band, self.kit.constant(key, lambda: grid.inside(number)))

    def _parts(self, first: int, begin: int, end: int) -> tuple[list[Tiles | Line], list[Value]]:
        """What holds the lines from `begin` to before `end`; single lines are cut out of bands."""
        grid = self.grid
        parts: list[Tiles | Line] = []
        tensors: list[Value] = []
        for number in grid.bands_of(begin, end):
            top, bottom = grid.lines(number)
            lines = range(max(top, begin), min(bottom, end))
            if len(lines) <= _FEW and bottom - top > _FEW:
                parts += [Line(y - first, grid.unit, grid.across) for y in lines]
                tensors += [self._line(number, y) for y in lines]
            else:
                shape = (grid.unit, grid.down(number), grid.across)
                parts.append(Tiles(grid.edges[number] * grid.unit - first, *shape))
                tensors.append(self.band(number))
        return parts, tensors

    def _line(self, number: int, y: int) -> Value:
        """The rows of one line: its places in a tile, each for all tiles side by side."""
        if y not in self._lines:
            b, grid = self.kit.graph, self.grid
            below = y - grid.edges[number] * grid.unit
            place, tile = below % grid.unit, below // grid.unit
            # `places` as axes; those that say how far down in the tile are cut to one
            axes = {4: (2, 2, 2, 2), 2: (2, 2), 1: ()}[grid.unit]
            down = {4: [place // 2, place % 2], 2: [place], 1: []}[grid.unit]
            row = grid.across * self.channels
            shaped = self.kit.reshape(self.band(number), *axes, grid.down(number), row)
            starts = [*down, tile]
            cut = b.op(
                "Slice",
                shaped,
                self.kit.sizes(*starts),
                self.kit.sizes(*(start + 1 for start in starts)),
                self.kit.sizes(*range(0, 2 * len(starts), 2)),
                self.kit.sizes(*(1 for _ in starts)),
            )
            self._lines[y] = self.kit.reshape(cut, grid.unit * grid.across, self.channels)
        return self._lines[y]


class Entered(Rows):
    """A plain value, (1, C, H, W), as rows in plain order.

    Args:
        kit, grid, channels: of `Rows`.
        plain: gives the value when the first rows are asked for.
    """

    def __init__(self, kit: Kit, grid: Grid, channels: int, plain: Callable[[], Value]) -> None:
        super().__init__(kit, grid, channels, lambda number: self.lines(*grid.lines(number)))
        self._plain = plain

    def lines(self, begin: int, end: int) -> Value:
        """See `Rows`. Made anew each time: the whole of it, turned round, would take memory."""
        plain, kit = self._plain(), self.kit
        if (begin, end) != (0, self.grid.height):
            ends = (kit.sizes(begin), kit.sizes(end))
            plain = kit.graph.op("Slice", plain, *ends, kit.sizes(2), kit.sizes(1))
        last = kit.graph.op("Transpose", plain, perm=[0, 2, 3, 1])
        return kit.reshape(last, (end - begin) * self.grid.width, self.channels)
