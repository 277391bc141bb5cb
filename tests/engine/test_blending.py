import numpy as np
import pytest

from impasto.engine.blending import Shares, style_sides
from impasto.engine.errors import OptionsError
from impasto.engine.front import View
from impasto.engine.images import fitted_size, resize
from impasto.engine.options import Options
from impasto.engine.programs import Selection
from impasto.engine.stop import Stop
from impasto.engine.targets import content_targets, style_targets


def gram_by_hand(engine, options, picture, layer):
    """fᵀf per position, position by position, of the features that a content target has."""
    asked = Options(
        size=24, content_layers={layer: 1.0}, style_layers={layer: 1.0}, border=options.border
    )
    strides = engine._programs.strides
    view = View(engine._sessions, Selection.of(asked, strides), strides)
    array = content_targets(view, None, picture, Stop()).whole[layer][0].astype(np.float64)
    total = np.zeros((array.shape[0],) * 2)
    for row in range(array.shape[1]):
        for column in range(array.shape[2]):
            total += np.outer(array[:, row, column], array[:, row, column])
    return total / (array.shape[1] * array.shape[2])


def test_target_is_the_weighted_mean_of_grams_each_at_its_own_scale(engine, asked, scene):
    options = asked(style_blend=(2, 1), style_scale=(1.0, 1.5))
    pictures = [scene(20, 24, 1), scene(30, 18, 2)]
    strides = engine._programs.strides
    view = View(engine._sessions, Selection.of(options, strides), strides)
    sides = style_sides(options, (24, 20), 2)
    assert sides == [24, 36]
    made = style_targets(view, None, pictures, sides, Shares.of(options, 2), 4, Stop())
    for layer, gram in made.items():
        hand = [
            gram_by_hand(engine, options, resize(one, *fitted_size(*one.shape[:2], side)), layer)
            for one, side in zip(pictures, sides, strict=True)
        ]
        expected = (2 * hand[0] + hand[1]) / 3
        np.testing.assert_allclose(gram, expected, rtol=1e-4, atol=1e-5)


def test_gradient_is_that_of_the_weighted_mean_of_the_losses(engine, asked, scene):
    one, two, content, canvas = (scene(24, 24, seed) for seed in range(4))
    asked_of = asked(content_weight=0.0, objective="gatys")
    _, both = engine.objective(
        content, [one, two], asked(content_weight=0.0, objective="gatys", style_blend=(3, 1))
    ).evaluate(canvas)
    apart = [engine.objective(content, style, asked_of).evaluate(canvas)[1] for style in (one, two)]
    expected = 0.75 * apart[0] + 0.25 * apart[1]
    np.testing.assert_allclose(both, expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("size", [24, (24, 20), 0.5])
def test_a_style_size_is_the_scale_that_makes_it_so_large_beside_the_result(
    engine, asked, scene, size
):
    """The photograph has 48 x 40 pixels."""
    content, style = scene(40, 48), scene(30, 18, 1)
    by_size = engine.stylize(content, style, asked(size=size, levels=2, coarsest=8, style_size=36))
    by_scale = engine.stylize(
        content, style, asked(size=size, levels=2, coarsest=8, style_scale=1.5)
    )
    np.testing.assert_array_equal(by_size.canvas, by_scale.canvas)
    objectives = [
        engine.objective(content, style, asked(size=size, **how))
        for how in ({"style_size": 36}, {"style_scale": 1.5})
    ]
    losses = {objective.evaluate(by_size.canvas)[0] for objective in objectives}
    assert len(losses) == 1


@pytest.mark.parametrize("pixels", [1, 385])
def test_a_style_is_at_most_sixteen_times_larger_or_smaller(engine, asked, scene, pixels):
    with pytest.raises(
        OptionsError, match=f"must be from 2 to 384 beside a result of 24 .*{pixels}"
    ):
        engine.plan(scene(24, 24), scene(20, 24, 1), asked(style_size=pixels))


def test_a_style_file_is_for_a_scale(engine, asked, scene, tmp_path):
    with pytest.raises(OptionsError, match="a style file is for a style_scale"):
        engine.save_style(scene(20, 24, 1), tmp_path / "a.style", asked(style_size=30))


def test_all_for_one_is_that_one_alone(engine, asked, scene):
    content, styles = scene(24, 24), [scene(20, 24, 1), scene(24, 20, 2)]
    whole = engine.stylize(content, styles, asked(style_blend=(0, 5), style_scale=(2, 1)))
    alone = engine.stylize(content, styles[1], asked())
    np.testing.assert_array_equal(whole.canvas, alone.canvas)


def parts(styles, **given):
    return list(Shares.of(Options(**given), styles).of_layer("relu1_1").values())


def test_only_proportions_count():
    shares = parts(2, style_blend=(2, 1))
    assert shares == pytest.approx([2 / 3, 1 / 3])
    assert parts(2, style_blend=(2e-300, 1e-300)) == pytest.approx(shares)
    assert parts(2, style_blend=(1e12, 1e12)) == [0.5, 0.5]
    assert parts(4) == [0.25] * 4


def test_a_layer_of_its_own_is_matched_to_that_style_alone(engine, asked, scene):
    content, styles = scene(24, 24), [scene(24, 20, 1), scene(20, 24, 2)]
    layers = {"style_layers": {"relu1_1": 1.0, "relu3_1": 1.0}, "content_layers": {}}
    mixed = engine.objective(
        content, styles, asked(**layers, layer_styles={"relu1_1": 2, "relu3_1": 1})
    )
    canvas = scene(24, 24, 3)
    found = mixed.measure(canvas).terms
    alone = [engine.objective(content, style, asked(**layers)).measure(canvas) for style in styles]
    assert found["style.relu1_1"] == pytest.approx(alone[1].terms["style.relu1_1"], rel=1e-5)
    assert found["style.relu3_1"] == pytest.approx(alone[0].terms["style.relu3_1"], rel=1e-5)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"layer_styles": {"relu1_1": 3}}, "there are 2 styles"),
        ({"layer_styles": {"pool1": 1}}, "none of the style layers"),
    ],
)
def test_layers_of_styles_that_are_not_there_are_refused(engine, asked, scene, given, words):
    with pytest.raises(OptionsError, match=words):
        engine.stylize(scene(24, 24), [scene(20, 20, 1), scene(20, 20, 2)], asked(**given))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"style_blend": (1, 2, 3)}, "style_blend must list one number for each style picture: 2"),
        ({"style_scale": (1,)}, "style_scale must list one number for each style picture: 2, not"),
    ],
)
def test_lists_have_a_number_for_each_style(engine, asked, scene, given, words):
    with pytest.raises(OptionsError, match=words):
        engine.stylize(scene(24, 24), [scene(9, 9, 1), scene(9, 9, 2)], asked(**given))


def test_plan_counts_the_scales_of_all_styles(engine, asked, scene):
    content, styles = scene(24, 24), [scene(9, 9, 1), scene(9, 9, 2)]
    small = engine.plan(content, styles, asked(style_scale=(1, 1)))
    large = engine.plan(content, styles, asked(style_scale=(1, 16)), timed=True)
    assert large.bytes > small.bytes
    assert large.seconds > 0


def test_photograph_alone_minds_no_blend(engine, asked, scene):
    options = asked(style_blend=(1, 2), style_scale=(1, 2), init="noise")
    assert engine.reconstruct(scene(24, 24), options).loss >= 0
