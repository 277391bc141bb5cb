"""What becomes of each op on layers that gives a layer again: rows of rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

from ..graph import Node, Value
from .activation import Activation
from .convolution import Convolution, convolve
from .rows import Rows
from .totals_back import gram_gradient, sums_gradient

if TYPE_CHECKING:
    from .tiled import Tiled

__all__ = ["ROWS"]

# A first layer larger than this is made once more for the gradient, from the picture: at 1024²
# that takes 2 % of an evaluation and saves 256 MB. One behind a joint, where memory is scarce, is
# made again from the features there if a Gram matrix needs it: another 2 %, and 64 MB.
_MADE_AGAIN_BYTES, _MADE_AGAIN_BEHIND_A_JOINT = 128 << 20, 16 << 20
# A picture, and not the features at a joint.
_FEW_CHANNELS = 4

Rule: TypeAlias = "Callable[[Tiled, Node], Rows | None]"


def _convolution_and_relu(t: Tiled, node: Node) -> Rows | None:
    convolution = t.maker.get(node.inputs[0])
    if convolution is None or convolution.op != "Conv" or len(convolution.inputs) != 3:
        return None
    x, weight, bias = convolution.inputs
    grid = t.grid(node.output)
    outputs, inputs, *_ = (int(size) for size in weight.shape)
    what = Convolution(weight.name, False, inputs, outputs, _pads(convolution), grid)

    def made(x: Rows) -> Rows:
        return Activation(Rows(t.kit, grid, outputs, convolve(t.kit, x, what)), t.plain(bias))

    if x not in t.rows and _is_worth_making_again(t, node.output, inputs):
        # Not what was entered before, which would be there all the time.
        t.again[node.output] = made(t.enter(x, grid))
    return made(t.entered(x, grid))


def _is_worth_making_again(t: Tiled, layer: Value, inputs: int) -> bool:
    """Of a layer that is made of a picture, or of features at a joint."""
    size = 4 * math.prod(int(size) for size in layer.shape)
    if inputs <= _FEW_CHANNELS:
        return size > _MADE_AGAIN_BYTES
    return layer in t.kept and size > _MADE_AGAIN_BEHIND_A_JOINT


def _convolution_gradient(t: Tiled, node: Node) -> Rows | None:
    x, weight, g = node.inputs
    if g not in t.rows:
        return None
    rows = t.rows[g]
    height, width = (int(size) for size in x.shape[2:])
    up, left = _pads(node)
    outputs, inputs, *_ = (int(size) for size in weight.shape)
    as_rows = x in t.rows or inputs > _FEW_CHANNELS
    grid = t.grid(x) if as_rows else rows.grid.unrolled(height, width)
    what = Convolution(weight.name, True, outputs, inputs, (2 - up, 2 - left), grid)
    return Rows(t.kit, grid, inputs, convolve(t.kit, rows, what))


def _pads(node: Node) -> tuple[int, int]:
    """Zeros above and on the left."""
    window = dict(node.attributes)
    up, left, down, right = window.pop("pads", [0, 0, 0, 0])
    plain = all(size == 1 for sizes in window.values() for size in _listed(sizes))
    if (up, left) != (down, right) or not plain or tuple(node.inputs[1].shape[2:]) != (3, 3):
        raise NotImplementedError("the tiled lowering is for 3x3 convolutions of stride 1 only")
    return up, left


def _listed(sizes: Any) -> list[int]:
    return [sizes] if isinstance(sizes, int) else list(sizes)


def _relu_gradient(t: Tiled, node: Node) -> Rows | None:
    g, y = node.inputs
    layer = t.again.get(y) or t.rows.get(y)
    if not isinstance(layer, Activation):
        return None
    pooling = t.maker.get(g)
    if pooling and pooling.op == "MaxPoolGradient" and pooling.inputs[0] is y:
        return t.rows[g]  # what is not above 0 got nothing there
    # A quarter of the memory; what a Gram matrix needs for its gradient is there anyway.
    layer.remembers_signs = y not in t.kept
    given = t.entered(g, layer.grid).regridded(layer.grid)
    return Rows(
        t.kit,
        layer.grid,
        layer.channels,
        lambda number: t.graph.op("Mul", given.band(number), layer.alive(number)),
    )


def _each(
    layer: Rows, other: Rows, emit: Callable[[Value, Value], Value], other_first: bool = False
) -> Rows:
    """`emit` of every band of two layers; the other may have one channel for all, and may have to
    be made first."""
    other = other.regridded(layer.grid)

    def band(number: int) -> Value:
        if other_first:
            other.band(number)
        return emit(layer.band(number), other.band(number))

    return Rows(layer.kit, layer.grid, layer.channels, band)


def _binary(t: Tiled, node: Node) -> Rows | None:
    """Of two layers; or of one, and a plain value of its shape, or one channel of it, or of one
    number."""
    left, right = node.inputs
    known = [t.rows[value] for value in node.inputs if value in t.rows]
    if not known:
        return None
    grid = known[0].grid
    if node.op == "Mul" and left in t.rows and _is_mask(right, left):
        return _of_core(t, node)
    if left.shape == right.shape:
        layer = t.entered(left, grid).regridded(grid)
        # A gradient from deeper layers takes all their memory: what is at hand can wait for it.
        other_first = t.depth.get(right, 0) > t.depth.get(left, 0)
        return _each(layer, t.entered(right, grid), partial(t.graph.op, node.op), other_first)
    (layer,) = known
    if any(size != 1 for value in node.inputs if value not in t.rows for size in value.shape):
        return None
    return Rows(
        t.kit,
        grid,
        layer.channels,
        lambda number: t.graph.op(
            node.op,
            *(
                layer.band(number) if value in t.rows else t.kit.reshape(t.plain(value), 1)
                for value in node.inputs
            ),
        ),
    )


def _is_mask(value: Value, layer: Value) -> bool:
    """Whether it has one number for each position of the layer."""
    return value.shape == (1, 1, *layer.shape[2:]) != (1, 1, 1, 1)


def _of_core(t: Tiled, node: Node) -> Rows:
    """A layer with zeros outside of a core: made with the layer's bands for sums over it, and made
    again for the gradient, which is cheaper than to keep both."""
    x, mask = node.inputs

    def made(layer: Rows) -> Rows:
        product = _each(layer, t.entered(mask, layer.grid), partial(t.graph.op, "Mul"))
        product.follows = layer
        return product

    t.again[node.output] = made(t.again.get(x) or t.rows[x])
    return made(t.rows[x])


def _of_windows_2x2(rule: Rule) -> Rule:
    def checked(t: Tiled, node: Node) -> Rows | None:
        if any(list(node.attributes[key]) != [2, 2] for key in ("kernel_shape", "strides")):
            raise NotImplementedError("the tiled lowering is for poolings of 2x2 windows only")
        return rule(t, node)

    return checked


@_of_windows_2x2
def _max_pool(t: Tiled, node: Node) -> Rows | None:
    layer = t.rows.get(node.inputs[0])
    if not isinstance(layer, Activation):
        return None
    return Rows(t.kit, layer.grid.pooled(), layer.channels, layer.pooled)


def _max_pool_gradient(t: Tiled, node: Node) -> Rows | None:
    """Positions of a window that are equally great share its gradient: a subgradient as good as the
    first one's. Only windows above 0 have one (see `_relu_gradient`)."""
    x, _, g = node.inputs
    layer = t.rows.get(x)
    if not isinstance(layer, Activation):
        return None
    b, kit = t.graph, t.kit
    layer.remembers = True
    pooled = t.entered(g, layer.grid).regridded(layer.grid.pooled())

    def band(number: int) -> Value:
        given = pooled.real(number)  # from deeper layers: before anything is made for it here
        greatest, alive = layer.masks(number)
        given = b.op("Mul", given, alive)
        # a product with ones: six times as fast as ReduceSum over the axis
        among = b.op("MatMul", kit.ones(4), greatest)
        share = b.op("Div", layer.windows(given, 1), among)
        routed = b.op("Mul", greatest, share)
        return kit.reshape(routed, layer.grid.rows(number), layer.channels)

    return Rows(kit, layer.grid, layer.channels, band)


@_of_windows_2x2
def _average_pool(t: Tiled, node: Node) -> Rows | None:
    layer = t.rows.get(node.inputs[0])
    if not isinstance(layer, Activation):
        return None

    def band(number: int) -> Value:
        return layer.reduced("AveragePool", layer.band(number))

    return Rows(t.kit, layer.grid.pooled(), layer.channels, band)


def _average_pool_gradient(t: Tiled, node: Node) -> Rows | None:
    x, g = node.inputs
    layer = t.rows.get(x)
    if not isinstance(layer, Activation):
        return None
    pooled = t.entered(g, layer.grid).regridded(layer.grid.pooled())
    quarter = t.graph.constant(0.25)

    def band(number: int) -> Value:
        share = layer.windows(t.graph.op("Mul", pooled.real(number), quarter), 1)
        shares = t.graph.op("Concat", share, share, share, share, axis=1)
        return t.kit.reshape(shares, layer.grid.rows(number), layer.channels)

    return Rows(t.kit, layer.grid, layer.channels, band)


ROWS: Mapping[str, Rule] = {
    "Relu": _convolution_and_relu,
    "ReluGradient": _relu_gradient,
    "ConvGradient": _convolution_gradient,
    "MaxPool": _max_pool,
    "MaxPoolGradient": _max_pool_gradient,
    "AveragePool": _average_pool,
    "AveragePoolGradient": _average_pool_gradient,
    "GramGradient": gram_gradient,
    "SumsGradient": sums_gradient,
    "Add": _binary,
    "Sub": _binary,
    "Mul": _binary,
}
