"""The tiled lowering for processors: layers as bands of rows, convolutions by Winograd's filtering.

Like the direct lowering it turns semantic ops into standard ONNX ops (and ONNX Runtime's MatMul
with a transposed factor), and its results differ by rounding alone: also in which of the equal
positions of a pooling window get the gradient. It is made for one size of canvas.

Layers become `Rows`; everything else, the losses and what is done to the picture itself, keeps its
usual layout and is left to the direct lowering.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ..graph import Graph, Node, Value
from . import direct, layers, totals
from .bands import plan_bands
from .grid import Grid
from .rows import Entered, Kit, Rows

__all__ = ["Tiled", "lower"]


def lower(
    graph: Graph,
    filled: bool = True,
    check: Callable[[], None] | None = None,
    band_share: float = 1.0,
) -> Graph:
    """A graph of standard ops with the same inputs and outputs; its weights are arrangements of the
    same ones (see `arrangement`).

    Args:
        filled: whether its tables are needed, or their shapes alone, which takes half of the time.
        check: as of `Graph`.
        band_share: see `plan_bands`.

    Raises:
        NotImplementedError: a size is symbolic, or a layer is not one of a VGG.
    """
    translated = Tiled(graph, filled, check, band_share).lowered()
    lowered = direct.lower(translated, check)
    # Rows and the translation know each other, and stay until Python looks for cycles: without the
    # contents of the tables, 160 MB at 2000 x 2000.
    translated.contents.clear()
    return lowered


class Tiled:
    """The translation of one graph: what has become of each of its values."""

    def __init__(
        self,
        graph: Graph,
        filled: bool = True,
        check: Callable[[], None] | None = None,
        band_share: float = 1.0,
    ) -> None:
        self.graph = Graph("tiled_", check)
        self.graph.inputs.update(graph.inputs)
        self.kit = Kit(self.graph, filled)
        self.rows: dict[Value, Rows] = {}
        self.again: dict[Value, Rows] = {}  # the same, made once more for the gradient
        self.maker: dict[Value, Node] = {}
        self.depth: dict[Value, int] = {}  # how many nodes one after the other it is made by
        self.kept = _looked_at_again(graph)
        self._source = graph
        self._edges = plan_bands(graph, band_share)
        self._plain: dict[Value, Value] = {}
        self._entered: dict[Value, Rows] = {}
        self._totals: dict[Value, totals.Total] = {}
        for node in graph.nodes:
            self.maker.update(dict.fromkeys(node.outputs, node))
            depth = 1 + max((self.depth.get(value, 0) for value in node.inputs), default=0)
            self.depth.update(dict.fromkeys(node.outputs, depth))
            if node.op in layers.ROWS and (rows := layers.ROWS[node.op](self, node)):
                self.rows[node.output] = rows
            elif node.op in totals.TOTALS and node.inputs[0] in self.rows:
                self._totals[node.output] = totals.TOTALS[node.op](self.rows[node.inputs[0]])

    def lowered(self) -> Graph:
        """The graph of what was asked for: the terms first, which are known before the gradient."""
        for value in reversed(self._source.outputs.values()):
            self.plain(value)
        for name, value in self._source.outputs.items():
            self.graph.output(name, self.plain(value))
        self.graph.drop_unused()
        return self.graph

    def plain(self, value: Value) -> Value:
        """The value in its usual layout."""
        if value not in self._plain:
            self._plain[value] = self._made_plain(value)
        return self._plain[value]

    def _made_plain(self, value: Value) -> Value:
        if value in self.rows:
            return self._left(self.rows[value])
        if value in self._totals:
            return self._totals[value].value()
        if value not in self.maker:
            weight = value.name in self._source.weights
            return self.graph.weight(value.name, value.shape) if weight else value
        node = self.maker[value]
        outputs = self.graph.ops(node.op, *map(self.plain, node.inputs), **node.attributes)
        return outputs[node.outputs.index(value)]

    def grid(self, value: Value) -> Grid:
        """The tiles of 4 x 4 of a layer that has the shape of `value`."""
        height, width = (int(size) for size in value.shape[2:])
        if (height, width) not in self._edges:
            raise NotImplementedError("the tiled lowering is for layers of a convolution's size")
        return Grid(height, width, 4, -(-width // 4), self._edges[height, width])

    def entered(self, value: Value, near: Grid) -> Rows:
        """The value as rows: a plain one is entered once."""
        if value in self.rows:
            return self.rows[value]
        if value not in self._entered:
            self._entered[value] = self.enter(value, near)
        return self._entered[value]

    def enter(self, value: Value, near: Grid) -> Rows:
        """A plain value taken apart in the bands of `near`, line by line."""
        _, channels, height, width = (int(size) for size in value.shape)
        grid = near.unrolled(height, width)
        return Entered(self.kit, grid, channels, partial(self.plain, value))

    def _left(self, rows: Rows) -> Value:
        """Rows as (1, C, H, W)."""
        height, width = rows.grid.height, rows.grid.width
        lines = rows.regridded(rows.grid.unrolled(height, width))
        bands = [lines.band(number) for number in range(lines.grid.bands)]
        whole = self.graph.op("Concat", *bands, axis=0) if len(bands) > 1 else bands[0]
        last = self.kit.reshape(whole, 1, height, width, rows.channels)
        return self.graph.op("Transpose", last, perm=[0, 3, 1, 2])


def _looked_at_again(graph: Graph) -> set[Value]:
    """Layers whose numbers the gradient needs, and not their signs alone: for a Gram matrix."""
    kept = {node.inputs[0] for node in graph.nodes if node.op == "GramGradient"}
    return kept | {node.inputs[0] for node in graph.nodes if kept.intersection(node.outputs)}
