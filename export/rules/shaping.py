"""Ops that move elements without computing: their rules move the cotangents back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..gradient import vjp
from ..graph import Graph, Node, Value

__all__: list[str] = []


@vjp("Transpose")
def _transpose(b: Graph, node: Node, g: Value) -> Value:
    rank = len(g.shape)
    order = node.attributes.get("perm", range(rank)[::-1])
    return b.op("Transpose", g, perm=np.argsort(order).tolist())


@vjp("Reshape")
@vjp("Unsqueeze")
def _reshape(b: Graph, node: Node, g: Value) -> Value:
    x = node.inputs[0]
    return b.op("Reshape", g, b.op("Shape", x), like=x.shape)


@vjp("Expand")
def _expand(b: Graph, node: Node, g: Value) -> Value:
    """Nothing to do here: the walker sums over what was repeated."""
    return g


@vjp("Pad")
def _pad(b: Graph, node: Node, g: Value) -> Value:
    """Cut the border off again.

    Padding with a constant only (a border of zeros gets no gradient).
    """
    if node.attributes.get("mode", "constant") != "constant":
        raise NotImplementedError(f"no gradient rule for Pad with mode {node.attributes['mode']!r}")
    pads = _integers(node.inputs[1])
    if min(pads, default=0) < 0:
        raise NotImplementedError("Pad has a gradient rule for borders, not for cuts")
    rank = len(g.shape)
    ends = [-pad if pad else np.iinfo(np.int64).max for pad in pads[rank:]]
    return _slice(b, g, pads[:rank], ends, range(rank))


@vjp("Slice")
def _slice_gradient(b: Graph, node: Node, g: Value) -> Value:
    """Put the cotangent back where it was taken from, and zeros around and between."""
    x = node.inputs[0]
    starts, _, axes, steps = (_integers(value) for value in node.inputs[1:5])
    for start, axis, step in zip(starts, axes, steps, strict=True):
        axis %= len(x.shape)
        if step < 0:
            raise NotImplementedError("Slice has a gradient rule for positive steps only")
        if start < 0:  # a symbolic size has no shape rule for this
            start = max(start + int(x.shape[axis]), 0)
        if step != 1:
            g = _spread(b, g, axis, step)
        g = _pad_axis(b, g, x, axis, start)
    return g


@vjp("Concat", None)
def _concat(b: Graph, node: Node, g: Value) -> Value:
    """The part of the cotangent that came from this argument."""
    axis, argument = node.attributes["axis"], node.attributes["argument"]
    before = [value.shape[axis] for value in node.inputs[: argument + 1]]
    if not all(isinstance(size, int) for size in before):
        raise NotImplementedError("Concat has a gradient rule for known sizes only")
    end = sum(size for size in before if isinstance(size, int))
    start = end - int(before[-1])
    return _slice(b, g, [start], [end], [axis])


def _slice(
    b: Graph, x: Value, starts: Sequence[int], ends: Sequence[int], axes: Sequence[int]
) -> Value:
    ones = [1] * len(axes)
    return b.op("Slice", x, *(b.constant(list(part)) for part in (starts, ends, axes, ones)))


def _spread(b: Graph, g: Value, axis: int, step: int) -> Value:
    """Insert step - 1 zeros after every element along the axis."""
    rank = len(g.shape)
    apart = b.op("Unsqueeze", g, b.constant([axis + 1]))
    pads = [0] * 2 * (rank + 1)
    pads[rank + 1 + axis + 1] = step - 1
    padded = b.op("Pad", apart, b.constant(pads))
    size = g.shape[axis]
    spread = size * step if isinstance(size, int) else f"({size})*{step}"
    factors = b.constant([step if i == axis else 1 for i in range(rank)])
    like = (*g.shape[:axis], spread, *g.shape[axis + 1 :])
    return b.op("Reshape", padded, b.op("Mul", b.op("Shape", g), factors), like=like)


def _pad_axis(b: Graph, g: Value, x: Value, axis: int, start: int) -> Value:
    """Zeros before and after along the axis, or a cut, until it has the size of x there."""
    if g.shape[axis] == x.shape[axis] and start == 0:
        return g
    rank = len(g.shape)
    like = tuple(x.shape[i] if i == axis else dim for i, dim in enumerate(g.shape))
    size = [b.op("Shape", value, start=axis, end=axis + 1) for value in (x, g)]
    after = b.op("Sub", b.op("Sub", size[0], size[1]), b.constant([start]))
    before = [start if i == axis else 0 for i in range(rank)]
    pads = [b.constant(before + [0] * axis), after, b.constant([0] * (rank - 1 - axis))]
    pads = [part for part in pads if part.shape != (0,)]
    return b.op("Pad", g, b.op("Concat", *pads, axis=0), like=like)


def _integers(value: Value) -> list[int]:
    if value.constant is None:
        raise NotImplementedError("a gradient rule needs this argument to be constant")
    return [int(number) for number in value.constant]
