"""Content alone, style alone: what the talk shows before the whole artwork."""

from dataclasses import replace

import numpy as np
import pytest

from impasto.engine.errors import ImageTooSmall, OptionsError
from impasto.engine.images import write_picture
from impasto.engine.options import Options
from impasto.engine.settings import Checkpoint
from impasto.engine.simple import reconstruct, texture
from impasto.engine.tasks import RECONSTRUCTION, TEXTURE

STEPS = {"size": 32, "iterations": 150, "init": "noise"}


@pytest.fixture
def gram_error(engine):
    """`gram_error(canvas, style, options)`: the style loss as its own formula, relative."""

    def error(canvas, style, options):
        return engine.objective(None, style, options).evaluate(canvas)[0]

    return error


def test_a_reconstruction_has_the_features_of_the_picture(engine, asked, scene):
    picture = scene(32, 40)
    result = engine.reconstruct(picture, asked(**STEPS, content_layers={"relu2_1": 1.0}))
    assert result.loss < result.initial_loss / 100
    assert list(result.terms) == ["content.relu2_1", "tv"]
    assert result.canvas.shape == (26, 32, 3)


def test_higher_layers_lose_detail(engine, asked, scene):
    picture = scene(32, 32)
    errors = [
        np.mean(
            (
                engine.reconstruct(picture, asked(**STEPS, content_layers={layer: 1.0})).canvas
                - picture
            )
            ** 2
        )
        for layer in ("relu1_1", "relu3_1")
    ]
    assert errors[0] < errors[1] / 2


def test_a_texture_has_the_gram_matrices_of_the_style(engine, asked, scene, gram_error):
    style = scene(32, 32)
    options = asked(**STEPS, content_layers={})
    result = engine.texture(style, options)
    assert result.loss < result.initial_loss / 100
    assert {name.partition(".")[0] for name in result.terms} == {"style", "tv"}
    assert gram_error(result.canvas, style, options) == pytest.approx(result.loss, rel=1e-6)


@pytest.mark.parametrize(
    ("size", "shape"), [(40, (20, 40)), ((24, 36), (36, 24)), ((40, 16), (16, 40))], ids=str
)
def test_a_texture_has_any_size(engine, asked, scene, size, shape):
    result = engine.texture(scene(30, 60), asked(size=size, init="noise", iterations=1))
    assert result.canvas.shape == (*shape, 3)
    assert result.alpha is None


def test_layers_that_a_task_does_not_use_make_no_difference(engine, asked, scene):
    options = asked(init="noise", iterations=2)
    alone = engine.texture(scene(30, 30), asked(init="noise", iterations=2, content_layers={}))
    assert np.array_equal(engine.texture(scene(30, 30), options).canvas, alone.canvas)


def test_a_picture_covers_a_size_that_is_given(engine, asked, scene):
    """Nothing is stretched: the middle of the picture at its own scale."""
    picture = scene(64, 96)
    result = engine.stylize(picture, scene(30, 30), asked(size=(32, 32), iterations=0))
    middle = picture[:, 16:80].reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(result.canvas - middle).max() < 0.02


def test_opacity_is_cut_as_the_picture_is(engine, asked, scene):
    picture = np.dstack([scene(64, 96), np.ones((64, 96), np.float32)])
    picture[:, :16, 3] = 0
    result = engine.stylize(picture, scene(30, 30), asked(size=(32, 32), iterations=0))
    assert result.alpha.shape == (32, 32)
    assert result.alpha[:, 2:].min() > 0.9


@pytest.mark.parametrize(("size", "shape"), [(0.5, (24, 32)), (1.0, (48, 64))])
def test_a_fraction_is_of_the_picture(engine, asked, scene, size, shape):
    result = engine.stylize(scene(48, 64), scene(30, 30), asked(size=size, iterations=0))
    assert result.canvas.shape == (*shape, 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"init": "content"}, "init cannot be content"),
        ({"size": 0.5, "init": "noise"}, "size cannot be a fraction"),
    ],
)
def test_a_texture_has_no_content_picture(engine, asked, scene, options, words):
    with pytest.raises(OptionsError, match=words):
        engine.texture(scene(30, 30), asked(**options))


def test_a_reconstruction_that_would_be_there_at_once_is_refused(engine, asked, scene):
    with pytest.raises(OptionsError, match="init cannot be content where nothing else is compared"):
        engine.reconstruct(scene(24, 24), asked())
    for more in ({"tv_weight": 0.1}, {"init_blend": 0.5}):
        assert engine.reconstruct(scene(24, 24), asked(**more)).initial_loss > 0


def test_a_reconstruction_has_no_style_picture(engine, asked, scene):
    with pytest.raises(OptionsError, match="at least one style picture is needed"):
        engine.reconstruct(scene(30, 30), asked(init="style"))


def test_sides_below_what_the_network_needs_are_refused(engine, asked, scene):
    with pytest.raises(ImageTooSmall, match=r"needs 4 pixels.*30x3"):
        engine.texture(scene(30, 30), asked(size=(30, 3), init="noise"))


def test_a_texture_goes_on_after_a_stop(engine, asked, scene, tmp_path):
    path = tmp_path / "style.png"
    write_picture(path, scene(30, 40))
    options = asked(init="noise", iterations=8)
    engine.texture(
        path,
        options,
        checkpoint=Checkpoint(tmp_path / "kept", every=0),
        progress=lambda told: told.iteration < 3,
    )
    result = engine.resume(tmp_path / "kept")
    assert result.iterations == 8
    assert result.canvas.shape == engine.texture(path, options).canvas.shape


def test_the_calls_for_one_picture_are_those_of_an_engine(engine, toy_file, asked, scene):
    options = asked(init="noise", iterations=2)
    machine = {"model": toy_file, "threads": 1, "device": "cpu"}
    for alone, several in ((reconstruct, engine.reconstruct), (texture, engine.texture)):
        once = alone(scene(30, 30), options, **machine)
        assert np.array_equal(once.canvas, several(scene(30, 30), options).canvas)


def test_tasks_begin_with_noise():
    assert RECONSTRUCTION.init == TEXTURE.init == "noise"
    assert not RECONSTRUCTION.style_layers
    assert not TEXTURE.content_layers


def test_what_softness_tells_nothing_of_takes_more_steps(engine, asked):
    def steps(**given):
        options = asked(size=64, levels=4, iterations=None, **given)
        return [level.iterations for level in engine.levels((64, 64), options)]

    assert steps() == [150, 90, 65, 65]
    for other in ({"content_layers": {}}, {"content_weight": 0}, {"optimizer": "adam"}):
        assert steps(**other) == [200, 120, 80, 80]


@pytest.mark.parametrize("way", ["texture", "stylize"])
def test_what_has_no_content_is_alike_everywhere(engine, scene, way):
    """Blocks of 24 pixels are as light as each other: L-BFGS is told of soft areas only where a
    content picture says which ones are light. With that told, they differ by 12 of 255."""
    layers = {"relu1_1": 1.0, "relu2_1": 1.0}
    options = Options(size=(96, 96), style_layers=layers, levels=1, iterations=60, init="noise")
    style = scene(96, 96)
    if way == "texture":
        result = engine.texture(style, options)
    else:
        options = replace(options, content_layers={"relu3_1": 1.0}, content_weight=0)
        result = engine.stylize(scene(96, 96, 1), style, options)
    blocks = 255 * result.canvas.reshape(4, 24, 4, 24, 3).mean((1, 3, 4))
    assert result.loss < 1e-3
    assert blocks.std() < 6
