"""Reverse-mode differentiation of a graph, by a registry of rules and a walker that knows no op.

A rule says what one input of one op receives: `rule(b, node, g)` gets the graph to append to, the
forward node, and `g`, the cotangent of its output; it returns the cotangent of that input. There is
one rule per (op, argument), so that a gradient nobody needs (of the loss to a weight, say) is never
built; a rule may also return None, where nothing is to go that way. Rules may ignore broadcasting
and several uses of a value: the walker sums over broadcast axes and adds up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias, TypeVar

from .graph import Graph, Node, Value

__all__ = ["Rule", "known_rules", "pull_back", "vjp"]

Rule: TypeAlias = Callable[[Graph, Node, Value], Value | None]

_Rule = TypeVar("_Rule", bound=Rule)

_RULES: dict[tuple[str, int | None], Rule] = {}


def vjp(op: str, argument: int | None = 0) -> Callable[[_Rule], _Rule]:
    """Register the rule for one argument of `op`, or for every one where `argument` is None.

    A rule for every argument (of Concat) finds the one it is called for in
    `node.attributes["argument"]`.
    """

    def register(rule: _Rule) -> _Rule:
        if (op, argument) in _RULES:
            raise ValueError(f"{op}, argument {argument}, has a gradient rule already")
        _RULES[op, argument] = rule
        return rule

    return register


def known_rules() -> list[tuple[str, int | None]]:
    """Every (op, argument) that can be differentiated, sorted."""
    return sorted(_RULES, key=str)


def pull_back(b: Graph, given: Mapping[Value, Value], wrt: Value) -> Value:
    """Append the nodes of Σ cᵢ · d vᵢ / d wrt to the graph, of values vᵢ and their cotangents cᵢ.

    Args:
        b: the graph that computes the values; it is extended in place.
        given: the cotangent of each value, of its shape: what a later part of the work has found
            to be the gradient by that value.
        wrt: the value to differentiate by.

    Raises:
        NotImplementedError: an op on the way has no rule; the message names it.
        ValueError: none of the others depends on `wrt`.
    """
    path = _nodes_between(b, wrt, list(given))
    depends = {wrt} | {output for node in path for output in node.outputs}
    cotangents: dict[Value, Value] = dict(given)
    for node in reversed(path):
        g = cotangents.pop(node.output, None)
        if g is None:  # only a second output of the node leads on, as the indices of a pooling
            continue
        for argument, value in enumerate(node.inputs):
            if value not in depends:
                continue
            found = _apply(b, node, argument, g)
            if found is None:
                continue
            share = _sum_to_shape(b, found, value)
            previous = cotangents.get(value)
            cotangents[value] = share if previous is None else b.op("Add", previous, share)
    if wrt not in cotangents:
        raise ValueError(f"nothing that is given depends on {wrt.name}")
    return cotangents[wrt]


def _apply(b: Graph, node: Node, argument: int, g: Value) -> Value | None:
    rule = _RULES.get((node.op, argument))
    if rule is not None:
        return rule(b, node, g)
    rule = _RULES.get((node.op, None))
    if rule is None:
        known = ", ".join(f"{op}[{'any' if arg is None else arg}]" for op, arg in known_rules())
        raise NotImplementedError(
            f"no gradient rule for op {node.op!r}, argument {argument}; known rules: {known}"
        )
    marked = Node(node.op, node.inputs, node.outputs, {**node.attributes, "argument": argument})
    return rule(b, marked, g)


def _nodes_between(b: Graph, start: Value, ends: list[Value]) -> list[Node]:
    """The nodes on a path from `start` to one of `ends`, in running order.

    Integers and truth values (sizes, comparisons) are locally constant: no path leads through them.
    """
    reached = {start}
    forward = []
    for node in b.nodes:
        outputs = [output for output in node.outputs if output.dtype == "float"]
        if outputs and not reached.isdisjoint(node.inputs):
            reached.update(outputs)
            forward.append(node)
    needed = set(ends)
    path = []
    for node in reversed(forward):
        if not needed.isdisjoint(node.outputs):
            needed.update(node.inputs)
            path.append(node)
    return path[::-1]


def _sum_to_shape(b: Graph, g: Value, value: Value) -> Value:
    """Undo broadcasting: sum the cotangent over the axes along which the operand was repeated."""
    shape = value.shape
    if g.shape == shape:
        return g
    extra = len(g.shape) - len(shape)
    repeated = [
        i for i, dim in enumerate(g.shape) if i < extra or (shape[i - extra] == 1 and dim != 1)
    ]
    if repeated:
        g = b.op("ReduceSum", g, b.constant(repeated), keepdims=1)
    if extra:
        g = b.op("Reshape", g, b.op("Shape", value), like=shape)
    if g.shape != shape:
        raise ValueError(f"a cotangent of shape {g.shape} does not fit a value of shape {shape}")
    return g
