"""What `impasto export` makes: the bytes of a file, and what is told of them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..engine.options import Options

if TYPE_CHECKING:
    from ..export.networks import Network

__all__ = [
    "Family",
    "Preprocessing",
    "bundle_of",
    "from_checkpoint",
    "from_torchvision",
    "network_file_of",
]

# Written out here because their homes in `export` load NumPy, and --help should not.
Family: TypeAlias = Literal["vgg19", "vgg16"]
Preprocessing: TypeAlias = Literal["torch", "caffe"]


def from_torchvision(family: Family, up_to: str | None, origin: str, licence: str) -> Network:
    """The network of an installed torchvision; texts that are empty stay as it says them."""
    from ..export.network_file import import_torchvision

    network = import_torchvision(family, up_to=up_to)
    return replace(network, origin=origin or network.origin, licence=licence or network.licence)


def from_checkpoint(
    source: Path,
    family: Family | None,
    up_to: str | None,
    preprocessing: Preprocessing | None,
    origin: str,
    licence: str,
) -> Network:
    """The network of a file; see `export.network_file.import_network`."""
    from ..export.network_file import import_network

    return import_network(
        source,
        family,
        origin=origin,
        licence=licence,
        up_to=up_to,
        preprocessing=preprocessing,
    )


def network_file_of(network: Network, half: bool) -> tuple[bytes, dict[str, Any]]:
    """A network file, and its record."""
    from ..export.network_file import encode_network

    data = encode_network(network, half)
    return data, _record(data, list(network.architecture.layers()), network)


def bundle_of(model: str | None, options: Options) -> tuple[bytes, dict[str, Any]]:
    """A bundle for the layers, pooling and border of `options`, and its record."""
    from ..engine.programs import NetworkPrograms, Selection
    from ..export.bundle import build_bundle
    from ..models.store import DEFAULT, load

    name, network = Path(model or DEFAULT).stem, load(model or DEFAULT)
    chosen = Selection.of(options, NetworkPrograms(name, network).layers)
    content, style = chosen.content_layers, chosen.style_layers
    data = build_bundle(network, name, content, style, chosen.pool, chosen.border)
    record = _record(data, list(dict.fromkeys([*content, *style])), network)
    return data, record | {"pool": chosen.pool, "border": chosen.border}


def _record(data: bytes, layers: Sequence[str], network: Network) -> dict[str, Any]:
    return {
        "layers": layers,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "fingerprint": network.fingerprint,
    }
