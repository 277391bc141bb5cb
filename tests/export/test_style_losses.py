"""What is compared of style layers: formulas written again, gradients by finite differences."""

import numpy as np
import pytest
import scipy.linalg

from impasto.engine.programs import Selection
from impasto.engine.roots import roots_of
from impasto.engine.selection import statistics_of, targets_of
from impasto.export.gradient import pull_back
from impasto.export.graph import Graph
from impasto.export.lowering import direct, tiled
from impasto.export.program import objective_graph, style_graph
from impasto.export.style_losses import per_position, style_term, totals

LOSSES = ["gram", "moments", "wasserstein"]
LAYERS = (("relu3_1",), ("relu1_1", "relu2_1", "relu4_1"))
CHANNELS = 5

every_loss = pytest.mark.parametrize("loss", LOSSES)


def features(seed, height=7, width=9, spread=1.0):
    """Of a layer after its ReLU: correlated, and none below 0."""
    random = np.random.default_rng(seed)
    mixed = np.einsum(
        "ab,bhw->ahw",
        random.normal(size=(CHANNELS, CHANNELS)),
        random.normal(size=(CHANNELS, height, width)),
    )
    return np.maximum(spread * mixed + 0.5, 0)[None]


def moments_of(x):
    flat = x[0].reshape(CHANNELS, -1)
    return flat @ flat.T / flat.shape[1], flat.mean(axis=1)


def by_hand(loss, x, y):
    """The distance of two layers' statistics."""
    (gram, mean), (target, of_target) = moments_of(x), moments_of(y)
    if loss == "gram":
        return np.sum((gram - target) ** 2)
    apart = np.sum((mean - of_target) ** 2)
    s, t = (np.cov(one[0].reshape(CHANNELS, -1), bias=True) for one in (x, y))
    if loss == "moments":
        deviations = [np.sqrt(np.diag(one) + 1e-5) for one in (s, t)]
        return apart + np.sum((deviations[0] - deviations[1]) ** 2)
    small = 1e-3 * np.linalg.norm(t) + 1e-5
    lifted = scipy.linalg.sqrtm(t) @ s @ scipy.linalg.sqrtm(t) + small**2 * np.eye(CHANNELS)
    common = np.real(scipy.linalg.sqrtm(lifted)) - small * np.eye(CHANNELS)
    return apart + np.trace(s + t - 2 * common)


def graph_of(loss, shape):
    b = Graph()
    value = b.input("x", shape)
    term = style_term(b, loss, "relu1_1", per_position(b, loss, "relu1_1", value))
    b.output("gradient", pull_back(b, {term: b.constant(1.0)}, value))
    b.output("term", term)
    return b


def targets_for(loss, y):
    gram, mean = moments_of(y)
    found = {"style.relu1_1": gram, "style.relu1_1.mean": mean}
    found["root.relu1_1"] = roots_of(gram, mean)
    return {name: found[name] for name in targets_of(loss, "relu1_1")}


@every_loss
@pytest.mark.parametrize("seed", range(4))
def test_the_term_is_its_formula(loss, seed, run_reference):
    x, y = features(seed), features(seed + 10, 6, 11, 2.0)
    found = run_reference(graph_of(loss, x.shape), {"x": x} | targets_for(loss, y))
    # The root of the target is in float32, and that of the product as near as that.
    accuracy = 2e-6 if loss == "wasserstein" else 1e-12
    assert found["term"] == pytest.approx(by_hand(loss, x, y), rel=accuracy)


@every_loss
def test_the_gradient_is_that_of_finite_differences(loss, run_reference):
    x, y = features(1), features(2, 5, 8, 2.0)
    graph, targets = graph_of(loss, x.shape), targets_for(loss, y)
    gradient = run_reference(graph, {"x": x} | targets)["gradient"]
    # A root and its slope are as near as the steps bring them, which is enough for float32.
    accuracy = 5e-6 if loss == "wasserstein" else 1e-8
    random, step = np.random.default_rng(3), 1e-5
    for _ in range(6):
        direction = random.normal(size=x.shape)
        ahead, behind = (
            run_reference(graph, {"x": x + sign * step * direction} | targets)["term"]
            for sign in (1, -1)
        )
        expected = (ahead - behind) / (2 * step)
        error = abs(np.sum(gradient * direction) - expected)
        assert error <= accuracy * np.linalg.norm(gradient) * np.linalg.norm(direction)


@every_loss
def test_a_layer_is_at_no_distance_from_itself(loss, run_reference):
    x = features(1)
    found = run_reference(graph_of(loss, x.shape), {"x": x} | targets_for(loss, x))
    covariance = np.cov(x[0].reshape(CHANNELS, -1), bias=True)
    too_small = 1e-3 * np.linalg.norm(covariance) if loss == "wasserstein" else 1e-7
    assert abs(found["term"]) <= 2 * CHANNELS * too_small


def test_flat_channels_have_a_finite_gradient(run_reference):
    x = features(1)
    x[:, 1:4] = 0
    for loss in LOSSES:
        found = run_reference(graph_of(loss, x.shape), {"x": x} | targets_for(loss, features(2)))
        assert np.isfinite(found["gradient"]).all()
        assert np.isfinite(found["term"])


def test_float32_keeps_the_distance_of_a_deep_layer(run_onnxruntime):
    """Of 64 channels, half of which are nearly the same: a covariance that is nearly singular."""
    random = np.random.default_rng(5)
    x, y = (np.maximum(random.normal(size=(1, 64, 20, 20)), 0) for _ in range(2))
    x[:, 32:] = x[:, :32] + 1e-3 * x[:, 32:]
    b = Graph()
    value = b.input("x", x.shape)
    b.output("term", style_term(b, "wasserstein", "l", per_position(b, "wasserstein", "l", value)))
    s, t = (np.cov(one[0].reshape(64, -1), bias=True) for one in (x, y))
    means = [one[0].reshape(64, -1).mean(axis=1) for one in (x, y)]
    flat = y[0].reshape(64, -1)
    root = roots_of(flat @ flat.T / 400, means[1])
    values = np.linalg.eigvalsh(root.astype(float) @ s @ root.astype(float))
    small = 1e-3 * np.linalg.norm(t)
    common = np.sum(np.sqrt(np.maximum(values, 0) + small**2) - small)
    expected = np.sum((means[0] - means[1]) ** 2) + np.trace(s + t) - 2 * common
    found = run_onnxruntime(b, {"x": x, "style.l.mean": means[1], "root.l": root})["term"]
    assert found == pytest.approx(expected, rel=1e-4)


@every_loss
def test_sums_over_parts_are_those_of_the_whole(loss, run_reference):
    x = features(4)
    b = Graph()
    for part, value in (
        ("left", b.input("left", x[..., :4].shape)),
        ("right", b.input("right", x[..., 4:].shape)),
    ):
        for name, total in totals(b, loss, "relu1_1", value).items():
            b.output(f"{part}.{name}", total)
    found = run_reference(b, {"left": x[..., :4], "right": x[..., 4:]})
    gram, mean = moments_of(x)
    for name in statistics_of(loss, "relu1_1"):
        expected = gram if name == "relu1_1" else mean
        total = found[f"left.{name}"] + found[f"right.{name}"]
        np.testing.assert_allclose(total / 63, expected, rtol=1e-12)


@every_loss
@pytest.mark.parametrize("variation", ["squared", "absolute"])
@pytest.mark.parametrize("size", [(16, 16), (19, 37)], ids=str)
def test_the_lowering_to_rows_is_the_direct_one(loss, variation, size, toy, run_reference):
    selection = Selection(*LAYERS, "max", "replicate", None, loss, variation)
    graph = objective_graph(toy, selection, size)
    random = np.random.default_rng(0)
    feeds = {name: random.random(value.shape) for name, value in graph.inputs.items()}
    feeds |= {name: np.eye(*feeds[name].shape) for name in feeds if name.startswith("root.")}
    found = run_reference(graph, feeds, toy.weights, tiled.lower)
    expected = run_reference(graph, feeds, toy.weights, direct.lower)
    np.testing.assert_allclose(found["terms"], expected["terms"], rtol=1e-11)
    np.testing.assert_allclose(found["gradient"], expected["gradient"], rtol=1e-8, atol=1e-12)


@every_loss
def test_targets_are_the_statistics_of_features(loss, toy, picture, run_reference):
    selection = Selection((), ("relu1_1", "relu2_1"), "max", "zeros", None, loss)
    found = run_reference(style_graph(toy, selection), {"image": picture(12, 10)}, toy.weights)
    names = [
        f"style.{name}" for layer in selection.style_layers for name in statistics_of(loss, layer)
    ]
    assert list(found) == names
