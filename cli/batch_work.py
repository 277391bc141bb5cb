"""The work of `batch`: picture after picture with one engine, whatever becomes of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import typer

from ..engine.errors import OutputError
from ..engine.options import Options
from .batch_jobs import Job, jobs_of
from .batch_report import BatchReport, Outcome
from .console import say
from .exits import EXIT_OF_STOP, failure_of, say_traceback
from .parsing import parse_bytes, parse_seconds
from .paths import refuse_to_replace
from .progress import BatchBars, batch_bars
from .signals import Signals
from .tasks import engine_of, open_options

if TYPE_CHECKING:
    import numpy as np

    from ..engine.engine import Engine
    from ..engine.records import ProgressCallback, Result
    from ..engine.stop import Stop

__all__ = ["paint_batch"]


def paint_batch(
    context: typer.Context,
    options: Options,
    paths: Sequence[Path],
    styles: Sequence[Path],
    folder: Path,
) -> NoReturn:
    """Make a picture of each, tell of them, and end the command.

    Raises:
        StyleError: something is wrong with more than one picture.
    """
    began, asked = perf_counter(), context.params
    jobs = jobs_of(paths, folder, asked["recursive"])
    painter = _Painter(
        engine_of(context),
        open_options(context),
        options,
        styles,
        None if asked["memory"] is None else parse_bytes(asked["memory"]),
        None if asked["time"] is None else parse_seconds(asked["time"]),
    )
    for job in jobs:
        sources = (job.source, *styles, options.init, asked["model"], asked["bundle"])
        refuse_to_replace(job.output, sources)
    with BatchReport(asked["report"]) as report, Signals() as signals:
        _make(folder)
        with batch_bars(not asked["quiet"], len(jobs)) as bars:
            batch = _Batch(jobs, painter, asked["overwrite"], report, bars)
            signals.run(batch.run)
        if batch.stopped is not None:
            there = batch.count("made") + batch.count("skipped")
            about = f"{there} of {len(jobs)} pictures are in {folder}"
            say(f"{batch.stopped}: {about}; the same command makes the rest")
            raise typer.Exit(EXIT_OF_STOP.get(batch.stopped, 0))
        if not asked["quiet"]:
            counts = ", ".join(f"{batch.count(s)} {s}" for s in ("made", "skipped", "failed"))
            say(f"{folder}: {counts}, {perf_counter() - began:.1f} s")
        if not batch.exit_code:
            report.check()
    raise typer.Exit(batch.exit_code)


class _Painted(NamedTuple):
    engine: Engine
    options: Options
    styles: list[np.ndarray]
    memory: int


class _Painter:
    """Opens the engine and the style pictures once, when the first picture needs them."""

    def __init__(
        self,
        opened: Callable[[], Engine],
        decided: Sequence[str],
        options: Options,
        styles: Sequence[Path],
        memory: int | None,
        time: float | None,
    ) -> None:
        self._opened = opened
        self._decided = decided
        self._options = options
        self._styles = styles
        self._memory = memory
        self._time = time

    @cached_property
    def ready(self) -> _Painted:
        """What all pictures have in common.

        Raises:
            StyleError: the network or a style picture cannot be used.
        """
        from ..engine.images import read_picture
        from ..engine.memory import default_budget

        engine = self._opened()
        options = replace(
            self._options, **{name: getattr(engine.defaults, name) for name in self._decided}
        )
        found = [read_picture(path, engine.limits, "style picture") for path in self._styles]
        styles = [picture.samples for picture in found]
        # The plan of a picture counts those of its own.
        memory = self._memory or default_budget()
        return _Painted(engine, options, styles, max(1, memory - sum(s.nbytes for s in styles)))

    def paint(self, source: Path, progress: ProgressCallback | None, stop: Stop) -> Result:
        """One picture."""
        engine, options, styles, memory = self.ready
        return engine.stylize(
            source, styles, options, memory=memory, time=self._time, progress=progress, stop=stop
        )


class _Batch:
    """Where a batch stands: what became of each picture so far."""

    def __init__(
        self,
        jobs: Sequence[Job],
        painter: _Painter,
        overwrite: bool,
        report: BatchReport,
        bars: BatchBars,
    ) -> None:
        self._jobs = jobs
        self._painter = painter
        self._overwrite = overwrite
        self._report = report
        self._bars = bars
        self._statuses: list[str] = []
        self.exit_code = 0
        self.stopped: str | None = None

    def count(self, status: str) -> int:
        """Pictures of which this became."""
        return self._statuses.count(status)

    def run(self, stop: Stop) -> None:
        """Make one after the other, until the last one or a stop."""
        for job in self._jobs:
            self._bars.begin(job.source.name)
            outcome = self._outcome(job, stop)
            if outcome is None:
                self.stopped = stop.reason
                return
            self._statuses.append(outcome.status)
            self._report.add(outcome)
            self._bars.end()

    def _outcome(self, job: Job, stop: Stop) -> Outcome | None:
        """None where a stop came before the picture was done."""
        from ..engine.files import check_writable

        began, names = perf_counter(), (str(job.source), str(job.output))
        if not self._overwrite and job.output.is_file():
            return Outcome(*names, "skipped")
        if stop.reason is not None:
            return None
        _ = self._painter.ready  # what is wrong with it is wrong with all of them
        try:
            check_writable(job.output)
            result = self._painter.paint(job.source, self._bars.current, stop)
            # Not even its best picture so far: the next run would take it for done.
            if result.stopped in EXIT_OF_STOP:
                return None
            result.save(job.output)
        except Exception as error:
            sentence, exit_code = failure_of(error)
            say_traceback(error)
            say(f"failed: {job.source}: {' '.join(sentence.split())}")
            self.exit_code = self.exit_code or exit_code
            return Outcome(*names, "failed", None, perf_counter() - began, sentence)
        return Outcome(*names, "made", result.loss, perf_counter() - began)


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot make the folder {str(folder)!r}: {reason}") from error
