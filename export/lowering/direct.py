"""The direct lowering: every semantic op in standard ONNX ops, in the usual (1, C, H, W) layout.

How a convolution is computed is left to the provider. Any other lowering is the same function, so
that its results differ from this one's by rounding alone. (On a GPU, MaxUnpool may be computed by
the processor, and every gradient of a max pooling then crosses the bus; average pooling has none.)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..graph import Graph, Node, Value

__all__ = ["lower"]

Emitter: TypeAlias = Callable[[Graph, Node, list[Value]], Value]

# HardSigmoid(y; alpha, 0) = clip(alpha y, 0, 1) is a step at 0 for every normal float32, and runs
# at twice the speed of Where or of Cast(Greater); larger than this, alpha would not be a finite
# float32.
_STEP = 3e38


def lower(graph: Graph) -> Graph:
    """A graph of standard ops with the same inputs, weights and outputs."""
    lowered = Graph(prefix="direct_")
    lowered.inputs.update(graph.inputs)
    lowered.weights.update(graph.weights)
    moved: dict[Value, Value] = {}
    indices = _Indices(graph)
    for node in graph.nodes:
        inputs = [moved.get(value, value) for value in node.inputs]
        if node.op == "MaxPool" and indices.wanted(node):
            moved[node.output] = indices.pool(lowered, node, inputs)
        elif node.op == "MaxPoolGradient":
            moved[node.output] = indices.gradient(lowered, node, inputs)
        elif node.op in _EMITTERS:
            moved[node.output] = _EMITTERS[node.op](lowered, node, inputs)
        else:
            outputs = lowered.ops(node.op, *inputs, **node.attributes)
            moved.update(zip(node.outputs, outputs, strict=True))
    for name, value in graph.outputs.items():
        lowered.output(name, moved.get(value, value))
    return lowered


class _Indices:
    """Max pooling that has a gradient also returns where each maximum was; MaxUnpool puts g there.

    ONNX's MaxPool, like torch's, reports the first maximum of a window in row order.
    """

    def __init__(self, graph: Graph) -> None:
        gradients = [node for node in graph.nodes if node.op == "MaxPoolGradient"]
        self._wanted = {node.inputs[1] for node in gradients}
        self._indices: dict[Value, Value] = {}

    def wanted(self, node: Node) -> bool:
        return node.output in self._wanted

    def pool(self, b: Graph, node: Node, inputs: list[Value]) -> Value:
        value, self._indices[node.output] = b.ops("MaxPoolIndices", *inputs, **node.attributes)
        return value

    def gradient(self, b: Graph, node: Node, inputs: list[Value]) -> Value:
        x, _, g = inputs
        _require_side_by_side("MaxPool", node)  # MaxUnpool overwrites where windows share a maximum
        indices = self._indices[node.inputs[1]]
        window = {key: node.attributes[key] for key in ("kernel_shape", "strides")}
        return b.op("MaxUnpool", g, indices, b.op("Shape", x), like=x.shape, **window)


def _relu_gradient(b: Graph, node: Node, inputs: list[Value]) -> Value:
    g, y = inputs
    return b.op("Mul", g, b.op("HardSigmoid", y, alpha=_STEP, beta=0.0))


def _conv_gradient(b: Graph, node: Node, inputs: list[Value]) -> Value:
    """At stride 1 a convolution with flipped, transposed weights: faster than ConvTranspose."""
    x, weight, g = inputs
    attributes = node.attributes
    strides, group = attributes.get("strides", [1, 1]), attributes.get("group", 1)
    window = _flipped_window(weight, attributes)
    if list(strides) == [1, 1] and group == 1 and min(window["pads"]) >= 0:
        return b.op("Conv", g, _flipped(b, weight), **window)
    rest = _leftover(x, weight, attributes)
    return b.op("ConvTranspose", g, weight, output_padding=rest, like=x.shape, **attributes)


def _flipped(b: Graph, weight: Value) -> Value:
    last = np.iinfo(np.int64).min
    turned = [b.constant(part) for part in ([-1, -1], [last, last], [2, 3], [-1, -1])]
    return b.op("Slice", b.op("Transpose", weight, perm=[1, 0, 2, 3]), *turned)


def _flipped_window(weight: Value, attributes: Any) -> dict[str, Any]:
    dilations = attributes.get("dilations", [1, 1])
    pads = attributes.get("pads", [0, 0, 0, 0])
    extents = [(int(weight.shape[2 + i]) - 1) * dilations[i] for i in (0, 1)]
    return {"pads": [extents[i % 2] - pads[i] for i in range(4)], "dilations": list(dilations)}


def _leftover(x: Value, weight: Value, attributes: Any) -> list[int]:
    """How many last rows and columns of x no window of a strided convolution reached."""
    pads = attributes.get("pads", [0, 0, 0, 0])
    dilations, strides = attributes.get("dilations", [1, 1]), attributes.get("strides", [1, 1])
    rest = []
    for i in (0, 1):
        size, extent = x.shape[2 + i], (int(weight.shape[2 + i]) - 1) * dilations[i] + 1
        if strides[i] == 1:
            rest.append(0)
            continue
        if not isinstance(size, int):
            raise NotImplementedError("a strided Conv has a gradient for known sizes only")
        rest.append((size + pads[i] + pads[2 + i] - extent) % strides[i])
    return rest


def _average_pool_gradient(b: Graph, node: Node, inputs: list[Value]) -> Value:
    """Each share repeated over its window, then zeros up to the size of x."""
    x, g = inputs
    _require_side_by_side("AveragePool", node)
    kernel = node.attributes["kernel_shape"]
    channels = int(x.shape[1])
    share = b.constant(np.full((channels, 1, *kernel), 1 / np.prod(kernel)))
    covered = tuple(_covered(x, axis, kernel[axis - 2]) for axis in (2, 3))
    spread = b.op(
        "ConvTranspose", g, share, strides=kernel, group=channels, like=(*x.shape[:2], *covered)
    )
    return _grow(b, spread, x)


def _require_side_by_side(op: str, node: Node) -> None:
    """Windows that overlap or have padding are not VGG's; they have no gradient."""
    window = node.attributes
    strides = window.get("strides", [1, 1])
    if list(strides) != list(window["kernel_shape"]) or any(window.get("pads", [])):
        raise NotImplementedError(f"{op} has a gradient for windows side by side only")


def _covered(x: Value, axis: int, window: int) -> int | str:
    size = x.shape[axis]
    return size // window * window if isinstance(size, int) else f"({size})/{window}*{window}"


def _grow(b: Graph, g: Value, x: Value) -> Value:
    """Zeros below and to the right, until g has the size of x."""
    missing = b.op("Sub", b.op("Shape", x), b.op("Shape", g))
    pads = b.op("Concat", b.constant([0] * len(x.shape)), missing, axis=0)
    return b.op("Pad", g, pads, like=x.shape)


def _gram(b: Graph, node: Node, inputs: list[Value]) -> Value:
    flat = _flatten(b, inputs[0])
    return b.op("MatMul", flat, b.op("Transpose", flat, perm=[1, 0]))


def _gram_gradient(b: Graph, node: Node, inputs: list[Value]) -> Value:
    x, symmetric = inputs
    product = b.op("MatMul", symmetric, _flatten(b, x))
    return b.op("Reshape", product, b.op("Shape", x), like=x.shape)


def _flatten(b: Graph, x: Value) -> Value:
    """(1, C, H, W) -> (C, H W)."""
    return b.op("Reshape", x, b.constant([int(x.shape[1]), -1]))


_EMITTERS: dict[str, Emitter] = {
    "ReluGradient": _relu_gradient,
    "ConvGradient": _conv_gradient,
    "AveragePoolGradient": _average_pool_gradient,
    "Gram": _gram,
    "GramGradient": _gram_gradient,
}
