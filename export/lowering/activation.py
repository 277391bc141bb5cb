"""Relu(sums + bias) as rows, which knows how it is pooled, and what the way back needs of it."""

from __future__ import annotations

import math

import numpy as np

from ..graph import Value
from .masks import positive
from .rows import Rows

__all__ = ["Activation"]

# Numbers that a pooling takes at a time.
_POOLED_TOGETHER = 1024


class Activation(Rows):
    """A layer, which can also be pooled: of the greatest sums a quarter is left for bias and Relu.

    What the gradient of the pooling needs is remembered in truth values, a quarter of the memory
    that the sums would take.
    """

    def __init__(self, sums: Rows, bias: Value) -> None:
        super().__init__(sums.kit, sums.grid, sums.channels, self._activated)
        self.remembers = False
        self.remembers_signs = False
        self._sums = sums
        self._bias = bias
        self._pooled: dict[int, Value] = {}
        self._masks: dict[int, tuple[Value, Value]] = {}
        self._signs: dict[int, Value] = {}

    def _activated(self, number: int) -> Value:
        band = self.kit.graph.op("Relu", self._biased(self._sums.band(number)))
        if self.remembers_signs:
            self._signs[number] = self.kit.graph.op("Greater", band, self._zero())
        return band

    def _zero(self) -> Value:
        return self.kit.constant("zero", lambda: np.zeros(()))

    def alive(self, number: int) -> Value:
        """1 where the band is above 0, else 0."""
        self.band(number)
        if number not in self._signs:
            return positive(self.kit.graph, self.band(number))
        return self.kit.graph.op("Cast", self._signs[number], to="float")

    def _biased(self, sums: Value) -> Value:
        """Sums and bias: one line of tiles at a time is faster than C numbers at a time."""
        kit, across = self.kit, self.grid.across
        rows = int(sums.shape[0])
        long = kit.reshape(sums, rows // across, across * self.channels)
        added = kit.graph.op("Add", long, kit.repeated(self._bias, across))
        return kit.reshape(added, rows, self.channels)

    def pooled(self, number: int) -> Value:
        """The maximum of each 2 x 2 window of a band."""
        if number not in self._pooled:
            b = self.kit.graph
            sums = self._sums.band(number)
            greatest = self.reduced("MaxPool", sums)
            self._pooled[number] = value = b.op("Relu", self._biased(greatest))
            if self.remembers:
                alive = b.op("Greater", value, self._zero())
                is_greatest = b.op("Equal", self.windows(sums), self.windows(greatest, 1))
                self._masks[number] = is_greatest, alive
        return self._pooled[number]

    def reduced(self, pooling: str, band: Value) -> Value:
        """A band with its 2 x 2 windows pooled: the members of a window lie along an axis, and the
        pooling is one in three dimensions. Three times as fast as the maximum of slices, where the
        last dimension is up to some thousand numbers long."""
        kit = self.kit
        tiles = int(band.shape[0]) // 16
        together = math.gcd(tiles, max(1, _POOLED_TOGETHER // self.channels))
        shape = (1, 4, 4, tiles // together, together * self.channels)
        along = [4, 1, 1]
        found = kit.graph.op(pooling, kit.reshape(band, *shape), kernel_shape=along, strides=along)
        return kit.reshape(found, 4 * tiles, self.channels)

    def masks(self, number: int) -> tuple[Value, Value]:
        """Of a band: which members of a window are its maximum, (4, 4, ...), 1 or 0; and which
        maxima are above 0."""
        self.pooled(number)
        greatest, alive = (self.kit.graph.op("Cast", m, to="float") for m in self._masks[number])
        return greatest, alive

    def windows(self, band: Value, members: int = 4) -> Value:
        """(4, 4, ...): the members of each 2 x 2 window along the second axis; (4, 1, ...) of what
        a window has one of."""
        rows = int(band.shape[0])
        return self.kit.reshape(band, 4, members, rows // (4 * members) * self.channels)
