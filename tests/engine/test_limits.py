import dataclasses
import math

import numpy as np
import pytest

from impasto.engine.errors import LimitError, OptionsError
from impasto.engine.limits import Limits


def test_defaults_are_bounded_and_wait_for_ever():
    limits = Limits()
    assert limits.file_bytes == 67_108_864
    assert (limits.pixels, limits.side, limits.output_side) == (64_000_000, 32768, 8192)
    assert limits.frames == 1
    assert limits.memory is limits.threads is limits.deadline is None


@pytest.mark.parametrize(
    "name", ["file_bytes", "pixels", "side", "frames", "output_side", "memory", "threads"]
)
@pytest.mark.parametrize("value", [0, -1, 1.5, "8", True, math.nan, 2**64])
def test_count_that_is_no_positive_whole_number_is_refused_by_name(name, value):
    with pytest.raises(OptionsError, match=name):
        Limits(**{name: value})


@pytest.mark.parametrize("value", [0, 0.0009, -1.0, math.nan, math.inf, "1", True])
def test_deadline_that_is_no_duration_is_refused(value):
    with pytest.raises(OptionsError, match="deadline"):
        Limits(deadline=value)


def test_smallest_limits_are_accepted():
    assert Limits(1, 1, 1, 1, 1, 1, 1, 0.5).deadline == 0.5


def test_numbers_of_numpy_are_kept_as_plain_ones():
    limits = Limits(*np.int64([5, 6, 7, 1, 8, 9, 10]), np.float32(0.5))
    assert limits == Limits(5, 6, 7, 1, 8, 9, 10, 0.5)
    kinds = [type(getattr(limits, field.name)) for field in dataclasses.fields(limits)]
    assert kinds == [int] * 7 + [float]


def test_limits_cannot_change_during_a_run():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().pixels = 5


@pytest.mark.parametrize("name", ["file_bytes", "pixels", "side", "frames", "output_side"])
def test_what_must_be_bounded_has_no_limit_that_is_none(name):
    with pytest.raises(OptionsError, match=name):
        Limits(**{name: None})


def test_only_the_first_frame_can_be_asked_for():
    with pytest.raises(OptionsError, match="the limit frames must be a whole number from 1 to 1"):
        Limits(frames=2)


@pytest.mark.parametrize("name", ["memory", "threads"])
def test_nobody_is_given_more_than_the_limit(name):
    limits = Limits(**{name: 8})
    assert limits.within(name, None, 4) == 4
    assert limits.within(name, None, 9) == 8
    assert limits.within(name, 8, 4) == 8
    with pytest.raises(LimitError, match=f"{name} is 9, but the limit of {name} is 8"):
        limits.within(name, 9, 4)
    assert Limits().within(name, None, 9) == Limits().within(name, 9, 4) == 9
