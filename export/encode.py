"""From a graph of standard ops to an ONNX model: encoded, checked, and returned as bytes.

The only module that imports onnx.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .graph import Graph, Node, Value

__all__ = ["OPSET", "encode"]

OPSET = (
    18  # the newest that every supported runtime and the reference evaluator share, and all we need
)
_IR_VERSION = 9

# Not in the ONNX standard under these names: MaxPool's optional second output makes it another op to us.
_NAMES = {"MaxPoolIndices": "MaxPool"}


def encode(
    graph: Graph,
    name: str,
    weights: Mapping[str, np.ndarray] | None = None,
    metadata: Mapping[str, str] | None = None,
    dtype: str = "float32",
) -> bytes:
    """The graph as a checked ONNX model.

    Args:
        graph: standard ops only (see `lowering`).
        name: the graph's name in the model.
        weights: contents to store in the model; without them each weight is declared as an external
            initialiser, to be handed to the session, and the model is a few kilobytes.
        metadata: key and value strings kept in the model.
        dtype: "float32", or "float64" for gradient checks in the reference evaluator.

    Raises:
        onnx.checker.ValidationError: the graph is not a valid model (a defect of ours).
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    floats = np.dtype(dtype)
    kinds = {
        "float": helper.np_dtype_to_tensor_dtype(floats),
        "int64": TensorProto.INT64,
        "bool": TensorProto.BOOL,
    }

    def info(value: Value) -> Any:
        return helper.make_tensor_value_info(value.name, kinds[value.dtype], list(value.shape))

    def initializer(value: Value) -> Any:
        assert value.constant is not None
        content = value.constant.astype(floats if value.dtype == "float" else np.int64)
        return numpy_helper.from_array(content, value.name)

    constants = {v.name: v for node in graph.nodes for v in node.inputs if v.constant is not None}
    initializers = [initializer(value) for value in constants.values()]
    if weights is None:
        initializers += [_declared(value) for value in graph.weights.values()]
    else:
        initializers += [
            numpy_helper.from_array(np.asarray(weights[key], floats), key) for key in graph.weights
        ]
    nodes = [_encode_node(node, kinds) for node in graph.nodes]
    nodes += [
        helper.make_node("Identity", [value.name], [key]) for key, value in graph.outputs.items()
    ]
    outputs = [
        helper.make_tensor_value_info(key, kinds[value.dtype], list(value.shape))
        for key, value in graph.outputs.items()
    ]
    inputs = [info(value) for value in graph.inputs.values()]
    model = helper.make_model(
        helper.make_graph(nodes, name, inputs, outputs, initializers),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=_IR_VERSION,
        producer_name="impasto",
    )
    helper.set_model_props(model, dict(metadata or {}))
    if weights is not None:  # the checker would look for external data on the disk
        onnx.checker.check_model(model, full_check=True)
    return bytes(model.SerializeToString())


def _declared(value: Value) -> Any:
    """A weight without content: external data that the session is given from memory."""
    from onnx import TensorProto

    tensor = TensorProto(name=value.name, data_type=TensorProto.FLOAT, dims=list(value.shape))
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", value.name
    return tensor


def _encode_node(node: Node, kinds: Mapping[str, int]) -> Any:
    from onnx import helper

    attributes = {key: value for key, value in node.attributes.items() if key != "like"}
    if node.op == "Cast":
        attributes["to"] = kinds[attributes["to"]]
    return helper.make_node(
        _NAMES.get(node.op, node.op),
        [value.name for value in node.inputs],
        [value.name for value in node.outputs],
        **attributes,
    )
