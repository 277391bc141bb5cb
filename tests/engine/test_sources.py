import weakref

import numpy as np
import pytest

from impasto.engine import engine as engine_module
from impasto.engine.images import Picture, fitted_size, resize
from impasto.engine.initial import blended, cover, noise
from impasto.engine.limits import Limits
from impasto.engine.pyramid import Level
from impasto.engine.sources import gather, style_side
from impasto.engine.targets import style_size

LEVELS = (Level(9, 12, 1), Level(18, 24, 1))


def gathered(content, styles, options, levels=LEVELS, smallest_side=4):
    return gather(content, styles, levels, options, smallest_side, Limits())


@pytest.mark.parametrize("init", ["content", "style", "noise"])
def test_scenes_show_each_picture_at_the_size_of_the_level(asked, scene, init):
    content, style = scene(40, 50), scene(60, 30, 1)
    options = asked(init=init, init_blend=0.25, seed=3)
    sources = gathered(Picture(content, None), [style], options)
    assert sources.alpha is None
    assert tuple(shown.level for shown in sources.scenes) == LEVELS
    for shown, level in zip(sources.scenes, LEVELS, strict=True):
        size = (level.height, level.width)
        np.testing.assert_array_equal(shown.content, resize(content, *size))
        np.testing.assert_array_equal(
            shown.styles[0], resize(style, *fitted_size(60, 30, level.width))
        )
        picture = resize(content, *size) if init == "content" else cover(style, *size)
        expected = noise(*size, 3) if init == "noise" else blended(picture, 0.25, 3)
        np.testing.assert_array_equal(shown.start(), expected)


def test_transparency_has_the_size_of_the_result(asked, scene):
    alpha = scene(40, 50)[..., 0].copy()
    sources = gathered(Picture(scene(40, 50), alpha), [scene(9, 9)], asked())
    np.testing.assert_array_equal(sources.alpha, resize(alpha, 18, 24))


@pytest.mark.parametrize("shape", [(10, 12), (24, 9), (3, 400), (1, 1)])
def test_styles_that_would_be_enlarged_stay_as_they_are(asked, scene, shape):
    style = scene(*shape)
    last = gathered(Picture(scene(40, 50), None), [style], asked()).scenes[-1]
    assert last.styles[0] is style


@pytest.mark.parametrize("scale", [0.3, 1.0, 1.7])
@pytest.mark.parametrize(
    "shape", [(60, 30), (31, 400), (400, 120), (77, 76), (1000, 200), (25, 25), (9, 9)]
)
def test_a_style_is_looked_at_as_if_it_had_not_been_shrunk(scene, asked, shape, scale):
    style, options = scene(*shape), asked(style_scale=scale)
    for shown in gathered(Picture(scene(40, 50), None), [style], options).scenes:
        side = style_side(options, (shown.level.height, shown.level.width))
        seen, expected = (
            resize(picture, *style_size(picture, side, 4)) for picture in (shown.styles[0], style)
        )
        np.testing.assert_array_equal(seen, expected)


@pytest.mark.parametrize("shape", [(60, 30), (90, 60), (77, 76)])
def test_a_style_takes_no_more_memory_than_it_is_looked_at(scene, asked, shape):
    for shown in gathered(Picture(scene(40, 50), None), [scene(*shape)], asked()).scenes:
        assert max(shown.styles[0].shape) == shown.level.width


@pytest.mark.parametrize("init", ["content", "style", "noise"])
def test_originals_are_let_go_before_the_work_begins(engine, asked, scene, monkeypatch, init):
    read, originals, alive = engine_module.read_picture, [], []

    def watched(*given):
        picture = read(*given)
        originals.append(weakref.ref(picture.rgb))
        return picture

    def count(record):
        alive.append(sum(original() is not None for original in originals))

    monkeypatch.setattr(engine_module, "read_picture", watched)
    engine.stylize(scene(90, 80), [scene(70, 90, 1)] * 2, asked(init=init), progress=count)
    assert len(originals) == 3
    assert set(alive) == {0}
