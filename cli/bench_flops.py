"""How much an evaluation computes, by formula: what a rate of computing is the rate of."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..export.networks import Architecture

__all__ = ["evaluation_flops"]


def evaluation_flops(
    architecture: Architecture,
    content_layers: Collection[str],
    style_layers: Collection[str],
    height: int,
    width: int,
) -> int:
    """Operations of one evaluation by direct convolution, a multiplication and an addition each 1.

    A 3x3 convolution of I to O channels over N positions takes 2·9·I·O·N, and its gradient by its
    input as many. A Gram matrix of C channels takes 2·C²·N, and its gradient as many. Convolutions
    count up to the deepest layer; what is not a product (ReLU, pooling, the sums of the losses) is
    left out: it is below 1 %.
    """
    layers = architecture.layers()
    wanted = {*content_layers, *style_layers}
    deepest = max((list(layers).index(name) for name in wanted), default=-1)
    used = list(layers)[: deepest + 1]

    def positions(name: str) -> int:
        stride = layers[name].stride
        return (height // stride) * (width // stride)

    convolutions = sum(
        2 * 9 * convolution.inputs * convolution.outputs * positions(relu)
        for convolution in architecture.convolutions()
        if (relu := convolution.name.replace("conv", "relu")) in used
    )
    grams = sum(2 * layers[name].channels ** 2 * positions(name) for name in style_layers)
    return 2 * (convolutions + grams)
