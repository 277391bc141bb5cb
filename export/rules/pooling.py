"""Pooling. As in VGG there is no window past the last whole one: what is left over gets 0."""

from __future__ import annotations

from ..gradient import vjp
from ..graph import Graph, Node, Value

__all__: list[str] = []


@vjp("MaxPool")
def _max(b: Graph, node: Node, g: Value) -> Value:
    """The first maximum of each window, in row order, takes all, as in torch.

    (A plain mask of equal values would give it to every tied position, and is no subgradient.)
    """
    return b.op("MaxPoolGradient", node.inputs[0], node.output, g, **node.attributes)


@vjp("AveragePool")
def _average(b: Graph, node: Node, g: Value) -> Value:
    """Every position of a window gets the same share."""
    return b.op("AveragePoolGradient", node.inputs[0], g, **node.attributes)
