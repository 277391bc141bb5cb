"""Programs: what a session runs, for a canvas of any size.

"content" gives the features of the content picture and "style" the statistics of a style picture
(see `style_losses`); both are targets of the "objective", which gives the terms of the loss and its
gradient.

For canvases that are too large for that the network is cut in two at a joint (`Selection.joint`).
The front is computed tile by tile: "sums" adds up what the rest needs of a tile, and "pullback" the
gradient by its pixels, given the gradients by those sums. Between the two, the programs above do
the rest, from the joint on. The tiles overlap by a halo, in which borders of tiles spoil the
features; sums are over their cores alone, which cover the canvas without overlap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import numpy as np

from ..engine.selection import Selection, places_of, statistics_of
from . import losses
from . import rules as rules  # importing it registers the gradient rules
from .encode import encode
from .gradient import pull_back
from .graph import Graph, Value
from .liveness import Footprint, footprint_of
from .lowering import direct, tiled
from .networks import Network
from .parts import (
    Size,
    append_front,
    append_rest,
    core_of,
    has_rest,
    layers_behind,
    layers_in_front,
    required,
    statistics_in,
    totals_of_core,
    weighted_terms,
)
from .style_losses import style_term

__all__ = [
    "ANY_SIZE",
    "Kind",
    "Size",
    "build_program",
    "build_tiled_program",
    "content_graph",
    "objective_graph",
    "pullback_graph",
    "style_graph",
    "sums_graph",
    "tiled_footprint",
    "weights_are_inputs",
]

Kind: TypeAlias = Literal["content", "style", "objective", "sums", "pullback"]

ANY_SIZE: Size = ("H", "W")  # names for numbers that are given when a program runs


def build_program(
    kind: Kind, network: Network, selection: Selection
) -> tuple[bytes, tuple[str, ...]]:
    """The checked model of a program for any size, and the names of the weights that it declares:
    as external initialisers, which ONNX Runtime may lay out anew, or in those programs that run
    seldom as inputs (see `weights_are_inputs`).

    Raises:
        ValueError: the network has no such layer, and the message lists those it has; or the
            selection has no layer for this kind of program.
    """
    graph = _GRAPHS[kind](network, selection, ANY_SIZE)
    model = encode(direct.lower(graph), kind, weights_are_inputs=weights_are_inputs(kind))
    return model, tuple(graph.weights)


def weights_are_inputs(kind: Kind) -> bool:
    """Whether the weights of that program are inputs: its sessions then hold no copy of them."""
    return kind in ("content", "style")


def build_tiled_program(
    kind: Kind,
    network: Network,
    selection: Selection,
    size: tuple[int, int],
    check: Callable[[], None] | None = None,
) -> tuple[bytes, tuple[str, ...], dict[str, np.ndarray]]:
    """The same program for pictures of one (height, width), made for processors; and what are
    inputs of it besides: the names of arranged weights (see `lowering.arrangement`), and tables.

    Args:
        check: called often while it is built; may raise, which ends it.

    Raises:
        ValueError: as `build_program`.
    """
    graph = _GRAPHS[kind](network, selection, size)
    graph = tiled.lower(graph, check=check, band_share=_band_share(kind, selection))
    model = encode(graph, kind, weights_are_inputs=True, check=check)
    return model, tuple(graph.weights), graph.contents


def tiled_footprint(
    kind: Kind,
    network: Network,
    selection: Selection,
    size: tuple[int, int],
    check: Callable[[], None] | None = None,
) -> Footprint:
    """What the program of `build_tiled_program` takes of the memory, without building it; see
    there."""
    graph = _GRAPHS[kind](network, selection, size)
    share = _band_share(kind, selection)
    return footprint_of(tiled.lower(graph, filled=False, check=check, band_share=share))


def _band_share(kind: Kind, selection: Selection) -> float:
    """A canvas is cut where memory is scarce, and most of it is taken behind the joint."""
    if selection.joint is None:
        return 1.0
    return 0.8 if kind in ("sums", "pullback") else 0.55


def content_graph(network: Network, selection: Selection, size: Size = ANY_SIZE) -> Graph:
    """Input: as of `objective_graph`. Outputs: `content.<layer>`, the features, (1, C, h, w)."""
    b = Graph()
    names = required(layers_behind(network, selection, selection.content_layers))
    _, layers = append_rest(b, network, selection, names, size)
    for name in names:
        b.output(f"content.{name}", layers[name])
    return b


def style_graph(network: Network, selection: Selection, size: Size = ANY_SIZE) -> Graph:
    """Inputs: image or joined, and guides, as of `objective_graph`. Outputs: `style.<name>` of each
    statistic of its layers: the Gram matrix per position, (C, C), and the mean, (C,), where that is
    asked for."""
    b = Graph()
    names = required(layers_behind(network, selection, selection.style_layers))
    _, layers = append_rest(b, network, selection, names, size)
    for name in names:
        for found in statistics_in(b, network, selection, layers, name).values():
            for statistic, value in found.items():
                b.output(f"style.{statistic}", value)
    return b


def objective_graph(network: Network, selection: Selection, size: Size = ANY_SIZE) -> Graph:
    """The terms of the loss, and the gradient of their sum: of all of it, or of the rest.

    Args:
        size: (H, W) of the canvas, or of the features at the joint.

    Inputs:
        image: (1, 3, H, W), RGB in 0..1, where nothing is tiled; else, unless everything is,
        joined: (1, C, H, W), the features at the joint.
        found.<name>: each statistic of the canvas, for each style layer in front.
        guide.<region>.<stride>: (1, 1, h, w), how much each position counts in a region, for each
            stride of a style layer behind the joint: see `losses.guided_gram`.
        content.<layer>: (1, C, h, w), the features to match, of layers behind the joint.
        style.<name>, root.<place>: what is to be matched: see `selection.targets_of`.
        coefficients: (terms,), the factor of each term: of the content layers behind the joint, the
            style layers (of each its regions), and the total variation where nothing is tiled.

    Outputs:
        gradient: by `image` or `joined`.
        gradient.<name>: by `found.<name>`.
        terms: (terms,), each already multiplied by its coefficient; they sum to the loss.
    """
    b = Graph()
    content = layers_behind(network, selection, selection.content_layers)
    behind = layers_behind(network, selection, selection.style_layers)
    start, layers = append_rest(b, network, selection, [*content, *behind], size)
    required([*content, *selection.style_layers])
    terms = []
    for name in content:
        target = b.input(f"content.{name}", layers[name].shape)
        terms.append(losses.content(b, layers[name], target))
    given: dict[str, Value] = {}
    for name in selection.style_layers:
        if name in behind:
            places = statistics_in(b, network, selection, layers, name)
        else:
            places = _given(b, network, selection, name)
            given |= {key: value for found in places.values() for key, value in found.items()}
        for place, found in places.items():
            terms.append(style_term(b, selection.style_loss, place, found))
    if selection.joint is None:
        assert start is not None
        terms.append(losses.total_variation(b, start, selection.variation))
    weighted = weighted_terms(b, terms)
    loss = {b.op("ReduceSum", weighted, keepdims=0): b.constant(1.0)}
    if start is not None:
        b.output("gradient", pull_back(b, loss, start))
    for name, value in given.items():
        b.output(f"gradient.{name}", pull_back(b, loss, value))
    b.output("terms", weighted)
    return b


def _given(
    b: Graph, network: Network, selection: Selection, layer: str
) -> dict[str, dict[str, Value]]:
    """The statistics of a layer in front, which were summed up before, by place and by name."""
    channels = network.architecture.layers()[layer].channels
    return {
        place: {
            name: b.input(f"found.{name}", (channels,) * (2 if name == place else 1))
            for name in statistics_of(selection.style_loss, place)
        }
        for place in places_of(layer, selection.regions)
    }


def sums_graph(network: Network, selection: Selection, size: Size = ANY_SIZE) -> Graph:
    """What the rest needs of one tile.

    Args:
        size: (H, W) of the tile, its halo included.

    Inputs:
        image: (1, 3, H, W), the tile.
        core.<stride>: (1, 1, h, w), 1 for positions in the core and 0 for others, for each stride
            of a style layer in front; or, where there are regions,
        guide.<region>.<stride>: as of `objective_graph`, 0 outside of the core.

    Outputs:
        sum.<name>: each statistic of the style layers in front, as a sum over the core.
        joined: the features at the joint, (1, C, h, w), unless everything is tiled.
    """
    b = Graph()
    style = layers_in_front(network, selection, selection.style_layers)
    layers = append_front(b, network, selection, style, size)
    for name, total in totals_of_core(b, network, selection, layers, style).items():
        b.output(f"sum.{name}", total)
    if selection.joint is not None and has_rest(network, selection):
        b.output("joined", layers[selection.joint])
    return b


def pullback_graph(network: Network, selection: Selection, size: Size = ANY_SIZE) -> Graph:
    """A tile's share of the gradient, and of the terms that are sums over positions.

    Inputs:
        image, core.<stride>, guide.<region>.<stride>: as of `sums_graph`; the total
            variation needs core.1, and a content layer that of its stride.
        content.<layer>: (1, C, h, w), the features to match, of layers in front.
        coefficients: (terms,), the factor of each of these terms: content layers in front, and
            total variation, as a sum over pixels.
        gradient.<name>: the gradient by `sum.<name>`.
        gradient.joined: (1, C, h, w), that by `joined`; 0 outside of the core.

    Outputs:
        gradient: (1, 3, H, W), by the tile; those of all tiles add up to that by the canvas.
        terms: (terms,), the core's share of each.
    """
    b = Graph()
    content = layers_in_front(network, selection, selection.content_layers)
    style = layers_in_front(network, selection, selection.style_layers)
    layers = append_front(b, network, selection, [*content, *style], size)
    image = b.inputs["image"]
    terms = []
    for name in content:
        target = b.input(f"content.{name}", layers[name].shape)
        terms.append(losses.content(b, layers[name], target, core_of(b, network, layers, name)))
    whole = b.inputs.get("core.1") or b.input("core.1", (1, 1, *size))
    terms.append(losses.sum_of_variations(b, image, selection.variation, whole))
    weighted = weighted_terms(b, terms)
    given = {b.op("ReduceSum", weighted, keepdims=0): b.constant(1.0)}
    for name, total in totals_of_core(b, network, selection, layers, style).items():
        given[total] = b.input(f"gradient.{name}", total.shape)
    if selection.joint is not None and has_rest(network, selection):
        joined = layers[selection.joint]
        given[joined] = b.input("gradient.joined", joined.shape)
    b.output("gradient", pull_back(b, given, image))
    b.output("terms", weighted)
    return b


_GRAPHS: Mapping[Kind, Callable[[Network, Selection, Size], Graph]] = {
    "content": content_graph,
    "style": style_graph,
    "objective": objective_graph,
    "sums": sums_graph,
    "pullback": pullback_graph,
}
