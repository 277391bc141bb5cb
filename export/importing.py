"""Networks out of checkpoints, with the preparation of pictures that they were trained on."""

from __future__ import annotations

from dataclasses import replace
from os import PathLike
from pathlib import Path

import numpy as np

from ..engine.errors import OptionsError
from .choices import Family, Preprocessing
from .digests import sha256_of
from .network_file import network_in
from .network_metadata import is_network
from .networks import FAMILIES, Architecture, Network
from .weights.convolutions import read_convolutions
from .weights.h5_file import H5File
from .weights.onnx_file import OnnxFile
from .weights.open import open_weights
from .weights.torchvision_source import from_torchvision

__all__ = ["TORCHVISION_LICENCE", "import_network", "import_torchvision"]

TORCHVISION_LICENCE = (
    "BSD-3-Clause (torchvision); the terms of the training data, ImageNet, may apply as well"
)
_TORCH = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_CAFFE = ((123.68 / 255, 116.779 / 255, 103.939 / 255), (1 / 255, 1 / 255, 1 / 255))


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
        path: `.pth`, `.safetensors`, `.npz`, `.h5`, `.onnx`; the content decides, not the name.
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
            network = network_in(checkpoint, str(path))
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
                Network(architecture, weights, *_TORCH, origin, licence, sha256_of(path)),
                preprocessing or ("caffe" if by_keras else "torch"),
            )
    return network if up_to is None else _up_to(network, up_to)


def import_torchvision(
    family: Family, *, origin: str = "", licence: str = "", up_to: str | None = None
) -> Network:
    """Make a network of the ImageNet weights of an installed torchvision, which may download them.

    Args:
        origin, licence: for people; torchvision's own where these are empty.
        up_to: the last layer to keep.

    Raises:
        OptionsError: an unknown family or layer.
        RuntimeMissing: torch or torchvision is not installed.
        ModelNotFound: the download failed.
    """
    architecture = _architecture(family)
    with from_torchvision(family) as source:
        weights = read_convolutions(source, architecture)
    network = Network(
        architecture,
        weights,
        *_TORCH,
        origin or f"torchvision {family.upper()}_Weights.IMAGENET1K_V1",
        licence or TORCHVISION_LICENCE,
    )
    return network if up_to is None else _up_to(network, up_to)


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
    kept = {convolution.name for convolution in architecture.convolutions()}
    weights = {
        name: content for name, content in network.weights.items() if name.partition(".")[0] in kept
    }
    return replace(network, architecture=architecture, weights=weights)
