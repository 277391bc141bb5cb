"""Network files: plain ONNX that any runtime can run, and that Impasto reads without `onnx`.

Reading takes the tensors and the metadata and rebuilds the rest: the graph that stands in a file is
never run, so that a network from a stranger is no more than a container of weights.
"""

from __future__ import annotations

import io
from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np

from ..engine.errors import CorruptModel, IncompatibleModel
from .encode import encode
from .features import append_features
from .graph import Graph, Value
from .network_metadata import describe, network_without_weights
from .networks import Architecture, Network
from .weights.bytes_of_file import WeightsFile
from .weights.onnx_file import OnnxFile
from .weights.open import open_weights
from .weights.source import TensorSource

__all__ = ["encode_network", "network_in", "outline_network", "read_network"]


def encode_network(network: Network, half: bool = False) -> bytes:
    """The network as one ONNX model; the same network gives the same bytes with the same `onnx`.

    The model takes `image`, (1, 3, H, W) float32 RGB in 0..1 of any size, prepares it, and gives
    every relu and pool layer by name. Its initialisers are `conv1_1.weight`, `conv1_1.bias`, ...

    Args:
        half: store the weights as float16, which the model casts back: half the bytes.

    Raises:
        IncompatibleModel: a weight is too large for float16, or a text of the network is no
            printable line of at most 1000 characters.
    """
    b = Graph()
    image = b.input("image", (1, 3, "H", "W"))
    weight = _cast_weight if half else Graph.weight
    layers = append_features(
        b, image, network.architecture, network.mean, network.std, weight=weight
    )
    for name, value in layers.items():
        b.output(name, value)
    narrow = _halved if half else _full
    weights = {name: narrow(network.weights[name], name) for name in b.weights}
    return encode(b, network.architecture.name, weights, describe(network))


def read_network(source: str | PathLike[str] | bytes) -> Network:
    """Read what `encode_network` wrote, from a path or from its bytes; weights of float16 stay
    so, others become float32.

    Raises:
        ModelNotFound: there is no readable regular file at the path.
        CorruptModel: the file is cut off, damaged, or holds weights that are not finite.
        IncompatibleModel: it is no network file, or one of a newer format.
    """
    if isinstance(source, bytes):
        return network_in(OnnxFile(_FileInMemory(source)), "the network")
    with open_weights(Path(source)) as checkpoint:
        return network_in(checkpoint, str(source))


def outline_network(path: str | PathLike[str]) -> Network:
    """What a network file says of itself: the network with no weights, none of which is read.

    Raises:
        ModelNotFound, CorruptModel, IncompatibleModel: as `read_network`; damage inside a weight
            goes unseen.
    """
    with open_weights(Path(path)) as checkpoint:
        return _outline_in(checkpoint, str(path))[0]


def network_in(checkpoint: TensorSource, name: str) -> Network:
    """The network in an open network file; `name` is that of the file, for messages.

    Raises:
        CorruptModel, IncompatibleModel: see `read_network`.
    """
    network, file = _outline_in(checkpoint, name)
    weights = {}
    for key in _shapes(network.architecture):
        found = file.read(key)
        half = found.dtype == np.float16
        with np.errstate(over="ignore"):
            weights[key] = found if half else found.astype(np.float32, copy=False)
        if not np.isfinite(weights[key]).all():
            raise CorruptModel(f"{name} is damaged: {key} holds values that are not finite")
    return replace(network, weights=weights)


def _cast_weight(b: Graph, name: str, shape: tuple[int, ...]) -> Value:
    return b.op("Cast", b.weight(name, shape), to="float")


def _full(weight: np.ndarray, _: str) -> np.ndarray:
    return weight.astype(np.float32, copy=False)


def _halved(weight: np.ndarray, name: str) -> np.ndarray:
    with np.errstate(over="ignore"):
        half = weight.astype(np.float16)
    if not np.isfinite(half).all():
        raise IncompatibleModel(f"{name} has values too large for float16: store it in full")
    return half


class _FileInMemory(WeightsFile):
    """Bytes that were read, and perhaps hashed, already."""

    def __init__(self, data: bytes) -> None:
        self.path = Path("the network")
        self.stream = io.BytesIO(data)
        self.size = len(data)


def _outline_in(checkpoint: TensorSource, name: str) -> tuple[Network, OnnxFile]:
    """The network without its weights, after a check that they are all there, and their file."""
    if not isinstance(checkpoint, OnnxFile):
        if all(key.startswith("weights/") for key in checkpoint.tensors):
            raise IncompatibleModel(f"{name} is a bundle, not a network file: give it as --bundle")
        raise IncompatibleModel(f"{name} is no network file: `impasto export` makes one of it")
    network = network_without_weights(checkpoint.metadata, name)
    for key, shape in _shapes(network.architecture).items():
        info = checkpoint.tensors.get(key)
        if info is None or info.shape != shape:
            found = "is missing" if info is None else f"has the shape {info.shape}, not {shape}"
            raise CorruptModel(f"{name} is damaged: {key} {found}")
    return network, checkpoint


def _shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for convolution in architecture.convolutions():
        shapes[f"{convolution.name}.weight"] = (convolution.outputs, convolution.inputs, 3, 3)
        shapes[f"{convolution.name}.bias"] = (convolution.outputs,)
    return shapes
