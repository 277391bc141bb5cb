"""One picture in the making: level by level, with the best canvas always at hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf, isnan, nan
from time import perf_counter
from typing import TypeAlias

import numpy as np

from .balance import measured
from .checkpoint import Keeper, Standing
from .errors import OptionsError, ResumeError, StyleError
from .images import resize
from .methods import Method
from .objective import Objective
from .optimise import Best, Descent, Ending, descend
from .options import Options
from .pacing import Pace
from .records import LevelResult, Progress, ProgressCallback, Result
from .sources import Scene, Sources
from .stop import Stop, Stopped
from .wrapping import resize_wrapped

__all__ = ["Painting"]

# Of a level.
ObjectiveAt: TypeAlias = Callable[[Scene, Stop], Objective]
# Of a level that an exception left before its descent said why it ended.
_ERROR = Ending("error", final=True)


@dataclass
class Painting:
    """The state of one picture's making: always able to say what the best picture so far is."""

    sources: Sources
    objective_at: ObjectiveAt
    options: Options
    methods: Sequence[Method]
    stop: Stop
    began: float
    progress: ProgressCallback | None
    keeper: Keeper | None
    pace: Pace
    canvas: np.ndarray | None = None  # until a step was made: the initial one, whatever the size
    loss: float = nan
    terms: dict[str, float] = field(default_factory=dict)
    initial_loss: float = nan
    ending: Ending = _ERROR  # unless a level says otherwise
    finished: list[LevelResult] = field(default_factory=list)
    first: int = 1  # level to work at
    resumed: Standing | None = None  # in the middle of that one
    begins_last: bool = False  # the final level has the initial canvas to begin with
    balance: dict[str, float] = field(default_factory=dict)  # coefficients measured at this level

    def go_on_from(self, standing: Standing) -> None:
        """Take over what was made before."""
        scenes = self.sources.scenes
        if not 1 <= standing.level <= len(scenes):
            raise ResumeError("the saved work has another number of levels than its pictures")
        self.first = standing.level if standing.ended is None else len(scenes) + 1
        self.canvas = standing.canvas
        self.loss, self.terms = standing.loss, dict(standing.terms)
        self.initial_loss = standing.initial_loss
        self.finished = list(standing.finished)
        self.ending = Ending(standing.ended or "error", final=False)
        if standing.iteration and standing.ended is None:
            level = scenes[standing.level - 1].level
            if standing.canvas is None or standing.canvas.shape != (level.height, level.width, 3):
                raise ResumeError("the saved canvas has another size than its pictures ask for")
            self.resumed = standing

    def work(self) -> None:
        """Go through the levels, from coarse to fine, until the last one or a final ending."""
        scenes = self.sources.scenes
        try:
            for number, scene in enumerate(scenes[self.first - 1 :], self.first):
                if self.resumed is None:
                    self._save(Standing(number, canvas=self.canvas))
                self._work_at(number, scene)
                if self.ending.final:
                    return
            if self.first <= len(scenes) and self.ending.reason != "time":
                self._save(Standing(len(scenes), ended=self.ending.reason, canvas=self.canvas))
        except Stopped as stopped:  # while something was saved
            self.ending = Ending(str(stopped), final=True)
        except StyleError as error:
            self.attach_to(error)
            raise

    def result(self) -> Result:
        """The best picture so far, at the final size."""
        final = self.sources.scenes[-1]
        size = (final.level.height, final.level.width, 3)
        is_final = self.canvas is not None and self.canvas.shape == size
        canvas = self.canvas if self.canvas is not None and is_final else self._canvas_at(final)
        return self._told(self.sources.finished(canvas), self.sources.alpha)

    def _told(self, canvas: np.ndarray, alpha: np.ndarray | None = None) -> Result:
        return Result(
            canvas=canvas,
            alpha=alpha,
            initial_loss=self.initial_loss,
            loss=self.loss,
            terms=self.terms,
            levels=tuple(self.finished),
            stopped=self.ending.reason,
            seconds=perf_counter() - self.began,
        )

    def attach_to(self, error: StyleError) -> None:
        """Give the error the best picture so far; where there is no memory for that either, its
        canvas alone, of the size and in the colours in which it was painted."""
        try:
            error.result = self.result()
        except MemoryError:
            error.result = None if self.canvas is None else self._told(self.canvas)

    def _work_at(self, number: int, scene: Scene) -> None:
        """Bring the canvas to this level's size and move it down this level's objective."""
        resumed, self.resumed = self.resumed, None
        before = resumed or Standing(number)
        self.ending = _ERROR
        method, steps = self.methods[number - 1], scene.level.iterations - before.iteration
        descent, began = None, perf_counter() - before.level_seconds
        try:
            objective = self._objective_at(scene, before)
            if scene.is_last and self.canvas is not None and self._is_initial_loss_due(scene):
                self.initial_loss = objective.measure(scene.start(), self.stop).loss
            descent = Descent(
                objective,
                self._best_at(scene, before),
                self.stop,
                partial(self._step_done, number, scene, method, began),
                before.iteration,
                before.evaluations or measured(self.options, scene.regions),
            )
            scene.release()
            # From here on: what opening a level takes is no part of its share, or cheap levels, in
            # which a second changes most, would have no steps.
            self.pace.begin_level([_cost(steps, scene), *self._costs_after(number)])
            state = before.state if before.state and before.method == str(method) else None
            self.ending = descend(descent, steps, self.options, method, state)
            self._take(descent, scene)
            if self.ending.final or (scene.is_last and self.ending.reason == "time"):
                self._save(self._standing(number, descent, began, method), is_last=True)
        except Stopped as stopped:
            self.ending = Ending(str(stopped), final=True)
        finally:
            if descent is not None:
                self._take(descent, scene)
                descent.forget()
            if descent is not None or resumed is not None:
                self.finished.append(
                    LevelResult(
                        scene.level.height,
                        scene.level.width,
                        before.iteration if descent is None else descent.iterations,
                        before.evaluations if descent is None else descent.evaluations,
                        before.loss if descent is None else descent.best.loss,
                        perf_counter() - began,
                        0.0 if descent is None else descent.evaluation_seconds,
                        self.ending.reason,
                        str(method),
                    )
                )

    def _objective_at(self, scene: Scene, before: Standing) -> Objective:
        """With the coefficients of the formula; or, where they are to be balanced, with those that
        are measured where the level starts, or were in another process."""
        objective = self.objective_at(scene, self.stop)
        self.balance = {}
        if self.options.balance_gradients:
            if before.balance:
                objective = _weighed(objective, before.balance)
            else:
                objective = objective.balanced(self._canvas_at(scene), self.stop)
            self.balance = objective.coefficients
        return objective

    def _take(self, descent: Descent, scene: Scene) -> None:
        """Make the descent's best canvas that of the painting."""
        if descent.best.terms:
            self.loss, self.terms = descent.best.loss, dict(descent.best.terms)
            if scene.level.iterations:
                self.canvas = descent.best.canvas
        if self.begins_last and isnan(self.initial_loss) and descent.first_loss is not None:
            self.initial_loss = descent.first_loss

    def _is_initial_loss_due(self, scene: Scene) -> bool:
        """Where it is not known, and there is time for an evaluation that paints nothing."""
        if not isnan(self.initial_loss):
            return False
        if not self.finished:
            return True
        before = self.finished[-1]
        per_pixel = before.evaluation_seconds / (before.height * before.width)
        return self.pace.has_time_for(per_pixel * _cost(1, scene))

    def _best_at(self, scene: Scene, before: Standing) -> Best:
        """What a level begins from."""
        if before.canvas is not None:
            return Best(before.canvas, before.loss, before.terms)
        start = Best(self._canvas_at(scene), inf, {})
        if scene.is_last and self.canvas is None:
            self.canvas = start.canvas  # for no scene can make it any more
            self.begins_last = True
        return start

    def _canvas_at(self, scene: Scene) -> np.ndarray:
        """One of its own, whatever then happens to it."""
        if self.canvas is None:
            return scene.start()
        fit = resize_wrapped if self.options.border == "wrap" else resize
        return fit(self.canvas, scene.level.height, scene.level.width)

    def _step_done(
        self, number: int, scene: Scene, method: Method, began: float, descent: Descent
    ) -> None:
        self._take(descent, scene)
        step = descent.seconds_per_step
        left = (scene.level.iterations - descent.iterations) * step
        # A step costs by its pixels.
        remaining = left + sum(self._costs_after(number)) * step / _cost(1, scene)
        if self.progress is not None:
            self._report(number, scene, descent, remaining)
        if self.keeper is not None and self.keeper.is_due:
            self._save(self._standing(number, descent, began, method))
        self.pace.check(step, remaining)

    def _standing(self, number: int, descent: Descent, began: float, method: Method) -> Standing:
        """In the middle of a level."""
        return Standing(
            number,
            descent.iterations,
            descent.evaluations,
            perf_counter() - began,
            method=str(method),
            balance=self.balance,
            canvas=self.canvas,
            state=descent.state(),
        )

    def _report(self, number: int, scene: Scene, descent: Descent, remaining: float) -> None:
        earlier = sum(done.evaluations for done in self.finished)
        record = Progress(
            level=number,
            levels=len(self.sources.scenes),
            height=scene.level.height,
            width=scene.level.width,
            iteration=descent.iterations,
            iterations=scene.level.iterations,
            evaluations=earlier + descent.evaluations,
            loss=descent.best.loss,
            terms=descent.best.terms,
            seconds=perf_counter() - self.began,
            remaining=remaining,
            canvas=descent.best.canvas,
        )
        if self.progress is not None and self.progress(record) is False:
            self.stop.request("callback")

    def _save(self, standing: Standing, is_last: bool = False) -> None:
        """Save where the work stands; what does not depend on the level is added here.

        Args:
            is_last: the work ends with this; the stop that ended it does not end the saving.
        """
        if self.keeper is not None:
            common = replace(
                standing,
                seconds=perf_counter() - self.began,
                initial_loss=self.initial_loss,
                loss=self.loss,
                terms=self.terms,
                finished=tuple(self.finished),
            )
            if is_last:
                self.keeper.save_last(common)
            else:
                self.keeper.save(common, self.stop.check)

    def _costs_after(self, number: int) -> list[float]:
        finer = self.sources.scenes[number:]
        return [
            _cost(max(1, scene.level.iterations) + measured(self.options, scene.regions), scene)
            for scene in finer
        ]


def _weighed(objective: Objective, saved: Mapping[str, float]) -> Objective:
    try:
        return objective.weighed(saved)
    except OptionsError as error:
        raise ResumeError("the saved work has another objective than its options") from error


def _cost(steps: int, scene: Scene) -> float:
    """Of some steps at a level, in units of one for one pixel."""
    return max(1, steps) * scene.level.height * scene.level.width
