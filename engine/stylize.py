"""The pipeline from pictures to a picture, level by level."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from .errors import DeadlineExceeded, MemoryLimit, StyleError
from .images import Picture, read_picture, resize
from .initial import blended, cover, noise
from .optimise import Descent, descend
from .options import Options
from .pyramid import Level
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
    levels = engine.levels(content.rgb, options)
    initial = _initial_canvas(engine, content, styles, options)
    deadline = engine.limits.deadline
    with stop.for_one_work() as own, _ending_after(deadline, own):
        painting = _Painting(engine, content, styles, options, levels, own, initial)
        try:
            for number, level in enumerate(levels, 1):
                if painting.stopped not in _GO_ON:
                    break
                painting.work_at(number, level, progress)
            if painting.stopped == _DEADLINE:
                raise DeadlineExceeded(f"the work takes longer than its {deadline:g} seconds")
        except MemoryError as error:
            limit = MemoryLimit("there is not enough memory for this size")
            painting.attach_to(limit)
            raise limit from error
        except StyleError as error:
            painting.attach_to(error)
            raise
        return painting.result()


_GO_ON = ("", "iterations", "line search")
_DEADLINE = "deadline"


@contextlib.contextmanager
def _ending_after(seconds: float | None, stop: Stop) -> Iterator[None]:
    """Request a stop when the time is over, from a thread that ends with the work."""
    if seconds is None:
        yield
        return
    # A lock's longest wait is the longest that a timer can be set to.
    timer = threading.Timer(min(seconds, threading.TIMEOUT_MAX), stop.request, [_DEADLINE])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


@dataclass
class _Painting:
    """The state of one picture's making: always able to say what the best picture so far is."""

    engine: Engine
    content: Picture
    styles: Sequence[np.ndarray]
    options: Options
    levels: tuple[Level, ...]
    stop: Stop
    initial: Callable[[Level], np.ndarray]
    canvas: np.ndarray | None = None  # until a step was made: the initial one, whatever the size
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
        progress: ProgressCallback | None,
    ) -> None:
        """Bring the canvas to this level's size and move it down this level's objective."""
        began = time.perf_counter()
        self.stopped = "error"  # unless it comes to an end
        start = self._canvas_at(level)
        try:
            scaled = resize(self.content.rgb, level.height, level.width)
            objective = self.engine.objective_at(scaled, self.styles, self.options, self.stop)
            if number == len(self.levels):
                self.initial_loss = sum(objective.terms(self.initial(level)).values())
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
                self.loss, self.terms = descent.best_loss, descent.best_terms
                if level.iterations:
                    self.canvas = descent.best
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
            canvas=self._canvas_at(final),
            alpha=None if alpha is None else resize(alpha, final.height, final.width),
            initial_loss=self.initial_loss,
            loss=self.loss,
            terms=self.terms,
            levels=tuple(self.finished),
            stopped=self.stopped,
            seconds=time.perf_counter() - self.began,
        )

    def attach_to(self, error: StyleError) -> None:
        """Give the error the best picture so far, unless there is no memory for that either."""
        with contextlib.suppress(MemoryError):
            error.result = self.result()

    def _canvas_at(self, level: Level) -> np.ndarray:
        if self.canvas is None:
            return self.initial(level)
        return resize(self.canvas, level.height, level.width)

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
