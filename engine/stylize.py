"""The pipeline from pictures to a picture, level by level."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np

from .errors import DeadlineExceeded, MemoryLimit, StyleError
from .images import resize
from .objective import Objective
from .optimise import Descent, Ending, descend
from .options import Options
from .records import LevelResult, Progress, ProgressCallback, Result
from .sources import Scene, Sources
from .stop import Stop, Stopped

__all__ = ["ObjectiveAt", "paint"]

# See `Engine.objective_at`.
ObjectiveAt: TypeAlias = Callable[[np.ndarray, Sequence[np.ndarray], Options, Stop], Objective]
# Of a level that an exception left before its descent said why it ended.
_ERROR = Ending("error", final=True)


def paint(
    sources: Sources,
    objective_at: ObjectiveAt,
    options: Options,
    *,
    began: float,
    deadline: float | None,
    progress: ProgressCallback | None,
    stop: Stop,
) -> Result:
    """Paint one picture; see `impasto.stylize` for what is raised.

    An error that ends the work carries the best picture so far as its `result`.

    Args:
        objective_at: the objective for a content picture of the canvas's size, and styles.
        began: when the work began with reading its pictures, by `time.perf_counter`.
        deadline: seconds from then on that the work may take, or None.
    """
    with stop.for_one_work() as own:
        painting = _Painting(sources, objective_at, options, own, began)
        with _ending_after(deadline, began, own) as exceeded:
            painting.work(progress)
        if painting.ending.final and exceeded.is_set():
            late = DeadlineExceeded(f"the work takes longer than its {deadline:g} seconds")
            painting.attach_to(late)
            raise late
        return painting.result()


@contextlib.contextmanager
def _ending_after(seconds: float | None, began: float, stop: Stop) -> Iterator[threading.Event]:
    """Request a stop when the time is over, from a thread that ends with the work.

    The event tells, after the work, whether it was that request that ended it.
    """
    exceeded = threading.Event()

    def end() -> None:
        if stop.request("deadline"):
            exceeded.set()

    if seconds is None:
        yield exceeded
        return
    left = began + seconds - time.perf_counter()
    if left <= 0:
        end()
        yield exceeded
        return
    # A lock's longest wait is the longest that a timer can be set to.
    timer = threading.Timer(min(left, threading.TIMEOUT_MAX), end)
    timer.daemon = True
    timer.start()
    try:
        yield exceeded
    finally:
        timer.cancel()
        timer.join()


@dataclass
class _Painting:
    """The state of one picture's making: always able to say what the best picture so far is."""

    sources: Sources
    objective_at: ObjectiveAt
    options: Options
    stop: Stop
    began: float
    canvas: np.ndarray | None = None  # until a step was made: the initial one, whatever the size
    loss: float = float("nan")
    terms: dict[str, float] = field(default_factory=dict)
    initial_loss: float = float("nan")
    ending: Ending = _ERROR  # unless a level says otherwise
    finished: list[LevelResult] = field(default_factory=list)

    def work(self, progress: ProgressCallback | None) -> None:
        """Go through the levels, from coarse to fine, until the last one or a final ending."""
        try:
            for number, scene in enumerate(self.sources.scenes, 1):
                self._work_at(number, scene, progress)
                if self.ending.final:
                    break
        except MemoryError as error:
            limit = MemoryLimit("there is not enough memory for this size")
            self.attach_to(limit)
            raise limit from error
        except StyleError as error:
            self.attach_to(error)
            raise

    def result(self) -> Result:
        """The best picture so far, at the final size."""
        return Result(
            canvas=self._canvas_at(self.sources.scenes[-1]),
            alpha=self.sources.alpha,
            initial_loss=self.initial_loss,
            loss=self.loss,
            terms=self.terms,
            levels=tuple(self.finished),
            stopped=self.ending.reason,
            seconds=time.perf_counter() - self.began,
        )

    def attach_to(self, error: StyleError) -> None:
        """Give the error the best picture so far, unless there is no memory for that either."""
        with contextlib.suppress(MemoryError):
            error.result = self.result()

    def _work_at(self, number: int, scene: Scene, progress: ProgressCallback | None) -> None:
        """Bring the canvas to this level's size and move it down this level's objective."""
        began = time.perf_counter()
        self.ending = _ERROR
        start = self._canvas_at(scene)
        try:
            objective = self.objective_at(scene.content, scene.styles, self.options, self.stop)
            if scene is self.sources.scenes[-1]:
                self.initial_loss = objective.measure(scene.start(), self.stop).loss
        except Stopped as stopped:
            self.ending = Ending(str(stopped), final=True)
            return
        descent = Descent(objective, start, self.stop)
        try:
            self.ending = descend(
                descent,
                scene.level.iterations,
                self.options,
                lambda: self._report(number, scene, descent, progress),
            )
        finally:
            if descent.best_terms:
                self.loss, self.terms = descent.best_loss, descent.best_terms
                if scene.level.iterations:
                    self.canvas = descent.best
            self.finished.append(
                LevelResult(
                    scene.level.height,
                    scene.level.width,
                    descent.iterations,
                    descent.evaluations,
                    descent.best_loss,
                    time.perf_counter() - began,
                    descent.evaluation_seconds,
                    self.ending.reason,
                )
            )

    def _canvas_at(self, scene: Scene) -> np.ndarray:
        if self.canvas is None:
            return scene.start()
        return resize(self.canvas, scene.level.height, scene.level.width)

    def _report(
        self, number: int, scene: Scene, descent: Descent, progress: ProgressCallback | None
    ) -> None:
        if progress is None:
            return
        earlier = sum(done.evaluations for done in self.finished)
        record = Progress(
            level=number,
            levels=len(self.sources.scenes),
            height=scene.level.height,
            width=scene.level.width,
            iteration=descent.iterations,
            iterations=scene.level.iterations,
            evaluations=earlier + descent.evaluations,
            loss=descent.best_loss,
            seconds=time.perf_counter() - self.began,
            remaining=self._remaining(number, scene, descent),
        )
        if progress(record) is False:
            self.stop.request("callback")

    def _remaining(self, number: int, scene: Scene, descent: Descent) -> float:
        """Seconds to come, at this level and the finer ones, if a step costs by its pixels."""
        per_step = sum(descent.durations) / max(1, descent.iterations)
        per_pixel = per_step / (scene.level.height * scene.level.width)
        steps = scene.level.iterations - descent.iterations
        finer = [later.level for later in self.sources.scenes[number:]]
        later = sum(level.iterations * level.height * level.width for level in finer)
        return steps * per_step + later * per_pixel
