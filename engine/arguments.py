"""The arguments of an `Engine` as a file tells them, which may hold anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .checks import shown, whole

__all__ = ["engine_arguments", "text_of"]

_NAMES = ("model", "bundle", "device", "precision", "threads", "lowering")
_NOT_NEEDED = ("model", "bundle", "threads")


def text_of(value: object) -> str:
    """The value, where it is a text.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"{shown(value)} is no text")
    return value


def engine_arguments(told: Mapping[str, Any]) -> dict[str, Any]:
    """What has the types of an engine's arguments; their values are for others to judge.

    Raises:
        OptionsError, TypeError, ValueError: one is missing, is unknown, or has another type.
    """
    if set(told) != set(_NAMES):
        raise ValueError("the machine has other arguments")
    for name, value in told.items():
        if value is None and name in _NOT_NEEDED:
            continue
        if name == "threads":
            whole(name, value, 1, 1024)
        else:
            text_of(value)
    return {name: told[name] for name in _NAMES}
