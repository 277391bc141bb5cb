"""Arrangements of weights, (C_out, C_in, 3, 3) in the network, that tiled programs ask for.

To make them inside the program would take a tenth of an evaluation at 512 x 512, and a third at
128 x 128; made once, all programs share them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .winograd import WEIGHTS

__all__ = ["BACK", "POINTS", "TAPS", "arrange", "arranged_name"]

TAPS = "taps"  # (9, C_in, C_out)
BACK = "back"  # (9, C_out, C_in), the taps turned round: for the gradient
POINTS = "points"  # (36, C_in, C_out), transformed for Winograd's filtering, in both directions

# Filters, of which each has nine taps.
_PIECE = 1 << 14


def arranged_name(weight: str, arrangement: str) -> str:
    """The name of a weight in that arrangement."""
    return f"{weight}:{arrangement}"


def arrange(name: str, weights: Mapping[str, np.ndarray]) -> np.ndarray:
    """The array of a name that a program declares, of the network's weights by their names; what
    is half as wide there becomes float32.

    Raises:
        ValueError: there is no such arrangement.
    """
    if name in weights:
        return _wide(weights[name])
    weight, _, arrangement = name.partition(":")
    if arrangement not in (TAPS, BACK, POINTS):
        raise ValueError(f"{name!r} is no arrangement of a weight")
    array = _wide(weights[weight])
    if arrangement == BACK:
        array = array[:, :, ::-1, ::-1].swapaxes(0, 1)
    outputs, inputs, *_ = array.shape
    taps = np.ascontiguousarray(array.transpose(2, 3, 1, 0)).reshape(9, -1)
    if arrangement == POINTS:
        taps = _at_points(taps)
    return taps.reshape(-1, inputs, outputs)


def _wide(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32) if array.dtype == np.float16 else array


def _at_points(taps: np.ndarray) -> np.ndarray:
    """Piece by piece: in float64 all of them would take twice what the result takes."""
    points = np.empty((len(WEIGHTS), taps.shape[1]), taps.dtype)
    for begin in range(0, taps.shape[1], _PIECE):
        piece = slice(begin, begin + _PIECE)
        points[:, piece] = WEIGHTS @ taps[:, piece]
    return points
