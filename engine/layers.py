"""What a network's layers are made of, by the names of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

__all__ = ["channels_of", "weight_key", "weight_of"]


def weight_key(layer: str) -> str:
    """The name of the filters of the convolution that a layer ends; a pooling has none."""
    return f"{layer.replace('relu', 'conv')}.weight"


def weight_of(weights: Mapping[str, np.ndarray], layer: str) -> np.ndarray | None:
    """The filters, (C_out, C_in, 3, 3), of the convolution that a layer ends; None of a pooling."""
    return weights.get(weight_key(layer))


def channels_of(weights: Mapping[str, np.ndarray], layers: Sequence[str], layer: str) -> int:
    """How many channels a layer has.

    Args:
        layers: all of the network, in order: a pooling has as many as the convolution before it.
    """
    for name in reversed(layers[: layers.index(layer) + 1]):
        if (weight := weight_of(weights, name)) is not None:
            return int(weight.shape[0])
    return 3
