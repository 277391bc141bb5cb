import numpy as np
import pytest

from impasto.engine.softness import Softness

SHAPES = [(1, 1, 3), (24, 25, 3), (23, 49, 3), (60, 131, 3)]
GAIN = 30


def hats(side):
    """One row for each node: 1 there, 0 at the next ones, straight between; by the formula."""
    pixels = (np.arange(side) + 0.5) / 24
    nodes = np.arange(-(-side // 24) + 1)
    return np.maximum(0, 1 - np.abs(pixels - nodes[:, None]))


def by_hand(canvas):
    height, width, _ = canvas.shape
    found = np.einsum("ih,hwc,jw->ijc", hats(height), canvas.astype(np.float64), hats(width))
    return np.sqrt(GAIN) / 24 * found


def spread(softness, numbers):
    canvas = np.empty(softness.shape, np.float32)
    softness.spread(numbers, canvas)
    return canvas


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_canvas_is_weighed_by_hats_at_any_size(shape):
    canvas = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    found = Softness(shape).of(canvas)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_hand(canvas).ravel(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_spreading_is_the_transpose(shape):
    random = np.random.default_rng(1)
    softness = Softness(shape)
    canvas = random.normal(size=shape).astype(np.float32)
    numbers = random.normal(size=softness.size).astype(np.float32)
    there = float(softness.of(canvas) @ numbers)
    back = float(canvas.ravel() @ spread(softness, numbers).ravel())
    assert there == pytest.approx(back, rel=1e-4, abs=1e-4)


def test_a_canvas_of_one_colour_is_as_soft_as_it_can_be_and_fine_waves_are_not():
    """By the wavelength in pixels: B'B times a wave, far from the border, relative to the wave."""
    softness = Softness((480, 480, 3))

    def gain(wavelength):
        wave = np.cos(2 * np.pi * (np.arange(480, dtype=np.float32) - 240) / wavelength)
        canvas = np.broadcast_to(wave[None, :, None], (480, 480, 3)).astype(np.float32)
        inner = spread(softness, softness.of(canvas))[120:360, 120:360]
        return float(np.vdot(inner, canvas[120:360, 120:360])) / float(
            np.vdot(canvas[120:360, 120:360], canvas[120:360, 120:360])
        )

    assert gain(np.inf) == pytest.approx(GAIN, rel=1e-4)
    assert gain(80) == pytest.approx(GAIN / 2, rel=0.25)
    assert gain(24) < 1


def test_what_is_kept_of_a_canvas_is_small():
    for shape in [(65, 65, 3), (65, 4000, 3), (1024, 1024, 3)]:
        assert 256 * Softness(shape).size < np.prod(shape)
