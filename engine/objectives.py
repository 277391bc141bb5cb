"""Objectives of one network: targets looked at, programs opened, factors chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter

import numpy as np

from .evaluators import TiledCanvas, WholeCanvas
from .formulas import coefficients
from .front import Front, View
from .images import Picture
from .objective import Objective
from .options import Options
from .plan import Plan
from .programs import Programs, Selection
from .sessions import Sessions
from .sources import style_side
from .stop import Stop
from .targets import content_targets, style_targets
from .tiles import Tiling

__all__ = ["Objectives"]


class Objectives:
    """Makes them from pictures.

    Args:
        programs: of the network.
        sessions: of these programs.
    """

    def __init__(self, programs: Programs, sessions: Sessions) -> None:
        self._programs = programs
        self._sessions = sessions

    def selection(self, options: Options, tiling: Tiling | None = None) -> Selection:
        """What programs are built for; see `Selection.of`."""
        joint = None if tiling is None else tiling.joint
        return replace(Selection.of(options, self._programs.strides), joint=joint)

    def smallest_side(self, options: Options) -> int:
        """Pixels that each side of a canvas needs: one position of the deepest layer used."""
        selection = self.selection(options)
        used = (*selection.content_layers, *selection.style_layers)
        return max(self._programs.strides[name] for name in used)

    def at(
        self,
        content: np.ndarray,
        styles: Sequence[Picture | np.ndarray],
        options: Options,
        stop: Stop,
        tiling: Tiling | None = None,
    ) -> Objective:
        """The objective for a content picture that has the canvas's size already.

        Args:
            tiling: how canvas, content and styles are cut, or None for all of each at once.
        """
        selection = self.selection(options, tiling)
        view = View(self._sessions, selection, self._programs.strides)
        shape = (content.shape[0], content.shape[1])
        features = content_targets(view, tiling, content, stop)
        side, smallest = style_side(options, shape), self.smallest_side(options)
        grams = style_targets(view, tiling, styles, side, smallest, stop)
        squares = {layer: target.sum_of_squares() for layer, target in features.items()}
        factors = coefficients(options, squares, grams)
        if tiling is None:
            targets = {f"content.{layer}": target.array for layer, target in features.items()}
            targets |= {f"style.{layer}": target for layer, target in grams.items()}
            session = view.session("objective", shape)
            return Objective(WholeCanvas(session, targets, factors, shape))
        front = Front(view, tiling, shape)
        return Objective(TiledCanvas(front, front.rest(), features, grams, factors, shape))

    def seconds(self, plan: Plan, options: Options) -> list[float]:
        """Of one evaluation at each of the two coarsest levels, of pictures in plain grey."""
        seconds = []
        for level in plan.levels[:2]:
            grey = np.full((level.height, level.width, 3), 0.5, np.float32)
            objective = self.at(grey, [grey], options, Stop(), level.tiling)
            objective.measure(grey)
            began = perf_counter()
            objective.measure(grey)
            seconds.append(perf_counter() - began)
        return seconds
