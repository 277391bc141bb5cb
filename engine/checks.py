"""What callers give: of the kind that is wanted; numbers within their range, Python's or NumPy's,
and kept as plain ones."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

from .errors import OptionsError

__all__ = ["bit_depth", "callback", "number", "optional", "path_of", "shown", "truth", "whole"]

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_MOST_SHOWN = 80


def shown(value: object) -> str:
    """A value of any kind in a message: its first characters, as Python would write it."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits, lists within lists
        text = f"something of the class {type(value).__name__} that is too long to be shown"
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."


def optional(name: str, value: T | None, kind: type[T]) -> T | None:
    """None, or what is of that class.

    Raises:
        OptionsError: anything else; the message names `name`, the class and the value.
    """
    if value is not None and not isinstance(value, kind):
        raise OptionsError(f"{name} must be of the class {kind.__name__}, not {shown(value)}")
    return value


def callback(name: str, value: F | None) -> F | None:
    """None, or what can be called.

    Raises:
        OptionsError: anything else; the message names `name` and the value.
    """
    if value is not None and not callable(value):
        raise OptionsError(f"{name} must be something to call, not {shown(value)}")
    return value


def path_of(name: str, value: object) -> Path:
    """The path as a `Path`.

    Raises:
        OptionsError: it is no text and no path; the message names `name` and the value.
    """
    if not isinstance(value, str | os.PathLike) or isinstance(os.fspath(value), bytes):
        raise OptionsError(f"{name} must be a path, not {shown(value)}")
    return Path(value)


def truth(name: str, value: object) -> bool:
    """True or False; no number is one.

    Raises:
        OptionsError: anything else; the message names `name` and the value.
    """
    if not isinstance(value, bool):
        raise OptionsError(f"{name} must be true or false, not {shown(value)}")
    return value


def whole(name: str, value: object, low: int, high: int) -> int:
    """The whole number from `low` to `high` as an `int`; True and False are none.

    Raises:
        OptionsError: anything else; the message names `name`, the range and the value.
    """
    if not isinstance(value, Integral) or isinstance(value, bool) or not low <= int(value) <= high:
        raise OptionsError(
            f"{name} must be a whole number from {low} to {high}, not {shown(value)}"
        )
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
    raise OptionsError(f"{name} must be a number from {low:g} to {high:g}, not {shown(value)}")


def bit_depth(name: str, value: object) -> int:
    """The bits of a sample, 8 or 16, as an `int`.

    Raises:
        OptionsError: anything else; the message names `name` and the value.
    """
    if not isinstance(value, Integral) or value not in (8, 16):
        raise OptionsError(f"{name} must be 8 or 16, not {shown(value)}")
    return int(value)
