import numpy as np
import pytest

from impasto.engine.initial import blended, cover, noise


def test_the_same_seed_gives_the_same_noise():
    assert np.array_equal(noise(9, 7, 3), noise(9, 7, 3))
    assert not np.array_equal(noise(9, 7, 3), noise(9, 7, 4))


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_noise_is_a_picture(seed):
    values = noise(40, 50, seed)
    assert (values.shape, values.dtype) == ((40, 50, 3), np.float32)
    assert values.min() >= 0
    assert values.max() <= 1
    # 6000 samples: the error of mean and deviation has the order of 0.15 / sqrt(6000) = 0.002.
    assert abs(values.mean() - 0.5) < 0.01
    assert abs(values.std() - 0.15) < 0.01


def test_no_noise_leaves_the_picture_and_all_noise_nothing_of_it():
    picture = np.random.default_rng(0).random((8, 6, 3), dtype=np.float32)
    kept = blended(picture, 0, 1)
    assert np.array_equal(kept, picture)
    assert not np.shares_memory(kept, picture)
    assert np.array_equal(blended(picture, 1, 1), noise(8, 6, 1))


def test_share_is_linear_and_within_range():
    picture = np.ones((8, 6, 3), np.float32)
    mixed = blended(picture, 0.25, 1)
    np.testing.assert_allclose(mixed, 0.75 + 0.25 * noise(8, 6, 1), atol=1e-7)
    assert mixed.dtype == np.float32
    assert mixed.max() <= 1


@pytest.mark.parametrize("shape", [(64, 64), (30, 90), (90, 30), (7, 200)])
@pytest.mark.parametrize("canvas", [(48, 48), (32, 64), (65, 17), (16, 300)])
def test_cover_does_not_stretch(shape, canvas):
    """Of a picture whose colours are its own coordinates, the slopes are the scales."""
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]] / 256
    covered = cover(np.stack([y, x, x * 0], axis=-1).astype(np.float32), *canvas)
    assert covered.shape == (*canvas, 3)
    scale = max(canvas[0] / shape[0], canvas[1] / shape[1])
    down, right = (_slope(covered[..., axis].mean(axis=1 - axis)) * 256 for axis in (0, 1))
    # The size in whole pixels may differ by half a pixel from the scaled one, on either axis, and
    # the window has no pixels beyond the border.
    assert down == pytest.approx(1 / scale, rel=0.6 / min(canvas) + 0.03)
    assert right == pytest.approx(1 / scale, rel=0.6 / min(canvas) + 0.03)


def _slope(values):
    return np.polyfit(np.arange(len(values)), values, 1)[0]


@pytest.mark.parametrize("shape", [(40, 90), (41, 90), (90, 41), (50, 50)])
def test_cover_keeps_the_middle(shape):
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    picture = np.stack([(y + 0.5) / shape[0], (x + 0.5) / shape[1], 0.0 * x], axis=-1)
    covered = cover(picture.astype(np.float32), 40, 40)
    # Half a canvas pixel, where an odd overhang is cut.
    assert covered[..., 0].mean() == pytest.approx(0.5, abs=0.51 / 40)
    assert covered[..., 1].mean() == pytest.approx(0.5, abs=0.51 / 40)


def test_cover_of_the_same_size_is_the_picture():
    picture = np.random.default_rng(0).random((8, 6, 3), dtype=np.float32)
    assert np.array_equal(cover(picture, 8, 6), picture)


def test_cover_of_a_long_strip_takes_the_memory_of_the_canvas():
    """Scaled as a whole, this strip would have 512 x 15 million pixels."""
    covered = cover(np.full((1, 30_000, 3), 0.25, np.float32), 512, 512)
    np.testing.assert_allclose(covered, 0.25, atol=1e-6)
