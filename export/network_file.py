"""Network files: plain ONNX that any runtime can run, and that Impasto reads without `onnx`.

Reading takes the tensors and the metadata and rebuilds the rest: the graph that stands in a file is
never run, so that a network from a stranger is no more than a container of weights.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from ..engine.errors import CorruptModel, IncompatibleModel, OptionsError
from .encode import encode
from .features import append_features
from .graph import Graph, Value
from .network_metadata import describe, is_network, network_without_weights
from .networks import FAMILIES, Architecture, Network
from .weights.bytes_of_file import WeightsFile
from .weights.convolutions import read_convolutions
from .weights.h5_file import H5File
from .weights.onnx_file import OnnxFile
from .weights.open import open_weights
from .weights.source import TensorSource
from .weights.torchvision_source import from_torchvision

__all__ = [
    "TORCHVISION_LICENCE",
    "Preprocessing",
    "encode_network",
    "import_network",
    "import_torchvision",
    "read_network",
]

Preprocessing: TypeAlias = Literal["torch", "caffe"]
TORCHVISION_LICENCE = (
    "BSD-3-Clause (torchvision); the terms of the training data, ImageNet, may apply as well"
)
_TORCH = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CAFFE = ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255))


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
    weights = {name: network.weights[name] for name in b.weights}
    if half:
        weights = {name: _halved(weights[name], name) for name in weights}
    return encode(b, network.architecture.name, weights, describe(network))


def read_network(source: str | PathLike[str] | bytes) -> Network:
    """Read what `encode_network` wrote, from a path or from its bytes; the weights become float32.

    Raises:
        ModelNotFound: there is no readable regular file at the path.
        CorruptModel: the file is cut off, damaged, or holds weights that are not finite.
        IncompatibleModel: it is no network file, or one of a newer format.
    """
    if isinstance(source, bytes):
        return _network_in(OnnxFile(_FileInMemory(source)), "the network")
    with open_weights(Path(source)) as checkpoint:
        return _network_in(checkpoint, str(source))


def import_network(
    path: str | PathLike[str],
    family: str | Architecture | None,
    *,
    origin: str = "",
    licence: str = "",
    up_to: str | None = None,
    preprocessing: Preprocessing | None = None,
) -> Network:
    """Make a network of a checkpoint in any format that Impasto reads.

    Args:
        path: `.pth`, `.safetensors`, `.h5`, `.onnx`; the content decides, not the name.
        family: "vgg19" or "vgg16" or an architecture; None for a network file, which knows its own.
        origin, licence: for people; a network file keeps its own where these are empty.
        up_to: the last layer to keep.
        preprocessing: what the network was trained on. "torch": RGB in 0..1, minus (0.485, 0.456,
            0.406), divided by (0.229, 0.224, 0.225). "caffe": BGR in 0..255, minus (103.939,
            116.779, 123.68); the input channels are then put into the order R, G, B. None means
            "caffe" for `.h5` and `.onnx`, where Keras's VGGs are found, and "torch" for the others;
            a network file knows its own.

    Raises:
        OptionsError: an unknown family, layer or preprocessing, or one that contradicts the file.
        ModelNotFound: there is no readable regular file at `path`.
        CorruptModel: the file is cut off or damaged, or holds weights that are not finite.
        IncompatibleModel: it has not the convolutions of the family, or its format is unknown.
    """
    with open_weights(Path(path)) as checkpoint:
        if isinstance(checkpoint, OnnxFile) and is_network(checkpoint.metadata):
            network = _network_in(checkpoint, str(path))
            known = network.architecture
            if preprocessing is not None or family not in (None, known.name, known):
                raise OptionsError(
                    f"{path} is a network file of the family {known.name}: "
                    "it says its family and preprocessing itself"
                )
            origin, licence = origin or network.origin, licence or network.licence
            network = replace(network, origin=origin, licence=licence)
        else:
            architecture = _architecture(family)
            by_keras = isinstance(checkpoint, OnnxFile | H5File)
            weights = read_convolutions(checkpoint, architecture)
            network = _prepared(
                Network(architecture, weights, *_TORCH, origin, licence, _sha256_of(Path(path))),
                preprocessing or ("caffe" if by_keras else "torch"),
            )
    return network if up_to is None else _up_to(network, up_to)


def import_torchvision(family: Literal["vgg19", "vgg16"], *, up_to: str | None = None) -> Network:
    """Make a network of the ImageNet weights of an installed torchvision, which may download them.

    Raises:
        OptionsError: an unknown family or layer.
        RuntimeMissing: torch or torchvision is not installed.
        ModelNotFound: the download failed.
    """
    architecture = _architecture(family)
    with from_torchvision(family) as source:
        weights = read_convolutions(source, architecture)
    origin, licence = f"torchvision {family.upper()}_Weights.IMAGENET1K_V1", TORCHVISION_LICENCE
    network = Network(architecture, weights, *_TORCH, origin, licence)
    return network if up_to is None else _up_to(network, up_to)


def _cast_weight(b: Graph, name: str, shape: tuple[int, ...]) -> Value:
    return b.op("Cast", b.weight(name, shape), to="float")


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


def _network_in(checkpoint: TensorSource, name: str) -> Network:
    if not isinstance(checkpoint, OnnxFile):
        raise IncompatibleModel(f"{name} is no network file: `impasto export` makes one of it")
    network = network_without_weights(checkpoint.metadata, name)
    weights = {}
    for key, shape in _shapes(network.architecture).items():
        info = checkpoint.tensors.get(key)
        if info is None or info.shape != shape:
            found = "is missing" if info is None else f"has the shape {info.shape}, not {shape}"
            raise CorruptModel(f"{name} is damaged: {key} {found}")
        with np.errstate(over="ignore"):
            weights[key] = checkpoint.read(key).astype(np.float32, copy=False)
        if not np.isfinite(weights[key]).all():
            raise CorruptModel(f"{name} is damaged: {key} holds values that are not finite")
    return replace(network, weights=weights)


def _prepared(network: Network, preprocessing: Preprocessing) -> Network:
    """The network with the preparation that it was trained on, its inputs in the order R, G, B."""
    if preprocessing == "torch":
        mean, std = _TORCH
        return replace(network, mean=mean, std=std)
    if preprocessing == "caffe":
        mean, std = _CAFFE
        first = np.ascontiguousarray(network.weights["conv1_1.weight"][:, ::-1])
        weights = {**network.weights, "conv1_1.weight": first}
        return replace(network, weights=weights, mean=mean, std=std)
    raise OptionsError(f"the preprocessing must be torch or caffe, not {preprocessing!r}")


def _architecture(family: str | Architecture | None) -> Architecture:
    if isinstance(family, Architecture):
        return family
    if family is None or family not in FAMILIES:
        given = "none was given" if family is None else f"not {family!r}"
        raise OptionsError(f"a checkpoint needs a family, {' or '.join(FAMILIES)}; {given}")
    return FAMILIES[family]


def _up_to(network: Network, layer: str) -> Network:
    try:
        architecture = network.architecture.up_to(layer)
    except ValueError as error:
        raise OptionsError(str(error)) from error
    weights = {name: network.weights[name] for name in _shapes(architecture)}
    return replace(network, architecture=architecture, weights=weights)


def _shapes(architecture: Architecture) -> dict[str, tuple[int, ...]]:
    shapes: dict[str, tuple[int, ...]] = {}
    for convolution in architecture.convolutions():
        shapes[f"{convolution.name}.weight"] = (convolution.outputs, convolution.inputs, 3, 3)
        shapes[f"{convolution.name}.bias"] = (convolution.outputs,)
    return shapes


def _sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
