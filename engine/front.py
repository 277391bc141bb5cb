"""The tiled front of the network: what it sums up over a canvas, and the way back to its pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import TYPE_CHECKING, TypedDict

import numpy as np

from .formulas import Extent
from .guides import guide_at
from .programs import Selection
from .selection import layer_of, region_of
from .session import Session
from .sessions import Sessions
from .stop import Stop
from .tile_runner import Given, Runners, TileRunner, TilesHere
from .tile_tasks import LookAt, Measure, Patch, PullBack, Slopes, SumUp
from .tiles import Tiling
from .wrapping import surrounded, unwrapped

if TYPE_CHECKING:
    from ..export.program import Kind

__all__ = ["Front", "View"]


class _Program(TypedDict):
    selection: Selection
    size: tuple[int, int]
    strides: Mapping[str, int]


@dataclass(frozen=True)
class View:
    """A network as one choice of layers sees it.

    Args:
        sessions: of the network.
        selection: with the joint, where something is tiled.
        strides: of all layers of the network, in order.
        stop: ends the opening of sessions too when it is requested.
        runners: who computes tiles.
    """

    sessions: Sessions
    selection: Selection
    strides: Mapping[str, int]
    stop: Stop | None = None
    runners: Runners = TilesHere

    def session(self, kind: Kind, size: tuple[int, int]) -> Session:
        """The session of that program for pictures of that (height, width).

        Raises:
            Stopped: `stop` was requested.
        """
        return self.sessions.get(kind, self.selection, size, self.stop)

    def runner(self) -> TileRunner:
        """What computes tiles, with sessions that stay open as long as it is there."""
        return self.runners(self.sessions)


class Front:
    """The layers up to a joint, of a canvas that is computed tile by tile (see `export.program`).

    Results are dropped as soon as they are used: one that is still there would keep the memory that
    it lies in. They are added up in the order of the tiles, wherever those were computed.

    Args:
        view: of the network, with the joint of the tiling.
        tiling: how the canvas is cut.
        shape: (height, width) of the canvas.
        masks: the regions that the selection has, (H, W) each.
    """

    def __init__(
        self,
        view: View,
        tiling: Tiling,
        shape: tuple[int, int],
        masks: Sequence[np.ndarray] = (),
    ) -> None:
        self.selection, self.behind = view.selection.divided(view.strides)
        self.has_rest = bool(self.behind.layers)
        self._view = view
        self._strides = view.strides
        self._half = tiling.half
        self._joint = tiling.joint
        self._size = tiling.size(shape)
        self._tiles = tuple(tiling.tiles(shape))
        self._around, self._outside = tiling.around, tiling.outside
        self._shape = tiling.whole(shape)
        self._is_guided = bool(masks)
        self._runner = view.runner()
        self._patches = self._patches_with(masks)

    def rest(self) -> Session | None:
        """The objective program from the joint on; None where no term needs it."""
        if not (self.has_rest or self.selection.style_layers):
            return None
        return self._view.session("objective", self._layer(self._joint))

    def crops(self, picture: np.ndarray) -> Given:
        """The pixels of each tile of a picture (H, W, 3), which is not to change meanwhile."""
        picture = surrounded(picture, self._around, self._outside)
        return self._runner.hold(
            np.asarray(picture[tile.crop()], np.float32) for tile in self._tiles
        )

    def sums(self, crops: Given, stop: Stop) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """What the rest needs of a picture.

        Returns:
            The statistics per position of the style layers in front by name; and the features at
            the joint, (1, C, h, w), or None where nothing lies behind it.
        """
        layers = self.selection.style_layers
        if not (layers or self.has_rest):
            return {}, None
        statistics = tuple(self.selection.statistics(layers))
        task = SumUp(
            **self._program(),
            masked=self._strides_of(() if self._is_guided else layers),
            joint=self._joint if self.has_rest else None,
            statistics=statistics,
        )
        totals: dict[str, np.ndarray] = {}
        joined = None
        found = self._runner.run(task, stop, self._patches, crops)
        for tile, summed in zip(self._tiles, found, strict=True):
            for name, total in summed.totals.items():
                totals[name] = totals.get(name, 0.0) + total.astype(np.float64)
            if summed.joined is not None:
                if joined is None:
                    joined = self._empty(self._joint, summed.joined.shape[1])
                joined[(..., *tile.core(self._strides[self._joint]))] = summed.joined
            del summed
        grams = {
            name: (totals[name] / self._positions(name)).astype(np.float32) for name in statistics
        }
        return grams, joined

    def features(self, crops: Given, stop: Stop) -> tuple[Given, dict[str, Extent]]:
        """The content layers in front, of a picture.

        Returns:
            The features of each tile's core by layer, for `pull_back`, if there are such layers;
            and how large they are in all.
        """
        layers = self.selection.content_layers
        if not layers:
            return (), {}
        task = LookAt(
            **self._program(replace(self.selection, style_layers=(), joint=None)),
            layers=layers,
            half=self._half,
        )
        # Of its own, whose session is not needed any more.
        runner = self._view.runner()
        kept = runner.keep(task, stop, self._patches, crops)
        squares, channels = dict.fromkeys(layers, 0.0), dict.fromkeys(layers, 0)
        for found in runner.run(Measure(), stop, kept):
            for layer, extent in found.items():
                squares[layer] += extent.squares
                channels[layer] = extent.channels
        extents = {
            layer: Extent(squares[layer], channels[layer], prod(self._layer(layer)))
            for layer in layers
        }
        return kept, extents

    def pull_back(
        self,
        crops: Given,
        content: Given,
        coefficients: np.ndarray,
        grams: Mapping[str, np.ndarray],
        joined: np.ndarray | None,
        stop: Stop,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The gradient by the canvas, and the terms that the front has itself.

        Args:
            crops: of the canvas.
            content: the features to match, of the content layers in front.
            coefficients: of these layers' terms and of the total variation per pixel.
            grams: the gradient by each statistic per position of the style layers in front.
            joined: that by the features at the joint.

        Returns:
            (H, W, 3), and (terms,), float64.
        """
        layers = self.selection.content_layers
        layers += () if self._is_guided else self.selection.style_layers
        task = PullBack(**self._program(), masked=self._strides_of(layers) | {1}, joint=self._joint)
        factors = coefficients.astype(np.float32)
        factors[-1] = coefficients[-1] / self._positions_at(1)
        slopes = Slopes(
            {
                "coefficients": factors,
                **{
                    f"gradient.{name}": (gram / self._positions(name)).astype(np.float32)
                    for name, gram in grams.items()
                },
            }
        )
        number, stride = len(self._tiles), self._strides[self._joint]
        by_joined = [
            None if joined is None else joined[(..., *tile.core(stride))] for tile in self._tiles
        ]
        gradient = np.zeros((*self._shape, 3), np.float32)
        terms = np.zeros(len(coefficients))
        matched = content or [{}] * number
        given = (self._patches, crops, matched, [*self._runner.hold([slopes])] * number, by_joined)
        found = self._runner.run(task, stop, *given)
        for tile, (by_pixels, own) in zip(self._tiles, found, strict=True):
            gradient[tile.crop()] += by_pixels
            terms += own
            del by_pixels, own
        return unwrapped(gradient, self._around), terms

    def _program(self, selection: Selection | None = None) -> _Program:
        return {
            "selection": selection or self._view.selection,
            "size": self._size,
            "strides": self._strides,
        }

    def _strides_of(self, layers: Iterable[str]) -> frozenset[int]:
        return frozenset(self._strides[layer] for layer in layers)

    def _patches_with(self, masks: Sequence[np.ndarray]) -> Given:
        """The tiles, with their guides where there are masks."""
        strides = self._strides_of(self.selection.style_layers)
        guides = {
            stride: [self._with_around(guide_at(mask, stride), stride) for mask in masks]
            for stride in (strides if masks else ())
        }
        patches = [
            Patch(
                tile,
                {
                    stride: [guide[(..., *tile.crop(stride))] for guide in several]
                    for stride, several in guides.items()
                },
            )
            for tile in self._tiles
        ]
        return self._runner.hold(patches) if guides else patches

    def _with_around(self, guide: np.ndarray, stride: int) -> np.ndarray:
        """With zeros for what is around the picture, as its layer has it."""
        margin = self._around // stride
        return np.pad(guide, ((0, 0), (0, 0), (margin, margin), (margin, margin)))

    def _empty(self, layer: str, channels: int) -> np.ndarray:
        return np.empty((1, channels, *self._layer(layer)), np.float32)

    def _layer(self, layer: str) -> tuple[int, int]:
        """(height, width) of a layer of the whole canvas, with what is around it."""
        stride = self._strides[layer]
        return self._shape[0] // stride, self._shape[1] // stride

    def _positions(self, statistic: str) -> int:
        """That a sum is to be divided by: what is guided is a mean already."""
        if region_of(statistic) is not None:
            return 1
        return self._positions_at(self._strides[layer_of(statistic)])

    def _positions_at(self, stride: int) -> int:
        """Of the canvas without what is around it."""
        height, width = (side - 2 * self._around for side in self._shape)
        return (height // stride) * (width // stride)
