import dataclasses
import math

import numpy as np
import pytest

from impasto.engine.errors import OptionsError
from impasto.engine.limits import Limits


def test_defaults_are_bounded_and_wait_for_ever():
    limits = Limits()
    assert limits.file_bytes == 67_108_864
    assert (limits.pixels, limits.side, limits.output_side) == (64_000_000, 32768, 8192)
    assert limits.deadline is None


@pytest.mark.parametrize("name", ["file_bytes", "pixels", "side", "output_side"])
@pytest.mark.parametrize("value", [0, -1, 1.5, "8", None, True, math.nan])
def test_count_that_is_no_positive_whole_number_is_refused_by_name(name, value):
    with pytest.raises(OptionsError, match=name):
        Limits(**{name: value})


@pytest.mark.parametrize("value", [0, 0.0009, -1.0, math.nan, math.inf, "1", True])
def test_deadline_that_is_no_duration_is_refused(value):
    with pytest.raises(OptionsError, match="deadline"):
        Limits(deadline=value)


def test_smallest_limits_are_accepted():
    assert Limits(1, 1, 1, 1, 0.5).deadline == 0.5


def test_numbers_of_numpy_are_kept_as_plain_ones():
    limits = Limits(*np.int64([5, 6, 7, 8]), np.float32(0.5))
    assert limits == Limits(5, 6, 7, 8, 0.5)
    kinds = [type(getattr(limits, field.name)) for field in dataclasses.fields(limits)]
    assert kinds == [int, int, int, int, float]


def test_limits_cannot_change_during_a_run():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Limits().pixels = 5
