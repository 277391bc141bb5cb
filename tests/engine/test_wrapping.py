"""Canvases whose opposite sides join: whatever is moved around is the same."""

import numpy as np
import pytest

from impasto.engine.engine import Engine
from impasto.engine.errors import OptionsError
from impasto.engine.images import resize
from impasto.engine.stop import Stop
from impasto.engine.tiles import Tiling, wrapping
from impasto.engine.wrapping import resize_wrapped, surrounded, unwrapped

SHAPE = (48, 64)
LAYERS = {
    "content_layers": {"relu1_2": 1.0, "relu4_1": 2.0},
    "style_layers": {"relu1_1": 1.0, "relu3_1": 1.0, "relu4_1": 2.0},
    "tv_weight": 0.5,
    "border": "wrap",
}


@pytest.fixture(scope="module", params=["direct", "winograd"])
def lowered(request, toy_file):
    return Engine(toy_file, threads=1, device="cpu", lowering=request.param)


@pytest.mark.parametrize("around", [0, 3, 8, 29])
def test_the_way_back_is_the_transpose(around):
    random = np.random.default_rng(0)
    picture = random.standard_normal((8, 11, 3))
    given = random.standard_normal((8 + 2 * around, 11 + 2 * around, 3))
    forward = np.sum(surrounded(picture, around, "wrap") * given)
    assert np.sum(picture * unwrapped(given, around)) == pytest.approx(forward, rel=1e-12)


@pytest.mark.parametrize("size", [(16, 24), (32, 48), (24, 36), (7, 48)], ids=str)
def test_resizing_sees_the_opposite_side(scene, size):
    picture = scene(16, 24)
    nine = resize(np.tile(picture, (3, 3, 1)), 3 * size[0], 3 * size[1])
    middle = nine[size[0] : 2 * size[0], size[1] : 2 * size[1]]
    np.testing.assert_allclose(resize_wrapped(picture, *size), middle, atol=1e-6)


def test_what_is_moved_around_has_the_same_loss_and_the_gradient_moved(lowered, asked, scene):
    """By multiples of every stride; a frame, or a seam, would tell where it is."""
    content, canvas, styles = scene(*SHAPE), scene(*SHAPE, 2), [scene(60, 70, 1)]
    by = {"shift": (16, -8), "axis": (0, 1)}
    found = [
        lowered.objective_at(move(content), styles, asked(**LAYERS), Stop()).measure(move(canvas))
        for move in (np.asarray, lambda picture: np.roll(picture, **by))
    ]
    assert found[1].loss == pytest.approx(found[0].loss, rel=1e-5)
    for name, term in found[0].terms.items():
        assert found[1].terms[name] == pytest.approx(term, rel=1e-4)
    moved = np.roll(found[0].gradient, **by)
    noise = np.linalg.norm(found[1].gradient - moved) / np.linalg.norm(moved)
    assert noise < 1e-3
    frame = lowered.objective_at(
        content, styles, asked(**{**LAYERS, "border": "zeros"}), Stop()
    ).measure(canvas)
    assert abs(frame.loss / found[0].loss - 1) > 1e-3


def test_the_gradient_is_that_of_the_loss(lowered, asked, scene):
    """Along the gradient itself, where a difference is far above the rounding."""
    content, canvas, styles = scene(*SHAPE), scene(*SHAPE, 2), [scene(60, 70, 1)]
    objective = lowered.objective_at(content, styles, asked(**LAYERS, pool="average"), Stop())
    loss, gradient = objective.evaluate(canvas)
    length = float(np.linalg.norm(gradient))
    step = 2e-3 * loss / length**2
    above, below = (objective.evaluate(canvas + sign * step * gradient)[0] for sign in (1, -1))
    assert (above - below) / (2 * step) == pytest.approx(length**2, rel=2e-3)


@pytest.mark.parametrize("side", [104, 120, 200])
def test_tiles_may_wrap_too(lowered, asked, scene, side):
    content, canvas, styles = scene(*SHAPE), scene(*SHAPE, 2), [scene(60, 70, 1)]
    whole = wrapping(lowered._programs.strides, ["relu4_1"], SHAPE)
    assert whole.counts(SHAPE) == (1, 1)
    cut = Tiling("relu4_1", side, side, whole.halo, whole.unit, outside="wrap")
    options = asked(**LAYERS)
    one, many = (
        lowered.objective_at(content, styles, options, Stop(), how).measure(canvas)
        for how in (whole, cut)
    )
    assert many.loss == pytest.approx(one.loss, rel=1e-5)
    np.testing.assert_allclose(
        many.gradient, one.gradient, atol=1e-3 * float(np.abs(one.gradient).max())
    )


def test_a_style_that_wraps_can_be_matched_exactly(lowered, asked, scene):
    """Made of its mirror images, as it is looked at, it has the statistics that are asked for."""
    style = scene(48, 32)
    mirrored = np.concatenate([style, style[:, ::-1]], axis=1)
    mirrored = np.concatenate([mirrored, mirrored[::-1]])
    options = asked(**{**LAYERS, "content_layers": {}}, size=(64, 96), init="noise")
    objective = lowered.objective(None, mirrored, options)
    terms = objective.terms(mirrored)
    assert sum(value for name, value in terms.items() if name != "tv") < 1e-8
    plain = asked(
        **{**LAYERS, "content_layers": {}, "border": "zeros"}, size=(64, 96), init="noise"
    )
    frame = lowered.objective(None, mirrored, plain)
    moved = np.roll(mirrored, (24, 40), (0, 1))
    assert objective.terms(moved)["style.relu4_1"] < 1e-8
    assert frame.terms(moved)["style.relu4_1"] > 1e-4


def seam(canvas):
    """How far the differences across the opposite sides are above those inside, in deviations."""
    found = []
    for axis in (0, 1):
        following = np.roll(canvas, -1, axis)
        steps = np.abs(following - canvas).mean(axis=(1 - axis, 2))
        found.append((steps[-1] - steps[:-1].mean()) / steps[:-1].std())
    return max(found)


def test_textures_have_no_seam(engine, asked, scene):
    layers = {"style_layers": {"relu1_1": 1.0, "relu2_1": 1.0}, "content_layers": {}}
    work = {"size": (48, 64), "levels": 2, "iterations": 80, "init": "noise", "tv_weight": 1.0}
    plain, tileable = (
        engine.texture(scene(48, 64), asked(**layers, **work, border=border)).canvas
        for border in ("replicate", "wrap")
    )
    assert seam(plain) > 4
    assert seam(tileable) < 2


def test_sides_that_pooling_does_not_divide_are_refused_with_near_ones(engine, asked, scene):
    options = asked(**{**LAYERS, "style_layers": {"relu3_1": 1.0}}, size=(50, 41), init="noise")
    with pytest.raises(OptionsError, match=r"multiples of 8.*48x40 is near"):
        engine.stylize(scene(40, 50), scene(30, 30), options)


def test_a_longer_side_alone_gives_sides_that_fit(engine, asked, scene):
    result = engine.texture(scene(30, 41), asked(**LAYERS, size=50, init="noise"))
    assert result.canvas.shape == (40, 48, 3)
