"""What the graphs of programs are put together from: the layers before and behind a joint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from ..engine.selection import Selection, guide_name, layer_of, places_of, region_of
from . import losses
from .dims import Dim
from .features import append_features, append_layers
from .graph import Graph, Value
from .networks import Architecture, Network
from .style_losses import guided, per_position, totals

__all__ = [
    "Size",
    "append_front",
    "append_rest",
    "core_of",
    "has_rest",
    "layers_behind",
    "layers_in_front",
    "required",
    "statistics_in",
    "totals_of_core",
    "weighted_terms",
]

Size: TypeAlias = tuple[Dim, Dim]


def required(layers: Sequence[str]) -> Sequence[str]:
    """Refuse a program without layers."""
    if not layers:
        raise ValueError("a program needs at least one layer")
    return layers


def layers_in_front(network: Network, selection: Selection, wanted: Sequence[str]) -> list[str]:
    """Those of the layers that are computed tile by tile."""
    if selection.joint is None:
        return []
    front = network.architecture.up_to(selection.joint).layers()
    return [name for name in wanted if name in front]


def layers_behind(network: Network, selection: Selection, wanted: Sequence[str]) -> list[str]:
    """The others of the layers; all of them where there is no joint."""
    front = layers_in_front(network, selection, wanted)
    return [name for name in wanted if name not in front]


def has_rest(network: Network, selection: Selection) -> bool:
    """Whether a layer of the selection lies behind the joint."""
    return bool(
        layers_behind(network, selection, [*selection.content_layers, *selection.style_layers])
    )


def append_front(
    b: Graph, network: Network, selection: Selection, wanted: Sequence[str], size: Size
) -> dict[str, Value]:
    """The layers in front, of a tile: as many as are wanted, and the joint if there is a rest."""
    if selection.joint is None:
        raise ValueError("nothing is computed tile by tile without a joint")
    joint = [selection.joint] if has_rest(network, selection) else []
    return _features(b, network, selection, [*wanted, *joint], size)


def append_rest(
    b: Graph, network: Network, selection: Selection, wanted: Sequence[str], size: Size
) -> tuple[Value | None, dict[str, Value]]:
    """What goes in, and the layers behind the joint; nothing of both where none is wanted."""
    if selection.joint is None:
        layers = _features(b, network, selection, wanted, size)
        return b.inputs["image"], layers
    if not wanted:
        return None, {}
    prefix = _up_to_deepest(network.architecture, wanted)
    channels = network.architecture.layers()[selection.joint].channels
    joined = b.input("joined", (1, channels, *size))
    return joined, append_layers(b, joined, prefix, selection.pool, selection.joint)


def _features(
    b: Graph,
    network: Network,
    selection: Selection,
    wanted: Sequence[str],
    size: Size,
) -> dict[str, Value]:
    image = b.input("image", (1, 3, *size))
    prefix = _up_to_deepest(network.architecture, wanted)
    return append_features(
        b, image, prefix, network.mean, network.std, selection.pool, selection.border
    )


def _up_to_deepest(architecture: Architecture, wanted: Sequence[str]) -> Architecture:
    """The shortest prefix that has all these layers."""
    deepest = [architecture.up_to(layer) for layer in required(wanted)]
    return max(deepest, key=lambda prefix: len(prefix.layers()))


def totals_of_core(
    b: Graph,
    network: Network,
    selection: Selection,
    layers: Mapping[str, Value],
    wanted: Sequence[str],
) -> dict[str, Value]:
    """The statistics of style layers by name, as sums over a tile's core; in regions as they are,
    for a guide is given for the core alone."""
    found: dict[str, Value] = {}
    for name in wanted:
        for place in places_of(name, selection.regions):
            guide = _guide_of(b, network, layers, place)
            if guide is not None:
                found |= guided(b, selection.style_loss, place, layers[name], guide)
                continue
            inside = losses.within(b, layers[name], core_of(b, network, layers, name))
            found |= totals(b, selection.style_loss, place, inside)
    return found


def statistics_in(
    b: Graph, network: Network, selection: Selection, layers: Mapping[str, Value], name: str
) -> dict[str, dict[str, Value]]:
    """The statistics of a style layer, by place and by name."""
    loss, features = selection.style_loss, layers[name]
    return {
        place: per_position(b, loss, place, features, _guide_of(b, network, layers, place))
        for place in places_of(name, selection.regions)
    }


def _guide_of(b: Graph, network: Network, layers: Mapping[str, Value], place: str) -> Value | None:
    """The input that guides a place, where it is in a region."""
    region, layer = region_of(place), layer_of(place)
    if region is None:
        return None
    key = guide_name(region, network.architecture.layers()[layer].stride)
    return b.inputs.get(key) or b.input(key, (1, 1, *layers[layer].shape[2:]))


def core_of(b: Graph, network: Network, layers: Mapping[str, Value], name: str) -> Value:
    """The input that tells a tile's core, for layers with the stride of this one."""
    key = f"core.{network.architecture.layers()[name].stride}"
    return b.inputs.get(key) or b.input(key, (1, 1, *layers[name].shape[2:]))


def weighted_terms(b: Graph, terms: Sequence[Value]) -> Value:
    """Each term times its coefficient, (terms,)."""
    coefficients = b.input("coefficients", (len(terms),))
    joined = b.op("Concat", *(_as_vector(b, term) for term in terms), axis=0)
    return b.op("Mul", joined, coefficients)


def _as_vector(b: Graph, scalar: Value) -> Value:
    return b.op("Unsqueeze", scalar, b.constant([0]))
