"""What a VGG is: blocks of 3x3 convolutions with ReLU, each block closed by a 2x2 pooling.

Simonyan & Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition,
arXiv:1409.1556, table 1: columns D (VGG16) and E (VGG19), without the classifier.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

__all__ = ["FAMILIES", "Architecture", "Convolution", "Layer", "Network"]


@dataclass(frozen=True)
class Convolution:
    """One 3x3 convolution, stride 1, zero padding 1."""

    name: str
    inputs: int
    outputs: int


@dataclass(frozen=True)
class Layer:
    """One layer whose features can be looked at.

    Args:
        channels: C.
        stride: pixels of the picture that one position covers along a side, 2^(poolings so far).
    """

    name: str
    channels: int
    stride: int


@dataclass(frozen=True)
class Architecture:
    """A VGG, or a prefix of one.

    Args:
        name: the family, such as "vgg19".
        blocks: number of convolutions in each block.
        widths: number of channels in each block.
        pooled: whether the last block is closed by its pooling (a prefix may end before it).
    """

    name: str
    blocks: tuple[int, ...]
    widths: tuple[int, ...]
    pooled: bool = True

    def __post_init__(self) -> None:
        sizes = (*self.blocks, *self.widths)
        if len(self.blocks) != len(self.widths) or not 1 <= len(self.blocks) <= 8:
            raise ValueError("an architecture has 1 to 8 blocks, each with its width")
        if not all(isinstance(size, int) and 1 <= size <= 4096 for size in sizes):
            raise ValueError("blocks and widths are whole numbers from 1 to 4096")

    def convolutions(self) -> tuple[Convolution, ...]:
        """Every convolution, in order; conv3_2 is the second one of the third block."""
        found: list[Convolution] = []
        for block, (count, width) in enumerate(zip(self.blocks, self.widths, strict=True), 1):
            for number in range(1, count + 1):
                inputs = found[-1].outputs if found else 3
                found.append(Convolution(f"conv{block}_{number}", inputs, width))
        return tuple(found)

    def layers(self) -> dict[str, Layer]:
        """Every layer that a program can give out, by name, in order: relu1_1, ... pool1, ..."""
        found: list[Layer] = []
        for block, (count, width) in enumerate(zip(self.blocks, self.widths, strict=True), 1):
            stride = 2 ** (block - 1)
            found += [Layer(f"relu{block}_{i}", width, stride) for i in range(1, count + 1)]
            if block < len(self.blocks) or self.pooled:
                found.append(Layer(f"pool{block}", width, 2 * stride))
        return {layer.name: layer for layer in found}

    def up_to(self, layer: str) -> Architecture:
        """The prefix that ends with `layer`.

        Raises:
            ValueError: there is no such layer; the message lists those that there are.
        """
        if layer not in self.layers():
            raise ValueError(
                f"{self.name} has no layer {layer!r}; it has {', '.join(self.layers())}"
            )
        kind, _, number = layer.partition("_")
        block = int(kind.removeprefix("relu").removeprefix("pool"))
        last = int(number) if number else self.blocks[block - 1]
        return replace(
            self,
            blocks=(*self.blocks[: block - 1], last),
            widths=self.widths[:block],
            pooled=not number,
        )


_WIDTHS = (64, 128, 256, 512, 512)
FAMILIES: Mapping[str, Architecture] = {
    "vgg19": Architecture("vgg19", (2, 2, 4, 4, 4), _WIDTHS),
    "vgg16": Architecture("vgg16", (2, 2, 3, 3, 3), _WIDTHS),
}


@dataclass(frozen=True)
class Network:
    """A VGG with its weights, and how a picture is prepared for it.

    Args:
        architecture: which layers there are.
        weights: `conv1_1.weight` (out, in, 3, 3) and `conv1_1.bias` (out,), ... float32, or float16
            where a file has them so; the input channels of conv1_1 are R, G, B.
        mean, std: an RGB picture x in 0..1 enters the first layer as (x - mean) / std.
        origin, licence: where the weights come from and what may be done with them, for people.
        source_sha256: hash of the file that the weights were taken from.
    """

    architecture: Architecture
    weights: Mapping[str, np.ndarray] = field(repr=False)
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    origin: str = ""
    licence: str = ""
    source_sha256: str = ""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over everything that changes what the network computes, which is in float32."""
        digest = hashlib.sha256(repr((self.architecture, self.mean, self.std)).encode())
        for name in sorted(self.weights):
            digest.update(name.encode())
            digest.update(np.ascontiguousarray(self.weights[name], np.float32).tobytes())
        return digest.hexdigest()
