"""Objectives of one network: targets looked at, programs opened, factors chosen."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

import numpy as np

from .balance import parts_of
from .blending import Shares, style_sides, styles_asked
from .evaluators import TiledCanvas, WholeCanvas
from .formulas import coefficients
from .front import Front, View
from .guides import guides_at
from .images import Picture
from .kept_grams import Grams, KeptGrams
from .known_targets import Fitting, KnownLook
from .layers import channels_of
from .objective import Objective
from .options import Options
from .programs import Programs, Selection
from .regions import Sight
from .roots import roots_of
from .selection import targets_of
from .sessions import Sessions
from .stop import Stop
from .targets import border_beside, content_targets, style_size, style_targets
from .tile_runner import Runners, TilesHere
from .tiles import Tiling, wrapping

__all__ = ["Objectives"]


class Objectives:
    """Makes them from pictures.

    Args:
        programs: of the network.
        sessions: of these programs.
        runners: who computes tiles.
    """

    def __init__(
        self, programs: Programs, sessions: Sessions, runners: Runners = TilesHere
    ) -> None:
        self._programs = programs
        self._sessions = sessions
        self._runners = runners
        self._kept = KeptGrams()
        layers = list(programs.strides)
        self._fitting = Fitting(
            programs.fingerprint,
            {layer: channels_of(programs.weights, layers, layer) for layer in layers},
        )

    def selection(
        self, options: Options, tiling: Tiling | None = None, regions: int = 0
    ) -> Selection:
        """What programs are built for; see `Selection.of`."""
        return Selection.of(options, self._programs.strides, regions).tiled(tiling)

    def keep(self, most: int) -> None:
        """Of what is known of style pictures at most so many bytes, from now on."""
        self._kept.keep(most)

    def smallest_side(self, options: Options) -> int:
        """Pixels that each side of a canvas needs: one position of the deepest layer used, and a
        neighbour to each outermost pixel where those are its mirror images."""
        deepest = max(self._programs.strides[name] for name in self.selection(options).layers)
        return max(deepest, 2) if options.border == "reflect" else deepest

    def at(
        self,
        content: np.ndarray | None,
        styles: Sequence[Picture | np.ndarray],
        options: Options,
        stop: Stop,
        tiling: Tiling | None = None,
        shape: tuple[int, int] | None = None,
        sights: Sequence[Sight] = (),
    ) -> Objective:
        """The objective for a content picture that has the canvas's size already, if there is one.

        Args:
            tiling: how canvas, content and styles are cut, or None for all of each at once.
            shape: (height, width) of the canvas where there is no content picture.
            sights: the regions of the canvas that have a style of their own.
        """
        if content is not None:
            shape = (content.shape[0], content.shape[1])
        assert shape is not None, "nothing tells the canvas's size"
        tiling, view = self._view(options, tiling, shape, stop, len(sights))
        selection = view.selection
        masks = [sight.mask for sight in sights]
        features = content_targets(view, tiling, content, stop, masks)
        grams = style_targets(
            view,
            tiling,
            styles,
            style_sides(options, shape, len(styles)),
            Shares.of(options, len(styles)),
            self.smallest_side(options),
            stop,
            self._kept,
            self._fitting,
            sights,
        )
        areas = [sight.area for sight in sights]
        factors = coefficients(options, features.extents, grams, shape[0] * shape[1], areas)
        parts = parts_of(options, features.extents, grams)
        matched = _matched(selection, grams)
        if tiling is None:
            targets = {f"content.{layer}": found for layer, found in features.whole.items()}
            strides = {view.strides[layer] for layer in selection.style_layers}
            targets |= matched | guides_at(masks, strides)
            session = view.session("objective", shape)
            return Objective(WholeCanvas(session, targets, factors, shape), parts)
        front = Front(view, tiling, shape, masks)
        behind = {view.strides[layer] for layer in front.behind.style_layers}
        matched |= guides_at(masks, behind)
        tiled, whole = features.tiled, features.whole
        canvas = TiledCanvas(front, front.rest(), tiled, whole, matched, factors, shape)
        return Objective(canvas, parts)

    def look(
        self,
        style: Picture,
        options: Options,
        stop: Stop,
        tiling: Tiling | None,
        shape: tuple[int, int],
    ) -> KnownLook:
        """What a style picture is beside a canvas of this (height, width)."""
        tiling, view = self._view(options, tiling, shape, stop)
        (side,), smallest = style_sides(options, shape, 1), self.smallest_side(options)
        grams = style_targets(view, tiling, [style], [side], Shares({0: 1.0}), smallest, stop)
        border = border_beside(tiling, view.selection.border)
        return KnownLook(style_size(style, side, smallest), options.pool, border, grams)

    def _view(
        self,
        options: Options,
        tiling: Tiling | None,
        shape: tuple[int, int],
        stop: Stop,
        regions: int = 0,
    ) -> tuple[Tiling | None, View]:
        """How a canvas is cut, and how the network is seen then."""
        if options.border == "wrap" and tiling is None:
            used = (*options.content_layers, *options.style_layers)
            tiling = wrapping(self._programs.strides, used, shape)
        selection = self.selection(options, tiling, regions)
        strides = self._programs.strides
        return tiling, View(self._sessions, selection, strides, stop, self._runners)

    def seconds(
        self, shape: tuple[int, int], options: Options, stop: Stop, regions: int = 0
    ) -> float:
        """Of one evaluation of a canvas of this (height, width), with pictures in plain grey."""
        grey = np.full((*shape, 3), 0.5, np.float32)
        styles = [grey] * styles_asked(options)
        sights = [Sight(np.ones(shape, np.float32), tuple(range(len(styles))))] * regions
        objective = self.at(grey, styles, options, stop, sights=sights)
        objective.measure(grey, stop)
        began = perf_counter()
        objective.measure(grey, stop)
        return perf_counter() - began


def _matched(selection: Selection, grams: Grams) -> dict[str, np.ndarray]:
    """What the program is given of the style pictures, by the names of its inputs."""
    found: dict[str, np.ndarray] = {}
    for place in selection.places(selection.style_layers):
        for name in targets_of(selection.style_loss, place):
            kind, _, statistic = name.partition(".")
            is_root = kind == "root"
            found[name] = (
                roots_of(grams[place], grams[f"{place}.mean"]) if is_root else grams[statistic]
            )
    return found
