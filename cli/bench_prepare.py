"""What a benchmark works on, as files: two pictures, and a random network where none is given.

In a process of its own, since what starts the measurements has to stay small (`run_child`).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.errors import LimitError
from ..engine.files import write_atomic
from ..engine.limits import Limits
from ..engine.options import Options
from ..engine.programs import Selection
from ..export.network_file import encode_network
from ..export.networks import FAMILIES, Architecture, Network
from ..models.store import load
from .bench_child import serve
from .bench_flops import evaluation_flops

__all__ = ["random_network", "synthetic_picture"]

_FAMILY, _DEEPEST = "vgg19", "relu5_1"


def prepare(job: Mapping[str, Any]) -> dict[str, Any]:
    """Write `photograph.npy`, `painting.npy` and, without `job["model"]`, `network.onnx`.

    Raises:
        LimitError: the canvas is larger than Impasto makes pictures.
        ModelError: there is no such network.
        OptionsError: the network lacks a layer that is looked at.
    """
    folder, (height, width) = Path(job["folder"]), (job["height"], job["width"])
    if max(height, width) > (most := Limits().output_side):
        raise LimitError(f"--size is {width}x{height}, but the limit of a side is {most}")
    for seed, name in enumerate(("photograph", "painting")):
        np.save(folder / f"{name}.npy", synthetic_picture(height, width, seed))
    if job["model"] is None:
        network = random_network(FAMILIES[_FAMILY].up_to(_DEEPEST))
        path, name = folder / "network.onnx", f"{_FAMILY} of random weights"
        write_atomic(path, encode_network(network))
    else:
        network = load(job["model"])
        path, name = job["model"], Path(job["model"]).stem
    chosen = Selection.of(Options(), network.architecture.layers())
    layers = (chosen.content_layers, chosen.style_layers)
    return {
        "model": str(path),
        "name": name,
        "flops": evaluation_flops(network.architecture, *layers, height, width),
    }


def random_network(architecture: Architecture, seed: int = 0) -> Network:
    """He-initialised weights, small biases: features keep their size from layer to layer."""
    random = np.random.default_rng(seed)
    weights = {}
    for convolution in architecture.convolutions():
        shape = (convolution.outputs, convolution.inputs, 3, 3)
        scale = np.float32(np.sqrt(2 / (9 * convolution.inputs)))
        weights[f"{convolution.name}.weight"] = random.standard_normal(shape, np.float32) * scale
        bias = random.uniform(-0.1, 0.1, convolution.outputs)
        weights[f"{convolution.name}.bias"] = bias.astype(np.float32)
    return Network(architecture, weights, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))


def synthetic_picture(height: int, width: int, seed: int) -> np.ndarray:
    """(height, width, 3) float32 in 0..1: waves whose strength falls with their frequency, as in
    photographs, and a little noise, without which many positions of a pooling would tie."""
    random = np.random.default_rng(seed)
    rows, columns = np.linspace(0, 1, height)[:, None], np.linspace(0, 1, width)[None, :]
    picture = np.empty((height, width, 3), np.float32)
    for channel in range(3):
        waves = np.zeros((height, width))
        for _ in range(24):
            frequency = 2 ** random.uniform(0, 6)
            direction, phase = random.uniform(0, 2 * np.pi, 2)
            along = np.sin(direction) * rows + np.cos(direction) * columns
            waves += np.cos(2 * np.pi * frequency * along + phase) / frequency**0.8
        waves += 0.02 * random.standard_normal((height, width))
        low, high = waves.min(), waves.max()
        picture[:, :, channel] = (waves - low) / (high - low) if high > low else 0.5
    return picture


if __name__ == "__main__":
    serve(prepare)
