import numpy as np
import onnx
import pytest

from impasto.engine.programs import Selection
from impasto.export.encode import encode
from impasto.export.graph import Graph, Node
from impasto.export.lowering import direct
from impasto.export.program import objective_graph


def test_names_made_by_one_graph_are_unique():
    b = Graph()
    x = b.input("x", (2,))
    values = [x, *(b.constant(1.0) for _ in range(3)), *(b.op("Neg", x) for _ in range(3))]
    values += (b.table(np.zeros(size, np.int32)) for size in (2, 3))
    assert len({value.name for value in values}) == len(values)


def test_weight_asked_for_twice_is_one_value():
    b = Graph()
    assert b.weight("w", (2, 3)) is b.weight("w", (2, 3))


def test_op_that_does_not_fit_leaves_the_graph_as_it_was():
    b = Graph()
    x, y = b.input("x", (2,)), b.input("y", (3,))
    with pytest.raises(ValueError, match="Add does not fit"):
        b.op("Add", x, y)
    assert not b.nodes


def test_nodes_that_no_output_needs_are_dropped_and_the_others_keep_their_order():
    graph = Graph()
    x = graph.input("x", (2, 3))
    first = graph.op("Relu", x)
    graph.op("Neg", first)
    other, _ = graph.op("Neg", x), graph.op("Relu", first)
    graph.output("y", graph.op("Add", other, first))
    graph.drop_unused()
    assert [node.op for node in graph.nodes] == ["Relu", "Neg", "Add"]
    assert graph.nodes[1].inputs == (x,)


def test_output_may_be_an_input_a_constant_or_given_twice(run_reference, run_onnxruntime):
    b = Graph()
    x = b.input("x", (2,))
    y = b.op("Neg", x)
    for name, value in {"same": x, "fixed": b.constant(2.0), "one": y, "two": y}.items():
        b.output(name, value)
    for run in (run_reference, run_onnxruntime):
        results = run(b, {"x": [1.0, 2.0]})
        assert {key: np.asarray(value).tolist() for key, value in results.items()} == {
            "same": [1, 2],
            "fixed": 2,
            "one": [-1, -2],
            "two": [-1, -2],
        }


@pytest.mark.parametrize(
    "name, build",
    [
        ("constant_0", lambda b: b.op("Add", b.input("constant_0", ()), b.constant(1.0))),
        ("w", lambda b: b.op("Add", b.input("w", ()), b.weight("w", ()))),
        ("y", lambda b: b.op("Neg", b.input("y", ()))),
    ],
    ids=["input and constant", "input and weight", "input and output"],
)
def test_two_values_of_one_name_are_refused(name, build):
    b = Graph()
    b.output("y", build(b))
    with pytest.raises(ValueError, match=f"stand for more than one value: {name}"):
        encode(direct.lower(b), "x")


@pytest.mark.parametrize("weights", [None, {"w": np.zeros((2, 3), np.float32)}])
@pytest.mark.parametrize(
    "op, attributes",
    [("Gram", {}), ("MatMul", {}), ("Neg", {}), ("Add", {"axis": 1})],
    ids=["no standard op", "shapes that do not fit", "too many inputs", "an unknown attribute"],
)
def test_a_broken_graph_is_refused_whether_its_weights_are_stored_or_not(op, attributes, weights):
    """Nodes put in by hand, past the shape rules of the builder."""
    b = Graph()
    x, w = b.input("x", (2, 3)), b.weight("w", (2, 3))
    y = b.op("Add", x, w)
    b.nodes[-1] = Node(op, (x, w), (y,), attributes)
    b.output("y", y)
    with pytest.raises((onnx.checker.ValidationError, onnx.shape_inference.InferenceError)):
        encode(b, "x", weights)


def test_lowering_leaves_the_graph_as_it_was(toy):
    graph = objective_graph(toy, Selection(("relu2_1",), ("relu3_1",), "max", "zeros"))
    before = [(node.op, node.inputs, node.outputs) for node in graph.nodes]
    first, second = (encode(direct.lower(graph), "x") for _ in range(2))
    assert first == second
    assert [(node.op, node.inputs, node.outputs) for node in graph.nodes] == before


def test_lowering_keeps_inputs_weights_outputs_and_their_shapes(toy):
    for pooling in ("max", "average"):
        graph = objective_graph(toy, Selection(("pool2",), ("relu3_1",), pooling, "zeros"))
        lowered = direct.lower(graph)
        assert lowered.inputs == graph.inputs
        assert lowered.weights == graph.weights
        shapes = [{n: v.shape for n, v in g.outputs.items()} for g in (graph, lowered)]
        assert shapes[0] == shapes[1]
