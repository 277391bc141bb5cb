"""The way back from sums over all positions to the layer that they are of: rows of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..graph import Node, Value
from .rows import Rows

if TYPE_CHECKING:
    from .tiled import Tiled

__all__ = ["gram_gradient", "sums_gradient"]


def gram_gradient(t: Tiled, node: Node) -> Rows | None:
    """(g + gᵀ) F, in rows."""
    x, symmetric = node.inputs
    layer = t.again.get(x) or t.rows.get(x)
    if layer is None:
        return None
    return Rows(
        t.kit,
        layer.grid,
        layer.channels,
        lambda number: t.graph.op("MatMul", layer.band(number), t.plain(symmetric)),
    )


def sums_gradient(t: Tiled, node: Node) -> Rows | None:
    """Each channel's number in all rows."""
    x, g = node.inputs
    layer = t.rows.get(x)
    if layer is None:
        return None
    grid, channels = layer.grid, layer.channels

    def band(number: int) -> Value:
        each = t.kit.reshape(t.plain(g), 1, channels)
        shape = (grid.rows(number), channels)
        return t.graph.op("Expand", each, t.kit.sizes(*shape))

    return Rows(t.kit, grid, channels, band)
