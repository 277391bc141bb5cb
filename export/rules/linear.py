"""Products of matrices."""

from __future__ import annotations

from ..gradient import vjp
from ..graph import Graph, Node, Value

__all__: list[str] = []


@vjp("MatMul", 0)
def _left(b: Graph, node: Node, g: Value) -> Value:
    return b.op("MatMul", g, _swap_last(b, node.inputs[1]))


@vjp("MatMul", 1)
def _right(b: Graph, node: Node, g: Value) -> Value:
    return b.op("MatMul", _swap_last(b, node.inputs[0]), g)


def _swap_last(b: Graph, x: Value) -> Value:
    order = list(range(len(x.shape)))
    order[-2:] = order[:-3:-1]
    return b.op("Transpose", x, perm=order)


@vjp("Gram")
def _gram(b: Graph, node: Node, g: Value) -> Value:
    """G = F Fᵀ gives (g + gᵀ) F: one product, where the two MatMul rules would make two."""
    symmetric = b.op("Add", g, b.op("Transpose", g, perm=[1, 0]))
    return b.op("GramGradient", node.inputs[0], symmetric)


@vjp("Linearized", 0)
@vjp("Linearized", 2)
def _not_that_way(b: Graph, node: Node, g: Value) -> None:
    """How value and gradient were found does not matter."""


@vjp("Linearized", 1)
def _known_gradient(b: Graph, node: Node, g: Value) -> Value:
    return b.op("Mul", node.inputs[2], g)
