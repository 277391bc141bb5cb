import decimal
import fractions
import math

import numpy as np
import pytest

from impasto.engine.checks import number, shown, whole
from impasto.engine.errors import OptionsError
from impasto.engine.limits import Limits
from impasto.engine.options import Options

NEITHER = (None, "1", b"1", [], {}, object(), True, np.True_, 1j, np.array([1, 2]))


@pytest.mark.parametrize("kind", [int, np.int8, np.int64, np.uint8, np.uint64])
def test_a_whole_number_of_any_kind_is_kept_as_an_int(kind):
    assert type(whole("size", kind(5), 1, 2**40)) is int
    assert whole("size", kind(5), 5, 5) == 5
    with pytest.raises(OptionsError, match="size must be a whole number from 6 to 1099511627776"):
        whole("size", kind(5), 6, 2**40)


@pytest.mark.parametrize(
    "kind", [int, float, np.int8, np.float16, np.float32, np.float64, fractions.Fraction]
)
def test_a_number_of_any_kind_is_kept_as_a_float(kind):
    assert type(number("step", kind(1), 0, 1e12)) is float
    assert number("step", kind(1), 1, 1) == 1
    with pytest.raises(OptionsError, match=r"step must be a number from 2 to 1e\+12, not "):
        number("step", kind(1), 2, 1e12)


@pytest.mark.parametrize("value", [*NEITHER, math.nan, math.inf, -math.inf, decimal.Decimal(1)])
def test_what_is_no_number_is_refused(value):
    for check in (whole, number):
        with pytest.raises(OptionsError, match="size must be a"):
            check("size", value, 0, 9)


def test_numbers_beyond_every_float_are_refused():
    for check in (whole, number):
        for value in (10**400, -(10**400)):
            with pytest.raises(OptionsError, match="size must be a"):
                check("size", value, 0, 9)


@pytest.mark.parametrize("value", [1.0, np.float64(1), fractions.Fraction(1)])
def test_a_whole_number_is_no_float(value):
    with pytest.raises(OptionsError, match="size"):
        whole("size", value, 0, 9)


# Python writes no number of more digits than 4300, and no list as deep as this.
DEEP = []
for _ in range(5000):
    DEEP = [DEEP]
UNSPEAKABLE = (10**5000, -(10**5000), [10**5000], {"a": 10**5000}, DEEP)


@pytest.mark.parametrize("number", range(len(UNSPEAKABLE)))
def test_values_that_cannot_be_written_are_refused_as_others_are(number):
    value = UNSPEAKABLE[number]
    for name in Options.__dataclass_fields__:
        with pytest.raises(OptionsError, match=name):
            Options(**{name: value})
    for name in Limits.__dataclass_fields__:
        with pytest.raises(OptionsError, match=name):
            Limits(**{name: value})


def test_values_are_shown_as_python_writes_them_and_in_short():
    assert shown("a\nb") == r"'a\nb'"
    assert shown([1.5, None]) == "[1.5, None]"
    for value in ("x" * 10**6, *UNSPEAKABLE):
        assert len(shown(value)) < 100
