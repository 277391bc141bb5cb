"""What `impasto export` makes: the bytes of a file, and what is told of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.options import Options

if TYPE_CHECKING:
    from ..export.networks import Network

__all__ = ["bundle_of", "network_file_of"]


def network_file_of(network: Network, half: bool) -> tuple[bytes, dict[str, Any]]:
    """A network file, and its record."""
    from ..export.network_file import encode_network

    data = encode_network(network, half)
    return data, _record(data, list(network.architecture.layers()), network)


def bundle_of(model: str | None, options: Options) -> tuple[bytes, dict[str, Any]]:
    """A bundle for the layers, pooling and border of `options`, and its record."""
    from ..engine.programs import Selection
    from ..export.bundle import build_bundle
    from ..models.store import DEFAULT, load

    name, network = Path(model or DEFAULT).stem, load(model or DEFAULT)
    chosen = Selection.of(options, network.architecture.layers())
    data = build_bundle(network, name, chosen)
    layers = list(dict.fromkeys([*chosen.content_layers, *chosen.style_layers]))
    record = _record(data, layers, network)
    return data, record | {"pool": chosen.pool, "border": chosen.border}


def _record(data: bytes, layers: Sequence[str], network: Network) -> dict[str, Any]:
    return {
        "layers": layers,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "fingerprint": network.fingerprint,
    }
