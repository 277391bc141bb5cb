"""Shape inference: what each op makes of the shapes that it is given.

ONNX's own inference forgets that two symbolic sizes are equal once they went through a pooling
layer; the gradient needs to know it, to tell a broadcast from an equal shape. Here the same
arithmetic on the same symbol gives the same string.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from .graph import Value

__all__ = ["Dim", "Shape", "broadcast", "infer_shapes", "known_ops", "reduced_axes"]

Dim: TypeAlias = int | str
Shape: TypeAlias = tuple[Dim, ...]
Results: TypeAlias = list[tuple[Shape, str]]
ShapeRule: TypeAlias = Callable[[Sequence["Value"], Mapping[str, Any]], Results]

_RULES: dict[str, ShapeRule] = {}


def infer_shapes(op: str, inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    """Shape and dtype of every output of `op`.

    Raises:
        NotImplementedError: the op is unknown here; the message lists the known ones.
        ValueError: the shapes do not fit the op.
    """
    if op not in _RULES:
        raise NotImplementedError(f"no shape rule for op {op!r}; known ops: {known_ops()}")
    try:
        return _RULES[op](inputs, attributes)
    except ValueError as error:
        shapes = ", ".join(str(value.shape) for value in inputs)
        raise ValueError(f"{op} does not fit the shapes {shapes}: {error}") from error


def known_ops() -> list[str]:
    """The ops that a graph may hold, sorted."""
    return sorted(_RULES)


def broadcast(*shapes: Shape) -> Shape:
    """The common shape of elementwise operands, as in numpy.

    Symbols must match exactly or meet 1.
    """
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(_broadcast_dim(dims) for dims in zip(*padded, strict=True))


def _broadcast_dim(dims: tuple[Dim, ...]) -> Dim:
    others = {dim for dim in dims if dim != 1}
    if len(others) > 1:
        raise ValueError(f"sizes {sorted(map(str, others))} do not broadcast")
    return others.pop() if others else 1


def _rule(*ops: str) -> Callable[[ShapeRule], ShapeRule]:
    def register(rule: ShapeRule) -> ShapeRule:
        _RULES.update(dict.fromkeys(ops, rule))
        return rule

    return register


def _total(dims: Sequence[Dim]) -> Dim:
    """The product of sizes; the symbols are sorted so that equal products are equal strings."""
    number = 1
    for dim in dims:
        number *= dim if isinstance(dim, int) else 1
    symbols = sorted(dim for dim in dims if isinstance(dim, str))
    if not symbols or number == 0:
        return number
    if len(symbols) == number == 1:
        return symbols[0]
    return "*".join(([str(number)] if number > 1 else []) + [f"({dim})" for dim in symbols])


def _plus(dim: Dim, amount: int) -> Dim:
    """The sum; a number at the end is added up: a border put on and cut off is no change."""
    if isinstance(dim, int):
        return dim + amount
    if last := re.search(r"(?<=.)[+-]\d+$", dim):
        dim, amount = dim[: last.start()], amount + int(last.group())
    return f"{dim}{amount:+d}" if amount else dim


def _quotient(dim: Dim, divisor: int) -> Dim:
    """Rounded down; sums need brackets, quotients of quotients do not."""
    if isinstance(dim, int):
        return dim // divisor
    return f"({dim})/{divisor}" if "+" in dim or "-" in dim else f"{dim}/{divisor}"


def _window(dim: Dim, padding: int, extent: int, stride: int) -> Dim:
    """Number of positions of a window of `extent` over `dim`, rounded down as in VGG's pooling."""
    room = _plus(dim, padding - extent)
    if isinstance(room, int):
        if room < 0:
            raise ValueError(f"a window of {extent} is larger than {dim} + {padding}")
        return room // stride + 1
    if stride == 1:
        return _plus(dim, padding - extent + 1)
    # floor((d - k) / k) + 1 is floor(d / k): the plain name for pooling without padding
    if padding == 0 and extent == stride:
        return _quotient(dim, stride)
    return _plus(_quotient(room, stride), 1)


def _windows(
    spatial: Shape, kernel: Sequence[int], attributes: Mapping[str, Any]
) -> tuple[Dim, ...]:
    rank = len(spatial)
    pads = attributes.get("pads", [0] * 2 * rank)
    strides = attributes.get("strides", [1] * rank)
    dilations = attributes.get("dilations", [1] * rank)
    return tuple(
        _window(dim, pads[i] + pads[i + rank], (kernel[i] - 1) * dilations[i] + 1, strides[i])
        for i, dim in enumerate(spatial)
    )


@_rule("Add", "Sub", "Mul", "Div", "Max")
def _elementwise(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    return [(broadcast(*(value.shape for value in inputs)), inputs[0].dtype)]


@_rule("Greater", "GreaterOrEqual", "Equal")
def _comparison(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    return [(broadcast(*(value.shape for value in inputs)), "bool")]


@_rule("Neg", "Abs", "Sqrt", "Relu", "Identity", "HardSigmoid")
def _same(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    return [(inputs[0].shape, inputs[0].dtype)]


@_rule("Cast")
def _cast(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    return [(inputs[0].shape, attributes["to"])]


@_rule("Where")
def _where(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    return [(broadcast(*(value.shape for value in inputs)), inputs[1].dtype)]


@_rule("Shape")
def _shape(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    return [((len(inputs[0].shape[attributes.get("start", 0) : attributes.get("end")]),), "int64")]


@_rule("Size")
def _size(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    return [((), "int64")]


@_rule("Unsqueeze")
def _unsqueeze(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    shape, axes = list(inputs[0].shape), _integers(inputs[1])
    rank = len(shape) + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        shape.insert(axis, 1)
    return [(tuple(shape), inputs[0].dtype)]


@_rule("MatMul")
def _matmul(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    x, y = (value.shape for value in inputs)
    if len(x) < 2 or len(y) < 2 or x[-1] != y[-2]:
        raise ValueError("the inner sizes differ")
    return [((*broadcast(x[:-2], y[:-2]), x[-2], y[-1]), "float")]


@_rule("Transpose")
def _transpose(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    shape = inputs[0].shape
    order = attributes.get("perm", range(len(shape))[::-1])
    return [(tuple(shape[axis] for axis in order), inputs[0].dtype)]


@_rule("Reshape")
def _reshape(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    """A constant target, or `like`: the shape of another value, known but not constant."""
    shape = inputs[0].shape
    if (target := inputs[1].constant) is None:
        return [(tuple(attributes["like"]), inputs[0].dtype)]
    wanted: list[Dim] = [
        shape[i] if size == 0 else int(size) for i, size in enumerate(target.tolist())
    ]
    if -1 in wanted:
        wanted[wanted.index(-1)] = _remaining(shape, [dim for dim in wanted if dim != -1])
    elif _total(wanted) != _total(shape):
        raise ValueError(f"{shape} has not the size of {wanted}")
    return [(tuple(wanted), inputs[0].dtype)]


def _remaining(shape: Shape, taken: Sequence[Dim]) -> Dim:
    """The size that -1 stands for: what is left of the shape, the sizes `taken` divided out."""
    symbols = [dim for dim in shape if isinstance(dim, str)]
    number, divisor = (prod(dim for dim in dims if isinstance(dim, int)) for dims in (shape, taken))
    for dim in taken:
        if isinstance(dim, str):
            symbols.remove(dim)
    if divisor and number % divisor == 0:
        return _total([number // divisor, *symbols])
    if divisor == 0 or not symbols:
        raise ValueError(f"{shape} cannot be divided by {taken}")
    return f"{_total([number, *symbols])}/{divisor}"


@_rule("Expand")
def _expand(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    target = inputs[1].constant
    wanted = attributes["like"] if target is None else target.tolist()
    return [(broadcast(inputs[0].shape, tuple(wanted)), inputs[0].dtype)]


@_rule("ReduceSum", "ReduceMean", "ReduceSumSquare")
def _reduce(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    shape = inputs[0].shape
    axes = reduced_axes(inputs)
    if attributes.get("keepdims", 1):
        return [(tuple(1 if i in axes else dim for i, dim in enumerate(shape)), "float")]
    return [(tuple(dim for i, dim in enumerate(shape) if i not in axes), "float")]


def reduced_axes(inputs: Sequence[Value]) -> set[int]:
    """The axes that a reduction runs over: its second input, or all."""
    rank = len(inputs[0].shape)
    if len(inputs) < 2:
        return set(range(rank))
    constant = inputs[1].constant
    if constant is None:
        raise ValueError("the axes must be constant")
    return {int(axis) % rank for axis in constant}


@_rule("Slice")
def _slice(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    shape = list(inputs[0].shape)
    starts, ends, axes, steps = (_integers(value) for value in inputs[1:5])
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        shape[axis] = _slice_dim(shape[axis], start, end, step)
    return [(tuple(shape), inputs[0].dtype)]


def _slice_dim(dim: Dim, start: int, end: int, step: int) -> Dim:
    """A start or an end is taken to lie inside a symbolic size."""
    if isinstance(dim, int):
        return len(range(dim)[slice(start, end if abs(end) < 2**31 else None, step)])
    open_end = abs(end) >= 2**31
    if step == -1 and start == -1 and open_end:
        return dim
    if start < 0 and open_end and step == 1:
        return -start
    if step < 0 or start < 0 or (end >= 0 and not open_end and step != 1):
        raise ValueError("this slice of a symbolic size is not supported")
    if not open_end and end >= 0:
        return max(end - start, 0)
    room = _plus(dim, -start if open_end else end - start)
    return room if step == 1 else _plus(_quotient(_plus(room, -1), step), 1)


@_rule("Pad")
def _pad(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    if inputs[1].constant is None:
        return [(tuple(attributes["like"]), "float")]
    shape = inputs[0].shape
    pads = _integers(inputs[1])
    rank = len(shape)
    return [(tuple(_plus(dim, pads[i] + pads[i + rank]) for i, dim in enumerate(shape)), "float")]


def _integers(value: Value) -> list[int]:
    if value.constant is None:
        raise ValueError("this argument must be constant")
    return [int(number) for number in value.constant]


@_rule("Concat")
def _concat(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    axis = attributes["axis"]
    shapes = [value.shape for value in inputs]
    if len({shape[:axis] + shape[axis:][1:] for shape in shapes}) != 1:
        raise ValueError("only the joined axis may differ")
    sizes = [shape[axis] for shape in shapes]
    total: Dim = sum(size for size in sizes if isinstance(size, int))
    symbols = "+".join(size for size in sizes if isinstance(size, str))
    if symbols:
        total = f"{symbols}{total:+d}" if total else symbols
    shape = list(shapes[0])
    shape[axis] = total
    return [(tuple(shape), inputs[0].dtype)]


@_rule("Conv")
def _conv(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    image, weight = inputs[0].shape, inputs[1].shape
    groups = attributes.get("group", 1)
    inner = weight[1]
    if not isinstance(inner, int) or image[1] != inner * groups:
        raise ValueError("the channels differ")
    kernel = [int(size) for size in weight[2:]]
    return [((image[0], weight[0], *_windows(image[2:], kernel, attributes)), "float")]


@_rule("MaxPool", "AveragePool")
def _pool(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    shape = inputs[0].shape
    return [((*shape[:2], *_windows(shape[2:], attributes["kernel_shape"], attributes)), "float")]


@_rule("MaxPoolIndices")
def _pool_with_indices(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    ((shape, _),) = _pool(inputs, attributes)
    return [(shape, "float"), (shape, "int64")]


@_rule("MaxUnpool", "ConvTranspose")
def _spread(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    return [(tuple(attributes["like"]), "float")]


@_rule("ConvGradient", "ReluGradient", "MaxPoolGradient", "AveragePoolGradient", "GramGradient")
def _like_first(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    """Semantic ops; the first input is the forward op's input, whose shape a cotangent has."""
    return [(inputs[0].shape, "float")]


@_rule("Gram")
def _gram(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    """Semantic op: the mean of f fᵀ over the positions of (1, C, H, W) features: (C, C)."""
    batch, channels = inputs[0].shape[:2]
    if batch != 1:
        raise ValueError("a Gram matrix is that of one picture")
    return [((channels, channels), "float")]
