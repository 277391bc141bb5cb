"""Where a picture is made: what is asked for is planned, read, and painted level by level."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path

from .blending import style_scale_of
from .checkpoint import Keeper, Standing
from .checks import callback, optional, shown
from .drafts import Drafts
from .errors import OptionsError
from .files import write_atomic
from .images import Picture, PictureSource, read_picture
from .known_targets import KnownLook, KnownTargets
from .limits import Limits
from .memory import default_budget, enough_memory
from .methods import methods_for
from .objective import Objective
from .objectives import Objectives
from .options import Options
from .plan import Work
from .records import ProgressCallback, Result
from .sessions import Sessions
from .sources import Scene, Sources, gather
from .stop import Stop, Stopped
from .style_source import file_to_save, picture_to_save
from .stylize import paint

__all__ = ["Studio"]


@dataclass(frozen=True)
class Studio:
    """All that pictures on one network need."""

    objectives: Objectives
    sessions: Sessions
    drafts: Drafts
    limits: Limits

    @enough_memory()  # pictures and what was saved are read here; `paint` hands on what it has
    def paint(
        self,
        content: PictureSource | None,
        styles: Sequence[PictureSource],
        options: Options,
        began: float,
        time: float | None,
        memory: int | None,
        keeper: Keeper | None,
        standing: Callable[[], Standing],
        progress: ProgressCallback | None,
        stop: Stop | None,
    ) -> Result:
        """Plan a picture, and paint it; see `impasto.stylize` for what is raised.

        Args:
            began, time, keeper, progress: see `stylize.paint`.
            memory: bytes that it may take; None is `memory.default_budget()`.
            standing: tells where the work stands; called as late as can be, for it may be large.
        """
        self.sessions.check_process()
        stop = optional("stop", stop, Stop) or Stop()
        progress = callback("progress", progress)
        draft = self.drafts.of(content, styles, options)
        options = draft.work.options
        try:
            plan = draft.plan(self.limits.within("memory", memory, default_budget()), stop=stop)
            planned = dict(zip(draft.work.levels, plan.levels, strict=True))
            methods = [one.method for one in plan.levels]
        except Stopped:  # which `objective_at` hears: any method will do
            plan, planned = None, {}
            methods = [methods_for(options, 3 * prod(one.shape))[0] for one in draft.work.levels]
        sources = self.sources(content, styles, draft.work)

        def objective_at(scene: Scene, stop: Stop) -> Objective:
            stop.check()
            way = planned[scene.level]
            self.sessions.let_go(way.weights)  # of the level before
            self.objectives.keep(way.looks)
            return self.objectives.at(
                scene.content,
                scene.styles,
                options,
                stop,
                way.tiling,
                scene.level.shape,
                scene.sights,
            )

        result = paint(
            sources,
            objective_at,
            options,
            methods=methods,
            began=began,
            deadline=self.limits.deadline,
            time=time,
            progress=progress,
            stop=stop,
            keeper=keeper,
            standing=standing(),  # which only the work is to hold
        )
        return replace(result, plan=plan)

    @enough_memory()
    def objective(
        self, content: PictureSource | None, styles: Sequence[PictureSource], options: Options
    ) -> Objective:
        """See `Engine.objective`."""
        work = self.drafts.of(content, styles, options).work
        work = replace(work, levels=work.levels[-1:])
        (scene,) = self.sources(content, styles, work).scenes
        shown = (scene.content, scene.styles, work.options, Stop(), None, scene.level.shape)
        objective = self.objectives.at(*shown, scene.sights)
        return objective.balanced(scene.start()) if options.balance_gradients else objective

    @enough_memory()
    def save_style(
        self,
        style: PictureSource,
        path: Path,
        options: Options,
        by: tuple[str, str],
        sizes: Sequence[int],
        memory: int | None,
        stop: Stop | None,
    ) -> KnownTargets:
        """See `Engine.save_style`.

        Args:
            by: name and fingerprint of the network.
        """
        if options.style_size is not None:
            raise OptionsError("a style file is for a style_scale, of results of any size")
        if not isinstance(sizes, list | tuple):
            raise OptionsError(f"sizes must be a list of whole numbers, not {shown(sizes)}")
        stop = optional("stop", stop, Stop) or Stop()
        alone = replace(options, color="style", strength=1.0, masks=(), keep=None, layer_styles={})
        data, picture = picture_to_save(style, self.limits)
        looks = self._looks(picture, alone, sizes, memory, stop)
        known = KnownTargets(*by, style_scale_of(alone), looks)
        write_atomic(path, file_to_save(data, known, self.limits))
        return known

    def _looks(
        self,
        style: Picture,
        options: Options,
        sizes: Sequence[int],
        memory: int | None,
        stop: Stop,
    ) -> tuple[KnownLook, ...]:
        """What a style picture is beside results of these longer sides, at all their levels.

        Raises:
            Stopped: `stop` was requested.
        """
        self.sessions.check_process()
        budget = self.limits.within("memory", memory, default_budget())
        looks: dict[int, KnownLook] = {}
        for size in sizes:
            asked = replace(options, size=size, content_layers={}, init="noise", iterations=0)
            draft = self.drafts.of(None, [style], asked)
            levels = zip(draft.work.levels, draft.plan(budget, stop=stop).levels, strict=True)
            for level, planned in levels:
                side = max(level.shape)
                if side not in looks:
                    self.sessions.let_go()
                    look = self.objectives.look(style, asked, stop, planned.tiling, level.shape)
                    looks[side] = look
        self.sessions.let_go()
        return tuple(looks.values())

    def sources(
        self, content: PictureSource | None, styles: Sequence[PictureSource], work: Work
    ) -> Sources:
        """The pictures of a work; no others hold on to them."""
        picture = None
        if content is not None:
            picture = read_picture(content, self.limits, "content picture")
        options, levels = work.options, work.levels
        found = [read_picture(style, self.limits, "style picture") for style in styles]
        return gather(picture, found, levels, options, self.limits, work.regions)
