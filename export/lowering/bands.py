"""How the layers are cut into bands: small enough for the processor's cache, large enough to keep
products of matrices efficient and programs short."""

from __future__ import annotations

from itertools import pairwise

from ..graph import Graph

__all__ = ["plan_bands"]

# Of one band's tiles in the transformed form, about this much.
_BAND_BYTES = 18 << 20


def plan_bands(
    graph: Graph, share: float = 1.0, band_bytes: int = _BAND_BYTES
) -> dict[tuple[int, int], tuple[int, ...]]:
    """Edges of the bands, in rows of 4 x 4 tiles, for every (height, width) of a convolution.

    A band before a pooling lies within one band after it, so that a band is gathered from whole
    bands and single lines.

    Args:
        share: how large they are, of what takes the least time: memory shrinks with them.
    """
    widest: dict[tuple[int, int], int] = {}
    for node in graph.nodes:
        if node.op == "Conv":
            height, width = node.output.shape[2:]
            if not isinstance(height, int) or not isinstance(width, int):
                raise NotImplementedError("the tiled lowering is for known sizes only")
            channels = max(int(node.inputs[1].shape[0]), int(node.inputs[1].shape[1]))
            widest[height, width] = max(widest.get((height, width), 0), channels)
    edges: dict[tuple[int, int], tuple[int, ...]] = {}
    coarser: tuple[int, ...] = ()
    for (height, width), channels in sorted(widest.items()):
        down, across = -(-height // 4), -(-width // 4)
        per_row = 4 * 36 * across * channels
        outer = [min(2 * edge, down) for edge in coarser[:-1]] + [down] if coarser else [0, down]
        cut = [0]
        for begin, end in pairwise(outer):
            pieces = min(end - begin, max(1, round((end - begin) * per_row / (share * band_bytes))))
            cut += [begin + (end - begin) * i // pieces for i in range(1, pieces + 1)]
        coarser = edges[height, width] = tuple(cut)
    return edges
