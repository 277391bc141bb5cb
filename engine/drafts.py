"""From pictures that are not decoded yet, and options, to a plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .blending import check_blend, scaled, style_sides
from .errors import OptionsError
from .images import PictureSource, read_header
from .limits import Limits
from .masks import read_regions
from .memory import enough_memory
from .objectives import Objectives
from .options import DEFAULT_ITERATIONS, UNTOLD_ITERATIONS, Options
from .plan import Plan, Work
from .planner import Planner
from .planning import work_of
from .pyramid import Level, plan_levels
from .softness import tells_areas
from .sources import check_given, initial_header
from .stop import Stop
from .targets import check_style_size

__all__ = ["Draft", "Drafts"]


@dataclass(frozen=True)
class Draft:
    """One work as it is asked for."""

    work: Work
    _planner: Planner
    _objectives: Objectives

    def plan(self, memory: int, timed: bool = False, stop: Stop | None = None) -> Plan:
        """How it would be made; see `Engine.plan`.

        Raises:
            Stopped: `stop` was requested.
        """
        stop = stop or Stop()
        with enough_memory():
            plan = self._planner.plan(self.work, memory, stop)
            if not timed:
                return plan
            canvases = self._planner.samples(self.work)
            seconds = [
                self._objectives.seconds(shape, self.work.options, stop, len(self.work.regions))
                for shape in canvases
            ]
            return plan.timed(list(canvases.values()), seconds)


class Drafts:
    """Of works on one network.

    Args:
        objectives, planner: of the network.
        limits: of what is accepted.
        can_wrap: whether the opposite sides of a canvas can be joined.
    """

    def __init__(
        self, objectives: Objectives, planner: Planner, limits: Limits, *, can_wrap: bool
    ) -> None:
        self._objectives = objectives
        self._planner = planner
        self._limits = limits
        self._can_wrap = can_wrap

    def of(
        self,
        content: PictureSource | None,
        styles: Sequence[PictureSource],
        options: Options,
    ) -> Draft:
        """What is asked for, by the headers of the pictures alone.

        Raises:
            StyleError: it cannot be made; see `impasto.stylize`.
        """
        check_given(content, styles, options)
        self._check_border(options)
        header = None
        if content is not None:
            header = read_header(content, self._limits, "content picture")
        headers = [read_header(style, self._limits, "style picture") for style in styles]
        regions = read_regions(
            options,
            None if header is None else header.shape,
            [style.shape for style in headers],
            self._limits,
        )
        levels = self.levels((header or headers[0]).shape[:2], options)
        options = scaled(options, levels[-1].shape)
        smallest = self._objectives.smallest_side(options)
        if options.style_layers:
            sides = style_sides(options, levels[-1].shape, len(headers))
            for style, side in zip(headers, sides, strict=True):
                check_style_size(style.shape[:2], side, smallest, self._limits)
        work = work_of(
            header,
            headers,
            initial_header(options, self._limits),
            levels,
            options,
            self._objectives.selection(options, regions=len(regions)),
            smallest,
            regions,
        )
        return Draft(work, self._planner, self._objectives)

    def check(self, styles: Sequence[PictureSource], options: Options) -> None:
        """Refuse what cannot be made of any content picture.

        Raises:
            StyleError: see `of`.
        """
        self._check_border(options)
        check_blend(options, len(styles))
        self._objectives.selection(options)
        initial_header(options, self._limits)
        if isinstance(options.size, float):
            return
        if isinstance(options.size, int) and options.levels is None:
            # How many levels there are follows from the picture.
            options = replace(options, iterations=None)
        # Of all shapes, a square has the longest shorter side.
        self.levels((1, 1), options)

    def _check_border(self, options: Options) -> None:
        if options.border == "wrap" and not self._can_wrap:
            raise OptionsError("border cannot be wrap with a bundle, which was made for another")

    def levels(self, shape: tuple[int, int], options: Options) -> tuple[Level, ...]:
        """The scales at which a content picture of this (height, width) is worked on, from coarse
        to fine.

        Raises:
            LimitError: the result would be larger than the limits allow.
            StyleError: see `pyramid.plan_levels`.
        """
        smallest = self._objectives.smallest_side(options)
        unit = smallest if options.border == "wrap" else 1
        told = options.optimizer == "lbfgs" and tells_areas(options)
        levels = plan_levels(
            shape,
            options.size,
            options.levels,
            options.iterations,
            smallest,
            unit,
            options.coarsest,
            options.level_factor,
            DEFAULT_ITERATIONS if told else UNTOLD_ITERATIONS,
        )
        self._limits.check("output_side", "size", max(levels[-1].height, levels[-1].width))
        return levels
