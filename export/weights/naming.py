"""How the families of checkpoints name the convolutions of a VGG: one table.

A position says where a convolution sits, in the terms of its scheme; positions sort in the order
of the network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from ...engine.errors import IncompatibleModel
from .h5_file import H5File
from .onnx_file import ConvNode, OnnxFile
from .source import TensorSource

if TYPE_CHECKING:
    from ..networks import Architecture

__all__ = ["SCHEMES", "Pair", "Position", "Scheme"]

Position = tuple[int, ...]

_OURS = re.compile(r"conv(\d{1,3})_(\d{1,3})\.(weight|bias)")
_TORCHVISION = re.compile(r"(?:module\.)?(?:features\.)?(?:module\.)?(\d{1,4})\.(weight|bias)")
_TORCHVISION_NORM = re.compile(r"(?:module\.)?(?:features\.)?(?:module\.)?\d{1,4}\.running_mean")
# The last part is `kernel`, or `kernel:0` in Keras 2, or `block1_conv1_W_1:0` in Keras 1.
_KERAS = re.compile(
    r"(?!optimizer)(?:.*/)?block(\d{1,3})_conv(\d{1,3})"
    r"(?:_\d{1,3}/|/|_)(kernel|bias|W|b)(?:_\d{1,3})?(?::0)?"
)
_KERAS_LAYER = re.compile(r"block(\d{1,3})_conv(\d{1,3})(?:_\d{1,3})?")
_WEIGHTS = ("weight", "kernel", "W", "0")


@dataclass
class Pair:
    """The names of a convolution's tensors in the file; None where there is none."""

    weight: str | None = None
    bias: str | None = None
    node: ConvNode | None = None


@dataclass(frozen=True)
class Scheme:
    """A way to name convolutions.

    `find` gives those in the file, `positions` those that an architecture has; `axes` turns a
    stored kernel into (out, in, kh, kw).
    """

    name: str
    find: Callable[[TensorSource], dict[Position, Pair]]
    positions: Callable[[Architecture], list[Position]]
    axes: tuple[int, int, int, int] = (0, 1, 2, 3)


def _gather(
    source: TensorSource, entries: Iterator[tuple[str, Position, str]]
) -> dict[Position, Pair]:
    """Pair (name, position, kind) up; two tensors for one place are no network of ours."""
    found: dict[Position, Pair] = {}
    for name, position, kind in entries:
        pair = found.setdefault(position, Pair())
        part = "weight" if kind in _WEIGHTS else "bias"
        if getattr(pair, part) is not None:
            raise IncompatibleModel(
                f"{source.label} has two tensors for one place: {getattr(pair, part)} and {name}"
            )
        setattr(pair, part, name)
    return found


def _matches(source: TensorSource, pattern: re.Pattern[str]) -> Iterator[tuple[str, Position, str]]:
    for name in source.tensors:
        match = pattern.fullmatch(name)
        if match:
            *numbers, kind = match.groups()
            yield name, tuple(map(int, numbers)), kind


def _find_ours(source: TensorSource) -> dict[Position, Pair]:
    return _gather(source, _matches(source, _OURS))


def _find_torchvision(source: TensorSource) -> dict[Position, Pair]:
    if any(_TORCHVISION_NORM.fullmatch(name) for name in source.tensors):
        raise IncompatibleModel(f"{source.label} is a VGG with batch normalisation")
    return _gather(source, _matches(source, _TORCHVISION))


def _find_keras(source: TensorSource) -> dict[Position, Pair]:
    # A converted graph keeps such names for kernels that it has transposed.
    if isinstance(source, OnnxFile):
        return {}
    return _gather(source, chain(_matches(source, _KERAS), _keras_layers(source)))


def _keras_layers(source: TensorSource) -> Iterator[tuple[str, Position, str]]:
    """Datasets of Keras 3, named by the attribute of their group: `vars/0` is the kernel."""
    layers = source.layers if isinstance(source, H5File) else {}
    for name, layer in layers.items():
        match = _KERAS_LAYER.fullmatch(layer)
        kind = name.rpartition("/")[2]
        if match and kind in ("0", "1") and not name.startswith("optimizer"):
            yield name, (int(match[1]), int(match[2])), kind


def _find_nodes(source: TensorSource) -> dict[Position, Pair]:
    nodes = source.convolutions if isinstance(source, OnnxFile) else ()
    return {(index,): Pair(node.weight, node.bias, node) for index, node in enumerate(nodes)}


def _by_block(architecture: Architecture) -> list[Position]:
    return [
        (block, number)
        for block, count in enumerate(architecture.blocks, 1)
        for number in range(1, count + 1)
    ]


def _by_index(architecture: Architecture) -> list[Position]:
    """Count convolutions and activations, and one pooling after each block."""
    return [(2 * order + block - 1,) for order, (block, _) in enumerate(_by_block(architecture))]


def _by_order(architecture: Architecture) -> list[Position]:
    return [(index,) for index in range(sum(architecture.blocks))]


SCHEMES = (
    Scheme("conv1_1.weight", _find_ours, _by_block),
    Scheme("features.0.weight (torchvision)", _find_torchvision, _by_index),
    Scheme("block1_conv1/kernel (Keras)", _find_keras, _by_block, axes=(3, 2, 0, 1)),
    Scheme("the Conv nodes of an ONNX graph", _find_nodes, _by_order),
)
