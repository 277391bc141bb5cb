"""Shape inference: what each op makes of the shapes that it is given.

ONNX's own inference forgets that two symbolic sizes are equal once they went through a pooling
layer; the gradient needs to know it, to tell a broadcast from an equal shape. Here the same
arithmetic on the same symbol gives the same string.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from .dims import Dim, Shape, broadcast, plus, remaining, slice_size, total, windows

if TYPE_CHECKING:
    from .graph import Value

__all__ = ["infer_shapes", "known_ops", "reduced_axes"]

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


def _rule(*ops: str) -> Callable[[ShapeRule], ShapeRule]:
    def register(rule: ShapeRule) -> ShapeRule:
        _RULES.update(dict.fromkeys(ops, rule))
        return rule

    return register


@_rule("Add", "Sub", "Mul", "Div", "Max")
def _elementwise(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    return [(broadcast(*(value.shape for value in inputs)), inputs[0].dtype)]


@_rule("Equal", "Greater", "GreaterOrEqual")
def _comparison(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    return [(broadcast(*(value.shape for value in inputs)), "bool")]


@_rule("Neg", "Abs", "Sqrt", "Relu", "Identity", "HardSigmoid")
def _same(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    return [(inputs[0].shape, inputs[0].dtype)]


@_rule("Cast")
def _cast(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    return [(inputs[0].shape, attributes["to"])]


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


@_rule("FusedMatMul")
def _fused_matmul(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    """ONNX Runtime's own: MatMul with the second factor transposed."""
    x, y = (value.shape for value in inputs)
    if attributes != {"transB": 1} or x[-1] != y[-1]:
        raise ValueError("the inner sizes differ")
    return [((*broadcast(x[:-2], y[:-2]), x[-2], y[-2]), "float")]


@_rule("Gemm")
def _gemm(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    x, y = (value.shape for value in inputs)
    rows, inner = x[::-1] if attributes.get("transA", 0) else x
    if len(y) != 2 or inner != y[0]:
        raise ValueError("the inner sizes differ")
    return [((rows, y[1]), "float")]


@_rule("Gather")
def _gather(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    shape, axis = inputs[0].shape, attributes.get("axis", 0)
    return [((*shape[:axis], *inputs[1].shape, *shape[axis + 1 :]), inputs[0].dtype)]


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
    wanted: list[Dim] = target.tolist()
    if 0 in wanted:
        wanted = [shape[i] if size == 0 else size for i, size in enumerate(wanted)]
    if -1 in wanted:
        wanted[wanted.index(-1)] = remaining(shape, [dim for dim in wanted if dim != -1])
    elif total(wanted) != total(shape):
        raise ValueError(f"{shape} has not the size of {wanted}")
    return [(tuple(wanted), inputs[0].dtype)]


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
        shape[axis] = slice_size(shape[axis], start, end, step)
    return [(tuple(shape), inputs[0].dtype)]


@_rule("Pad")
def _pad(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    if inputs[1].constant is None:
        return [(tuple(attributes["like"]), "float")]
    shape = inputs[0].shape
    pads = _integers(inputs[1])
    rank = len(shape)
    return [(tuple(plus(dim, pads[i] + pads[i + rank]) for i, dim in enumerate(shape)), "float")]


def _integers(value: Value) -> list[int]:
    if value.constant is None:
        raise ValueError("this argument must be constant")
    numbers: list[int] = value.constant.tolist()
    return numbers


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
    return [((image[0], weight[0], *windows(image[2:], kernel, attributes)), "float")]


@_rule("MaxPool", "AveragePool")
def _pool(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    shape = inputs[0].shape
    return [((*shape[:2], *windows(shape[2:], attributes["kernel_shape"], attributes)), "float")]


@_rule("ConvTranspose")
def _spread(inputs: Sequence[Value], attributes: Mapping[str, Any]) -> Results:
    return [(tuple(attributes["like"]), "float")]


@_rule(
    "ConvGradient",
    "ReluGradient",
    "MaxPoolGradient",
    "AveragePoolGradient",
    "GramGradient",
    "SumsGradient",
)
def _like_first(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    """Semantic ops; the first input is the forward op's input, whose shape a cotangent has."""
    return [(inputs[0].shape, "float")]


@_rule("Linearized")
def _linearized(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    """Semantic op: the first input, whose gradient by the second is the third."""
    if inputs[1].shape != inputs[2].shape:
        raise ValueError("a gradient has the shape of what it is taken by")
    return [(inputs[0].shape, "float")]


@_rule("SumOfSquares")
def _sum_of_squares(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    """Semantic op: the sum of the squares of all elements."""
    return [((), "float")]


@_rule("Gram")
def _gram(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    """Semantic op: F Fᵀ, the sum of f fᵀ over the positions of (1, C, H, W) features: (C, C)."""
    batch, channels = inputs[0].shape[:2]
    if batch != 1:
        raise ValueError("a Gram matrix is that of one picture")
    return [((channels, channels), "float")]


@_rule("Sums")
def _sums(inputs: Sequence[Value], _: Mapping[str, Any]) -> Results:
    """Semantic op: the sum of f over the positions of (1, C, H, W) features: (C,)."""
    batch, channels = inputs[0].shape[:2]
    if batch != 1:
        raise ValueError("sums are those of one picture")
    return [((channels,), "float")]
