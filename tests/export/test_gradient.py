import numpy as np
import pytest

from impasto.export import rules as rules  # importing it registers the rules
from impasto.export.gradient import known_rules, pull_back, vjp
from impasto.export.graph import Graph

from .gradients import gradient


def ops(graph):
    return [node.op for node in graph.nodes]


def test_gradient_of_a_value_by_itself_is_one(run_reference):
    b = Graph()
    x = b.input("x", ())
    b.output("gradient", gradient(b, x, x))
    assert run_reference(b, {"x": 3.0})["gradient"].tolist() == 1


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_loss_of_one_element_may_have_any_rank(shape, run_reference):
    b = Graph()
    x = b.input("x", shape)
    b.output("gradient", gradient(b, b.op("Mul", x, x), x))
    result = run_reference(b, {"x": np.full(shape, 3.0)})["gradient"]
    assert result.shape == shape
    assert result.item() == 6


def test_loss_that_does_not_depend_on_the_value_is_refused():
    b = Graph()
    x, y = b.input("x", ()), b.input("y", ())
    b.op("Mul", x, y)  # x is used, but not by the loss
    with pytest.raises(ValueError, match="nothing that is given depends on x"):
        gradient(b, b.op("Neg", y), x)


def test_missing_rule_is_an_error_that_names_op_and_argument_and_lists_the_rules():
    b = Graph()
    x = b.input("x", (2, 2))
    y = b.op("HardSigmoid", x, alpha=1.0, beta=0.0)
    with pytest.raises(NotImplementedError) as error:
        gradient(b, b.op("ReduceSum", y, keepdims=0), x)
    assert "'HardSigmoid', argument 0" in str(error.value)
    assert all(op in str(error.value) for op, _ in known_rules())


def test_weights_have_no_rule_and_need_none():
    b = Graph()
    x, w = b.input("x", (1, 2, 4, 4)), b.weight("w", (2, 2, 3, 3))
    loss = b.op("ReduceSum", b.op("Conv", x, w), keepdims=0)
    gradient(b, loss, x)
    with pytest.raises(NotImplementedError, match="'Conv', argument 1"):
        gradient(b, loss, w)


def test_no_nodes_are_made_for_inputs_off_the_path():
    b = Graph()
    x, y = b.input("x", (3,)), b.input("y", (3,))
    unused = b.op("Sqrt", b.op("Mul", x, x))
    off_path = b.op("Sqrt", y)
    loss = b.op("ReduceSum", b.op("Mul", x, off_path), keepdims=0)
    before = len(b.nodes)
    gradient(b, loss, x)
    assert ops(b)[before:] == ["Unsqueeze", "Shape", "Expand", "Mul"]
    assert all(unused not in node.inputs for node in b.nodes)


def test_gradient_stops_at_the_value_it_is_taken_by(run_reference):
    b = Graph()
    x = b.input("x", (2,))
    middle = b.op("Mul", x, x)
    loss = b.op("ReduceSum", b.op("Mul", middle, middle), keepdims=0)
    b.output("gradient", gradient(b, loss, middle))
    assert run_reference(b, {"x": [2.0, 3.0]})["gradient"].tolist() == [8, 18]


def test_sizes_and_comparisons_are_constants_to_the_gradient(run_reference):
    b = Graph()
    x = b.input("x", ("H",))
    size = b.op("Cast", b.op("Size", x), to="float")
    above = b.op("Cast", b.op("Greater", x, b.constant(0.0)), to="float")
    y = b.op("Mul", b.op("Mul", x, above), size)
    same = b.op("Reshape", y, b.op("Shape", x), like=("H",))  # the sizes of x itself
    b.output("gradient", gradient(b, b.op("ReduceSum", same, keepdims=0), x))
    assert run_reference(b, {"x": [2.0, -3.0, 1.0]})["gradient"].tolist() == [3, 0, 3]


def test_loss_that_depends_through_integers_only_is_refused():
    b = Graph()
    x = b.input("x", ("H",))
    with pytest.raises(ValueError, match="nothing that is given depends on x"):
        gradient(b, b.op("Cast", b.op("Size", x), to="float"), x)


@pytest.mark.parametrize("shape", [("W",), ("H", "W"), (2, 1, 1), (), (1, 1, 1, 1)])
def test_broadcast_operand_receives_the_sum_over_its_copies(shape, run_reference):
    b = Graph()
    x, y = b.input("x", shape), b.input("y", (1, 2, "H", "W"))
    b.output("gradient", gradient(b, b.op("ReduceSum", b.op("Mul", x, y), keepdims=0), x))
    y = np.random.default_rng(0).random((1, 2, 3, 4))
    x = np.zeros([{"H": 3, "W": 4}.get(dim, dim) for dim in shape])
    result = run_reference(b, {"x": x, "y": y})["gradient"]
    leading = tuple(range(4 - x.ndim))
    expected = y.sum(leading)
    expected = expected.sum(tuple(i for i, n in enumerate(x.shape) if n == 1), keepdims=True)
    assert result.shape == x.shape
    np.testing.assert_allclose(result, expected.reshape(x.shape), rtol=1e-12)


def test_two_gradients_of_one_graph_are_independent(run_reference):
    b = Graph()
    x, y = b.input("x", (2,)), b.input("y", (2,))
    loss = b.op("ReduceSum", b.op("Mul", b.op("Mul", x, x), y), keepdims=0)
    b.output("to_x", gradient(b, loss, x))
    b.output("to_y", gradient(b, loss, y))
    results = run_reference(b, {"x": [2.0, 3.0], "y": [5.0, 7.0]})
    assert results["to_x"].tolist() == [20, 42]
    assert results["to_y"].tolist() == [4, 9]


def test_gradient_of_a_gradient_is_the_second_derivative(run_reference):
    b = Graph()
    x = b.input("x", (2,))
    loss = b.op("ReduceSum", b.op("Mul", b.op("Mul", x, x), x), keepdims=0)
    first = gradient(b, loss, x)
    b.output("second", gradient(b, b.op("ReduceSum", first, keepdims=0), x))
    assert run_reference(b, {"x": [2.0, 3.0]})["second"].tolist() == [12, 18]


def test_second_rule_for_one_argument_is_refused():
    with pytest.raises(ValueError, match="Add, argument 0, has a gradient rule already"):
        vjp("Add", 0)(lambda b, node, g: g)


def test_network_without_padding_has_a_gradient_at_symbolic_sizes(run_reference):
    """Each convolution shrinks H by 2; the gradient must find its way back to the same H."""
    b = Graph()
    x = b.input("x", (1, 1, "H", "W"))
    kernel = b.constant(np.arange(9.0).reshape(1, 1, 3, 3) - 4)
    y = x
    for _ in range(3):
        y = b.op("Relu", b.op("Conv", y, kernel))
    b.output("loss", loss := b.op("ReduceSum", y, keepdims=0))
    b.output("gradient", gradient(b, loss, x))
    point = np.random.default_rng(0).random((1, 1, 9, 8))
    v, h = np.random.default_rng(1).standard_normal(point.shape), 1e-6
    ahead, behind = (run_reference(b, {"x": point + s * h * v})["loss"] for s in (1, -1))
    g = run_reference(b, {"x": point})["gradient"]
    assert np.sum(g * v) == pytest.approx((ahead - behind) / (2 * h), rel=1e-6)


def chain(b, x, picks=range(4)):
    """Values that depend on x one through the other: x², then its root, products, and sums."""
    square = b.op("Mul", x, x)
    root = b.op("Sqrt", square)
    product = b.op("Mul", square, root)
    total = b.op("ReduceSum", product, b.constant([0]), keepdims=0)
    values = [square, root, product, total]
    return [values[number] for number in picks]


@pytest.mark.parametrize("picks", [(0,), (3,), (0, 1), (1, 0), (0, 3), (3, 2, 1, 0)], ids=str)
def test_pulling_back_from_several_values_is_the_sum_of_gradients(picks, run_reference):
    """Of Σ c·v by each value v alone, and by central differences of them all together."""
    random = np.random.default_rng(0)
    b = Graph()
    x = b.input("x", (2, 3))
    values = chain(b, x, picks)
    given = {value: b.input(f"c{i}", value.shape) for i, value in enumerate(values)}
    products = [b.op("Mul", value, factors) for value, factors in given.items()]
    losses = [
        b.op("ReduceSum", product, keepdims=0) if product.shape else product for product in products
    ]
    b.output("together", pull_back(b, given, x))
    for number, loss in enumerate(losses):
        b.output(f"loss{number}", loss)
        b.output(f"alone{number}", gradient(b, loss, x))
    feeds = {value.name: random.uniform(0.5, 2, value.shape) for value in given.values()}
    point = random.uniform(0.5, 2, (2, 3))
    found = run_reference(b, {"x": point, **feeds})
    alone = sum(found[f"alone{number}"] for number in range(len(picks)))
    np.testing.assert_allclose(found["together"], alone, rtol=1e-13)
    for place in np.ndindex(point.shape):
        step = np.zeros_like(point)
        step[place] = 1e-6
        above, below = (run_reference(b, {"x": point + s * step, **feeds}) for s in (1, -1))
        slope = sum(np.sum(above[name] - below[name]) for name in found if name[:4] == "loss")
        assert found["together"][place] == pytest.approx(slope / 2e-6, rel=1e-7)


def test_pulling_back_from_the_value_itself_adds_what_is_given(run_reference):
    b = Graph()
    x = b.input("x", (2,))
    square = b.op("Mul", x, x)
    given = {x: b.input("own", (2,)), square: b.input("later", (2,))}
    b.output("gradient", pull_back(b, given, x))
    b.output("alone", pull_back(b, {x: b.inputs["own"]}, x))
    found = run_reference(b, {"x": [2.0, 3.0], "own": [10.0, 20.0], "later": [1.0, 2.0]})
    assert found["gradient"].tolist() == [10 + 4, 20 + 12]
    assert found["alone"].tolist() == [10, 20]


def test_pulling_back_leaves_out_what_does_not_depend_on_the_value(run_reference):
    b = Graph()
    x, y = b.input("x", (2,)), b.input("y", (2,))
    other = b.op("Sqrt", y)
    given = {b.op("Neg", x): b.input("c", (2,)), other: b.input("d", (2,))}
    b.output("gradient", pull_back(b, given, x))
    found = run_reference(b, {"x": [1.0, 2.0], "y": [1.0, 4.0], "c": [5.0, 6.0], "d": [7.0, 8.0]})
    assert found["gradient"].tolist() == [-5, -6]


def test_pulling_back_changes_nothing_of_what_is_given():
    b = Graph()
    x = b.input("x", (2, 3))
    given = {value: b.input(value.name + "'", value.shape) for value in chain(b, x)}
    before = dict(given)
    pull_back(b, given, x)
    assert given == before
