"""Programs: what a session runs, for a canvas of any size.

"content" gives the features of the content picture and "style" the Gram matrices of a style
picture; both are targets of the "objective", which gives the terms of the loss and its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal, TypeAlias

import numpy as np

from . import losses
from . import rules as rules  # importing it registers the gradient rules
from .dims import Dim
from .encode import encode
from .features import append_features
from .gradient import gradient
from .graph import Graph, Value
from .lowering import direct, tiled
from .networks import Architecture, Network
from .selection import Selection

__all__ = [
    "ANY_SIZE",
    "Kind",
    "Size",
    "build_program",
    "build_tiled_program",
    "content_graph",
    "objective_graph",
    "style_graph",
    "weights_are_inputs",
]

Kind: TypeAlias = Literal["content", "style", "objective"]
Size: TypeAlias = tuple[Dim, Dim]

ANY_SIZE: Size = ("H", "W")  # names for numbers that are given when a program runs


def build_program(
    kind: Kind, network: Network, selection: Selection
) -> tuple[bytes, tuple[str, ...]]:
    """The checked model of a program for any size, and the names of the weights that it declares:
    the objective as external initialisers, which ONNX Runtime may lay out anew, the others, which
    run seldom, as inputs (see `weights_are_inputs`).

    Raises:
        ValueError: the network has no such layer, and the message lists those it has; or the
            selection has no layer for this kind of program.
    """
    graph = _GRAPHS[kind](network, selection, ANY_SIZE)
    model = encode(direct.lower(graph), kind, weights_are_inputs=weights_are_inputs(kind))
    return model, tuple(graph.weights)


def weights_are_inputs(kind: Kind) -> bool:
    """Whether the weights of that program are inputs: its sessions then hold no copy of them."""
    return kind != "objective"


def build_tiled_program(
    kind: Kind, network: Network, selection: Selection, size: tuple[int, int]
) -> tuple[bytes, tuple[str, ...], dict[str, np.ndarray]]:
    """The same program for pictures of one (height, width), made for processors; and what are
    inputs of it besides: the names of arranged weights (see `lowering.arrangement`), and tables.

    Raises:
        ValueError: as `build_program`.
    """
    graph = tiled.lower(_GRAPHS[kind](network, selection, size))
    model = encode(graph, kind, weights_are_inputs=True)
    tables = {name: np.asarray(value.constant) for name, value in graph.tables.items()}
    return model, tuple(graph.weights), tables


def content_graph(network: Network, selection: Selection, size: Size = ANY_SIZE) -> Graph:
    """Input: `image`. Outputs: `content.<layer>`, the features, (1, C, h, w)."""
    b = Graph()
    layers = _features(b, network, selection, selection.content_layers, size)
    for name in selection.content_layers:
        b.output(f"content.{name}", layers[name])
    return b


def style_graph(network: Network, selection: Selection, size: Size = ANY_SIZE) -> Graph:
    """Input: `image`. Outputs: `style.<layer>`, the Gram matrix per position, (C, C)."""
    b = Graph()
    layers = _features(b, network, selection, selection.style_layers, size)
    for name in selection.style_layers:
        b.output(f"style.{name}", losses.gram_per_position(b, layers[name]))
    return b


def objective_graph(network: Network, selection: Selection, size: Size = ANY_SIZE) -> Graph:
    """The terms of the loss, and the gradient of their sum.

    Args:
        size: (H, W) of the canvas.

    Inputs:
        image: (1, 3, H, W), RGB in 0..1.
        content.<layer>: (1, C, h, w), the features to match.
        style.<layer>: (C, C), the Gram matrix per position to match.
        coefficients: (terms,), the factor of each term: content layers, style layers, total
            variation.

    Outputs:
        gradient: (1, 3, H, W).
        terms: (terms,), each already multiplied by its coefficient; they sum to the loss.
    """
    b = Graph()
    wanted = [*selection.content_layers, *selection.style_layers]
    layers = _features(b, network, selection, wanted, size)
    terms = []
    for name in selection.content_layers:
        target = b.input(f"content.{name}", layers[name].shape)
        terms.append(losses.content(b, layers[name], target))
    for name in selection.style_layers:
        channels = layers[name].shape[1]
        target = b.input(f"style.{name}", (channels, channels))
        terms.append(losses.style(b, layers[name], target))
    terms.append(losses.total_variation(b, b.inputs["image"]))
    coefficients = b.input("coefficients", (len(terms),))
    joined = b.op("Concat", *(_as_vector(b, term) for term in terms), axis=0)
    weighted = b.op("Mul", joined, coefficients)
    loss = b.op("ReduceSum", weighted, keepdims=0)
    b.output("gradient", gradient(b, loss, b.inputs["image"]))
    b.output("terms", weighted)
    return b


_GRAPHS: Mapping[Kind, Callable[[Network, Selection, Size], Graph]] = {
    "content": content_graph,
    "style": style_graph,
    "objective": objective_graph,
}


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
    if not wanted:
        raise ValueError("a program needs at least one layer")
    deepest = [architecture.up_to(layer) for layer in wanted]
    return max(deepest, key=lambda prefix: len(prefix.layers()))


def _as_vector(b: Graph, scalar: Value) -> Value:
    return b.op("Unsqueeze", scalar, b.constant([0]))
