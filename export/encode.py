"""From a graph of standard ops to an ONNX model: encoded, checked, and returned as bytes.

The only module that imports onnx.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..engine.errors import RuntimeMissing
from .graph import Graph, Node, Value
from .liveness import results_of

__all__ = ["OPSET", "encode"]

# The newest that every supported runtime and the reference evaluator share, and all we need.
OPSET = 18
_IR_VERSION = 9

# ONNX Runtime's own MatMul, which can take a transposed factor; part of all its builds.
_DOMAINS = {"FusedMatMul": "com.microsoft"}


def encode(
    graph: Graph,
    name: str,
    weights: Mapping[str, np.ndarray] | None = None,
    metadata: Mapping[str, str] | None = None,
    dtype: str = "float32",
    weights_are_inputs: bool = False,
    check: Callable[[], None] | None = None,
) -> bytes:
    """The graph as a checked ONNX model.

    Args:
        graph: standard ops only (see `lowering`).
        name: the graph's name in the model.
        weights: contents to store in the model, float16 arrays as they are and others as `dtype`;
            without them each weight is declared as an external initialiser, to be handed to the
            session.
        metadata: key and value strings kept in the model.
        dtype: "float32", or "float64" for gradient checks in the reference evaluator.
        weights_are_inputs: weights that are not stored are inputs, of which sessions make no copy.
        check: called with every node; may raise.

    Raises:
        RuntimeMissing: the onnx package is not installed.
        ValueError: two values of the graph have the same name.
        onnx.checker.ValidationError: the graph is not a valid model (a defect of ours).
    """
    try:
        import onnx
    except ImportError as error:
        raise RuntimeMissing(
            "the onnx package is not installed: pip install onnx (a bundle runs without it)"
        ) from error
    from onnx import TensorProto, helper, numpy_helper

    floats = np.dtype(dtype)
    kinds = {
        "float": helper.np_dtype_to_tensor_dtype(floats),
        "int64": TensorProto.INT64,
        "int32": TensorProto.INT32,
        "bool": TensorProto.BOOL,
    }

    def info(value: Value) -> Any:
        return helper.make_tensor_value_info(value.name, kinds[value.dtype], list(value.shape))

    def initializer(value: Value) -> Any:
        assert value.constant is not None
        content = value.constant.astype(floats if value.dtype == "float" else np.int64)
        return numpy_helper.from_array(content, value.name)

    used = [*(value for node in graph.nodes for value in node.inputs), *graph.outputs.values()]
    constants = {value.name: value for value in used if value.constant is not None}
    _require_unique_names(graph, constants)
    initializers = [initializer(value) for value in constants.values()]
    stored = {}
    if weights is not None:
        for key in graph.weights:
            half = weights[key].dtype == np.float16
            stored[key] = np.asarray(weights[key], np.float16 if half else floats)
    named = results_of(graph)
    nodes = []
    for node in graph.nodes:
        if check is not None:
            check()
        nodes.append(_encode_node(node, kinds, named))
    nodes += [
        helper.make_node("Identity", [named.get(value, value.name)], [key])
        for key, value in graph.outputs.items()
        if named.get(value) != key
    ]
    outputs = [
        helper.make_tensor_value_info(key, kinds[value.dtype], list(value.shape))
        for key, value in graph.outputs.items()
    ]
    inputs = [info(value) for value in (*graph.inputs.values(), *graph.tables.values())]
    given = len(inputs)
    # The checker sees the weights as inputs: shapes are all it needs. It would copy their contents,
    # and look on the disk for those that are declared only.
    for key, value in graph.weights.items():
        content = stored.get(key)
        kind = kinds["float"] if content is None else helper.np_dtype_to_tensor_dtype(content.dtype)
        shape = value.shape if content is None else content.shape
        inputs.append(helper.make_tensor_value_info(key, kind, shape))
    domains = sorted({_DOMAINS[node.op] for node in graph.nodes if node.op in _DOMAINS})
    model = helper.make_model(
        helper.make_graph(nodes, name, inputs, outputs, initializers),
        opset_imports=[helper.make_opsetid("", OPSET), *map(helper.make_opsetid, domains, [1])],
        ir_version=_IR_VERSION,
        producer_name="impasto",
    )
    helper.set_model_props(model, dict(metadata or {}))
    onnx.checker.check_model(model, full_check=True)
    if weights is None and weights_are_inputs:
        return bytes(model.SerializeToString())
    del model.graph.input[given:]
    if weights is not None:
        return _splice(model, stored)
    model.graph.initializer.extend(map(_declared, graph.weights.values()))
    return bytes(model.SerializeToString())


def _splice(model: Any, weights: Mapping[str, np.ndarray]) -> bytes:
    """The serialised model with these initialisers, each copied once; protobuf does it five times.

    A message is its fields one after the other, in any order: the graph gets one more `initializer`
    per weight, and comes last in the model.
    """
    from onnx import TensorProto, helper

    graph: list[Any] = [model.graph.SerializeToString()]
    for key, content in weights.items():
        kind = helper.np_dtype_to_tensor_dtype(content.dtype)
        little = np.ascontiguousarray(content, content.dtype.newbyteorder("<"))
        tensor = TensorProto(name=key, data_type=kind, dims=content.shape).SerializeToString()
        tensor += _prefix(TensorProto.RAW_DATA_FIELD_NUMBER, little.nbytes)
        graph += [
            _prefix(model.graph.INITIALIZER_FIELD_NUMBER, len(tensor) + little.nbytes) + tensor,
            little.reshape(-1).view(np.uint8),
        ]
    model.ClearField("graph")
    size = sum(len(part) for part in graph)
    return b"".join([model.SerializeToString(), _prefix(model.GRAPH_FIELD_NUMBER, size), *graph])


def _prefix(field: int, size: int) -> bytes:
    """What stands before a field of `size` bytes: its number, kind and length, as varints."""
    prefix = bytearray()
    for number in (field << 3 | 2, size):
        while number > 0x7F:
            prefix.append(number & 0x7F | 0x80)
            number >>= 7
        prefix.append(number)
    return bytes(prefix)


def _require_unique_names(graph: Graph, constants: Mapping[str, Value]) -> None:
    made = [value.name for node in graph.nodes for value in node.outputs]
    names = Counter(
        [*made, *constants, *graph.inputs, *graph.tables, *graph.weights, *graph.outputs]
    )
    if twice := [name for name, count in names.items() if count > 1]:
        raise ValueError(f"these names stand for more than one value: {', '.join(twice)}")


def _declared(value: Value) -> Any:
    """A weight without content: external data that the session is given from memory."""
    from onnx import TensorProto

    tensor = TensorProto(name=value.name, data_type=TensorProto.FLOAT, dims=list(value.shape))
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", value.name
    return tensor


def _encode_node(node: Node, kinds: Mapping[str, int], named: Mapping[Value, str]) -> Any:
    from onnx import helper

    attributes = {key: value for key, value in node.attributes.items() if key != "like"}
    if node.op == "Cast":
        attributes["to"] = kinds[attributes["to"]]
    return helper.make_node(
        node.op,
        [named.get(value, value.name) for value in node.inputs],
        [named.get(value, value.name) for value in node.outputs],
        domain=_DOMAINS.get(node.op),
        **attributes,
    )
