"""The convolutions of a VGG out of any checkpoint, under our names and in our layout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.errors import CorruptModel, IncompatibleModel
from .naming import SCHEMES, Pair, Position, Scheme
from .onnx_file import ConvNode, OnnxFile
from .source import TensorSource

if TYPE_CHECKING:
    from ..networks import Architecture, Convolution

__all__ = ["read_convolutions"]


def read_convolutions(
    source: TensorSource, architecture: Architecture
) -> dict[str, np.ndarray[Any, np.dtype[np.float32]]]:
    """Read the convolutions of `architecture`, float32.

    Keys are `conv1_1.weight` (out, in, 3, 3), `conv1_1.bias` (out,), ... in order. Whatever is no
    convolution, such as the classifier, is ignored. Shapes are checked before anything is read.

    Args:
        source: an open checkpoint; one tensor is read at a time.
        architecture: a VGG or a prefix of one.

    Raises:
        IncompatibleModel: names the first convolution that is missing, extra or of another shape.
        CorruptModel: a tensor is damaged, or holds NaN or infinity.
    """
    scheme, found = _scheme_of(source)
    positions = scheme.positions(architecture)
    wanted = dict(zip(positions, architecture.convolutions(), strict=True))
    _check_normalisation(source, len(wanted))
    for position in sorted(found.keys() | wanted.keys()):
        pair = found.get(position, Pair())
        if position in wanted:
            _check(source, scheme, wanted[position], pair)
        else:
            _refuse_extra(source, architecture, pair)
    weights: dict[str, np.ndarray[Any, np.dtype[np.float32]]] = {}
    for position, convolution in wanted.items():
        pair = found[position]
        kernel = _read(source, str(pair.weight)).transpose(scheme.axes)
        weights[f"{convolution.name}.weight"] = np.ascontiguousarray(kernel)
        weights[f"{convolution.name}.bias"] = _read(source, str(pair.bias))
    return weights


def _scheme_of(source: TensorSource) -> tuple[Scheme, dict[Position, Pair]]:
    for scheme in SCHEMES:
        found = scheme.find(source)
        if any(pair.weight for pair in found.values()):
            return scheme, found
    known = ", ".join(scheme.name for scheme in SCHEMES)
    raise IncompatibleModel(f"{source.label} has no convolutions under a known name ({known})")


def _check(source: TensorSource, scheme: Scheme, convolution: Convolution, pair: Pair) -> None:
    kernel = (convolution.outputs, convolution.inputs, 3, 3)
    stored = [0, 0, 0, 0]
    for axis, side in zip(scheme.axes, kernel, strict=True):
        stored[axis] = side
    parts = (("weight", pair.weight, tuple(stored)), ("bias", pair.bias, (convolution.outputs,)))
    for part, name, expected in parts:
        if name is None or name not in source.tensors:
            raise IncompatibleModel(f"{source.label} has no {part} for {convolution.name}")
        shape = source.tensors[name].shape
        if shape != expected:
            raise IncompatibleModel(
                f"{source.label} has {name} of shape {shape}, "
                f"but the {part} of {convolution.name} needs {expected}"
            )
    if pair.node is not None and not _is_plain(pair.node):
        raise IncompatibleModel(
            f"{source.label} has a Conv of {pair.weight} that is not 3x3 with stride 1 and "
            f"padding 1, as {convolution.name} must be"
        )


def _is_plain(node: ConvNode) -> bool:
    padded = node.auto_pad in ("SAME_UPPER", "SAME_LOWER") or (
        node.auto_pad == "NOTSET" and node.pads == (1, 1, 1, 1)
    )
    return (
        padded
        and node.kernel in ((), (3, 3))
        and node.strides == node.dilations == (1, 1)
        and node.group == 1
    )


def _refuse_extra(source: TensorSource, architecture: Architecture, pair: Pair) -> None:
    info = source.tensors.get(pair.weight or "")
    # A head of 1x1 or full-size convolutions is a classifier, and flat weights are no convolution.
    if info is not None and len(info.shape) == 4 and 3 in info.shape:
        raise IncompatibleModel(
            f"{source.label} has an extra convolution {pair.weight}, "
            f"which {architecture.name} does not have"
        )


def _check_normalisation(source: TensorSource, count: int) -> None:
    """In a graph, normalisation before the last convolution that is used changes the network."""
    if not isinstance(source, OnnxFile):
        return
    convolutions = 0
    for operator in source.operators:
        if operator == "BatchNormalization":
            raise IncompatibleModel(f"{source.label} is a VGG with batch normalisation")
        convolutions += operator == "Conv"
        if convolutions == count:
            return


def _read(source: TensorSource, name: str) -> np.ndarray[Any, np.dtype[np.float32]]:
    with np.errstate(over="ignore"):
        values = source.read(name).astype(np.float32, copy=False)
    if not np.isfinite(values).all():
        raise CorruptModel(f"{source.label} has a NaN, or a number beyond float32, in {name}")
    return values
