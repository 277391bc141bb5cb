"""Programs: what a session runs.

One for targets, one for the objective; both for a canvas of any size.
"""

from __future__ import annotations

from collections.abc import Sequence

from . import losses, rules
from .encode import encode
from .features import Border, Pooling, append_features
from .gradient import gradient
from .graph import Graph, Value
from .lowering import direct
from .networks import Architecture, Network

__all__ = ["build_objective", "build_targets", "objective_graph", "targets_graph"]

assert rules  # importing it registers the gradient rules


def build_targets(
    network: Network,
    content_layers: Sequence[str],
    style_layers: Sequence[str],
    pooling: Pooling = "max",
    border: Border = "zeros",
) -> tuple[bytes, tuple[str, ...]]:
    """The model, and the names of its weights, of the program of the targets.

    Inputs: `image`. Outputs: `content.<layer>`, the features; `style.<layer>`, the Gram matrix per
    position.
    """
    graph = targets_graph(network, content_layers, style_layers, pooling, border)
    return encode(direct.lower(graph), "targets"), tuple(graph.weights)


def build_objective(
    network: Network,
    content_layers: Sequence[str],
    style_layers: Sequence[str],
    pooling: Pooling = "max",
    border: Border = "zeros",
) -> tuple[bytes, tuple[str, ...]]:
    """The model, and the names of its weights, of the program of the loss and its gradient.

    Inputs:
        image: (1, 3, H, W), RGB in 0..1.
        content.<layer>: (1, C, h, w), the features to match; style.<layer>: (C, C), the Gram matrix
        to match.
        coefficients: (terms,), the factor of each term: content layers, style layers, total
            variation.

    Outputs:
        loss: scalar; gradient: (1, 3, H, W); terms: (terms,), each already multiplied by its
            coefficient.
    """
    graph = objective_graph(network, content_layers, style_layers, pooling, border)
    return encode(direct.lower(graph), "objective"), tuple(graph.weights)


def targets_graph(
    network: Network,
    content_layers: Sequence[str],
    style_layers: Sequence[str],
    pooling: Pooling = "max",
    border: Border = "zeros",
) -> Graph:
    """The targets program before lowering."""
    b = Graph()
    layers = _features(b, network, [*content_layers, *style_layers], pooling, border)
    for name in content_layers:
        b.output(f"content.{name}", layers[name])
    for name in style_layers:
        b.output(f"style.{name}", b.op("Gram", layers[name]))
    return b


def objective_graph(
    network: Network,
    content_layers: Sequence[str],
    style_layers: Sequence[str],
    pooling: Pooling = "max",
    border: Border = "zeros",
) -> Graph:
    """The objective program before lowering."""
    b = Graph()
    layers = _features(b, network, [*content_layers, *style_layers], pooling, border)
    terms = []
    for name in content_layers:
        target = b.input(f"content.{name}", layers[name].shape)
        terms.append(losses.content(b, layers[name], target))
    for name in style_layers:
        channels = layers[name].shape[1]
        target = b.input(f"style.{name}", (channels, channels))
        terms.append(losses.style(b, layers[name], target))
    terms.append(losses.total_variation(b, b.inputs["image"]))
    coefficients = b.input("coefficients", (len(terms),))
    joined = b.op("Concat", *(_as_vector(b, term) for term in terms), axis=0)
    weighted = b.op("Mul", joined, coefficients)
    loss = b.op("ReduceSum", weighted, keepdims=0)
    b.output("loss", loss)
    b.output("gradient", gradient(b, loss, b.inputs["image"]))
    b.output("terms", weighted)
    return b


def _features(
    b: Graph, network: Network, wanted: Sequence[str], pooling: Pooling, border: Border
) -> dict[str, Value]:
    image = b.input("image", (1, 3, "H", "W"))
    prefix = _up_to_deepest(network.architecture, wanted)
    return append_features(b, image, prefix, network.mean, network.std, pooling, border)


def _up_to_deepest(architecture: Architecture, wanted: Sequence[str]) -> Architecture:
    """The shortest prefix that has all these layers.

    An unknown one is an error that lists the known.
    """
    if not wanted:
        raise ValueError("a program needs at least one content layer or style layer")
    deepest = [architecture.up_to(layer) for layer in wanted]
    return max(deepest, key=lambda prefix: len(prefix.layers()))


def _as_vector(b: Graph, scalar: Value) -> Value:
    return b.op("Unsqueeze", scalar, b.constant([0]))
