"""What the programs of a work take of the memory, in every lowering and with all their parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from .lowerings import Lowering
from .programs import Programs, Selection

if TYPE_CHECKING:
    from ..export.liveness import Footprint
    from ..export.program import Kind

__all__ = ["Footprints", "Share"]

# A direct program decides itself how it computes a convolution, and what memory it takes for that:
# measured, in numbers for each number of the layers, of programs with a gradient and without.
_DIRECT_BACK, _DIRECT_FORWARD = 3.4, 1.6
_WITH_GRADIENT = {"objective", "pullback"}


@dataclass(frozen=True)
class Share:
    """Bytes that a program takes while it runs, and as long as its session is open; and bytes of
    the weights that it needs, by name: those are shared."""

    run: int
    session: int
    weights: Mapping[str, int]


class Footprints:
    """Of the programs of one network, in one lowering.

    Args:
        on_host: whether they run in this process's memory, and not in that of a device.
    """

    def __init__(self, programs: Programs, lowering: Lowering, on_host: bool = True) -> None:
        self._programs = programs
        self._lowering = lowering
        self._on_host = on_host

    def of(self, kind: Kind, selection: Selection, size: tuple[int, int]) -> Share:
        """Of that program for pictures (or features at the joint) of that (height, width)."""
        if not self._on_host:
            return Share(0, 0, {})
        if self._lowering == "winograd":
            found: Footprint = self._programs.footprint(kind, selection, size)
            raw = self._programs.weights
            arranged = {n: b for n, b in found.weights.items() if n not in raw}
            return Share(found.run, found.session, arranged)
        return self._direct(kind, selection, size)

    def _direct(self, kind: Kind, selection: Selection, size: tuple[int, int]) -> Share:
        front, behind = selection.divided(self._programs.strides)
        side = behind if kind in ("content", "style", "objective") else front
        used = [*side.content_layers, *side.style_layers]
        if side is front and (behind.content_layers or behind.style_layers):
            assert selection.joint is not None
            used.append(selection.joint)
        names = list(self._programs.strides)
        first = names.index(selection.joint) + 1 if side is behind and selection.joint else 0
        last = max((names.index(layer) + 1 for layer in used), default=0)
        scale = self._programs.strides[names[first - 1]] if first else 1
        numbers, weights = 0.0, 0
        for name in names[first:last]:
            weight = self._programs.weights.get(f"{name.replace('relu', 'conv')}.weight")
            if weight is not None:
                stride = self._programs.strides[name] / scale
                numbers += weight.shape[0] * prod(size) / stride**2
                weights += weight.nbytes
        back = kind in _WITH_GRADIENT
        run = int(4 * numbers * (_DIRECT_BACK if back else _DIRECT_FORWARD))
        # A session for gradients has its own copy, and the transposed one beside it.
        return Share(run, 2 * weights if back else 0, {})
