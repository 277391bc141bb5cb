"""The memory of programs, against counts by hand, brute force, and what a process takes."""

from math import prod

import numpy as np
import pytest

from impasto.engine.programs import Selection
from impasto.export import program
from impasto.export.graph import Graph
from impasto.export.liveness import footprint_of, run_bytes
from impasto.export.lowering import tiled

LAYERS = (("relu3_1",), ("relu1_1", "relu2_1", "relu4_1"))


# A block of ONNX Runtime's arena has a list, of 8 bytes for each 256.
FOUR = 4 * 1024**2
LISTED = FOUR // 32


def chain(size=1024, op="Neg"):
    """x -> op -> reshaped -> op -> sum."""
    b = Graph()
    x = b.input("x", (size, size))
    first = b.op(op, x)
    second = b.op(op, b.op("Reshape", first, b.constant([-1])))
    b.output("sum", b.op("ReduceSum", second, keepdims=0))
    return b


def test_values_live_from_maker_to_last_user_and_views_take_nothing():
    """Two values of 4 MB at one time; the sum is written to where it is wanted."""
    assert run_bytes(chain()) == 2 * (FOUR + LISTED) + 4


def test_relu_writes_over_what_nobody_else_needs():
    assert run_bytes(chain(op="Relu")) == FOUR + LISTED + 4
    b = chain(op="Relu")
    b.output("again", b.op("ReduceSum", b.nodes[0].output, keepdims=0))  # of the first value
    assert run_bytes(b) == 2 * (FOUR + LISTED) + 8


def test_symbolic_sizes_are_refused():
    with pytest.raises(ValueError, match=r"the size of .* is not known"):
        run_bytes(chain("N"))


def test_a_result_that_is_a_view_is_copied():
    b = chain()
    (last,) = b.nodes[-1].inputs
    b.outputs = {"all": last, "seen": b.op("Reshape", last, b.constant([-1, 2]))}
    # the first value, whose place the sum takes; both results
    assert run_bytes(b) == FOUR + LISTED + 2 * FOUR


def live_bytes(graph):
    """The most that is alive at one time beside what is written as a result, node by node."""
    root = {}
    for node in graph.nodes:
        if node.op in ("Reshape", "Unsqueeze", "Squeeze", "Identity"):
            root[node.output] = root.get(node.inputs[0], node.inputs[0])
    users = [{root.get(v, v) for v in node.inputs} for node in graph.nodes]
    results = {root.get(v, v) for v in graph.outputs.values()}
    apart = {*root, *graph.outputs.values()}
    made = [[v for v in node.outputs if v not in apart] for node in graph.nodes]
    most = 0
    for now in range(len(graph.nodes)):
        later = results.union(*users[now:])
        alive = [v for step in made[:now] for v in step if v in later] + made[now]
        most = max(most, sum(prod(v.shape) * (1 if v.dtype == "bool" else 4) for v in alive))
    return most


@pytest.mark.parametrize("kind", ["objective", "sums", "pullback"])
@pytest.mark.parametrize("size", [(33, 50), (64, 64), (160, 96)])
def test_a_program_takes_what_lives_at_one_time_and_little_more(kind, size, toy):
    joint = None if kind == "objective" else "pool2"
    selection = Selection(*LAYERS, "max", "replicate", joint)
    graph = tiled.lower(getattr(program, f"{kind}_graph")(toy, selection, size))
    live = live_bytes(graph)
    results = sum(4 * prod(value.shape) for value in graph.outputs.values())
    assert live <= run_bytes(graph) - results <= 2.5 * live


def test_a_footprint_lists_weights_and_counts_tables(toy):
    selection = Selection(*LAYERS, "max", "replicate")
    found = footprint_of(tiled.lower(program.objective_graph(toy, selection, (40, 40))))
    _, names, tables = program.build_tiled_program("objective", toy, selection, (40, 40))
    assert set(found.weights) == set(names)
    assert found.weights["conv1_1.bias"] == toy.weights["conv1_1.bias"].nbytes
    assert found.session >= sum(table.nbytes for table in tables.values())
    assert found == program.tiled_footprint("objective", toy, selection, (40, 40))


def test_blocks_that_fit_nothing_stay():
    """What grows step by step finds no room in what was given back."""
    b = Graph()
    x = b.input("x", (1, 1000))
    for count in (2, 4, 8):
        x = b.op("Concat", *[x] * 2, axis=0)
        assert x.shape == (count, 1000)
    b.output("sum", b.op("ReduceSum", x, keepdims=0))
    assert run_bytes(b) >= 4 * 1000 * (2 + 4 + 8)


def test_footprints_do_not_depend_on_weights(toy, toy_network):
    selection = Selection(*LAYERS, "max", "zeros")
    one, other = (
        program.tiled_footprint("style", network, selection, (33, 40))
        for network in (toy, toy_network(1))
    )
    assert one == other
    assert np.array(one.run) > 0
