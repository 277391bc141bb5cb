"""Every gradient rule, through registry and lowering, against central differences in float64."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from impasto.export import rules as rules  # importing it registers the rules
from impasto.export.gradient import known_rules
from impasto.export.graph import Graph

from .gradients import gradient

OPEN = int(np.iinfo(np.int64).max)


@dataclass
class Case:
    """One use of an op: the shapes of its float inputs, then its constants and attributes."""

    op: str
    argument: int | None
    name: str
    shapes: list
    constants: list = field(default_factory=list)
    attributes: dict = field(default_factory=dict)
    # how the inputs are drawn: "any" sign, or "positive" and away from 0
    draw: str = "any"
    # the values of the symbols in the shapes; the case runs once for each
    sizes: list = field(default_factory=lambda: [{}])

    def __str__(self):
        return f"{self.op}-{self.argument}-{self.name}"


def elementwise(op, argument, **options):
    shapes = {
        "equal": [[2, 3], [2, 3]],
        "left-broadcasts": [[3, 1], [2, 3, 4]],
        "right-broadcasts": [[2, 3, 4], [1, 4]],
        "both-broadcast": [[3, 1], [2, 1, 4]],
        "left-scalar": [[], [2, 3]],
        "right-scalar": [[2, 3], []],
        "scalars": [[], []],
        "ones": [[1, 1], [1]],
    }
    cases = [Case(op, argument, name, pair, **options) for name, pair in shapes.items()]
    sizes = [{"H": 1, "W": 4}, {"H": 3, "W": 1}, {"H": 3, "W": 2}]
    symbolic = [[1, 2, "H", "W"], [2, 1, 1]], [["W"], [1, 2, "H", "W"]]
    for number, pair in enumerate(symbolic):
        cases.append(Case(op, argument, f"symbolic-{number}", list(pair), sizes=sizes, **options))
    return cases


def reductions(op):
    cases = []
    for keepdims in (0, 1):
        attributes = {"keepdims": keepdims}
        cases.append(Case(op, 0, f"all-{keepdims}", [[2, 3, 4]], attributes=attributes))
        cases.append(Case(op, 0, f"scalar-{keepdims}", [[]], attributes=attributes))
        for axes in ([0], [1], [2], [-1], [0, 2], [2, 0], [0, 1, 2]):
            name = f"axes{axes}-{keepdims}"
            cases.append(Case(op, 0, name, [[2, 3, 4]], [axes], attributes))
        for axes in ([2], [1, 3]):
            name = f"symbolic{axes}-{keepdims}"
            sizes = [{"H": 3, "W": 5}, {"H": 1, "W": 2}]
            cases.append(Case(op, 0, name, [[1, 2, "H", "W"]], [axes], attributes, sizes=sizes))
    return cases


def convolution(name, image, weight, sizes=({"H": 5, "W": 7},), bias=False, **attributes):
    shapes = [image, weight, [weight[0]]] if bias else [image, weight]
    return Case("Conv", 0, name, shapes, attributes=attributes, sizes=list(sizes))


def poolings(op):
    window = {"kernel_shape": [2, 2], "strides": [2, 2]}
    tall = {"kernel_shape": [3, 2], "strides": [3, 2]}
    sizes = [{"H": h, "W": w} for h, w in ((4, 6), (5, 6), (4, 7), (5, 7), (2, 3))]
    return [
        Case(op, 0, "symbolic", [[1, 2, "H", "W"]], attributes=window, sizes=sizes),
        Case(op, 0, "known", [[1, 3, 5, 7]], attributes=window),
        Case(op, 0, "batch", [[2, 3, 5, 4]], attributes=window),
        Case(op, 0, "tall", [[1, 2, "H", "W"]], attributes=tall, sizes=[{"H": 8, "W": 5}]),
    ]


def cut(name, shape, starts, ends, axes, steps, sizes=({},)):
    return Case("Slice", 0, name, [shape], [starts, ends, axes, steps], sizes=list(sizes))


SIZES = [{"H": 5, "W": 7}, {"H": 4, "W": 4}, {"H": 3, "W": 6}]
SYMBOLIC = [1, 2, "H", "W"]
CASES = [
    *(Case("Identity", 0, name, [shape]) for name, shape in (("plain", [2, 3]), ("scalar", []))),
    *(Case("Neg", 0, name, [shape]) for name, shape in (("plain", [2, 3]), ("scalar", []))),
    *(case for op in ("Add", "Sub", "Mul", "Max") for i in (0, 1) for case in elementwise(op, i)),
    *elementwise("Div", 0, draw="positive"),
    *elementwise("Div", 1, draw="positive"),
    Case("Sqrt", 0, "plain", [[2, 3]], draw="positive"),
    Case("Abs", 0, "plain", [[2, 3]]),
    Case("Abs", 0, "symbolic", [SYMBOLIC], sizes=SIZES),
    Case("Relu", 0, "plain", [[2, 3]]),
    Case("Relu", 0, "symbolic", [SYMBOLIC], sizes=SIZES),
    *(case for op in ("ReduceSum", "ReduceMean", "ReduceSumSquare") for case in reductions(op)),
    *(Case("SumOfSquares", 0, name, [shape], sizes=sizes)
      for name, shape, sizes in (
          ("vector", [5], [{}]), ("known", [2, 3, 4], [{}]),
          ("symbolic", SYMBOLIC, SIZES),
      )),
    *(Case("MatMul", argument, name, list(shapes), sizes=sizes)
      for argument in (0, 1)
      for name, shapes, sizes in (
          ("plain", [[2, 3], [3, 4]], [{}]),
          ("batch", [[2, 3, 4], [2, 4, 1]], [{}]),
          ("left-broadcasts", [[2, 3], [4, 5, 3, 2]], [{}]),
          ("right-broadcasts", [[4, 5, 2, 3], [5, 3, 2]], [{}]),
          ("one-in-batch", [[1, 2, 3], [4, 3, 2]], [{}]),
          ("symbolic", [["H", 3], [3, "W"]], SIZES),
      )),
    Case("Gram", 0, "known", [[1, 3, 2, 5]]),
    Case("Gram", 0, "symbolic", [[1, 3, "H", "W"]], sizes=SIZES),
    Case("Sums", 0, "known", [[1, 3, 2, 5]]),
    Case("Sums", 0, "symbolic", [[1, 3, "H", "W"]], sizes=SIZES),
    convolution("plain", [1, 2, 5, 4], [3, 2, 3, 3], pads=[1, 1, 1, 1]),
    convolution("no-pads", [1, 2, 5, 4], [3, 2, 3, 3]),
    convolution("with-bias", [2, 2, 5, 4], [3, 2, 3, 3], bias=True, pads=[1, 1, 1, 1]),
    convolution("symbolic", SYMBOLIC, [3, 2, 3, 3], SIZES, pads=[1, 1, 1, 1]),
    convolution("symbolic-no-pads", SYMBOLIC, [3, 2, 3, 3], SIZES),
    convolution("uneven-pads", SYMBOLIC, [3, 2, 3, 2], SIZES, pads=[0, 1, 2, 0]),
    convolution("wide-pads", SYMBOLIC, [3, 2, 1, 2], SIZES, pads=[1, 2, 0, 1]),
    convolution("pointwise", SYMBOLIC, [3, 2, 1, 1], SIZES),
    convolution("dilated", [1, 2, 7, 6], [2, 2, 2, 3], dilations=[2, 2], pads=[1, 1, 0, 2]),
    convolution("dilated-symbolic", SYMBOLIC, [2, 2, 2, 2], SIZES, dilations=[2, 1]),
    convolution("grouped", SYMBOLIC, [4, 1, 3, 3], SIZES, group=2, pads=[1, 1, 1, 1]),
    convolution("depthwise", [1, 3, 5, 5], [3, 1, 2, 2], group=3),
    *(convolution(f"strided-{h}x{w}", [1, 2, h, w], [3, 2, 3, 2], strides=[2, 3], pads=[1, 0, 1, 1])
      for h in (5, 6) for w in (5, 6, 7)),
    convolution("strided-grouped", [1, 4, 6, 7], [2, 2, 2, 3], strides=[2, 2], group=2),
    convolution("strided-dilated", [2, 1, 8, 9], [2, 1, 2, 3], strides=[3, 2], dilations=[2, 2]),
    *poolings("MaxPool"),
    *poolings("AveragePool"),
    Case("Transpose", 0, "default", [[2, 3, 4]]),
    Case("Transpose", 0, "cycle", [[2, 3, 4]], attributes={"perm": [1, 2, 0]}),
    Case("Transpose", 0, "symbolic", [SYMBOLIC], attributes={"perm": [2, 3, 0, 1]}, sizes=SIZES),
    Case("Reshape", 0, "plain", [[2, 6]], [[3, 4]]),
    Case("Reshape", 0, "kept-and-rest", [[2, 3, 4]], [[0, -1]]),
    Case("Reshape", 0, "to-scalar", [[1, 1]], [np.zeros(0, np.int64)]),
    Case("Reshape", 0, "symbolic", [SYMBOLIC], [[2, -1]], sizes=SIZES),
    Case("Unsqueeze", 0, "front", [[2, 3]], [[0]]),
    Case("Unsqueeze", 0, "several", [[2, 3]], [[3, 0]]),
    Case("Unsqueeze", 0, "negative", [[2, 3]], [[-1]]),
    Case("Unsqueeze", 0, "symbolic", [["H", "W"]], [[1]], sizes=SIZES),
    Case("Expand", 0, "new-axes", [[3, 1]], [[2, 3, 4]]),
    Case("Expand", 0, "scalar", [[]], [[2, 3]]),
    Case("Expand", 0, "no-change", [[2, 3]], [[1, 1]]),
    Case("Expand", 0, "symbolic", [["H", 1]], [[2, 1, 3]], sizes=SIZES),
    cut("middle", [5, 6], [1, 2], [4, 5], [0, 1], [1, 1]),
    cut("negative-ends", [5, 6], [-4, -3], [-1, OPEN], [0, 1], [1, 1]),
    cut("negative-axis", [2, 5, 3], [1], [4], [-2], [1]),
    cut("beyond", [5], [-9], [9], [0], [1]),
    cut("empty-front", [5, 2], [0], [0], [0], [1]),
    *(cut(f"step-{size}-{start}-{step}", [2, size, 2], [start], [OPEN], [1], [step])
      for size in (6, 7) for start in (0, 1, -4) for step in (2, 3)),
    cut("steps", [7, 8], [1, 0], [6, 7], [0, 1], [2, 3]),
    cut("symbolic-from", SYMBOLIC, [1], [OPEN], [2], [1], SIZES),
    cut("symbolic-last", SYMBOLIC, [-2, -3], [OPEN, OPEN], [2, 3], [1, 1], SIZES),
    cut("symbolic-last-and-known", SYMBOLIC, [-1, -1], [OPEN, OPEN], [1, 3], [1, 1], SIZES),
    cut("symbolic-to", SYMBOLIC, [0, 1], [-1, -1], [3, 2], [1, 1], SIZES),
    cut("symbolic-start", SYMBOLIC, [1], [3], [3], [1], SIZES),
    cut("symbolic-step", SYMBOLIC, [0, 1], [OPEN, OPEN], [2, 3], [2, 3], SIZES),
    cut("channels-of-symbolic", SYMBOLIC, [0], [OPEN], [1], [2], SIZES),
    Case("Pad", 0, "plain", [[2, 3]], [[1, 0, 2, 3]]),
    Case("Pad", 0, "nothing", [[2, 3]], [[0, 0, 0, 0]]),
    Case("Pad", 0, "symbolic", [SYMBOLIC], [[0, 0, 1, 0, 0, 1, 2, 1]], sizes=SIZES),
    Case("Pad", 0, "edge", [[2, 3]], [[2, 1, 1, 3]], attributes={"mode": "edge"}),
    Case("Pad", 0, "edge-of-one", [[1, 3]], [[1, 0, 2, 1]], attributes={"mode": "edge"}),
    Case("Pad", 0, "edge-symbolic", [SYMBOLIC], [[0, 0, 1, 1, 0, 0, 1, 1]],
         attributes={"mode": "edge"}, sizes=SIZES),
    Case("Pad", 0, "reflect", [[3, 4]], [[1, 1, 1, 1]], attributes={"mode": "reflect"}),
    Case("Pad", 0, "reflect-of-two", [[2, 2]], [[1, 1, 1, 1]], attributes={"mode": "reflect"}),
    Case("Pad", 0, "reflect-one-side", [[2, 3]], [[1, 0, 0, 1]], attributes={"mode": "reflect"}),
    Case("Pad", 0, "reflect-symbolic", [SYMBOLIC], [[0, 0, 1, 1, 0, 0, 1, 1]],
         attributes={"mode": "reflect"}, sizes=[*SIZES, {"H": 2, "W": 3}]),
    Case("Concat", None, "one", [[2, 3]], attributes={"axis": 0}),
    Case("Concat", None, "three", [[2, 3], [1, 3], [4, 3]], attributes={"axis": 0}),
    Case("Concat", None, "last", [[2, 3], [2, 1], [2, 2]], attributes={"axis": -1}),
    Case("Concat", None, "symbolic", [SYMBOLIC, [1, 3, "H", "W"], SYMBOLIC],
         attributes={"axis": 1}, sizes=SIZES),
]  # fmt: skip

CHECKS = [
    pytest.param(
        case, index, sizes, id="-".join([str(case), str(index), *map(str, sizes.values())])
    )
    for case in CASES
    for index in ([case.argument] if case.argument is not None else range(len(case.shapes)))
    for sizes in case.sizes
]


def test_every_known_rule_has_a_case():
    # What is linearized is told its gradient: see test_style_losses.
    known = {rule for rule in known_rules() if rule[0] != "Linearized"}
    assert known == {(case.op, case.argument) for case in CASES}


def draw(shape, sizes, how, random):
    """Elements at least 0.01 apart, and from 0, so that a small step crosses no kink."""
    concrete = [sizes.get(dim, dim) for dim in shape]
    count = int(np.prod(concrete))
    steps = random.permutation(count) + 1 + random.uniform(-0.3, 0.3, count)
    signs = 1 if how == "positive" else random.choice([-1, 1], count)
    spread = 0.05 if count < 100 else 0.01
    return (signs * (0.3 + spread * steps)).reshape(concrete)


def program(case, index):
    """Loss = Σ (factors ∘ op(x...)): every element of the output counts, each differently."""
    b = Graph()
    inputs = [b.input(f"x{i}", tuple(shape)) for i, shape in enumerate(case.shapes)]
    y = b.op(case.op, *inputs, *map(b.constant, case.constants), **case.attributes)
    factors = b.input("factors", y.shape)
    loss = b.op("ReduceSum", b.op("Mul", y, factors), keepdims=0)
    b.output("y", y)
    b.output("loss", loss)
    b.output("gradient", gradient(b, loss, inputs[index]))
    return b


def prepared(case, index, sizes, run_reference):
    random = np.random.default_rng(1)
    feeds = {f"x{i}": draw(shape, sizes, case.draw, random) for i, shape in enumerate(case.shapes)}
    shape = forward_shape(case, feeds, run_reference)
    feeds["factors"] = random.standard_normal(shape)
    return program(case, index), feeds


def forward_shape(case, feeds, run_reference):
    b = Graph()
    inputs = [b.input(f"x{i}", tuple(shape)) for i, shape in enumerate(case.shapes)]
    b.output("y", b.op(case.op, *inputs, *map(b.constant, case.constants), **case.attributes))
    return run_reference(b, feeds)["y"].shape


@pytest.mark.parametrize("case, index, sizes", CHECKS)
def test_rule_agrees_with_central_differences(case, index, sizes, run_reference):
    graph, feeds = prepared(case, index, sizes, run_reference)
    x, g = feeds[f"x{index}"], run_reference(graph, feeds)["gradient"]
    assert g.shape == x.shape
    random, h = np.random.default_rng(2), 1e-5

    def slope(direction):
        ahead, behind = (
            run_reference(graph, {**feeds, f"x{index}": x + sign * h * direction})["loss"]
            for sign in (1, -1)
        )
        return (ahead - behind) / (2 * h)

    for _ in range(2):
        v = random.standard_normal(x.shape)
        assert np.sum(g * v) == pytest.approx(slope(v), rel=1e-6, abs=1e-8)
    if x.size <= 12:
        for position in np.ndindex(x.shape):
            v = np.zeros(x.shape)
            v[position] = 1
            assert g[position] == pytest.approx(slope(v), rel=1e-6, abs=1e-8)


@pytest.mark.parametrize("case, index, sizes", CHECKS)
def test_rule_gives_the_same_in_onnxruntime(case, index, sizes, run_reference, run_onnxruntime):
    graph, feeds = prepared(case, index, sizes, run_reference)
    ours, exact = run_onnxruntime(graph, feeds), run_reference(graph, feeds)
    for name in ("y", "gradient"):
        assert ours[name].shape == exact[name].shape
        np.testing.assert_allclose(ours[name], exact[name], rtol=1e-4, atol=2e-5)


def one_input(shape, build, run, x):
    """d Σ build(b, x) / dx at x."""
    b = Graph()
    value = b.input("x", tuple(shape))
    y = build(b, value)
    b.output("gradient", gradient(b, b.op("ReduceSum", y, keepdims=0), value))
    return run(b, {"x": np.asarray(x, np.float64)})["gradient"]


@pytest.mark.parametrize("run", ["run_reference", "run_onnxruntime"])
def test_relu_and_abs_have_gradient_zero_at_zero(run, request):
    run = request.getfixturevalue(run)
    x = [0.0, -0.0, 2.0, -2.0]
    for op, expected in (("Relu", [0, 0, 1, 0]), ("Abs", [0, 0, 1, -1])):
        assert one_input([4], lambda b, v, op=op: b.op(op, v), run, x).tolist() == expected


@pytest.mark.parametrize("run", ["run_reference", "run_onnxruntime"])
def test_relu_is_a_step_for_every_normal_float(run, request):
    tiny, huge = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
    x = [tiny, 1e-30, 1e30, huge, -tiny, -huge]
    g = one_input([6], lambda b, v: b.op("Relu", v), request.getfixturevalue(run), x)
    assert g.tolist() == [1, 1, 1, 1, 0, 0]


def test_left_operand_of_max_wins_a_tie(run_reference):
    b = Graph()
    x, y = b.input("x", (3,)), b.input("y", (3,))
    loss = b.op("ReduceSum", b.op("Max", x, y), keepdims=0)
    b.output("to_x", gradient(b, loss, x))
    b.output("to_y", gradient(b, loss, y))
    results = run_reference(b, {"x": [1, 2, 3], "y": [1, 3, 2]})
    assert results["to_x"].tolist() == [1, 0, 1]
    assert results["to_y"].tolist() == [0, 1, 0]


@pytest.mark.parametrize(
    "build, expected",
    [
        (lambda b, x: b.op("Mul", x, x), lambda x: 2 * x),
        (lambda b, x: b.op("Add", b.op("Mul", x, x), b.op("Neg", x)), lambda x: 2 * x - 1),
        (lambda b, x: b.op("Concat", x, x, x, axis=0), lambda x: 3 + 0 * x),
        (lambda b, x: b.op("MatMul", x, x), lambda x: x.sum(1) + x.sum(0)[:, None]),
        (lambda b, x: b.op("Div", x, b.op("ReduceSum", x)), lambda x: 0 * x),
        (lambda b, x: b.op("Sub", x, x), lambda x: 0 * x),
    ],
    ids=["square", "two-paths", "concat", "matmul", "share", "difference"],
)
def test_several_uses_of_a_value_add_up(build, expected, run_reference):
    x = np.random.default_rng(0).uniform(1, 2, (3, 3))
    g = one_input([3, 3], build, run_reference, x)
    np.testing.assert_allclose(g, expected(x), atol=1e-12)


def first_maximum_takes_all(x, g, kernel):
    """The gradient of max pooling written by hand: of equal values the first in row order wins."""
    out = np.zeros_like(x)
    for n, c, i, j in np.ndindex(g.shape):
        best = None
        for row in range(i * kernel, (i + 1) * kernel):
            for column in range(j * kernel, (j + 1) * kernel):
                if best is None or x[n, c, row, column] > x[(n, c, *best)]:
                    best = (row, column)
        out[(n, c, *best)] += g[n, c, i, j]
    return out


@pytest.mark.parametrize("run", ["run_reference", "run_onnxruntime"])
@pytest.mark.parametrize("kernel", [2, 3])
@pytest.mark.parametrize("height, width", [(6, 6), (7, 6), (6, 8), (7, 9)])
@pytest.mark.parametrize("values", [1, 2, 3])
def test_first_maximum_of_a_window_wins_a_tie(run, kernel, height, width, values, request):
    random = np.random.default_rng(values)
    x = random.integers(0, values, (2, 3, height, width)).astype(float)
    g = random.integers(1, 9, (2, 3, height // kernel, width // kernel)).astype(float)
    b = Graph()
    value, factors = b.input("x", (2, 3, "H", "W")), b.input("g", g.shape)
    pooled = b.op("MaxPool", value, kernel_shape=[kernel] * 2, strides=[kernel] * 2)
    kept = b.op("Reshape", pooled, b.op("Shape", factors), like=g.shape)
    loss = b.op("ReduceSum", b.op("Mul", kept, factors), keepdims=0)
    b.output("gradient", gradient(b, loss, value))
    results = request.getfixturevalue(run)(b, {"x": x, "g": g})
    np.testing.assert_array_equal(results["gradient"], first_maximum_takes_all(x, g, kernel))


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize(
    "window",
    [
        {"kernel_shape": [3, 3], "strides": [2, 2]},
        {"kernel_shape": [2, 2]},
        {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [1, 0, 0, 0]},
    ],
    ids=["overlap", "default-stride", "pads"],
)
def test_pooling_windows_that_share_a_pixel_are_refused(op, window, run_reference):
    with pytest.raises(NotImplementedError, match=f"{op} has a gradient for windows side by side"):
        one_input(
            [1, 1, 5, 5], lambda b, x: b.op(op, x, **window), run_reference, np.ones((1, 1, 5, 5))
        )


@pytest.mark.parametrize(
    "build, message",
    [
        (lambda b, x: b.op("Pad", x, b.constant([1, 1]), mode="wrap"), "mode 'wrap'"),
        (lambda b, x: b.op("Pad", x, b.constant([2, 1]), mode="reflect"), "one pixel only"),
        (lambda b, x: b.op("Pad", x, b.constant([-1, 1])), "not for cuts"),
        (
            lambda b, x: b.op("Slice", x, *(b.constant([i]) for i in (-1, -9, 0, -1))),
            "positive steps",
        ),
    ],
    ids=["wrap", "reflect", "cut", "backwards"],
)
def test_what_a_shaping_rule_cannot_do_is_a_named_error(build, message, run_reference):
    with pytest.raises(NotImplementedError, match=message):
        one_input([4], build, run_reference, np.ones(4))


def test_concat_of_symbolic_sizes_is_a_named_error(run_reference):
    with pytest.raises(NotImplementedError, match="Concat has a gradient rule for known sizes"):
        one_input(["H"], lambda b, x: b.op("Concat", x, x, axis=0), run_reference, np.ones(4))


def test_strided_convolution_of_symbolic_sizes_is_a_named_error(run_reference):
    with pytest.raises(NotImplementedError, match="a strided Conv has a gradient for known sizes"):
        one_input(
            [1, 1, "H", "W"],
            lambda b, x: b.op("Conv", x, b.constant(np.ones((1, 1, 2, 2))), strides=[2, 2]),
            run_reference,
            np.ones((1, 1, 4, 4)),
        )
