"""How numbers lie in checkpoints: sizes of the types, and bytes to arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from .bytes_of_file import WeightsFile

__all__ = ["FLOATS", "ITEM_BYTES", "checked_bytes", "decode"]

FLOATS = ("float16", "float32", "float64", "bfloat16")

ITEM_BYTES = {
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "bool": 1,
    "int8": 1,
    "uint8": 1,
    "int16": 2,
    "uint16": 2,
    "int32": 4,
    "uint32": 4,
    "int64": 8,
    "uint64": 8,
    "complex64": 8,
    "complex128": 16,
}

_MAX_RANK = 16
_MAX_BYTES = 1 << 48


def checked_bytes(file: WeightsFile, name: str, shape: Sequence[object], dtype: str) -> int:
    """Give the bytes that a tensor takes, after a check that its shape can be.

    Dimensions are checked even behind a zero, where their product says nothing.
    """
    if len(shape) > _MAX_RANK:
        raise file.corrupt(f"gives {name} {len(shape)} dimensions")
    sides = [side for side in shape if type(side) is int and side >= 0]
    if len(sides) < len(shape):
        raise file.corrupt(f"gives {name} a dimension that is no size")
    if math.prod(max(side, 1) for side in sides) * ITEM_BYTES[dtype] > _MAX_BYTES:
        raise file.corrupt(f"gives {name} an impossible shape")
    return math.prod(sides) * ITEM_BYTES[dtype]


def decode(
    raw: np.ndarray[tuple[int], np.dtype[np.uint8]], dtype: str, *, big_endian: bool = False
) -> np.ndarray[Any, np.dtype[np.floating[Any]]]:
    """Read the bytes as a flat native array of one of `FLOATS`; bfloat16 widens to float32."""
    order: Literal["<", ">"] = ">" if big_endian else "<"
    if dtype == "bfloat16":
        return (raw.view(order + "u2").astype(np.uint32) << np.uint32(16)).view(np.float32)
    stored = np.dtype(dtype).newbyteorder(order)
    return raw.view(stored).astype(dtype, copy=False)
