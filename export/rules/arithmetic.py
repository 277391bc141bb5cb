"""Elementwise arithmetic. Where operands broadcast, the walker sums the cotangents afterwards."""

from __future__ import annotations

from ..gradient import vjp
from ..graph import Graph, Node, Value

__all__: list[str] = []


@vjp("Identity")
@vjp("Add", 0)
@vjp("Add", 1)
@vjp("Sub", 0)
def _pass(b: Graph, node: Node, g: Value) -> Value:
    return g


@vjp("Neg")
@vjp("Sub", 1)
def _negate(b: Graph, node: Node, g: Value) -> Value:
    return b.op("Neg", g)


@vjp("Mul", 0)
def _mul_left(b: Graph, node: Node, g: Value) -> Value:
    return b.op("Mul", g, node.inputs[1])


@vjp("Mul", 1)
def _mul_right(b: Graph, node: Node, g: Value) -> Value:
    return b.op("Mul", g, node.inputs[0])


@vjp("Div", 0)
def _numerator(b: Graph, node: Node, g: Value) -> Value:
    return b.op("Div", g, node.inputs[1])


@vjp("Div", 1)
def _denominator(b: Graph, node: Node, g: Value) -> Value:
    """-g x / y², written as -g (x / y) / y: the quotient is there already."""
    return b.op("Neg", b.op("Div", b.op("Mul", g, node.output), node.inputs[1]))


@vjp("Sqrt")
def _sqrt(b: Graph, node: Node, g: Value) -> Value:
    """g / (2 √x); at 0 it is infinite, as the derivative is: guard the argument with an ε."""
    return b.op("Div", b.op("Mul", g, b.constant(0.5)), node.output)


@vjp("Abs")
def _abs(b: Graph, node: Node, g: Value) -> Value:
    """g times the sign; at exactly 0 the gradient is 0, as in torch."""
    x, zero = node.inputs[0], b.constant(0.0)
    positive = b.op("Cast", b.op("Greater", x, zero), to="float")
    negative = b.op("Cast", b.op("Greater", zero, x), to="float")
    return b.op("Mul", g, b.op("Sub", positive, negative))


@vjp("Max", 0)
def _max_left(b: Graph, node: Node, g: Value) -> Value:
    """The left operand wins a tie. (torch gives each a half; both are subgradients.)"""
    return b.op("Mul", g, _mask(b, "GreaterOrEqual", *node.inputs))


@vjp("Max", 1)
def _max_right(b: Graph, node: Node, g: Value) -> Value:
    return b.op("Mul", g, _mask(b, "Greater", *reversed(node.inputs)))


def _mask(b: Graph, comparison: str, x: Value, y: Value) -> Value:
    return b.op("Cast", b.op(comparison, x, y), to="float")


@vjp("Relu")
def _relu(b: Graph, node: Node, g: Value) -> Value:
    """Zero where the output is zero: at exactly 0 the gradient is 0, as in torch."""
    return b.op("ReluGradient", g, node.output)
