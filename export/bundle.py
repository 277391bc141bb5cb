"""A bundle: network, programs and manifest in one file, to run where neither onnx nor this
package's `export` is wanted.

A zip archive without compression: `manifest.json`, `targets.onnx`, `objective.onnx`, and each
weight as `weights/<name>.npy`. `engine/bundle.py` reads it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from .features import Border, Pooling
from .networks import Network
from .program import build_objective, build_targets

__all__ = ["BUNDLE_VERSION", "build_bundle"]

BUNDLE_VERSION = 1
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same input gives the same bytes


def build_bundle(
    network: Network,
    name: str,
    content_layers: Sequence[str],
    style_layers: Sequence[str],
    pooling: Pooling = "max",
    border: Border = "zeros",
) -> bytes:
    """A bundle for one selection of layers, pooling and border.

    Sizes, pictures and the weights of terms stay free.

    Raises:
        ValueError: the network has no such layer; the message lists those it has.
    """
    order = list(network.architecture.layers())
    for layer in (*content_layers, *style_layers):
        network.architecture.up_to(layer)
    content, style = (sorted(layers, key=order.index) for layers in (content_layers, style_layers))
    targets, _ = build_targets(network, content, style, pooling, border)
    objective, used = build_objective(network, content, style, pooling, border)
    manifest = {
        "bundle": BUNDLE_VERSION,
        "name": name,
        "fingerprint": network.fingerprint,
        "origin": network.origin,
        "licence": network.licence,
        "layers": {
            layer.name: [layer.channels, layer.stride]
            for layer in network.architecture.layers().values()
        },
        "content_layers": content,
        "style_layers": style,
        "pool": pooling,
        "border": border,
        "weights": list(used),
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "manifest.json", json.dumps(manifest, indent=1).encode())
        _add(archive, "targets.onnx", targets)
        _add(archive, "objective.onnx", objective)
        for weight in used:
            _add(archive, f"weights/{weight}.npy", _npy(network.weights[weight]))
    return stream.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, _EPOCH), data)


def _npy(array: np.ndarray) -> Any:
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.ascontiguousarray(array, np.float32), allow_pickle=False)
    return stream.getbuffer()
