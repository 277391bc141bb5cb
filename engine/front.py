"""The tiled front of the network: what it sums up over a canvas, and the way back to its pixels."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .features import Features
from .guides import guide_at
from .pixels import to_canvas, to_image
from .programs import Selection
from .selection import guide_name, layer_of, region_of
from .session import Session
from .sessions import Sessions
from .stop import Stop
from .tiles import Tile, Tiling
from .wrapping import surrounded, unwrapped

if TYPE_CHECKING:
    from ..export.program import Kind

__all__ = ["Front", "View"]


@dataclass(frozen=True)
class View:
    """A network as one choice of layers sees it.

    Args:
        sessions: of the network.
        selection: with the joint, where something is tiled.
        strides: of all layers of the network, in order.
        stop: ends the opening of sessions too when it is requested.
    """

    sessions: Sessions
    selection: Selection
    strides: Mapping[str, int]
    stop: Stop | None = None

    def session(self, kind: Kind, size: tuple[int, int]) -> Session:
        """The session of that program for pictures of that (height, width).

        Raises:
            Stopped: `stop` was requested.
        """
        return self.sessions.get(kind, self.selection, size, self.stop)


class Front:
    """The layers up to a joint, of a canvas that is computed tile by tile (see `export.program`).

    A session keeps the memory of its last tile for the next one, and gives it back after the last:
    the sums, the rest and the way back need theirs one after the other. Results are dropped as soon
    as they are used: one that is still there would keep the memory that it lies in.

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
        strides = {view.strides[layer] for layer in self.selection.style_layers}
        self._guides = {
            stride: [self._with_around(guide_at(mask, stride), stride) for mask in masks]
            for stride in (strides if masks else ())
        }

    def rest(self) -> Session | None:
        """The objective program from the joint on; None where no term needs it."""
        if not (self.has_rest or self.selection.style_layers):
            return None
        return self._view.session("objective", self._layer(self._joint))

    @cached_property
    def _sums_session(self) -> Session:
        return self._view.session("sums", self._size)

    @cached_property
    def _pullback_session(self) -> Session:
        return self._view.session("pullback", self._size)

    def sums(
        self, picture: np.ndarray, stop: Stop
    ) -> tuple[dict[str, np.ndarray], np.ndarray | None]:
        """What the rest needs of a picture (H, W, 3).

        Returns:
            The statistics per position of the style layers in front by name; and the features at
            the joint, (1, C, h, w), or None where nothing lies behind it.
        """
        layers = self.selection.style_layers
        if not (layers or self.has_rest):
            return {}, None
        session, picture = self._sums_session, surrounded(picture, self._around, self._outside)
        statistics = self.selection.statistics(layers)
        names = [f"sum.{name}" for name in statistics] + ["joined"] * self.has_rest
        totals: dict[str, np.ndarray] = {}
        joined = None
        for tile in self._tiles:
            feeds = {
                "image": to_image(picture[tile.crop()]),
                **self._cores(tile, () if self._guides else layers),
                **self._guides_of(tile),
            }
            found = session.run(feeds, names, stop, gives_back=tile is self._tiles[-1])
            if self.has_rest:
                if joined is None:
                    joined = self._empty(self._joint, found["joined"].shape[1])
                stride = self._strides[self._joint]
                joined[(..., *tile.core(stride))] = found.pop("joined")[(..., *tile.inside(stride))]
            for name in list(found):
                totals[name] = totals.get(name, 0.0) + found.pop(name).astype(np.float64)
        grams = {
            name: (totals[f"sum.{name}"] / self._positions(name)).astype(np.float32)
            for name in statistics
        }
        return grams, joined

    def features(self, picture: np.ndarray, stop: Stop) -> dict[str, Features]:
        """The content layers in front, of a picture (H, W, 3)."""
        layers = self.selection.content_layers
        if not layers:
            return {}
        alone = replace(self.selection, style_layers=(), joint=None)
        session = replace(self._view, selection=alone).session("content", self._size)
        found: dict[str, Features] = {}
        picture = surrounded(picture, self._around, self._outside)
        for tile in self._tiles:
            feeds = {"image": to_image(picture[tile.crop()])}
            names = [f"content.{layer}" for layer in layers]
            parts = session.run(feeds, names, stop, gives_back=tile is self._tiles[-1])
            for layer, name in zip(layers, names, strict=True):
                stride = self._strides[layer]
                if layer not in found:
                    shape = (parts[name].shape[1], *self._layer(layer))
                    found[layer] = Features.empty(shape, self._half)
                found[layer].put(tile.core(stride), parts.pop(name)[(..., *tile.inside(stride))])
        return found

    def pull_back(
        self,
        canvas: np.ndarray,
        content: Mapping[str, Features],
        coefficients: np.ndarray,
        grams: Mapping[str, np.ndarray],
        joined: np.ndarray | None,
        stop: Stop,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The gradient by the canvas, and the terms that the front has itself.

        Args:
            canvas: (H, W, 3).
            content: the features to match, of the content layers in front.
            coefficients: of these layers' terms and of the total variation per pixel.
            grams: the gradient by each statistic per position of the style layers in front.
            joined: that by the features at the joint.

        Returns:
            (H, W, 3), and (terms,), float64.
        """
        layers = self.selection.content_layers
        layers += () if self._guides else self.selection.style_layers
        session = self._pullback_session
        given = {
            f"gradient.{name}": (gram / self._positions(name)).astype(np.float32)
            for name, gram in grams.items()
        }
        factors = coefficients.astype(np.float32)
        canvas = surrounded(canvas, self._around, self._outside)
        factors[-1] = coefficients[-1] / self._positions_at(1)
        gradient = np.zeros((*self._shape, 3), np.float32)
        terms = np.zeros(len(coefficients))
        for tile in self._tiles:
            feeds = {
                "image": to_image(canvas[tile.crop()]),
                "coefficients": factors,
                **self._cores(tile, layers, whole=True),
                **self._guides_of(tile),
                **given,
            }
            for layer, features in content.items():
                feeds[f"content.{layer}"] = features.crop(tile.crop(self._strides[layer]))
            if joined is not None:
                feeds["gradient.joined"] = self._of_core(tile, joined)
            last = tile is self._tiles[-1]
            found = session.run(feeds, ["gradient", "terms"], stop, gives_back=last)
            gradient[tile.crop()] += to_canvas(found.pop("gradient"))
            terms += found.pop("terms")
        return unwrapped(gradient, self._around), terms

    def _cores(
        self, tile: Tile, layers: Iterable[str], whole: bool = False
    ) -> dict[str, np.ndarray]:
        """The masks of a tile that these layers need, and that of the pixels if asked for."""
        strides = {self._strides[layer] for layer in layers} | ({1} if whole else set())
        return {f"core.{stride}": tile.mask(stride) for stride in strides}

    def _guides_of(self, tile: Tile) -> dict[str, np.ndarray]:
        """The part of each guide that belongs to a tile: 0 outside of its core."""
        return {
            guide_name(region, stride): guide[(..., *tile.crop(stride))] * tile.mask(stride)
            for stride, guides in self._guides.items()
            for region, guide in enumerate(guides)
        }

    def _with_around(self, guide: np.ndarray, stride: int) -> np.ndarray:
        """With zeros for what is around the picture, as its layer has it."""
        margin = self._around // stride
        return np.pad(guide, ((0, 0), (0, 0), (margin, margin), (margin, margin)))

    def _of_core(self, tile: Tile, joined: np.ndarray) -> np.ndarray:
        """What is given for the joint of a tile: zeros for what belongs to others."""
        stride = self._strides[self._joint]
        sides = [(s.stop - s.start) // stride for s in (tile.down, tile.across)]
        part = np.zeros((*joined.shape[:2], *sides), np.float32)
        part[(..., *tile.inside(stride))] = joined[(..., *tile.core(stride))]
        return part

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
