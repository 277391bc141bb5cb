"""3x3 convolutions of rows, in three ways; which one is chosen by what it costs.

- winograd: 4 x 4 outputs of a tile at once, by 36 products instead of 144 (see `winograd`).
- gathered: the nine neighbours of each position are gathered side by side; one product.
- summed: one product makes the nine shares that each position has in its neighbours, which are
  then gathered and summed: for few output channels, as in the gradient of the picture.

The gradient of a convolution is a convolution with the taps turned round and the channels swapped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..graph import Value
from .arrangement import BACK, POINTS, TAPS, arranged_name
from .grid import Grid, Wanted, places
from .rows import Kit, Rows
from .winograd import INPUT, INPUT_BACK, OUTPUT, OUTPUT_BACK

__all__ = ["Convolution", "convolve"]

# Of the network's convolution and of its gradient; the outputs in the order of a tile's rows.
_ORDER = [4 * i + j for i, j in places(4)]
_INPUTS = {False: INPUT, True: INPUT_BACK}
_OUTPUTS = {False: OUTPUT[_ORDER], True: OUTPUT_BACK[_ORDER]}

# Nanoseconds on two cores of 2.3 GHz: of one multiplication in a large product, of moving one
# number, of reading one weight, and of a number through the input or the output transform. Only
# their ratios matter.
_PRODUCT, _MOVE, _READ, _INTO, _OUT_OF = 0.0077, 0.25, 0.25, 1.7, 0.7


@dataclass(frozen=True)
class Convolution:
    """What is computed.

    Args:
        weight: name of the network's weights.
        back: whether it is the gradient of the network's convolution, and not that itself.
        inputs, outputs: channels.
        pads: lines and columns of zeros above and on the left; as many below and on the right.
        grid: of the result, tiles of 4, or of 1 for the picture.
    """

    weight: str
    back: bool
    inputs: int
    outputs: int
    pads: tuple[int, int]
    grid: Grid


def convolve(kit: Kit, x: Rows, convolution: Convolution) -> Callable[[int], Value]:
    """What emits a band of the convolution of `x`."""
    if convolution.grid.unit == 1:
        return _Summed(kit, x, convolution).band
    if _Winograd.cost(convolution) < _Gathered.cost(convolution):
        return _Winograd(kit, x, convolution).band
    return _Gathered(kit, x, convolution).band


class _Method:
    """One way to compute a convolution of `x`."""

    def __init__(self, kit: Kit, x: Rows, convolution: Convolution) -> None:
        self._kit, self._x, self._c = kit, x, convolution

    def _nine(self) -> tuple[tuple[int, int], ...]:
        """The places that the window of a position covers."""
        up, left = self._c.pads
        return tuple((i - up, j - left) for i in range(3) for j in range(3))

    def _taps(self) -> Value:
        """(9, inputs, outputs)."""
        c = self._c
        name = arranged_name(c.weight, BACK if c.back else TAPS)
        return self._kit.graph.weight(name, (9, c.inputs, c.outputs))


class _Winograd(_Method):
    @staticmethod
    def cost(c: Convolution) -> float:
        """In nanoseconds."""
        tiles = c.grid.edges[-1] * c.grid.across
        moved = 16 * tiles * (c.inputs * (36 / 16 * _MOVE + _INTO) + c.outputs * _OUT_OF)
        return moved + 36 * c.inputs * c.outputs * (tiles * _PRODUCT + _READ)

    def band(self, number: int) -> Value:
        """4 x 4 outputs of each tile from the 6 x 6 positions around it."""
        kit, c = self._kit, self._c
        tiles = c.grid.down(number) * c.grid.across
        products = self._products(kit.reshape(self._points(number), 36, tiles, c.inputs))
        products = kit.reshape(products, 36, tiles * c.outputs)
        out_of = kit.constant(("output", c.back), lambda: _OUTPUTS[c.back])
        result = kit.graph.op("MatMul", out_of, products)
        return kit.reshape(result, 16 * tiles, c.outputs)

    def _points(self, number: int) -> Value:
        """(1, 36, down, across, C): the input transform is a convolution in three dimensions, of
        which the last is the channels and has no window. ONNX Runtime's takes the 6 x 6 positions
        apart in its cache, which as a gather and a product would go through the memory twice."""
        kit, c = self._kit, self._c
        height, width = self._x.grid.height, self._x.grid.width
        up, left = c.pads
        begin, end = (4 * edge for edge in c.grid.edges[number : number + 2])
        begin, end = begin - up, end - up + 2
        right = 4 * c.grid.across - left + 2
        top, bottom = max(begin, 0), min(end, height)
        lines = self._x.lines(top, bottom)
        into = kit.constant(("input", c.back), lambda: _INPUTS[c.back].reshape(36, 1, 6, 6, 1))
        return kit.graph.op(
            "Conv",
            kit.reshape(lines, 1, 1, bottom - top, width, c.inputs),
            into,
            strides=[4, 4, 1],
            pads=[top - begin, left, 0, end - bottom, right - width, 0],
        )

    def _products(self, points: Value) -> Value:
        b, c = self._kit.graph, self._c
        name = arranged_name(c.weight, POINTS)
        if not c.back:
            return b.op("MatMul", points, b.weight(name, (36, c.inputs, c.outputs)))
        return b.op("FusedMatMul", points, b.weight(name, (36, c.outputs, c.inputs)), transB=1)


class _Gathered(_Method):
    @staticmethod
    def cost(c: Convolution) -> float:
        """In nanoseconds."""
        positions = 16 * c.grid.edges[-1] * c.grid.across
        return positions * 9 * c.inputs * (c.outputs * _PRODUCT + _MOVE)

    def band(self, number: int) -> Value:
        """Each position's nine neighbours side by side, times all taps."""
        kit, c = self._kit, self._c
        down, across = c.grid.down(number), c.grid.across
        wanted = Wanted(4, down, across, outer=places(4), inner=self._nine())
        nine = self._x.gather(4 * c.grid.edges[number], wanted)
        nine = kit.reshape(nine, 16 * down * across, 9 * c.inputs)
        taps = kit.reshape(self._taps(), 9 * c.inputs, c.outputs)
        return kit.graph.op("MatMul", nine, taps)


class _Summed(_Method):
    def __init__(self, kit: Kit, x: Rows, convolution: Convolution) -> None:
        super().__init__(kit, x, convolution)
        self._shares = Rows(kit, x.grid, 9 * convolution.outputs, self._share)
        side_by_side = kit.graph.op("Transpose", self._taps(), perm=[1, 0, 2])
        self._matrix = kit.reshape(side_by_side, convolution.inputs, 9 * convolution.outputs)

    def _share(self, number: int) -> Value:
        return self._kit.graph.op("MatMul", self._x.band(number), self._matrix)

    def band(self, number: int) -> Value:
        """The sum of what each neighbour has for a position."""
        kit, c = self._kit, self._c
        down, across = c.grid.down(number), c.grid.across
        wanted = Wanted(1, down, across, inner=self._nine())
        shares = self._shares.gather(c.grid.edges[number], wanted, pieces=9)
        shares = kit.reshape(shares, down * across, 9 * c.outputs)
        # a product with ones: five times as fast as ReduceSum over a middle axis
        nine = kit.constant(("nine", c.outputs), lambda: np.tile(np.eye(c.outputs), (9, 1)))
        return kit.graph.op("MatMul", shares, nine)
