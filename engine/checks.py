"""Numbers of callers, Python's or NumPy's: within their range, and kept as plain ones."""

from __future__ import annotations

import contextlib
from numbers import Integral, Real

from .errors import OptionsError

__all__ = ["bit_depth", "number", "truth", "whole"]


def truth(name: str, value: object) -> bool:
    """True or False; no number is one.

    Raises:
        OptionsError: anything else; the message names `name` and the value.
    """
    if not isinstance(value, bool):
        raise OptionsError(f"{name} must be true or false, not {value!r:.60}")
    return value


def whole(name: str, value: object, low: int, high: int) -> int:
    """The whole number from `low` to `high` as an `int`; True and False are none.

    Raises:
        OptionsError: anything else; the message names `name`, the range and the value.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or not low <= int(value) <= high:
        raise OptionsError(f"{name} must be a whole number from {low} to {high}, not {value!r}")
    return int(value)


def number(name: str, value: object, low: float, high: float) -> float:
    """The number from `low` to `high` as a `float`; True and False are none.

    Raises:
        OptionsError: anything else; the message names `name`, the range and the value.
    """
    if isinstance(value, Real) and not isinstance(value, bool):
        with contextlib.suppress(OverflowError):  # of a whole number beyond every float
            plain = float(value)
            if low <= plain <= high:  # false for NaN
                return plain
    raise OptionsError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")


def bit_depth(name: str, value: object) -> int:
    """The bits of a sample, 8 or 16, as an `int`.

    Raises:
        OptionsError: anything else; the message names `name` and the value.
    """
    if not isinstance(value, Integral) or value not in (8, 16):
        raise OptionsError(f"{name} must be 8 or 16, not {value!r}")
    return int(value)
