"""A program as data: values, nodes, and the builder that checks each node as it is added.

Gradients and losses are written against this small representation, not against ONNX itself, because
it also has *semantic* ops (`Gram`, `ReluGradient`, ...) that say what is meant and leave the choice
of standard ops to a lowering. What is stored or run is always the lowered graph of standard ops.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import is_
from typing import Any

import numpy as np

from .dims import Shape
from .shapes import infer_shapes

__all__ = ["Graph", "Node", "Value"]


@dataclass(eq=False, slots=True)
class Value:
    """One tensor of a program: its name, its shape, and its content where that is a constant.

    Dimensions are integers, or strings that name a symbolic size; equal strings are equal sizes.
    `dtype` is "float" (float32, or float64 in gradient checks), "int64", "int32" or "bool".
    """

    name: str
    shape: Shape
    dtype: str = "float"
    constant: np.ndarray | None = None


@dataclass(eq=False, slots=True)
class Node:
    """One operation; `inputs` and `outputs` are in the order of the ONNX specification."""

    op: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def output(self) -> Value:
        """The first output: of most ops the only one."""
        return self.outputs[0]


class Graph:
    """A program under construction: nodes in an order in which they can run.

    Args:
        prefix: of every name made here; a graph made from another one needs a prefix of its own.
        check: called with every node that is added; may raise, which is how a long construction
            ends.
    """

    def __init__(self, prefix: str = "", check: Callable[[], None] | None = None) -> None:
        self._prefix = prefix
        self._check = check or _never
        self.nodes: list[Node] = []
        self.inputs: dict[str, Value] = {}
        self.weights: dict[str, Value] = {}
        self.tables: dict[str, Value] = {}
        self.contents: dict[str, np.ndarray] = {}
        self.outputs: dict[str, Value] = {}
        self._counts: dict[str, int] = {}

    def input(self, name: str, shape: Shape) -> Value:
        """Add a float tensor that is given at every run."""
        self.inputs[name] = Value(name, shape)
        return self.inputs[name]

    def weight(self, name: str, shape: Shape) -> Value:
        """Add, or find, a float tensor that is given once, when a session opens."""
        if name not in self.weights:
            self.weights[name] = Value(name, shape)
        return self.weights[name]

    def table(self, content: np.ndarray) -> Value:
        """Add an int32 tensor, too large for the program itself, that is given once as `weight`s
        are; the graph has its content, and no value has it."""
        name = self._fresh("table")
        self.contents[name] = content
        self.tables[name] = Value(name, content.shape, "int32")
        return self.tables[name]

    def constant(self, content: float | Sequence[int] | np.ndarray) -> Value:
        """Add a small tensor that is part of the program: float, or int64 for sizes and axes."""
        array = np.asarray(content)
        dtype = "int64" if array.dtype.kind in "iu" else "float"
        array = array.astype(np.int64 if dtype == "int64" else np.float64)
        return Value(self._fresh("constant"), array.shape, dtype, array)

    def op(self, op: str, *inputs: Value, **attributes: Any) -> Value:
        """Append a node of one output and return that output."""
        return self.ops(op, *inputs, **attributes)[0]

    def ops(self, op: str, *inputs: Value, **attributes: Any) -> tuple[Value, ...]:
        """Append a node and return all its outputs, whose shapes are inferred.

        Raises:
            NotImplementedError, ValueError: see `shapes.infer_shapes`.
        """
        self._check()
        outputs = tuple(
            Value(self._fresh(op), shape, dtype)
            for shape, dtype in infer_shapes(op, inputs, attributes)
        )
        self.nodes.append(Node(op, inputs, outputs, attributes))
        return outputs

    def again(self, node: Node, inputs: Sequence[Value]) -> tuple[Value, ...]:
        """Append a node of another graph, with inputs of the same shapes; return its outputs. They
        are those of the node itself where it has these inputs."""
        self._check()
        if all(map(is_, inputs, node.inputs)):
            self.nodes.append(node)
            return node.outputs
        outputs = tuple(
            Value(self._fresh(node.op), value.shape, value.dtype) for value in node.outputs
        )
        self.nodes.append(Node(node.op, tuple(inputs), outputs, node.attributes))
        return outputs

    def output(self, name: str, value: Value) -> None:
        """Name `value` as a result of the program."""
        self.outputs[name] = value

    def drop_unused(self) -> None:
        """Drop the nodes that no output needs."""
        needed = set(self.outputs.values())
        kept = []
        for node in reversed(self.nodes):
            if not needed.isdisjoint(node.outputs):
                kept.append(node)
                needed.update(node.inputs)
        self.nodes = kept[::-1]

    def _fresh(self, stem: str) -> str:
        number = self._counts.get(stem, 0)
        self._counts[stem] = number + 1
        return f"{self._prefix}{stem}_{number}"


def _never() -> None:
    """End no construction."""
