"""The pipeline from pictures to a picture, level by level."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .errors import LimitError, StyleError
from .images import Picture, read_picture, resize
from .initial import blended, cover, noise
from .optimise import Descent, descend
from .options import Options
from .pyramid import Level, plan_levels
from .records import LevelResult, Progress, ProgressCallback, Result
from .stop import Stop, Stopped

if TYPE_CHECKING:
    from .engine import Engine

__all__ = ["paint"]


def paint(
    engine: Engine,
    content: Picture,
    styles: Sequence[np.ndarray],
    options: Options,
    progress: ProgressCallback | None,
    stop: Stop,
) -> Result:
    """Paint one picture; see `impasto.stylize` for what is raised.

    An error that ends the work carries the best picture so far as its `result`.
    """
    if options.size > engine.limits.output_side:
        raise LimitError(
            f"size is {options.size}, but the limit of output_side is {engine.limits.output_side}"
        )
    levels = plan_levels(
        (content.rgb.shape[0], content.rgb.shape[1]),
        options.size,
        options.levels,
        options.iterations,
        engine.smallest_side(options),
    )
    initial = _initial_canvas(engine, content, styles, options)
    painting = _Painting(engine, content, styles, options, levels, stop, initial(levels[0]))
    try:
        for number, level in enumerate(levels, 1):
            if painting.stopped not in _GO_ON:
                break
            painting.work_at(number, level, initial, progress)
    except StyleError as error:
        error.result = painting.result()
        raise
    return painting.result()


_GO_ON = ("", "iterations", "line search")


@dataclass
class _Painting:
    """The state of one picture's making: always able to say what the best picture so far is."""

    engine: Engine
    content: Picture
    styles: Sequence[np.ndarray]
    options: Options
    levels: tuple[Level, ...]
    stop: Stop
    canvas: np.ndarray
    loss: float = float("nan")
    terms: dict[str, float] = field(default_factory=dict)
    initial_loss: float = float("nan")
    stopped: str = ""
    finished: list[LevelResult] = field(default_factory=list)
    began: float = field(default_factory=time.perf_counter)

    def work_at(
        self,
        number: int,
        level: Level,
        initial: Callable[[Level], np.ndarray],
        progress: ProgressCallback | None,
    ) -> None:
        """Bring the canvas to this level's size and move it down this level's objective."""
        began = time.perf_counter()
        start = resize(self.canvas, level.height, level.width)
        try:
            scaled = resize(self.content.rgb, level.height, level.width)
            objective = self.engine.objective_at(scaled, self.styles, self.options, self.stop)
            if number == len(self.levels):
                self.initial_loss = sum(objective.terms(initial(level)).values())
        except Stopped as stopped:
            self.stopped = str(stopped)
            return
        descent = Descent(objective, start, self.stop)
        try:
            self.stopped = descend(
                descent,
                level.iterations,
                self.options,
                lambda: self._report(number, level, descent, progress),
            )
        finally:
            if descent.best_terms:
                self.canvas, self.loss, self.terms = (
                    descent.best,
                    descent.best_loss,
                    descent.best_terms,
                )
            self.finished.append(
                LevelResult(
                    level.height,
                    level.width,
                    descent.iterations,
                    descent.evaluations,
                    descent.best_loss,
                    time.perf_counter() - began,
                    descent.evaluation_seconds,
                    self.stopped,
                )
            )

    def result(self) -> Result:
        """The best picture so far, at the final size."""
        final = self.levels[-1]
        alpha = self.content.alpha
        return Result(
            canvas=resize(self.canvas, final.height, final.width),
            alpha=None if alpha is None else resize(alpha, final.height, final.width),
            initial_loss=self.initial_loss,
            loss=self.loss,
            terms=self.terms,
            levels=tuple(self.finished),
            stopped=self.stopped,
            seconds=time.perf_counter() - self.began,
        )

    def _report(
        self, number: int, level: Level, descent: Descent, progress: ProgressCallback | None
    ) -> None:
        if progress is None:
            return
        earlier = sum(done.evaluations for done in self.finished)
        record = Progress(
            level=number,
            levels=len(self.levels),
            height=level.height,
            width=level.width,
            iteration=descent.iterations,
            iterations=level.iterations,
            evaluations=earlier + descent.evaluations,
            loss=descent.best_loss,
            seconds=time.perf_counter() - self.began,
            remaining=self._remaining(number, level, descent),
        )
        if progress(record) is False:
            self.stop.request("callback")

    def _remaining(self, number: int, level: Level, descent: Descent) -> float:
        """Seconds to come, at this level and the finer ones, if a step costs by its pixels."""
        per_step = sum(descent.durations) / max(1, descent.iterations)
        per_pixel = per_step / (level.height * level.width)
        steps = level.iterations - descent.iterations
        later = sum(finer.iterations * finer.height * finer.width for finer in self.levels[number:])
        return steps * per_step + later * per_pixel


def _initial_canvas(
    engine: Engine, content: Picture, styles: Sequence[np.ndarray], options: Options
) -> Callable[[Level], np.ndarray]:
    """The initial canvas at any level's size.

    A picture given by path is read once, before the work.
    """
    if options.init == "noise":
        return lambda level: noise(level.height, level.width, options.seed)
    if options.init == "content":

        def picture(level: Level) -> np.ndarray:
            return resize(content.rgb, level.height, level.width)

    else:
        source = (
            styles[0]
            if options.init == "style"
            else read_picture(options.init, engine.limits, "initial picture").rgb
        )

        def picture(level: Level) -> np.ndarray:
            return cover(source, level.height, level.width)

    return lambda level: blended(picture(level), options.init_blend, options.seed)
