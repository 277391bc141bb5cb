"""Features that are kept as a target: in float32, or in half of the memory."""

from __future__ import annotations

import numpy as np

__all__ = ["Features"]

# The largest float16 is 65504; what is kept is scaled down by a power of two to stay below.
_LARGEST_HALF = 2.0**15


class Features:
    """One layer of a picture, (1, C, h, w).

    Half precision rounds each number by up to 2^-11 of itself, and of numbers far below the largest
    one (2^-29 of it) by more: where a canvas is compared with it, its content term then has a floor
    of about 1e-7 of the target's own size.
    """

    def __init__(self, array: np.ndarray) -> None:
        self._array = array
        self._scale = 1.0

    @classmethod
    def empty(cls, shape: tuple[int, int, int], half: bool) -> Features:
        """Of (C, h, w), to be filled with `put`."""
        return cls(np.zeros((1, *shape), np.float16 if half else np.float32))

    def put(self, where: tuple[slice, slice], part: np.ndarray) -> None:
        """Set rows and columns to a part of them, (1, C, h, w) float32."""
        if self._array.dtype == np.float16:
            self._make_room(float(np.abs(part).max(initial=0.0)))
            part = part * np.float32(self._scale)
        self._array[(..., *where)] = part

    def crop(self, where: tuple[slice, slice]) -> np.ndarray:
        """Rows and columns of it, float32, contiguous."""
        part = np.ascontiguousarray(self._array[(..., *where)], np.float32)
        return part if self._scale == 1 else part / np.float32(self._scale)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, h, w)."""
        channels, height, width = self._array.shape[1:]
        return channels, height, width

    @property
    def array(self) -> np.ndarray:
        """All of it, float32."""
        return self.crop((slice(None), slice(None)))

    def sum_of_squares(self) -> float:
        """Channel by channel: a square of the whole would take its memory once more."""
        squares = (
            np.sum(np.square(channel.astype(np.float32)), dtype=np.float64)
            for channel in self._array[0]
        )
        return float(sum(squares)) / self._scale**2

    def _make_room(self, largest: float) -> None:
        """Scale what is there down until the largest new number fits too."""
        if largest * self._scale >= _LARGEST_HALF and np.isfinite(largest):
            smaller = 2.0 ** np.floor(np.log2(_LARGEST_HALF / largest))
            np.ldexp(self._array, int(np.log2(smaller / self._scale)), out=self._array)
            self._scale = float(smaller)
