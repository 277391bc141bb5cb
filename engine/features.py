"""Features that are kept as a target: in float32, or in half of the memory."""

from __future__ import annotations

from typing import Self

import numpy as np

__all__ = ["Features"]

# The largest float16 is 65504; what is kept is scaled down by a power of two to stay below.
_LARGEST_HALF = 2.0**15


class Features:
    """One layer of a picture, or of a part of one, (1, C, h, w) float32.

    Half precision rounds each number by up to 2^-11 of itself, and of numbers far below the largest
    one (2^-29 of it) by more: where a canvas is compared with it, its content term then has a floor
    of about 1e-7 of the target's own size.
    """

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self._scale = 1.0

    @classmethod
    def kept(cls, array: np.ndarray, half: bool) -> Self:
        """A copy of these numbers: a result of the runtime holds the memory of its whole run."""
        largest = float(np.abs(array).max(initial=0.0)) if half else 0.0
        made = cls(array)
        if largest >= _LARGEST_HALF and np.isfinite(largest):
            made._scale = 2.0 ** float(np.floor(np.log2(_LARGEST_HALF / largest)))
            array = array * np.float32(made._scale)
        made._array = np.array(array, np.float16 if half else np.float32, order="C")
        return made

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, h, w)."""
        channels, height, width = self._array.shape[1:]
        return channels, height, width

    @property
    def array(self) -> np.ndarray:
        """All of it, float32, contiguous."""
        array = np.ascontiguousarray(self._array, np.float32)
        return array if self._scale == 1 else array / np.float32(self._scale)

    def sum_of_squares(self) -> float:
        """Channel by channel: a square of the whole would take its memory once more."""
        squares = (
            np.sum(np.square(channel.astype(np.float32)), dtype=np.float64)
            for channel in self._array[0]
        )
        return float(sum(squares)) / self._scale**2
