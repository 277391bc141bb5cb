"""The tiled lowering against the direct one, which it must equal but for rounding."""

from functools import partial

import numpy as np
import onnx
import pytest

from impasto.engine.programs import Selection
from impasto.export.graph import Graph
from impasto.export.lowering import convolution, layers, tiled
from impasto.export.lowering.arrangement import arrange
from impasto.export.lowering.bands import plan_bands
from impasto.export.program import (
    build_tiled_program,
    content_graph,
    objective_graph,
    pullback_graph,
    style_graph,
    sums_graph,
)

from .gradients import gradient

GRAPHS = {
    "content": content_graph,
    "style": style_graph,
    "objective": objective_graph,
    "sums": sums_graph,
    "pullback": pullback_graph,
}
# Each kind with its joint: of the whole canvas, of a tile, and of the rest.
PROGRAMS = {
    "content": ("content", None),
    "style": ("style", None),
    "objective": ("objective", None),
    "sums": ("sums", "pool2"),
    "pullback": ("pullback", "pool2"),
    "rest of the content": ("content", "pool2"),
    "rest of the style": ("style", "pool2"),
    "rest of the objective": ("objective", "pool2"),
    "all of a tile": ("pullback", "pool4"),
    "none but sums": ("objective", "pool4"),
}
CHOICES = {
    "several": (("relu3_1", "relu1_2"), ("relu1_1", "pool2", "relu4_1")),
    "content only": (("relu1_2", "pool3"), ()),
    "style only": ((), ("relu2_1", "pool1", "relu3_1")),
    "pooling in the middle": (("pool1",), ("pool2", "relu3_1")),
    "last pooling": (("pool4",), ("pool4",)),
    "first layer": (("relu1_1",), ("relu1_1",)),
    "layer named twice": (("relu2_1", "relu2_1"), ("relu2_1", "relu2_1")),
    "targets": (("relu1_1", "pool1", "relu2_2", "pool4"), ("relu1_2", "pool2", "relu4_1")),
}
SIZES = [(16, 16), (17, 16), (16, 23), (19, 37), (33, 50), (40, 17), (16, 97), (31, 31)]
SMALL_SIZES = [(1, 1), (2, 3), (4, 9), (5, 4), (7, 7), (13, 2)]
SMALL_CHOICE = (("relu1_1",), ("relu1_1", "relu1_2"))

both_poolings = pytest.mark.parametrize("pool", ["max", "average"])
every_border = pytest.mark.parametrize("border", ["zeros", "replicate", "reflect"])
every_program = pytest.mark.parametrize("kind, joint", PROGRAMS.values(), ids=PROGRAMS)
every_choice = pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)


@pytest.fixture
def cut_finely(monkeypatch):
    """Bands of one row of tiles each."""
    monkeypatch.setattr(tiled, "plan_bands", partial(plan_bands, band_bytes=1000))


@pytest.fixture
def by_winograd(monkeypatch):
    monkeypatch.setattr(convolution, "_PRODUCT", 1e9)


@pytest.fixture
def by_gathering(monkeypatch):
    monkeypatch.setattr(convolution, "_INTO", 1e9)


def chosen(choice, pool="max", border="zeros", joint=None):
    return Selection(*choice, pool, border, joint)


def random_feeds(graph, seed=0):
    """A picture, targets and coefficients, each in 0..1; Gram matrices need not be such."""
    random = np.random.default_rng(seed)
    return {name: random.random(value.shape) for name, value in graph.inputs.items()}


def assert_equal_but_for_rounding(toy, selection, size, run_reference):
    graph = objective_graph(toy, selection, size)
    feeds = random_feeds(graph)
    found = run_reference(graph, feeds, toy.weights, tiled.lower)
    expected = run_reference(objective_graph(toy, selection), feeds, toy.weights)
    np.testing.assert_allclose(found["terms"], expected["terms"], rtol=1e-13)
    assert distance(found["gradient"], expected["gradient"]) <= 1e-13


def distance(found, exact):
    assert found.shape == exact.shape
    return np.linalg.norm(found - exact) / np.linalg.norm(exact)


@both_poolings
@every_choice
@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.usefixtures("cut_finely", "by_winograd")
def test_tiled_objective_is_the_direct_one(size, choice, pool, toy, run_reference):
    border = "replicate" if pool == "max" else "zeros"
    assert_equal_but_for_rounding(toy, chosen(choice, pool, border), size, run_reference)


@every_border
@pytest.mark.parametrize("kind", ["content", "style"])
@pytest.mark.parametrize("size", [(16, 16), (33, 50), (19, 37)], ids=str)
@pytest.mark.usefixtures("cut_finely", "by_winograd")
def test_tiled_targets_are_the_direct_ones(size, kind, border, toy, picture, run_reference):
    pool = "max" if border == "zeros" else "average"
    graph = GRAPHS[kind](toy, chosen(CHOICES["targets"], pool, border), size)
    feeds = {"image": picture(*size)}
    found = run_reference(graph, feeds, toy.weights, tiled.lower)
    expected = run_reference(graph, feeds, toy.weights)
    assert found.keys() == expected.keys()
    for name, target in found.items():
        assert distance(target, expected[name]) <= 1e-13


def assert_tile_equal_but_for_rounding(kind, toy, selection, size, run_reference):
    """With a mask of its own for each stride, of numbers between 0 and 1: a lowering must not
    depend on what the masks of tiles are like."""
    graph = GRAPHS[kind](toy, selection, size)
    feeds = random_feeds(graph)
    found = run_reference(graph, feeds, toy.weights, tiled.lower)
    expected = run_reference(GRAPHS[kind](toy, selection), feeds, toy.weights)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert distance(value, expected[name]) <= 1e-13


TILED_CHOICES = {
    "several": CHOICES["several"],
    "content only": CHOICES["content only"],
    "style only": CHOICES["style only"],
    "targets": CHOICES["targets"],
    "one layer for both": (("relu2_2", "relu4_1"), ("relu2_2", "relu4_1")),
}


@both_poolings
@pytest.mark.parametrize("kind", ["sums", "pullback"])
@pytest.mark.parametrize("choice", TILED_CHOICES.values(), ids=TILED_CHOICES)
@pytest.mark.parametrize("size", [(16, 16), (19, 37), (33, 18)], ids=str)
@pytest.mark.usefixtures("cut_finely", "by_winograd")
def test_tiled_program_of_a_tile_is_the_direct_one(size, choice, kind, pool, toy, run_reference):
    border = "replicate" if pool == "max" else "zeros"
    for joint in ("pool2", "pool4"):
        selection = chosen(choice, pool, border, joint)
        if kind == "pullback" or selection.style_layers or joint == "pool2":
            assert_tile_equal_but_for_rounding(kind, toy, selection, size, run_reference)


@pytest.mark.parametrize("kind", ["sums", "pullback"])
@pytest.mark.parametrize("joint", ["relu1_1", "relu1_2", "pool1", "relu2_2", "pool3", "relu4_1"])
@pytest.mark.usefixtures("cut_finely", "by_winograd")
def test_tiled_program_of_a_tile_is_the_direct_one_at_every_joint(kind, joint, toy, run_reference):
    selection = chosen((("relu1_1", "pool4"), ("relu1_1", "pool1")), "max", "zeros", joint)
    assert_tile_equal_but_for_rounding(kind, toy, selection, (27, 34), run_reference)


@both_poolings
@pytest.mark.parametrize("kind", ["sums", "pullback"])
@pytest.mark.parametrize("band_bytes", [1000, 10_000, 30_000, 1 << 30])
@pytest.mark.parametrize("method", ["as_it_costs", "by_winograd", "by_gathering"])
def test_bands_and_methods_do_not_change_a_tile(
    method, band_bytes, kind, pool, toy, run_reference, monkeypatch, request
):
    monkeypatch.setattr(tiled, "plan_bands", partial(plan_bands, band_bytes=band_bytes))
    if method != "as_it_costs":
        request.getfixturevalue(method)
    selection = chosen(CHOICES["targets"], pool, "replicate", "pool2")
    assert_tile_equal_but_for_rounding(kind, toy, selection, (45, 26), run_reference)


@both_poolings
@pytest.mark.parametrize("kind", ["sums", "pullback"])
@pytest.mark.usefixtures("cut_finely", "by_winograd")
def test_layer_that_is_made_again_gives_the_same_tile(kind, pool, toy, run_reference, monkeypatch):
    """The first layer, which is not kept for the gradient where it is large."""
    monkeypatch.setattr(layers, "_MADE_AGAIN_BYTES", 0)
    selection = chosen(CHOICES["targets"], pool, "zeros", "pool2")
    assert_tile_equal_but_for_rounding(kind, toy, selection, (22, 29), run_reference)


@every_border
@pytest.mark.parametrize("size", SMALL_SIZES, ids=str)
@pytest.mark.usefixtures("cut_finely", "by_winograd")
def test_tiled_objective_is_the_direct_one_for_pictures_of_few_pixels(
    size, border, toy, run_reference
):
    assert_equal_but_for_rounding(toy, chosen(SMALL_CHOICE, "max", border), size, run_reference)


@both_poolings
@every_border
@pytest.mark.parametrize("band_bytes", [1000, 10_000, 30_000, 1 << 30])
@pytest.mark.parametrize("method", ["as_it_costs", "by_winograd", "by_gathering"])
def test_bands_and_methods_do_not_change_the_result(
    method, band_bytes, border, pool, toy, run_reference, monkeypatch, request
):
    monkeypatch.setattr(tiled, "plan_bands", partial(plan_bands, band_bytes=band_bytes))
    if method != "as_it_costs":
        request.getfixturevalue(method)
    selection = chosen(CHOICES["several"], pool, border)
    assert_equal_but_for_rounding(toy, selection, (45, 26), run_reference)


@pytest.mark.parametrize("method, filtered", [("by_winograd", True), ("by_gathering", False)])
def test_costs_decide_on_the_method(method, filtered, toy, request):
    request.getfixturevalue(method)
    graph = tiled.lower(objective_graph(toy, chosen(CHOICES["several"]), (16, 16)))
    weights = {value.shape[0] for value in graph.weights.values() if len(value.shape) == 3}
    assert weights == ({36, 9} if filtered else {9})  # the gradient of the picture has its own


@both_poolings
@pytest.mark.parametrize("size", [(24, 32), (19, 37)], ids=str)
@pytest.mark.parametrize("method", ["by_winograd", "by_gathering"])
@pytest.mark.usefixtures("cut_finely")
def test_float32_is_accurate(size, pool, method, toy, run_reference, request):
    request.getfixturevalue(method)
    selection = chosen(CHOICES["several"], pool, "replicate")
    graph = objective_graph(toy, selection, size)
    feeds = feeds_away_from_kinks(graph, toy, run_reference)
    exact = run_reference(graph, feeds, toy.weights)
    found = run_as_the_engine(build_tiled_program("objective", toy, selection, size), toy, feeds)
    np.testing.assert_allclose(found["terms"], exact["terms"], rtol=2e-6)
    assert distance(found["gradient"], exact["gradient"]) <= 2e-6


def feeds_away_from_kinks(graph, network, run_reference):
    """Float32 feeds for which rounding does not change which ReLU or pixel lets a gradient through.

    There the gradient jumps, and differences would say nothing of accuracy.
    """
    seen = Graph()
    seen.nodes, seen.inputs, seen.weights = graph.nodes, graph.inputs, graph.weights
    for node in graph.nodes:
        if node.op == "Conv":
            seen.output(f"sums of {node.output.name}", node.output)
    for seed in range(20):
        feeds = random_feeds(graph, seed)
        feeds = {name: content.astype(np.float32) for name, content in feeds.items()}
        layers = run_reference(seen, feeds, network.weights).values()
        if min(map(distance_to_a_kink, layers)) > 2e-5:
            return feeds
    raise AssertionError("every picture is near a kink")


def distance_to_a_kink(sums):
    """The least distance of a sum from 0, and of the two greatest of a pooling window above 0."""
    height, width = (size // 2 * 2 for size in sums.shape[2:])
    windows = sums[:, :, :height, :width].reshape(-1, height // 2, 2, width // 2, 2)
    ordered = np.sort(windows.transpose(0, 1, 3, 2, 4).reshape(-1, 4))
    second, first = ordered[:, 2], ordered[:, 3]
    return min(np.abs(sums).min(), (first - second)[first > 0].min(initial=1))


def run_as_the_engine(built, network, feeds):
    """In float32, with the arranged weights among the feeds and no change to the program."""
    import onnxruntime

    data, names, tables = built
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    given = {name: arrange(name, network.weights) for name in names}
    results = session.run(None, {**given, **tables, **feeds})
    return dict(zip([output.name for output in session.get_outputs()], results, strict=True))


@every_border
@pytest.mark.parametrize("size", [(16, 16), (23, 18)], ids=str)
@pytest.mark.usefixtures("cut_finely", "by_gathering")
def test_flat_picture_has_the_loss_of_the_direct_lowering(size, border, toy, run_reference):
    """With ties in every window, so that the gradient may differ."""
    selection = chosen(CHOICES["several"], "max", border)
    graph = objective_graph(toy, selection, size)
    feeds = random_feeds(graph) | {"image": np.full((1, 3, *size), 0.4)}
    found = run_reference(graph, feeds, toy.weights, tiled.lower)
    expected = run_reference(graph, feeds, toy.weights)
    np.testing.assert_allclose(found["terms"], expected["terms"], rtol=1e-13)


def pooled_copy(channels, size, pool="MaxPool"):
    """Σ factors ∘ pool(relu(x)) behind a convolution that copies, and its gradient."""
    b = Graph()
    x, factors = b.input("x", (1, channels, *size)), [size[0] // 2, size[1] // 2]
    factors = b.input("factors", (1, channels, *factors))
    weight, bias = b.weight("w", (channels, channels, 3, 3)), b.weight("b", (channels,))
    layer = b.op("Relu", b.op("Conv", x, weight, bias, pads=[1] * 4))
    y = b.op(pool, layer, kernel_shape=[2, 2], strides=[2, 2])
    loss = b.op("ReduceSum", b.op("Mul", y, factors), keepdims=0)
    b.output("loss", loss)
    b.output("gradient", gradient(b, loss, x))
    copying = np.zeros((channels, channels, 3, 3))
    copying[range(channels), range(channels), 1, 1] = 1
    return b, {"w": copying, "b": np.zeros(channels)}


@pytest.fixture
def tied(run_reference, cut_finely, by_gathering):
    """A picture of few values, run exactly: x, factors, and what runs it."""

    def make(size):
        random = np.random.default_rng(0)
        graph, weights = pooled_copy(2, size)
        x = random.integers(-1, 3, graph.inputs["x"].shape).astype(float)
        factors = random.integers(1, 9, graph.inputs["factors"].shape) * 12.0

        def run(x):
            return run_reference(graph, {"x": x, "factors": factors}, weights, tiled.lower)

        return x, factors, run

    return make


@pytest.mark.parametrize("size", [(8, 8), (9, 13)], ids=str)
def test_equal_maxima_of_a_window_share_its_gradient(size, tied):
    x, factors, run = tied(size)
    expected = np.zeros_like(x)
    for n, c, i, j in np.ndindex(factors.shape):
        window = (n, c, slice(2 * i, 2 * i + 2), slice(2 * j, 2 * j + 2))
        if (greatest := x[window].max()) > 0:
            among = x[window] == greatest
            expected[window] = among * factors[n, c, i, j] / among.sum()
    np.testing.assert_array_equal(run(x)["gradient"], expected)


@pytest.mark.parametrize("size", [(8, 8), (9, 13)], ids=str)
def test_gradient_at_ties_is_a_subgradient(size, tied):
    """The loss is convex in x: nowhere is it below the plane that the gradient spans."""
    x, _, run = tied(size)
    here = run(x)
    random = np.random.default_rng(1)
    for length in (1e-3, 1.0, 10.0):
        for _ in range(4):
            step = length * random.standard_normal(x.shape)
            assert run(x + step)["loss"] >= here["loss"] + np.sum(here["gradient"] * step) - 1e-9


def built(kind, joint, network, pool="max", border="zeros", size=(33, 19)):
    """A graph before it is lowered, its program as a message, and what are inputs of it besides."""
    selection = chosen(CHOICES["targets"], pool, border, joint)
    data, *others = build_tiled_program(kind, network, selection, size)
    return GRAPHS[kind](network, selection, size), onnx.load_model_from_string(data), *others


@every_program
@both_poolings
@every_border
@pytest.mark.parametrize("method", ["by_winograd", "by_gathering"])
@pytest.mark.usefixtures("cut_finely")
def test_our_shapes_are_those_that_onnx_infers(method, border, pool, kind, joint, toy, request):
    """Where it infers any: it knows nothing of ONNX Runtime's own product, and of some pads."""
    request.getfixturevalue(method)
    graph, model, *_ = built(kind, joint, toy, pool, border)
    onnx.checker.check_model(model, full_check=True)
    options = {"check_type": True, "strict_mode": True, "data_prop": True}
    inferred = onnx.shape_inference.infer_shapes(model, **options)
    lowered = tiled.lower(graph)
    ours = {value.name: value.shape for node in lowered.nodes for value in node.outputs}
    ours |= {name: value.shape for name, value in lowered.outputs.items()}
    for info in [*inferred.graph.value_info, *inferred.graph.output]:
        if info.type.tensor_type.HasField("shape"):
            sizes = info.type.tensor_type.shape.dim
            assert len(sizes) == len(ours[info.name])
            for dim, size in zip(sizes, ours[info.name], strict=True):
                assert dim.dim_value == size or not dim.HasField("dim_value")


@every_program
@both_poolings
def test_program_is_of_known_ops_without_control_flow(pool, kind, joint, toy):
    _, model, *_ = built(kind, joint, toy, pool)
    assert not model.functions
    for node in model.graph.node:
        if node.domain == "com.microsoft":
            assert node.op_type == "FusedMatMul"
        else:
            assert node.domain == ""
            assert onnx.defs.has(node.op_type)
        assert all(not a.HasField("g") and not a.graphs for a in node.attribute)


@every_program
@pytest.mark.parametrize("method", ["by_winograd", "by_gathering"])
def test_weights_are_inputs_in_arrangements_that_can_be_made(method, kind, joint, toy, request):
    request.getfixturevalue(method)
    graph, model, names, tables = built(kind, joint, toy)
    declared = {
        info.name: tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)
        for info in model.graph.input
    }
    assert list(declared) == [*graph.inputs, *tables, *names]
    assert {name: table.shape for name, table in tables.items()}.items() <= declared.items()
    for name in names:
        assert arrange(name, toy.weights).shape == declared[name]
    assert {name.partition(":")[0] for name in names} == set(graph.weights)
    stored = {tensor.name for tensor in model.graph.initializer}
    assert not stored & {*declared, *toy.weights}
    assert not any(tensor.external_data for tensor in model.graph.initializer)


@every_program
def test_programs_depend_on_sizes_alone(kind, joint, toy, toy_network):
    """And not on the contents of the weights; the same choices give the same bytes."""
    one, same, other = (
        build_tiled_program(kind, network, chosen(CHOICES["targets"], joint=joint), (33, 20))
        for network in (toy, toy, toy_network(1))
    )
    assert one[:2] == same[:2] == other[:2]
    for name, table in one[2].items():
        np.testing.assert_array_equal(table, other[2][name])


def test_arrangements_are_the_taps_in_lines_and_turned_round(toy):
    name = "conv2_1.weight"
    weight = toy.weights[name]
    taps, back = (arrange(f"{name}:{how}", toy.weights) for how in ("taps", "back"))
    for i, j in np.ndindex(3, 3):
        np.testing.assert_array_equal(taps[3 * i + j], weight[:, :, i, j].T)
        np.testing.assert_array_equal(back[3 * i + j], weight[:, :, 2 - i, 2 - j])
    assert arrange(name, toy.weights) is weight


def network_of(layer, size=(12, 12), inputs=4):
    """Σ layer(x)² and its gradient."""
    b = Graph()
    x = b.input("x", (1, inputs, *size))
    loss = b.op("SumOfSquares", layer(b, x))
    b.output("gradient", gradient(b, loss, x))
    return b


def convolved(b, x, kernel=(3, 3), group=1, bias=True, **attributes):
    channels = int(x.shape[1])
    weight = b.weight(f"w{len(b.weights)}", (channels, channels // group, *kernel))
    rest = [b.weight(f"b{len(b.weights)}", (channels,))] if bias else []
    groups = {"group": group} if group > 1 else {}
    return b.op("Relu", b.op("Conv", x, weight, *rest, **groups, **attributes))


def pooled(b, x, kernel=2, stride=2, op="MaxPool"):
    return b.op(op, x, kernel_shape=[kernel] * 2, strides=[stride] * 2)


@pytest.mark.parametrize(
    "attributes",
    [
        {"kernel": (5, 5), "pads": [2] * 4},
        {"kernel": (1, 1)},
        {"kernel": (3, 1), "pads": [1, 0, 1, 0]},
        {"strides": [2, 2], "pads": [1] * 4},
        {"dilations": [2, 2], "pads": [2] * 4},
        {"group": 2, "pads": [1] * 4},
        {"pads": [1, 1, 0, 0]},
    ],
    ids=str,
)
def test_convolutions_that_no_vgg_has_are_refused(attributes):
    graph = network_of(lambda b, x: convolved(b, x, **attributes))
    with pytest.raises(NotImplementedError, match="the tiled lowering is for"):
        tiled.lower(graph)


@pytest.mark.parametrize("op", ["MaxPool", "AveragePool"])
@pytest.mark.parametrize("kernel, stride", [(3, 3), (4, 4), (1, 1)])
def test_poolings_that_no_vgg_has_are_refused(op, kernel, stride):
    graph = network_of(lambda b, x: pooled(b, convolved(b, x, pads=[1] * 4), kernel, stride, op))
    with pytest.raises(NotImplementedError, match="the tiled lowering is for"):
        tiled.lower(graph)


def test_layer_of_a_size_that_no_convolution_has_is_refused():
    graph = network_of(lambda b, x: convolved(b, pooled(b, convolved(b, x))))
    with pytest.raises(NotImplementedError, match="the tiled lowering is for"):
        tiled.lower(graph)


@pytest.mark.parametrize("size", [("H", "W"), ("H", 16), (16, "W")], ids=str)
def test_symbolic_sizes_are_refused(size, toy):
    graph = objective_graph(toy, chosen(CHOICES["several"]), size)
    with pytest.raises(NotImplementedError, match="the tiled lowering is for known sizes only"):
        tiled.lower(graph)


@pytest.mark.parametrize(
    "layer",
    {
        "unpadded": lambda b, x: convolved(b, convolved(b, x)),
        "no bias": lambda b, x: convolved(b, x, pads=[1] * 4, bias=False),
        "uneven pads": lambda b, x: convolved(
            b, convolved(b, x, pads=[1, 0, 1, 0]), pads=[0, 1, 0, 1]
        ),
        "pooled twice": lambda b, x: pooled(b, pooled(b, convolved(b, x, pads=[1] * 4))),
        "pooled first": lambda b, x: convolved(b, pooled(b, x), pads=[1] * 4),
        "no convolution": lambda b, x: pooled(b, x),
        "sums and layer": lambda b, x: b.op("Neg", convolved(b, x, pads=[1] * 4)),
    }.items(),
    ids=lambda item: item[0],
)
@pytest.mark.usefixtures("cut_finely")
def test_other_orders_of_layers_are_as_good(layer, run_reference):
    graph = network_of(lambda b, x: layer[1](b, x), (14, 23))
    random = np.random.default_rng(0)
    weights = {name: random.standard_normal(v.shape) for name, v in graph.weights.items()}
    feeds = {"x": random.standard_normal((1, 4, 14, 23))}
    expected = run_reference(graph, feeds, weights)["gradient"]
    found = run_reference(graph, feeds, weights, tiled.lower)["gradient"]
    assert distance(found, expected) <= 1e-13
