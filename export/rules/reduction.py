"""Sums and means: the cotangent goes back to every element that was added up."""

from __future__ import annotations

from ..gradient import vjp
from ..graph import Graph, Node, Value
from ..shapes import reduced_axes

__all__: list[str] = []


@vjp("ReduceSum")
def _sum(b: Graph, node: Node, g: Value) -> Value:
    x = node.inputs[0]
    return b.op("Expand", _restore_axes(b, node, g), b.op("Shape", x), like=x.shape)


@vjp("ReduceMean")
def _mean(b: Graph, node: Node, g: Value) -> Value:
    """As the sum, divided by the number of elements that each mean was taken over."""
    elements, means = (
        b.op("Cast", b.op("Size", value), to="float") for value in (node.inputs[0], node.output)
    )
    return _sum(b, node, b.op("Div", g, b.op("Div", elements, means)))


@vjp("Sums")
def _over_positions(b: Graph, node: Node, g: Value) -> Value:
    """Each channel's number at all of its positions."""
    return b.op("SumsGradient", node.inputs[0], g)


@vjp("SumOfSquares")
def _all_squares(b: Graph, node: Node, g: Value) -> Value:
    """2 g x."""
    return b.op("Mul", node.inputs[0], b.op("Mul", g, b.constant(2.0)))


@vjp("ReduceSumSquare")
def _sum_of_squares(b: Graph, node: Node, g: Value) -> Value:
    """2 g x: broadcasting spreads g, so that nothing of the size of x but the result is made."""
    twice = b.op("Mul", _restore_axes(b, node, g), b.constant(2.0))
    return b.op("Mul", node.inputs[0], twice)


def _restore_axes(b: Graph, node: Node, g: Value) -> Value:
    """Put back, as axes of size 1, the axes that keepdims=0 dropped."""
    if node.attributes.get("keepdims", 1):
        return g
    axes = sorted(reduced_axes(node.inputs))
    return b.op("Unsqueeze", g, b.constant(axes)) if axes else g
