"""Arithmetic on sizes that may be symbolic: the same arithmetic gives the same string."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import prod
from typing import Any, TypeAlias

__all__ = [
    "Dim",
    "Shape",
    "broadcast",
    "plus",
    "remaining",
    "slice_size",
    "total",
    "windows",
]

Dim: TypeAlias = int | str
Shape: TypeAlias = tuple[Dim, ...]


def broadcast(*shapes: Shape) -> Shape:
    """The common shape of elementwise operands, as in numpy; a symbol meets itself or 1."""
    if all(shape == shapes[0] for shape in shapes):
        return shapes[0]
    rank = max(len(shape) for shape in shapes)
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(_broadcast_dim(dims) for dims in zip(*padded, strict=True))


def _broadcast_dim(dims: tuple[Dim, ...]) -> Dim:
    others = {dim for dim in dims if dim != 1}
    if len(others) > 1:
        raise ValueError(f"sizes {sorted(map(str, others))} do not broadcast")
    return others.pop() if others else 1


def total(dims: Sequence[Dim]) -> Dim:
    """The product of sizes; the symbols are sorted so that equal products are equal strings."""
    symbols = sorted([dim for dim in dims if isinstance(dim, str)])
    number = prod([dim for dim in dims if isinstance(dim, int)])
    if not symbols or number == 0:
        return number
    if len(symbols) == number == 1:
        return symbols[0]
    return "*".join(([str(number)] if number > 1 else []) + [f"({dim})" for dim in symbols])


def plus(dim: Dim, amount: int) -> Dim:
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
    room = plus(dim, padding - extent)
    if isinstance(room, int):
        if room < 0:
            raise ValueError(f"a window of {extent} is larger than {dim} + {padding}")
        return room // stride + 1
    if stride == 1:
        return plus(dim, padding - extent + 1)
    # floor((d - k) / k) + 1 is floor(d / k): the plain name for pooling without padding
    if padding == 0 and extent == stride:
        return _quotient(dim, stride)
    return plus(_quotient(room, stride), 1)


def windows(
    spatial: Shape, kernel: Sequence[int], attributes: Mapping[str, Any]
) -> tuple[Dim, ...]:
    """Number of positions of a convolution or pooling along each of the spatial axes."""
    rank = len(spatial)
    pads = attributes.get("pads", [0] * 2 * rank)
    strides = attributes.get("strides", [1] * rank)
    dilations = attributes.get("dilations", [1] * rank)
    return tuple(
        _window(dim, pads[i] + pads[i + rank], (kernel[i] - 1) * dilations[i] + 1, strides[i])
        for i, dim in enumerate(spatial)
    )


def remaining(shape: Shape, taken: Sequence[Dim]) -> Dim:
    """The size that -1 stands for: what is left of the shape, the sizes `taken` divided out."""
    symbols = [dim for dim in shape if isinstance(dim, str)]
    number, divisor = (prod(dim for dim in dims if isinstance(dim, int)) for dims in (shape, taken))
    for dim in taken:
        if isinstance(dim, str):
            symbols.remove(dim)
    if divisor and number % divisor == 0:
        return total([number // divisor, *symbols])
    if divisor == 0 or not symbols:
        raise ValueError(f"{shape} cannot be divided by {taken}")
    return f"{total([number, *symbols])}/{divisor}"


def slice_size(dim: Dim, start: int, end: int, step: int) -> Dim:
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
    change = -start if open_end else end - start
    if step > 1 and change == 1 - step:  # one place of every whole window: as many as windows
        return _quotient(dim, step)
    room = plus(dim, change)
    return room if step == 1 else plus(_quotient(plus(room, -1), step), 1)
