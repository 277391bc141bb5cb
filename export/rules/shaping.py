"""Ops that move elements without computing: their rules move the cotangents back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..dims import Dim
from ..gradient import vjp
from ..graph import Graph, Node, Value

__all__: list[str] = []

_END = int(np.iinfo(np.int64).max)  # a slice up to here goes to the end, whatever the size


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
    """Cut the border off again, and add one that is made of pixels to those: of mode "edge" to the
    outermost, of mode "reflect" to those next to them."""
    mode = node.attributes.get("mode", "constant")
    if mode not in ("constant", "edge", "reflect"):
        raise NotImplementedError(f"no gradient rule for Pad with mode {mode!r}")
    pads = _integers(node.inputs[1])
    if min(pads, default=0) < 0:
        raise NotImplementedError("Pad has a gradient rule for borders, not for cuts")
    if mode == "reflect" and max(pads) > 1:
        raise NotImplementedError("Pad has a gradient rule for reflected borders of one pixel only")
    inwards = 1 if mode == "reflect" else 0
    rank = len(g.shape)
    for axis in range(rank):
        before, after = pads[axis], pads[axis + rank]
        inside = _slice(b, g, [before], [-after if after else _END], [axis])
        if mode != "constant" and before:
            border = _total(b, _slice(b, g, [0], [before], [axis]), axis)
            inside = b.op("Add", inside, _pad_axis(b, border, inside, axis, inwards))
        if mode != "constant" and after:
            border = _total(b, _slice(b, g, [-after], [_END], [axis]), axis)
            border = _extended(b, border, axis, inwards)
            inside = b.op("Add", inside, _pad_axis(b, border, inside, axis, None))
        g = inside
    return g


@vjp("Slice")
def _slice_gradient(b: Graph, node: Node, g: Value) -> Value:
    """Put the cotangent back where it was taken from, and zeros around and between."""
    x = node.inputs[0]
    starts, _, axes, steps = (_integers(value) for value in node.inputs[1:5])
    for start, axis, step in zip(starts, axes, steps, strict=True):
        axis %= len(x.shape)
        if step < 0:
            raise NotImplementedError("Slice has a gradient rule for positive steps only")
        if step != 1:
            g = _spread(b, g, axis, step)
        g = _pad_axis(b, g, x, axis, _first(start, x.shape[axis]))
    return g


def _first(start: int, size: Dim) -> int | None:
    """Where a slice begins; None where all that is known is that it goes to the end."""
    if start >= 0:
        return start
    return max(start + size, 0) if isinstance(size, int) else None


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


def _total(b: Graph, x: Value, axis: int) -> Value:
    return b.op("ReduceSum", x, b.constant([axis]), keepdims=1)


def _extended(b: Graph, g: Value, axis: int, count: int) -> Value:
    """With so many zeros after it along the axis."""
    if count == 0:
        return g
    pads = [0] * 2 * len(g.shape)
    pads[len(g.shape) + axis] = count
    return b.op("Pad", g, b.constant(pads))


def _spread(b: Graph, g: Value, axis: int, step: int) -> Value:
    """Insert step - 1 zeros after every element along the axis."""
    rank = len(g.shape)
    apart = b.op("Unsqueeze", g, b.constant([axis + 1]))
    padded = _extended(b, apart, axis + 1, step - 1)
    size = g.shape[axis]
    spread = size * step if isinstance(size, int) else f"({size})*{step}"
    factors = b.constant([step if i == axis else 1 for i in range(rank)])
    like = (*g.shape[:axis], spread, *g.shape[axis + 1 :])
    return b.op("Reshape", padded, b.op("Mul", b.op("Shape", g), factors), like=like)


def _pad_axis(b: Graph, g: Value, x: Value, axis: int, start: int | None) -> Value:
    """Zeros along the axis, or a cut, until g has the size of x there.

    The first element of g comes to `start`; with None the last element comes to the end.
    """
    if g.shape[axis] == x.shape[axis] and start == 0:
        return g
    rank = len(g.shape)
    like = tuple(x.shape[i] if i == axis else dim for i, dim in enumerate(g.shape))
    size = [b.op("Shape", value, start=axis, end=axis + 1) for value in (x, g)]
    missing = b.op("Sub", size[0], size[1])
    before = missing if start is None else b.constant([start])
    after = b.op("Sub", missing, before)
    others = [b.constant([0] * count) for count in (axis, rank - 1, rank - 1 - axis)]
    parts = [others[0], before, others[1], after, others[2]]
    pads = b.op("Concat", *(part for part in parts if part.shape != (0,)), axis=0)
    return b.op("Pad", g, pads, like=like)


def _integers(value: Value) -> list[int]:
    if value.constant is None:
        raise NotImplementedError("a gradient rule needs this argument to be constant")
    return [int(number) for number in value.constant]
