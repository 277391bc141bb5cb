"""Sums over all positions of a layer: one number or matrix of each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..graph import Value
from .rows import Rows

__all__ = ["TOTALS", "Total"]


class Total:
    """A sum over all positions of a layer: a band's share is computed when the band is made."""

    def __init__(self, layer: Rows, share: Callable[[Rows, int], Value]) -> None:
        self._layer = layer
        self._share = share
        self._shares: dict[int, Value] = {}
        layer.when_emitted(self._add)

    def _add(self, number: int) -> None:
        self._shares[number] = self._share(self._layer, number)

    def value(self) -> Value:
        """The whole sum."""
        for number in range(self._layer.grid.bands):
            self._layer.band(number)
        total, *others = (share for _, share in sorted(self._shares.items()))
        for share in others:
            total = self._layer.kit.graph.op("Add", total, share)
        return total


def _gram(layer: Rows, number: int) -> Value:
    """Fᵀ F of rows is F Fᵀ of the usual layout."""
    rows = layer.real(number)
    return layer.kit.graph.op("Gemm", rows, rows, transA=1)


def _sum_of_squares(layer: Rows, number: int) -> Value:
    """Some thousand numbers at a time: see the direct lowering."""
    rows, kit, across = layer.real(number), layer.kit, layer.grid.across
    count = layer.grid.rows(number)
    long = kit.reshape(rows, count // across, across * layer.channels)
    parts = kit.graph.op("ReduceSumSquare", long, kit.sizes(1), keepdims=0)
    return kit.graph.op("ReduceSum", parts, keepdims=0)


def _sums(layer: Rows, number: int) -> Value:
    """A product with ones: see the gradient of pooling."""
    rows, kit = layer.real(number), layer.kit
    ones = kit.reshape(kit.ones(layer.grid.rows(number)), 1, layer.grid.rows(number))
    return kit.reshape(kit.graph.op("MatMul", ones, rows), layer.channels)


TOTALS: Mapping[str, Callable[[Rows], Total]] = {
    "Gram": lambda layer: Total(layer, _gram),
    "Sums": lambda layer: Total(layer, _sums),
    "SumOfSquares": lambda layer: Total(layer, _sum_of_squares),
}
