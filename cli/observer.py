"""Who looks on while a picture is made, and afterwards writes what was asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..engine.errors import StyleError
from .animation import side_of, write_animation
from .curves import History
from .frames import KeptFrames, NumberedFrames
from .plot import write_plot
from .report_page import write_report

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.records import Progress, ProgressCallback, Result
    from .watching import Watching

__all__ = ["Observer"]


class Observer:
    """Keeps frames and losses after each step; what goes wrong here never ends the work."""

    def __init__(self, watching: Watching) -> None:
        self._watching = watching
        self._steps = 0
        self._history = History()
        self._numbered = NumberedFrames(watching.output)
        animate = watching.animate
        self._kept = None if animate is None else KeptFrames(side_of(animate))
        self._written: list[Path] = []
        self._failure: StyleError | None = None

    def beside(self, bar: ProgressCallback | None) -> ProgressCallback | None:
        """What the engine is to call: the observer, and a progress bar where there is one."""
        if not self._watching.is_asked:
            return bar

        def see_both(progress: Progress) -> None:
            if bar is not None:
                bar(progress)
            self._see(progress)

        return see_both

    def write(
        self, result: Result, engine: Engine | None = None, options: object | None = None
    ) -> None:
        """Write the animation, the plot and the report: each of them, whatever becomes of another.

        Args:
            result: saved already.
            engine, options: what made it, for the report; unknown where the work failed.

        Raises:
            StyleError: the first that went wrong, be it a frame during the work.
        """
        asked = self._watching
        failures = [] if self._failure is None else [self._failure]
        writers: list[tuple[Path | None, Callable[[Path], None]]] = [
            (asked.animate, lambda path: self._animate(path, result)),
            (asked.plot, lambda path: write_plot(path, self._history)),
            (
                asked.report,
                lambda path: write_report(path, asked, self._history, result, engine, options),
            ),
        ]
        for path, write in writers:
            try:
                if path is not None:
                    write(path)
                    self._written.append(path)
            except StyleError as error:
                failures.append(error)
        if failures:
            raise failures[0]

    def summary(self) -> list[str]:
        """What was written, a line each, for people."""
        lines = [str(path) for path in self._written]
        count = self._numbered.count
        if count:
            first, last = self._numbered.path(1), self._numbered.path(count)
            lines.insert(0, f"{first}" if count == 1 else f"{first} to {last}")
        if self._watching.save_every is not None and self._numbered.path(count + 1).exists():
            lines.append(f"{self._numbered.path(count + 1)} and later are of an earlier work")
        return lines

    def record(self) -> dict[str, Any]:
        """What was written, for machines."""
        asked = self._watching
        paths = {"animation": asked.animate, "plot": asked.plot, "report": asked.report}
        written = {
            name: str(path) if path in self._written else None for name, path in paths.items()
        }
        return {"frames": self._numbered.count, **written}

    def _see(self, progress: Progress) -> None:
        self._steps += 1
        self._history.note(progress)
        if self._failure is not None:
            return
        try:
            if self._kept is not None:
                self._kept.offer(progress.canvas)
            every = self._watching.save_every
            if every is not None and self._steps % every == 0:
                self._numbered.save(progress.canvas)
        except StyleError as error:
            self._failure = error  # the next frame would fail alike

    def _animate(self, path: Path, result: Result) -> None:
        if self._kept is not None:
            write_animation(path, self._kept, result.canvas)
