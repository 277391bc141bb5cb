"""Convolution. Only its input has a rule: the network's weights are never trained here."""

from __future__ import annotations

from ..gradient import vjp
from ..graph import Graph, Node, Value

__all__: list[str] = []


@vjp("Conv")
def _conv(b: Graph, node: Node, g: Value) -> Value:
    """The transposed convolution with the same weights; the lowering says how it is computed."""
    x, weight = node.inputs[:2]
    return b.op("ConvGradient", x, weight, g, **node.attributes)
