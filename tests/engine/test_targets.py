import numpy as np
import pytest

from impasto.engine.blending import Shares
from impasto.engine.engine import Engine
from impasto.engine.errors import ImageTooSmall, LimitError
from impasto.engine.front import View
from impasto.engine.limits import Limits
from impasto.engine.pixels import to_image
from impasto.engine.programs import Selection
from impasto.engine.stop import Stop, Stopped
from impasto.engine.targets import content_targets, style_size, style_targets

LAYERS = ("relu1_1", "relu2_1", "relu3_1")


@pytest.fixture
def view_of(engine):
    """`view_of(options)`: the toy network as these options see it."""

    def make(options):
        strides = engine._programs.strides
        return View(engine._sessions, Selection.of(options, strides), strides)

    return make


@pytest.fixture
def view(view_of, asked):
    """The network as the usual layers see it."""
    return view_of(asked())


def test_grams_are_products_of_features_per_position(view_of, asked, scene):
    view = view_of(asked(content_layers=dict.fromkeys(LAYERS, 1.0)))
    picture = scene(17, 24)
    features = content_targets(view, None, picture, Stop()).whole
    grams = style_targets(view, None, [picture], [24], Shares({0: 1.0}), 4, Stop())
    assert tuple(features) == tuple(grams) == LAYERS
    for layer in LAYERS:
        array = features[layer]
        flat = array[0].reshape(array.shape[1], -1).astype(np.float64)
        expected = flat @ flat.T / flat.shape[1]
        np.testing.assert_allclose(grams[layer], expected, rtol=1e-4, atol=1e-5)


def test_several_styles_are_the_mean_of_their_grams(view, scene):
    styles = [scene(20, 24, seed) for seed in range(3)]
    alone = [
        style_targets(view, None, [style], [24], Shares({0: 1.0}), 4, Stop()) for style in styles
    ]
    for layer, gram in style_targets(
        view, None, styles, [24] * 3, Shares(dict.fromkeys(range(3), 1.0)), 4, Stop()
    ).items():
        expected = np.mean([one[layer] for one in alone], axis=0, dtype=np.float64)
        np.testing.assert_allclose(gram, expected, rtol=1e-5, atol=1e-6)
        assert gram.dtype == np.float32


@pytest.mark.parametrize("shape", [(64, 48), (3, 1000), (1000, 1), (1, 1), (17, 17), (33, 2)])
@pytest.mark.parametrize("longer", [8, 16, 100])
def test_a_style_is_looked_at_as_large_as_asked_or_as_needed(shape, longer):
    height, width = style_size(np.zeros((*shape, 3)), longer, 8)
    assert min(height, width) >= 8
    ratio = (height / width) / (shape[0] / shape[1])
    assert ratio == pytest.approx(1, rel=0.5 / min(height, width) + 1e-9)
    if longer * min(shape) >= 8 * max(shape):
        assert max(height, width) == longer


@pytest.mark.parametrize("work", ["stylize", "objective", "plan"])
def test_a_style_above_the_limits_is_refused_before_the_work(toy_file, asked, scene, work):
    engine = Engine(toy_file, threads=1, limits=Limits(output_side=40))
    do, content = getattr(engine, work), scene(20, 24)
    with pytest.raises(LimitError, match="style_scale makes the style 48 pixels long, but the lim"):
        do(content, scene(9, 9), asked(style_scale=2.0))
    thin = [scene(9, 9), scene(1, 11)]
    with pytest.raises(ImageTooSmall, match=r"of 11 x 1 pixels is too thin: .* 44 pixels long"):
        do(content, thin, asked())
    do(content, thin[0], asked())
    do(content, thin, asked(style_layers={}, style_scale=2.0))  # nothing looks at a style then


def test_a_stop_ends_the_targets(view, scene):
    stop = Stop()
    stop.request("time")
    with pytest.raises(Stopped, match="time"):
        style_targets(view, None, [scene(20, 24)], [24], Shares({0: 1.0}), 4, stop)


@pytest.mark.parametrize("lowering", ["direct", "winograd"])
@pytest.mark.parametrize("kind", ["content", "style"])
def test_no_session_is_opened_for_no_layers(toy_file, asked, scene, monkeypatch, lowering, kind):
    engine, opened = Engine(toy_file, threads=1, device="cpu", lowering=lowering), set()
    get = engine._sessions.get

    def noted(asked_for, *rest):
        opened.add(asked_for)
        return get(asked_for, *rest)

    monkeypatch.setattr(engine._sessions, "get", noted)
    engine.objective(scene(20, 24), scene(20, 24), asked(**{f"{kind}_layers": {}}))
    assert opened == {"content", "style", "objective"} - {kind}


def test_pictures_reach_the_network_as_planes_of_colour():
    canvas = np.arange(24, dtype=np.float64).reshape(2, 4, 3)
    image = to_image(canvas)
    assert (image.shape, image.dtype) == ((1, 3, 2, 4), np.float32)
    assert image.flags.c_contiguous
    assert image[0, 1, 1, 2] == canvas[1, 2, 1]
