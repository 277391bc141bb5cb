"""What is done with a tile: functions of what they are given, wherever they are computed.

A task travels: it is small, and holds no picture. Of two runs of one task on the same values, by
the same programs on as many threads, the results are the same to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from .features import Features
from .formulas import Extent
from .pixels import to_canvas, to_image
from .programs import Selection
from .selection import guide_name
from .sessions import Desk
from .stop import Stop
from .tiles import Tile

if TYPE_CHECKING:
    from ..export.program import Kind

__all__ = ["LookAt", "Measure", "Patch", "PullBack", "Slopes", "SumUp", "Summed", "TileTask"]


class Patch(NamedTuple):
    """A tile and, by stride, the part of each region's guide that it sees, (1, 1, h, w)."""

    tile: Tile
    guides: Mapping[int, Sequence[np.ndarray]]

    def inputs(self) -> dict[str, np.ndarray]:
        """The guides by the names of a program's inputs: 0 outside of the core."""
        return {
            guide_name(region, stride): guide * self.tile.mask(stride)
            for stride, guides in self.guides.items()
            for region, guide in enumerate(guides)
        }


class Summed(NamedTuple):
    """What a tile adds to the statistics, by name, and the core's features at the joint."""

    totals: Mapping[str, np.ndarray]
    joined: np.ndarray | None


class Slopes(NamedTuple):
    """What all tiles of an evaluation are given for the way back, by names of the program."""

    inputs: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class TileTask:
    """What the tasks have in common.

    Args:
        selection, size: of the program.
        strides: of the network's layers.
        masked: strides of the layers for which the program asks where the core is.
        joint: the layer whose features are handed on, or None.
    """

    kind: ClassVar[Kind]
    selection: Selection
    size: tuple[int, int]
    strides: Mapping[str, int]
    masked: frozenset[int] = frozenset()
    joint: str | None = None

    def _run(
        self,
        desk: Desk,
        feeds: Mapping[str, np.ndarray],
        outputs: Sequence[str],
        stop: Stop,
        is_last: bool,
    ) -> dict[str, np.ndarray]:
        session = desk.session(self.kind, self.selection, self.size, stop)
        return session.run(feeds, outputs, stop, gives_back=is_last)

    def _cores(self, tile: Tile) -> dict[str, np.ndarray]:
        return {f"core.{stride}": tile.mask(stride) for stride in self.masked}

    def _core_of(self, layer: str, tile: Tile, features: np.ndarray) -> np.ndarray:
        return features[(..., *tile.inside(self.strides[layer]))]

    def _around(self, layer: str, tile: Tile, core: np.ndarray) -> np.ndarray:
        """A core with zeros for what belongs to others, which does not count."""
        stride = self.strides[layer]
        part = np.zeros((*core.shape[:2], *(side // stride for side in self.size)), np.float32)
        part[(..., *tile.inside(stride))] = core
        return part


@dataclass(frozen=True)
class SumUp(TileTask):
    """Statistics over the core, and what is handed on at the joint.

    Args:
        statistics: their names.
    """

    kind: ClassVar[Kind] = "sums"
    statistics: tuple[str, ...] = ()

    def __call__(
        self, desk: Desk, stop: Stop, is_last: bool, patch: Patch, pixels: np.ndarray
    ) -> Summed:
        """Of the pixels of a tile, (h, w, 3)."""
        feeds = {"image": to_image(pixels), **self._cores(patch.tile), **patch.inputs()}
        names = [f"sum.{name}" for name in self.statistics]
        wanted = [*names, "joined"] if self.joint is not None else names
        found = self._run(desk, feeds, wanted, stop, is_last)
        joined = None
        if self.joint is not None:
            joined = self._core_of(self.joint, patch.tile, found["joined"])
        totals = {name: found[f"sum.{name}"] for name in self.statistics}
        return Summed(totals, joined)


@dataclass(frozen=True)
class LookAt(TileTask):
    """The features of content layers in the core.

    Args:
        layers: their names.
        half: whether they are kept in half precision.
    """

    kind: ClassVar[Kind] = "content"
    layers: tuple[str, ...] = ()
    half: bool = False

    def __call__(
        self, desk: Desk, stop: Stop, is_last: bool, patch: Patch, pixels: np.ndarray
    ) -> dict[str, Features]:
        """Of the pixels of a tile, (h, w, 3), by layer."""
        names = [f"content.{layer}" for layer in self.layers]
        found = self._run(desk, {"image": to_image(pixels)}, names, stop, is_last)
        return {
            layer: Features.kept(self._core_of(layer, patch.tile, found.pop(name)), self.half)
            for layer, name in zip(self.layers, names, strict=True)
        }


@dataclass(frozen=True)
class Measure:
    """How large the features of a tile's core are."""

    def __call__(
        self, desk: Desk, stop: Stop, is_last: bool, features: Mapping[str, Features]
    ) -> dict[str, Extent]:
        """By layer."""
        return {
            layer: Extent(found.sum_of_squares(), found.shape[0], prod(found.shape[1:]))
            for layer, found in features.items()
        }


@dataclass(frozen=True)
class PullBack(TileTask):
    """The gradient by a tile's pixels, halo included, and the core's share of the front's terms."""

    kind: ClassVar[Kind] = "pullback"

    def __call__(
        self,
        desk: Desk,
        stop: Stop,
        is_last: bool,
        patch: Patch,
        pixels: np.ndarray,
        content: Mapping[str, Features],
        slopes: Slopes,
        joined: np.ndarray | None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of the pixels of a tile, (h, w, 3).

        Args:
            content: the features of the core that are to be matched.
            joined: the gradient by the core's features at the joint.

        Returns:
            (h, w, 3), and (terms,).
        """
        tile = patch.tile
        feeds = {
            "image": to_image(pixels),
            **self._cores(tile),
            **patch.inputs(),
            **slopes.inputs,
        }
        for layer, features in content.items():
            feeds[f"content.{layer}"] = self._around(layer, tile, features.array)
        if joined is not None:
            assert self.joint is not None, "a gradient by what was not handed on"
            feeds["gradient.joined"] = self._around(self.joint, tile, joined)
        found = self._run(desk, feeds, ["gradient", "terms"], stop, is_last)
        return to_canvas(found["gradient"]), found["terms"]
