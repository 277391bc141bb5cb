"""Gradients of pooling in ops that every provider has, for windows side by side.

Of max pooling: the positions of the windows are looked at one after the other, in row order. Where
the pixel is the maximum it takes what is left of the gradient, so the first maximum takes all, and
the last position needs no comparison. (MaxUnpool has no CUDA kernel. It also needs indices, which
make the forward pass slow and are held until the backward pass, 8 bytes for each maximum.)
"""

from __future__ import annotations

import numpy as np

from ..dims import total
from ..graph import Graph, Node, Value
from .masks import not_negative

__all__ = ["average_pool_gradient", "max_pool_gradient"]

_OPEN = int(np.iinfo(np.int64).max)


def max_pool_gradient(b: Graph, node: Node, inputs: list[Value]) -> Value:
    """The first maximum of each window, in row order, takes all."""
    x, y, g = inputs
    _require_side_by_side("MaxPool", node)
    height, width = node.attributes["kernel_shape"]
    positions = [(i, j) for i in range(height) for j in range(width)]
    shares, rest = [], g
    for position in positions[:-1]:
        pixel = _every(b, x, position, (height, width))
        is_maximum = not_negative(b, b.op("Sub", pixel, y))
        shares.append(b.op("Mul", rest, is_maximum))
        rest = b.op("Sub", rest, shares[-1])
    shares.append(rest)
    rows = [_side_by_side(b, shares[i * width : (i + 1) * width]) for i in range(height)]
    return _grow(b, _one_below_the_other(b, rows), x)


def average_pool_gradient(b: Graph, node: Node, inputs: list[Value]) -> Value:
    """Each share repeated over its window."""
    x, g = inputs
    _require_side_by_side("AveragePool", node)
    height, width = node.attributes["kernel_shape"]
    share = b.op("Mul", g, b.constant(1 / (height * width)))
    row = _side_by_side(b, [share] * width)
    return _grow(b, _one_below_the_other(b, [row] * height), x)


def _require_side_by_side(op: str, node: Node) -> None:
    """Windows that overlap or have padding are not VGG's; they have no gradient."""
    window = node.attributes
    strides = window.get("strides", [1, 1])
    if list(strides) != list(window["kernel_shape"]) or any(window.get("pads", [])):
        raise NotImplementedError(f"{op} has a gradient for windows side by side only")


def _every(b: Graph, x: Value, first: tuple[int, int], step: tuple[int, int]) -> Value:
    """The pixel of each whole window at one position in it."""
    ends = [start - size + 1 or _OPEN for start, size in zip(first, step, strict=True)]
    return b.op("Slice", x, *map(b.constant, (first, ends, (2, 3), step)))


def _side_by_side(b: Graph, columns: list[Value]) -> Value:
    """k of (N, C, h, w) -> (N, C, h, k w), a column of each in turn."""
    last = b.constant([4])
    joined = b.op("Concat", *(b.op("Unsqueeze", column, last) for column in columns), axis=4)
    return b.op("Reshape", joined, b.constant([0, 0, 0, -1]))


def _one_below_the_other(b: Graph, rows: list[Value]) -> Value:
    """k of (N, C, h, w) -> (N, C, k h, w), a row of each in turn."""
    joined = b.op("Concat", *rows, axis=3)
    width = b.op("Shape", rows[0], start=3)
    shape = b.op("Concat", b.constant([0, 0, -1]), width, axis=0)
    batch, channels, height, size = rows[0].shape
    return b.op("Reshape", joined, shape, like=(batch, channels, total([len(rows), height]), size))


def _grow(b: Graph, g: Value, x: Value) -> Value:
    """Zeros below and to the right, where no window was, until g has the size of x."""
    missing = b.op("Sub", b.op("Shape", x), b.op("Shape", g))
    pads = b.op("Concat", b.constant([0] * len(x.shape)), missing, axis=0)
    return b.op("Pad", g, pads, like=x.shape)
