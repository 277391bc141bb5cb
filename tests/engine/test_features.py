"""What half precision costs, and what it must not."""

import numpy as np
import pytest

from impasto.engine.features import Features

SHAPE = (3, 16, 20)
WHERE = [(slice(0, 7), slice(0, 20)), (slice(7, 16), slice(0, 9)), (slice(7, 16), slice(9, 20))]
SCALES = [1e-3, 1.0, 37.0, 6e4, 1e7, 1e12]

in_both = pytest.mark.parametrize("half", [False, True], ids=["float32", "half"])


def numbers(scale, seed=0):
    """As a layer has them: a third zeros, others from a hundredth of the scale up to it."""
    random = np.random.default_rng(seed)
    logarithms = random.uniform(-2, 0, (1, *SHAPE))
    return (scale * 10**logarithms * (random.random((1, *SHAPE)) > 1 / 3)).astype(np.float32)


def kept(array, half, order=WHERE):
    features = Features.empty(SHAPE, half)
    for where in order:
        features.put(where, array[(..., *where)])
    return features


@in_both
@pytest.mark.parametrize("scale", SCALES)
def test_numbers_are_kept_to_half_precision_whatever_their_size(scale, half):
    array = numbers(scale)
    found = kept(array, half).array
    assert (found.dtype, found.shape) == (np.float32, array.shape)
    if half:  # below 2^-14 half precision has steps of 2^-24, and no smaller ones
        assert (np.abs(found - array) <= np.maximum(2.0**-11 * array, 2.0**-25)).all()
        assert not np.array_equal(found, array)  # or it would not be half of the memory
    else:
        np.testing.assert_array_equal(found, array)


@pytest.mark.parametrize("scale", SCALES[1:])
def test_half_precision_is_that_of_numpy_but_for_the_scale(scale):
    """Of a picture at once and of one in parts: a power of two changes no digit."""
    array = numbers(scale)
    power = 2.0 ** np.floor(np.log2(2.0**10 / array.max()))
    expected = (array.astype(np.float64) * power).astype(np.float16) / power
    np.testing.assert_array_equal(kept(array, half=True).array, expected.astype(np.float32))


@pytest.mark.parametrize("order", [WHERE, WHERE[::-1], WHERE[1:] + WHERE[:1]], ids=range(3))
@pytest.mark.parametrize("factors", [(1, 4e4, 9e5), (1e6, 1, 1e3), (2e4, 3e4, 4e4)], ids=str)
def test_parts_may_come_in_any_order_of_magnitude(factors, order):
    """What was put before is scaled down with what comes: its relative error may not grow.

    Numbers that half precision holds beside the greatest: 2^29 times smaller, without those that
    have less digits.
    """
    array = numbers(1.0)
    for where, factor in zip(WHERE, factors, strict=True):
        array[(..., *where)] *= np.float32(factor)
    found = kept(array, True, order).array
    error = np.abs(found - array)
    normal = array > array.max() * 2.0**-28
    assert (error[normal] <= 2.0**-11 * array[normal]).all()
    assert (error <= np.maximum(2.0**-11 * array, array.max() * 2.0**-39)).all()


@pytest.mark.parametrize("step", [1e3, 1e5, 1e7, 1e9])
def test_what_came_first_is_not_lost_when_far_greater_numbers_come(step):
    array = np.zeros((1, 1, 2, 1), np.float32)
    array[0, 0, :, 0] = 3e4, min(3e4 * step, 1e12)
    features = Features.empty((1, 2, 1), half=True)
    for row in range(2):
        where = (slice(row, row + 1), slice(0, 1))
        features.put(where, array[(..., *where)])
    relative = 2.0**-11 + 2.0**-38 * array.max() / array
    assert (np.abs(features.array - array) <= relative * array).all()


@in_both
def test_zeros_stay_zeros(half):
    features = kept(np.zeros((1, *SHAPE), np.float32), half)
    assert not features.array.any()
    assert features.sum_of_squares() == 0


@in_both
@pytest.mark.parametrize("scale", SCALES)
def test_crop_is_a_part_of_the_whole(scale, half):
    features = kept(numbers(scale), half)
    where = (slice(3, 11), slice(5, 19))
    crop = features.crop(where)
    assert crop.dtype == np.float32
    assert crop.flags.c_contiguous
    np.testing.assert_array_equal(crop, features.array[(..., *where)])


@in_both
@pytest.mark.parametrize("scale", SCALES)
def test_sum_of_squares_is_that_of_float64(scale, half):
    features = kept(numbers(scale), half)
    expected = np.sum(features.array.astype(np.float64) ** 2)
    assert features.sum_of_squares() == pytest.approx(expected, rel=1e-6)
    exact = np.sum(numbers(scale).astype(np.float64) ** 2)
    assert features.sum_of_squares() == pytest.approx(exact, rel=2.0**-10)


def test_half_precision_takes_half_of_the_memory(peak_of):
    """Also while it is made, and scaled down: the parts are small."""
    shape, side = (16, 128, 128), 16
    corners = np.random.default_rng(0).permutation(64)
    part = np.random.default_rng(0).random((1, 16, side, side), np.float32)

    def work():
        features = Features.empty(shape, half=True)
        for number, corner in enumerate(corners):
            row, column = side * (corner // 8), side * (corner % 8)
            where = (slice(row, row + side), slice(column, column + side))
            features.put(where, part * np.float32(1.5**number))

    work()
    assert peak_of(work) <= 1.25 * 2 * np.prod(shape)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_stays_where_it_is(wrong):
    array = numbers(1.0)
    array[0, 1, 2, 3] = wrong
    found = kept(array, half=True).array
    np.testing.assert_array_equal(np.isfinite(found), np.isfinite(array))
