"""A bundle: network, programs and manifest in one file, to run where neither onnx nor this
package's `export` is wanted.

A zip archive without compression: `manifest.json`; the programs `content.onnx`, `style.onnx` and
`objective.onnx`, the first two where there are such layers; and each weight as
`weights/<name>.npy`. `engine/bundle.py` reads it.
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np

from ..engine.selection import Selection
from .networks import Network
from .program import Kind, build_program, weights_are_inputs

__all__ = ["BUNDLE_VERSION", "build_bundle"]

BUNDLE_VERSION = 3
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same input gives the same bytes


def build_bundle(network: Network, name: str, selection: Selection) -> bytes:
    """A bundle for one selection; sizes, pictures and the weights of terms stay free.

    Args:
        name: what people call the network.
        selection: its layers in the network's order, which is how an engine asks for them.

    Raises:
        ValueError: the network has no such layer; the message lists those it has.
    """
    kinds: list[Kind] = ["objective"]
    kinds += ["content"] if selection.content_layers else []
    kinds += ["style"] if selection.style_layers else []
    programs = {kind: build_program(kind, network, selection) for kind in kinds}
    manifest = {
        "bundle": BUNDLE_VERSION,
        "name": name,
        "fingerprint": network.fingerprint,
        "origin": network.origin,
        "licence": network.licence,
        "strides": {layer.name: layer.stride for layer in network.architecture.layers().values()},
        "content_layers": list(selection.content_layers),
        "style_layers": list(selection.style_layers),
        "pool": selection.pool,
        "border": selection.border,
        "programs": {kind: list(declared) for kind, (_, declared) in programs.items()},
        "weights_are_inputs": [kind for kind in programs if weights_are_inputs(kind)],
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "manifest.json", json.dumps(manifest, indent=1).encode())
        for kind, (program, _) in programs.items():
            _add(archive, f"{kind}.onnx", program)
        for weight in programs["objective"][1]:  # of the other two as well
            _add(archive, f"weights/{weight}.npy", _npy(network.weights[weight]))
    return stream.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)


def _npy(array: np.ndarray) -> Any:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(array, np.float32), allow_pickle=False)
    return stream.getbuffer()
