"""The network as graph nodes: from a picture to the features of each layer."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..engine.selection import NetworkBorder, Pooling
from .graph import Graph, Value
from .networks import Architecture

__all__ = ["append_features", "append_layers"]

_ONE_AROUND = [0, 0, 1, 1, 0, 0, 1, 1]
# Modes of ONNX's Pad, by which what is around the picture is made of its own pixels.
_BORDERS: dict[str, str] = {"replicate": "edge", "reflect": "reflect"}
_POOLINGS: dict[str, str] = {"max": "MaxPool", "average": "AveragePool"}


def append_features(
    b: Graph,
    image: Value,
    architecture: Architecture,
    mean: tuple[float, ...],
    std: tuple[float, ...],
    pooling: Pooling = "max",
    border: NetworkBorder = "zeros",
    weight: Callable[[Graph, str, tuple[int, ...]], Value] = Graph.weight,
) -> dict[str, Value]:
    """Append every layer of the architecture and return them by name.

    Each is (1, C, H // stride, W // stride).

    Args:
        image: (1, 3, H, W), RGB in 0..1. Zero padding comes after the preparation, as in the
            original, so that the border is the mean colour; that is why mean and std cannot be
            folded into conv1_1.
        pooling: "average" is what Gatys et al. (2015) recommend for smoother pictures; VGG was
            trained with "max".
        border: what lies around the picture for the first convolution: "zeros" as the network was
            trained, which is the mean colour, and shows as a frame in pictures; "replicate", the
            outermost pixels again; or "reflect", the pixels next to those, for which the picture
            has two or more on each side.
        weight: how a named weight gets into the graph.
    """
    x, around = image, 1
    if border != "zeros":
        x, around = b.op("Pad", image, b.constant(_ONE_AROUND), mode=_BORDERS[border]), 0
    x = b.op("Sub", x, _per_channel(b, mean))
    x = b.op("Mul", x, _per_channel(b, tuple(1 / part for part in std)))
    return append_layers(b, x, architecture, pooling, weight=weight, first_pads=around)


def append_layers(
    b: Graph,
    x: Value,
    architecture: Architecture,
    pooling: Pooling = "max",
    after: str | None = None,
    weight: Callable[[Graph, str, tuple[int, ...]], Value] = Graph.weight,
    first_pads: int = 1,
) -> dict[str, Value]:
    """Append the layers that follow on one of the architecture, and return them by name.

    Args:
        x: the layer `after`; or where that is None, the prepared picture.
        pooling, weight: see `append_features`.
        first_pads: zeros around the picture for the first convolution.
    """
    names = list(architecture.layers())
    first = 0 if after is None else names.index(after) + 1
    layers: dict[str, Value] = {}
    for number, convolution in enumerate(architecture.convolutions()):
        relu = convolution.name.replace("conv", "relu")
        place = names.index(relu)
        if place >= first:
            pads = [first_pads if number == 0 else 1] * 4
            kernel = weight(
                b, f"{convolution.name}.weight", (convolution.outputs, convolution.inputs, 3, 3)
            )
            bias = weight(b, f"{convolution.name}.bias", (convolution.outputs,))
            x = b.op("Relu", b.op("Conv", x, kernel, bias, pads=pads))
            layers[relu] = x
        pool = "".join(names[place + 1 : place + 2])
        if pool.startswith("pool") and place + 1 >= first:
            x = b.op(_POOLINGS[pooling], x, kernel_shape=[2, 2], strides=[2, 2])
            layers[pool] = x
    return layers


def _per_channel(b: Graph, values: tuple[float, ...]) -> Value:
    return b.constant(np.reshape(values, (1, 3, 1, 1)).astype(np.float64))
