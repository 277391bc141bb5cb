import numpy as np
import pytest

from impasto.engine.objective import to_image
from impasto.engine.programs import Selection
from impasto.engine.stop import Stop, Stopped
from impasto.engine.targets import content_targets, style_size, style_targets


@pytest.fixture
def selection(asked, engine):
    return Selection.of(asked(), engine._programs.layers)


@pytest.fixture
def session(engine, selection):
    return engine._session("targets", selection)


def test_grams_are_products_of_features_per_position(engine, asked, scene):
    layers = dict.fromkeys(("relu1_1", "relu2_1", "relu3_1"), 1.0)
    both = Selection.of(asked(content_layers=layers), engine._programs.layers)
    session = engine._session("targets", both)
    picture = scene(17, 24)
    features = content_targets(session, both, picture, Stop())
    grams = style_targets(session, both, [picture], 24, 4, Stop())
    assert list(features) == list(grams) == list(layers)
    for layer in layers:
        flat = features[layer][0].reshape(features[layer].shape[1], -1).astype(np.float64)
        expected = flat @ flat.T / flat.shape[1]
        np.testing.assert_allclose(grams[layer], expected, rtol=1e-4, atol=1e-5)


def test_several_styles_are_the_mean_of_their_grams(session, selection, scene):
    styles = [scene(20, 24, seed) for seed in range(3)]
    alone = [style_targets(session, selection, [style], 24, 4, Stop()) for style in styles]
    for layer, gram in style_targets(session, selection, styles, 24, 4, Stop()).items():
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


def test_a_stop_ends_the_targets(session, selection, scene):
    stop = Stop()
    stop.request("time")
    with pytest.raises(Stopped, match="time"):
        content_targets(session, selection, scene(20, 24), stop)


def test_nothing_is_run_for_no_layers(asked, engine, scene):
    styles_only = Selection.of(asked(content_layers={}), engine._programs.layers)
    assert content_targets(None, styles_only, scene(20, 24), Stop()) == {}
    contents_only = Selection.of(asked(style_layers={}), engine._programs.layers)
    assert style_targets(None, contents_only, [], 24, 4, Stop()) == {}


def test_pictures_reach_the_network_as_planes_of_colour():
    canvas = np.arange(24, dtype=np.float64).reshape(2, 4, 3)
    image = to_image(canvas)
    assert (image.shape, image.dtype) == ((1, 3, 2, 4), np.float32)
    assert image.flags.c_contiguous
    assert image[0, 1, 1, 2] == canvas[1, 2, 1]
