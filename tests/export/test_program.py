import numpy as np
import onnx
import pytest

from impasto.engine.programs import Selection
from impasto.export import losses
from impasto.export.encode import OPSET, encode
from impasto.export.graph import Graph
from impasto.export.lowering import direct
from impasto.export.networks import FAMILIES
from impasto.export.program import (
    build_program,
    content_graph,
    objective_graph,
    style_graph,
    weights_are_inputs,
)

CONTENT = ("relu3_1", "relu1_2")
STYLE = ("relu1_1", "pool2", "relu4_1")
COEFFICIENTS = np.array([0.7, 0.01, 2.0, 3.0, 0.5, 40.0])
CHOICES = {
    "several": (CONTENT, STYLE),
    "content only": (CONTENT, ()),
    "style only": ((), STYLE),
    "last pooling": (("pool4",), ("pool4",)),
    "first layer": (("relu1_1",), ("relu1_1",)),
    "layer named twice": (("relu2_1", "relu2_1"), ("relu2_1", "relu2_1")),
}
SIZES = [(16, 16), (24, 32), (17, 16), (16, 23), (19, 37)]

KINDS = ("content", "style", "objective")

every_kind = pytest.mark.parametrize("kind", KINDS)
both_poolings = pytest.mark.parametrize("pooling", ["max", "average"])
every_choice = pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
every_size = pytest.mark.parametrize("height, width", SIZES)


def chosen(content, style, pooling="max", border="zeros"):
    return Selection(tuple(content), tuple(style), pooling, border)


def models(network, choice, pooling):
    """The programs with the weights stored."""
    selection = chosen(*choice, pooling)
    graphs = [objective_graph(network, selection)]
    graphs += [content_graph(network, selection)] if selection.content_layers else []
    graphs += [style_graph(network, selection)] if selection.style_layers else []
    return [
        onnx.load_model_from_string(encode(direct.lower(g), "x", network.weights)) for g in graphs
    ]


def targets(network, selection, picture, painting, run_reference):
    """By the names of the objective's inputs, in float64."""
    found = {}
    for layers, graph, image in (
        (selection.content_layers, content_graph, picture),
        (selection.style_layers, style_graph, painting),
    ):
        if layers:
            found |= run_reference(graph(network, selection), {"image": image}, network.weights)
    return found


@pytest.fixture
def prepared(toy, picture, run_reference):
    """The objective of the toy network, and inputs that it can be run with, in float64."""

    def prepare(height, width, pooling, choice=(CONTENT, STYLE), network=toy):
        selection = chosen(*choice, pooling)
        pictures = picture(height, width, 1), picture(21, 18, 2)
        count = sum(map(len, choice)) + 1
        feeds = {
            "image": picture(height, width),
            "coefficients": COEFFICIENTS[:count],
            **targets(network, selection, *pictures, run_reference),
        }
        return objective_graph(network, selection), feeds

    return prepare


@both_poolings
@every_choice
def test_programs_pass_the_full_check_of_onnx(toy, choice, pooling):
    for model in models(toy, choice, pooling):
        onnx.checker.check_model(model, full_check=True)
        inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
        assert [o.name for o in inferred.graph.output] == [o.name for o in model.graph.output]


@both_poolings
@every_choice
def test_programs_use_standard_ops_without_control_flow(toy, choice, pooling):
    for model in models(toy, choice, pooling):
        assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", OPSET)]
        assert not model.functions
        for node in model.graph.node:
            assert node.domain == ""
            assert onnx.defs.has(node.op_type)
            assert node.op_type not in {"If", "Loop", "Scan", "SequenceMap"}
            assert all(not a.HasField("g") and not a.graphs for a in node.attribute)


@both_poolings
@every_choice
def test_programs_with_stored_weights_refer_to_no_file(toy, choice, pooling):
    for model in models(toy, choice, pooling):
        assert all(not tensor.external_data for tensor in model.graph.initializer)


@every_kind
def test_built_program_declares_its_weights_and_holds_none(toy, kind):
    data, names = build_program(kind, toy, chosen(CONTENT, STYLE))
    graph = onnx.ModelProto.FromString(data).graph
    external = {t.name: tuple(t.dims) for t in graph.initializer if t.data_location == t.EXTERNAL}
    inputs = {
        info.name: tuple(dim.dim_value for dim in info.type.tensor_type.shape.dim)
        for info in graph.input
    }
    declared = inputs if weights_are_inputs(kind) else external
    assert {name: declared[name] for name in names} == {
        name: toy.weights[name].shape for name in names
    }
    assert bool(external) != weights_are_inputs(kind)
    assert not {*inputs, *external} & {*toy.weights} - {*names}
    assert len(data) < 50_000


def test_program_of_a_large_network_is_small():
    class Weightless:
        architecture, mean, std = FAMILIES["vgg19"], (0.5, 0.5, 0.5), (0.2, 0.2, 0.2)

    selection = chosen(["relu4_2"], ["relu1_1", "relu5_1"])
    data, names = build_program("objective", Weightless, selection)
    assert len(data) < 100_000
    assert names[-1] == "conv5_1.bias"  # nothing deeper than what is used


@every_kind
def test_same_choices_give_the_same_bytes(toy, kind):
    one, other = (build_program(kind, toy, chosen(CONTENT, STYLE)) for _ in range(2))
    assert one == other


def test_targets_need_no_layer_deeper_than_their_own(toy):
    selection = chosen(["relu2_1"], ["relu4_1"])
    last = {kind: build_program(kind, toy, selection)[1][-1] for kind in KINDS}
    assert last == {
        "content": "conv2_1.bias",
        "style": "conv4_1.bias",
        "objective": "conv4_1.bias",
    }


@both_poolings
@every_size
def test_built_program_runs_in_onnxruntime_and_agrees_with_float64(
    height, width, pooling, toy, prepared, run_reference
):
    graph, feeds = prepared(height, width, pooling)
    exact = run_reference(graph, feeds, toy.weights)
    built = build_program("objective", toy, chosen(CONTENT, STYLE, pooling))
    ours = run_built(*built, toy.weights, feeds)
    assert ours["gradient"].shape == (1, 3, height, width)
    np.testing.assert_allclose(ours["terms"], exact["terms"], rtol=2e-5)
    difference = np.linalg.norm(ours["gradient"] - exact["gradient"])
    assert difference <= 1e-5 * np.linalg.norm(exact["gradient"])


def run_built(data, names, weights, feeds):
    """Run a program as the engine does: its weights are handed to the session."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    values = [onnxruntime.OrtValue.ortvalue_from_numpy(weights[name]) for name in names]
    options.add_external_initializers(list(names), values)
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    feeds = {key: np.asarray(value, np.float32) for key, value in feeds.items()}
    results = session.run(None, feeds)
    return dict(zip([o.name for o in session.get_outputs()], results, strict=True))


@both_poolings
@every_choice
def test_terms_are_the_formulas(choice, pooling, toy, picture, prepared, run_reference):
    content, style = choice
    graph, feeds = prepared(17, 22, pooling, choice)
    results = run_reference(graph, feeds, toy.weights)
    own = content_graph(toy, chosen([*content, *style], [], pooling))
    features = run_reference(own, {"image": feeds["image"]}, toy.weights)
    expected = [
        np.sum((features[f"content.{layer}"] - feeds[f"content.{layer}"]) ** 2) for layer in content
    ]
    for layer in style:
        flat = features[f"content.{layer}"]
        flat = flat.reshape(flat.shape[1], -1)
        gram = np.einsum("ip,jp->ij", flat, flat) / flat.shape[1]
        expected.append(np.sum((gram - feeds[f"style.{layer}"]) ** 2))
    expected.append(total_variation(feeds["image"]))
    expected = np.array(expected) * feeds["coefficients"]
    np.testing.assert_allclose(results["terms"], expected, rtol=1e-9)


def total_variation(image):
    """Squared differences to the neighbours below and to the right, per pixel."""
    height, width = image.shape[2:]
    total = 0.0
    for _, channel, i, j in np.ndindex(image.shape):
        if i + 1 < height:
            total += (image[0, channel, i + 1, j] - image[0, channel, i, j]) ** 2
        if j + 1 < width:
            total += (image[0, channel, i, j + 1] - image[0, channel, i, j]) ** 2
    return total / (height * width)


@both_poolings
@every_choice
@pytest.mark.parametrize("height, width", [(16, 16), (19, 17)])
def test_gradient_is_the_slope_of_the_loss(
    height, width, choice, pooling, toy, prepared, run_reference
):
    graph, feeds = prepared(height, width, pooling, choice)
    results = run_reference(graph, feeds, toy.weights)
    random, h = np.random.default_rng(3), 1e-7
    for _ in range(2):
        v = random.standard_normal(feeds["image"].shape)
        ahead, behind = (
            run_reference(graph, {**feeds, "image": feeds["image"] + s * h * v}, toy.weights)
            for s in (1, -1)
        )
        slope = (ahead["terms"].sum() - behind["terms"].sum()) / (2 * h)
        assert np.sum(results["gradient"] * v) == pytest.approx(slope, rel=1e-5)


def test_each_term_has_its_own_coefficient(toy, prepared, run_reference):
    graph, feeds = prepared(16, 18, "max")
    whole = run_reference(graph, {**feeds, "coefficients": np.ones(6)}, toy.weights)
    parts = [run_reference(graph, {**feeds, "coefficients": row}, toy.weights) for row in np.eye(6)]
    for number, part in enumerate(parts):
        assert part["terms"].sum() == pytest.approx(whole["terms"][number], rel=1e-12)
    np.testing.assert_allclose(sum(p["gradient"] for p in parts), whole["gradient"], atol=1e-9)


def test_picture_that_is_its_own_target_has_no_loss_and_no_gradient(toy, picture, run_reference):
    image, selection = picture(17, 16), chosen(CONTENT, STYLE)
    feeds = targets(toy, selection, image, image, run_reference)
    feeds |= {"image": image, "coefficients": np.array([1, 1, 1, 1, 1, 0.0])}
    results = run_reference(objective_graph(toy, selection), feeds, toy.weights)
    assert not results["terms"].any()
    assert not results["gradient"].any()


def test_flat_picture_has_no_total_variation(toy, prepared, run_reference):
    graph, feeds = prepared(16, 16, "max")
    feeds["image"] = np.full((1, 3, 16, 16), 0.3)
    assert run_reference(graph, feeds, toy.weights)["terms"][-1] == 0


@every_kind
def test_unknown_layer_is_an_error_that_lists_the_layers(toy, kind):
    with pytest.raises(ValueError, match="toy has no layer 'relu9_1'; it has relu1_1, relu1_2"):
        build_program(kind, toy, chosen(["relu9_1"], ["relu9_1"]))


@every_kind
def test_program_without_any_layer_is_an_error(toy, kind):
    with pytest.raises(ValueError, match="at least one layer"):
        build_program(kind, toy, chosen([], []))


@pytest.mark.parametrize("term", ["content", "style", "total variation"])
def test_sums_over_large_layers_keep_the_accuracy_of_float32(term, run_onnxruntime):
    """A running float32 sum over as many elements would be off by 1e-4 and more."""
    random = np.random.default_rng(0)
    shape = (1, 3, 1200, 1100) if term == "total variation" else (1, 64, 256, 256)
    x = random.random(shape, np.float32)
    b = Graph()
    value = b.input("x", (*shape[:2], "H", "W"))
    if term == "content":
        loss = losses.content(b, value, b.constant(np.zeros((1, 1, 1, 1))))
        expected = np.sum(x.astype(float) ** 2)
    elif term == "style":
        loss = b.op("SumOfSquares", losses.gram_per_position(b, value))
        flat = x[0].reshape(64, -1).astype(float)
        expected = np.sum((flat @ flat.T / flat.shape[1]) ** 2)
    else:
        loss = losses.total_variation(b, value, "squared")
        wide = x.astype(float)
        expected = sum(np.sum(np.diff(wide, axis=axis) ** 2) for axis in (2, 3)) / (1200 * 1100)
    b.output("loss", loss)
    assert run_onnxruntime(b, {"x": x})["loss"] == pytest.approx(expected, rel=2e-6)
