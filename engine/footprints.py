"""What the programs of a work take of the memory, in every lowering and with all their parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from .kept_programs import KEPT_PROGRAMS
from .layers import weight_key
from .lowerings import Lowering
from .programs import Programs, Selection
from .stop import Stop

if TYPE_CHECKING:
    from ..export.liveness import Footprint
    from ..export.program import Kind

__all__ = ["Footprints", "Share"]

# A direct program decides itself how it computes a convolution, and what memory it takes for that:
# measured, in numbers for each number of the layers.
_DIRECT: Mapping[Kind, float] = {
    "objective": 3.1,
    "pullback": 3.4,
    "sums": 1.3,
    "content": 0.7,
    "style": 0.7,
}
# What its session takes while it opens and as long as it is open, in copies of its weights.
_COPIES: Mapping[Kind, tuple[float, float]] = {
    "objective": (4.8, 2.4),
    "pullback": (4.8, 2.4),
    "sums": (2.0, 1.0),
}


@dataclass(frozen=True)
class Share:
    """Bytes that a program takes while it runs, while its session opens, and as long as that is
    open; that stay when it is closed, as it may be needed again; and bytes of the weights that it
    needs, by name: those are shared."""

    run: int
    opening: int
    session: int
    kept: int
    weights: Mapping[str, int]


class Footprints:
    """Of the programs of one network, in one lowering.

    Args:
        on_host: whether they run in this process's memory, and not in that of a device.
        stop: ends the counting when it is requested.
    """

    def __init__(
        self,
        programs: Programs,
        lowering: Lowering,
        on_host: bool = True,
        stop: Stop | None = None,
    ) -> None:
        self._programs = programs
        self._lowering = lowering
        self._on_host = on_host
        self._stop = stop or Stop()

    def until(self, stop: Stop) -> Footprints:
        """The same, until that is requested."""
        return Footprints(self._programs, self._lowering, self._on_host, stop)

    @property
    def kept(self) -> int:
        """Bytes that all programs which are not in use may take together."""
        return KEPT_PROGRAMS if self._on_host and self._lowering == "winograd" else 0

    def of(self, kind: Kind, selection: Selection, size: tuple[int, int]) -> Share:
        """Of that program for pictures (or features at the joint) of that (height, width).

        Raises:
            Stopped: `stop` was requested.
        """
        self._stop.check()
        if not self._on_host:
            return Share(0, 0, 0, 0, {})
        if self._lowering == "winograd":
            found: Footprint = self._programs.footprint(kind, selection, size, self._stop)
            made = {n: size for n, size in found.weights.items() if not self._is_there(n)}
            return Share(found.run, found.session, found.session, found.program, made)
        return self._direct(kind, selection, size)

    def _direct(self, kind: Kind, selection: Selection, size: tuple[int, int]) -> Share:
        front, behind = selection.divided(self._programs.strides)
        side = front if kind in ("sums", "pullback") else behind
        wanted = {"content": side.content_layers, "style": side.style_layers}
        used = [*wanted.get(kind, side.layers)]
        if side is front and behind.layers:
            assert selection.joint is not None
            used.append(selection.joint)
        names = list(self._programs.strides)
        first = names.index(selection.joint) + 1 if side is behind and selection.joint else 0
        last = max((names.index(layer) + 1 for layer in used), default=0)
        scale = self._programs.strides[names[first - 1]] if first else 1
        numbers, weights, made = 0.0, 0, {}
        for name in names[first:last]:
            weight = self._programs.weights.get(key := weight_key(name))
            if weight is not None:
                stride = self._programs.strides[name] / scale
                numbers += weight.shape[0] * prod(size) / stride**2
                weights += 4 * weight.size
                if not self._is_there(key):
                    made[key] = 4 * weight.size
        opening, session = (int(copies * weights) for copies in _COPIES.get(kind, (0, 0)))
        return Share(int(4 * numbers * _DIRECT[kind]), opening, session, 0, made)

    def _is_there(self, name: str) -> bool:
        """Whether a weight is used as the network has it, and nothing is made of it."""
        weight = self._programs.weights.get(name)
        return weight is not None and weight.dtype == np.float32
