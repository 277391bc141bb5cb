"""What half precision costs, and what it must not."""

import numpy as np
import pytest

from impasto.engine.features import Features

SHAPE = (3, 16, 20)
SCALES = [1e-3, 1.0, 37.0, 6e4, 1e7, 1e12]

in_both = pytest.mark.parametrize("half", [False, True], ids=["float32", "half"])


def numbers(scale, seed=0):
    """As a layer has them: a third zeros, others from a hundredth of the scale up to it."""
    random = np.random.default_rng(seed)
    logarithms = random.uniform(-2, 0, (1, *SHAPE))
    return (scale * 10**logarithms * (random.random((1, *SHAPE)) > 1 / 3)).astype(np.float32)


@in_both
@pytest.mark.parametrize("scale", SCALES)
def test_numbers_are_kept_to_half_precision_whatever_their_size(scale, half):
    array = numbers(scale)
    found = Features.kept(array, half).array
    assert (found.dtype, found.shape) == (np.float32, array.shape)
    if half:  # below 2^-14 half precision has steps of 2^-24, and no smaller ones
        assert (np.abs(found - array) <= np.maximum(2.0**-11 * array, 2.0**-25)).all()
        assert not np.array_equal(found, array)  # or it would not be half of the memory
    else:
        np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("scale", SCALES[1:])
def test_half_precision_is_that_of_numpy_but_for_the_scale(scale):
    """A power of two changes no digit."""
    array = numbers(scale)
    power = 2.0 ** np.floor(np.log2(2.0**10 / array.max()))
    expected = (array.astype(np.float64) * power).astype(np.float16) / power
    np.testing.assert_array_equal(
        Features.kept(array, half=True).array, expected.astype(np.float32)
    )


@in_both
def test_zeros_stay_zeros(half):
    features = Features.kept(np.zeros((1, *SHAPE), np.float32), half)
    assert not features.array.any()
    assert features.sum_of_squares() == 0


@in_both
@pytest.mark.parametrize("scale", SCALES)
def test_sum_of_squares_is_that_of_float64(scale, half):
    features = Features.kept(numbers(scale), half)
    expected = np.sum(features.array.astype(np.float64) ** 2)
    assert features.sum_of_squares() == pytest.approx(expected, rel=1e-6)
    exact = np.sum(numbers(scale).astype(np.float64) ** 2)
    assert features.sum_of_squares() == pytest.approx(exact, rel=2.0**-10)


def test_half_precision_takes_half_of_the_memory(peak_of):
    """Also while it is made, and scaled down: the parts are small."""
    part = np.random.default_rng(0).random((1, 16, 16, 16), np.float32)

    def work():
        return [Features.kept(part * np.float32(1.5**number), half=True) for number in range(64)]

    work()
    assert peak_of(work) <= 1.25 * 2 * 64 * part.size


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_stays_where_it_is(wrong):
    array = numbers(1.0)
    array[0, 1, 2, 3] = wrong
    found = Features.kept(array, half=True).array
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(array))
