import numpy as np
import pytest

from impasto.engine.programs import Selection
from impasto.export.dims import broadcast
from impasto.export.graph import Graph
from impasto.export.lowering import direct, tiled
from impasto.export.program import objective_graph
from impasto.export.shapes import infer_shapes, known_ops

OPEN = int(np.iinfo(np.int64).max)
IMAGE = (1, 4, "H", "W")
SIZES = [{"H": 8, "W": 8}, {"H": 9, "W": 12}, {"H": 13, "W": 11}]


def evaluated(shape, sizes):
    """A shape with its symbols replaced; `/` in a symbol rounds down."""
    known = {"__builtins__": {}}
    return tuple(
        eval(dim.replace("/", "//"), known, sizes) if isinstance(dim, str) else dim for dim in shape
    )


def constants(b, *contents):
    return [b.constant(content) for content in contents]


def windows(b, x):
    kernel = {n: b.constant(np.ones((2, 4, n, n))) for n in (1, 2, 3)}
    for pads in ([0, 0, 0, 0], [1, 1, 1, 1], [0, 2, 1, 0]):
        for n in (1, 2, 3):
            for step in (1, 2, 3):
                y = b.op("Conv", x, kernel[n], pads=pads, strides=[step, step])
                b.op("MaxPool", y, kernel_shape=[2, 2], strides=[1, 2])
    b.op("Conv", x, kernel[3], dilations=[2, 3])


def poolings(b, x):
    for op in ("MaxPool", "AveragePool"):
        y = b.op(op, x, kernel_shape=[2, 2], strides=[2, 2])
        y = b.op(op, b.op("Conv", y, b.constant(np.ones((1, 4, 2, 2)))), kernel_shape=[2, 2])
        b.op(op, y, kernel_shape=[2, 2], strides=[2, 2])


def slices(b, x):
    for start, end, step in [(0, -1, 1), (1, OPEN, 1), (2, -3, 1), (0, 3, 1), (2, 5, 1)]:
        b.op("Slice", x, *constants(b, [start, start], [end, end], [2, 3], [step, step]))
    for start, step in [(0, 2), (1, 2), (1, 3), (2, 5)]:
        b.op("Slice", x, *constants(b, [start, start], [OPEN, OPEN], [2, 3], [step, step]))
        b.op("Slice", x, *constants(b, [start], [-1], [2], [step]))
    b.op("Slice", x, *constants(b, [-1], [-OPEN - 1], [3], [-1]))
    b.op("Slice", x, *constants(b, [-3, 0], [OPEN, 7], [1, 2], [2, 1]))


def shaping(b, x):
    b.op("Transpose", x)
    b.op("Transpose", x, perm=[3, 1, 0, 2])
    b.op("Unsqueeze", x, b.constant([-1, 0]))
    b.op("Unsqueeze", x, b.constant([2]))
    for target in ([4, -1], [-1, 2], [0, 0, -1], [0, 2, 2, 0, -1], [-1], [1, 2, -1, 0]):
        b.op("Reshape", x, b.constant(target))
    b.op("Reshape", b.op("Pad", x, b.constant([0, 0, 1, 2, 0, 3, 2, 0])), b.constant([-1, 7]))
    y = b.op("Pad", x, b.constant([0, 1, 2, 0, 0, 0, 1, 1]))
    b.op("Concat", y, b.op("Neg", y), axis=1)
    b.op("Concat", x, b.op("Pad", x, b.constant([0, 0, 0, 1, 0, 0, 0, 2])), x, axis=3)
    b.op("Expand", b.op("ReduceSum", x, b.constant([1])), b.constant([2, 1, 1, 1]))
    b.op("Shape", x, start=1)
    b.op("Size", x)
    b.op("Cast", b.op("GreaterOrEqual", x, b.constant(0.0)), to="float")


def reductions(b, x):
    b.op("SumOfSquares", x)
    for op in ("ReduceSum", "ReduceMean", "ReduceSumSquare"):
        for keepdims in (0, 1):
            b.op(op, x, keepdims=keepdims)
            for axes in ([-1], [0, 2], [3, 1]):
                b.op(op, x, b.constant(axes), keepdims=keepdims)


def products(b, x):
    flat = b.op("Reshape", x, b.constant([4, -1]))
    turned = b.op("Transpose", flat)
    b.op("MatMul", flat, turned)
    b.op("Gemm", flat, turned)
    b.op("Gemm", turned, turned, transA=1)
    b.op("Gram", x)


def gatherings(b, x):
    for index in ([1, 0, 1, 3], [[0, 1, 2], [3, 2, 1]], [2]):
        for axis in (1, -2):
            b.op("Gather", x, b.constant(index), axis=axis)
    b.op("Gather", x, b.constant([0, 0, 0]))


BUILDERS = [windows, poolings, slices, shaping, reductions, products, gatherings]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("build", BUILDERS)
def test_inferred_shape_is_the_real_one(build, sizes, run_reference):
    b = Graph()
    build(b, b.input("x", IMAGE))
    assert_real_shapes(b, {"x": np.ones(evaluated(IMAGE, sizes))}, {}, sizes, run_reference)


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_inferred_shapes_of_the_objective_are_the_real_ones(pooling, sizes, toy, run_reference):
    layers = ("relu2_2",), ("relu1_1", "relu3_1", "pool4")
    b = direct.lower(objective_graph(toy, Selection(*layers, pooling, "zeros")))
    sizes = {symbol: 2 * size for symbol, size in sizes.items()}  # pool4 needs 16 pixels
    feeds = {name: np.ones(evaluated(value.shape, sizes)) for name, value in b.inputs.items()}
    assert_real_shapes(b, feeds, toy.weights, sizes, run_reference)


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("size", [(16, 16), (29, 18)], ids=str)
def test_inferred_shapes_of_the_tiled_objective_are_the_real_ones(
    pooling, size, toy, run_reference
):
    layers = ("relu2_2",), ("relu1_1", "relu3_1", "pool4")
    b = tiled.lower(objective_graph(toy, Selection(*layers, pooling, "replicate"), size))
    feeds = {name: np.ones(value.shape) for name, value in b.inputs.items()}
    assert_real_shapes(b, feeds, toy.weights, {}, run_reference)


def assert_real_shapes(b, feeds, weights, sizes, run_reference):
    b.outputs.clear()
    for node in b.nodes:
        for value in node.outputs:
            b.output(f"seen.{value.name}", value)
    results = run_reference(b, feeds, weights)
    assert results
    for name, value in b.outputs.items():
        assert np.shape(results[name]) == evaluated(value.shape, sizes), (name, value.shape)


def test_same_arithmetic_on_the_same_symbol_gives_the_same_size():
    b = Graph()
    x = b.input("x", IMAGE)
    kernel = b.constant(np.ones((4, 4, 3, 3)))
    bordered = b.op("Pad", x, b.constant([0, 0, 1, 1, 0, 0, 1, 1]))
    assert bordered.shape == (1, 4, "H+2", "W+2")
    assert b.op("Conv", bordered, kernel).shape == IMAGE
    shrunk = b.op("Conv", b.op("Conv", x, kernel), kernel)
    assert shrunk.shape == (1, 4, "H-4", "W-4")
    assert b.op("Conv", shrunk, kernel, pads=[4, 4, 4, 4]).shape == (1, 4, "H+2", "W+2")
    pooled = b.op("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    assert pooled.shape == (1, 4, "H/2", "W/2")
    assert b.op("MaxPool", pooled, kernel_shape=[2, 2], strides=[2, 2]).shape[2] == "H/2/2"
    assert b.op("Reshape", x, b.constant([4, 0, -1])).shape[0] == 4


def test_the_last_rows_of_a_symbolic_size_are_a_known_number():
    b = Graph()
    x = b.input("x", (1, 3, "H", "W"))
    assert b.op("Slice", x, *constants(b, [-2], [OPEN], [2], [1])).shape == (1, 3, 2, "W")


def test_reshape_of_one_symbolic_size_keeps_its_name():
    b = Graph()
    row = b.op("Reshape", b.input("x", ("H",)), b.constant([1, -1]))
    assert row.shape == (1, "H")


def test_products_of_sizes_do_not_depend_on_the_order():
    b = Graph()
    x, y = b.input("x", (2, "H", "W")), b.input("y", (2, "W", "H"))
    flat = [b.op("Reshape", value, b.constant([2, -1])) for value in (x, y)]
    assert flat[0].shape == flat[1].shape


@pytest.mark.parametrize(
    "shapes, expected",
    [
        ([(2, 3), (3,)], (2, 3)),
        ([(), ("H", 1)], ("H", 1)),
        ([("H", 1), (1, "W")], ("H", "W")),
        ([(2, 1), (1, 0)], (2, 0)),
        ([(1, 4), (3, 1), (2, 1, 1)], (2, 3, 4)),
    ],
)
def test_broadcast_follows_numpy(shapes, expected):
    assert broadcast(*shapes) == expected


@pytest.mark.parametrize("shapes", [[(2,), (3,)], [("H",), ("W",)], [("H",), (3,)]])
def test_sizes_that_may_differ_do_not_broadcast(shapes):
    with pytest.raises(ValueError, match="do not broadcast"):
        broadcast(*shapes)


def test_unknown_op_is_an_error_that_lists_the_known_ones():
    with pytest.raises(NotImplementedError) as error:
        infer_shapes("Softmax", [], {})
    assert "'Softmax'" in str(error.value)
    assert all(op in str(error.value) for op in known_ops())


@pytest.mark.parametrize(
    "op, shapes, contents, attributes",
    [
        ("Add", [(2,), (3,)], [], {}),
        ("MatMul", [(2, 3), (2, 3)], [], {}),
        ("MatMul", [(3,), (3, 2)], [], {}),
        ("Gemm", [(2, 3), (2, 3)], [], {}),
        ("Gemm", [(2, 3), (3, 2)], [], {"transA": 1}),
        ("Gemm", [(2, 3), (3,)], [], {}),
        ("Conv", [(1, 3, 5, 5), (2, 4, 3, 3)], [], {}),
        ("Conv", [(1, 4, 5, 5), (2, 4, 3, 3)], [], {"group": 2}),
        ("Conv", [(1, 3, 2, 2), (2, 3, 3, 3)], [], {}),
        ("MaxPool", [(1, 3, 1, 4)], [], {"kernel_shape": [2, 2]}),
        ("Reshape", [(2, 3)], [[4, -1]], {}),
        ("Reshape", [(2, 3)], [[7]], {}),
        ("Reshape", [("H", 3)], [[3, 3]], {}),
        ("Concat", [(2, 3), (3, 2)], [], {"axis": 0}),
        ("Slice", [("H",)], [[0], [4], [0], [2]], {}),
        ("Slice", [("H",)], [[-2], [OPEN], [0], [2]], {}),
        ("Gram", [(2, 3, 4, 4)], [], {}),
    ],
)
def test_shapes_that_do_not_fit_are_an_error_that_names_op_and_shapes(
    op, shapes, contents, attributes
):
    b = Graph()
    inputs = [b.input(f"x{i}", shape) for i, shape in enumerate(shapes)]
    with pytest.raises(ValueError, match=f"{op} does not fit the shapes") as error:
        b.op(op, *inputs, *constants(b, *contents), **attributes)
    assert all(str(shape) in str(error.value) for shape in shapes)
    assert not b.nodes
