import weakref

import numpy as np
import pytest

from impasto.engine.images import Picture, resize
from impasto.engine.initial import blended, cover, noise
from impasto.engine.limits import Limits
from impasto.engine.pyramid import Level
from impasto.engine.sources import gather

LEVELS = (Level(9, 12, 1), Level(18, 24, 1))


def gathered(content, styles, options, levels=LEVELS):
    return gather(content, styles, levels, options, Limits())


def eight_bits(picture):
    return np.round(picture * 255).astype(np.uint8)


@pytest.mark.parametrize("init", ["content", "style", "noise"])
def test_scenes_show_each_picture_at_the_size_of_the_level(asked, scene, init):
    content, style = scene(40, 50), scene(60, 30, 1)
    options = asked(init=init, init_blend=0.25, seed=3)
    pictures = Picture(content), Picture(style)
    sources = gathered(pictures[0], [pictures[1]], options)
    assert sources.alpha is None
    assert tuple(shown.level for shown in sources.scenes) == LEVELS
    for shown, level in zip(sources.scenes, LEVELS, strict=True):
        size = (level.height, level.width)
        np.testing.assert_array_equal(shown.content, resize(content, *size))
        assert shown.styles == (pictures[1],)
        picture = resize(content, *size) if init == "content" else cover(style, *size)
        expected = noise(*size, 3) if init == "noise" else blended(picture, 0.25, 3)
        np.testing.assert_array_equal(shown.start(), expected)


@pytest.mark.parametrize("init", ["content", "style", "noise"])
def test_the_first_canvas_may_be_changed_and_asked_for_again(asked, scene, init):
    pictures = Picture(scene(40, 50)), Picture(scene(60, 30, 1))
    shown = gathered(pictures[0], [pictures[1]], asked(init=init)).scenes[-1]
    content, start = shown.content.copy(), shown.start()
    before = start.copy()
    start[:] = 0
    np.testing.assert_array_equal(shown.start(), before)
    np.testing.assert_array_equal(shown.content, content)


def test_eight_bits_show_what_their_floats_would(asked, scene):
    content, style = eight_bits(scene(40, 50)), eight_bits(scene(60, 30, 1))
    options = asked(init="style", init_blend=0.25)
    pair = [
        gathered(Picture(content), [Picture(style)], options).scenes[-1],
        gathered(
            Picture(content / np.float32(255)), [Picture(style / np.float32(255))], options
        ).scenes[-1],
    ]
    np.testing.assert_array_equal(pair[0].content, pair[1].content)
    np.testing.assert_array_equal(pair[0].start(), pair[1].start())


def test_the_content_is_shrunk_once_for_a_level(asked, scene):
    shown = gathered(Picture(scene(40, 50)), [Picture(scene(9, 9))], asked()).scenes[-1]
    assert shown.content is shown.content


def test_transparency_has_the_size_of_the_result(asked, scene):
    alpha = scene(40, 50)[..., 0].copy()
    sources = gathered(Picture(scene(40, 50), alpha), [Picture(scene(9, 9))], asked())
    np.testing.assert_array_equal(sources.alpha, resize(alpha, 18, 24))
    sources.scenes[-1].release()
    np.testing.assert_array_equal(sources.alpha, resize(alpha, 18, 24))


@pytest.mark.parametrize("init", ["content", "style", "noise"])
def test_a_coarse_level_lets_go_what_was_made_for_it(asked, scene, init):
    sources = gathered(Picture(scene(40, 50)), [Picture(scene(9, 9))], asked(init=init))
    coarse, fine = sources.scenes
    made, first = weakref.ref(coarse.content), fine.start()
    coarse.release()
    assert made() is None
    np.testing.assert_array_equal(fine.start(), first)


@pytest.mark.parametrize("init", ["content", "style", "noise"])
def test_the_last_level_lets_the_originals_go(asked, scene, init):
    content, style = Picture(eight_bits(scene(40, 50))), Picture(eight_bits(scene(9, 9)))
    sources = gathered(content, [style], asked(init=init))
    originals = [weakref.ref(picture.samples) for picture in (content, style)]
    del content, style
    for shown in sources.scenes:
        assert [original() is None for original in originals] == [False, False]
        assert shown.content.shape == shown.start().shape
        shown.release()
    assert [original() is None for original in originals] == [True, True]


def test_an_abandoned_work_leaves_nothing_to_the_garbage_collector(asked, scene):
    content = Picture(eight_bits(scene(40, 50)))
    sources = gathered(content, [Picture(scene(9, 9))], asked())
    original = weakref.ref(content.samples)
    del content
    assert sources.scenes[0].content is not None
    del sources
    assert original() is None
