"""The work of `batch`: picture after picture with one engine, whatever becomes of each."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Event, Lock
from time import perf_counter
from typing import NoReturn

import typer

from ..engine.errors import ClusterError, OutputError, WorkerKilled
from ..engine.options import Options
from ..engine.stop import Stop, Stopped
from .batch_jobs import Job, Naming, jobs_of
from .batch_painter import BatchPainter
from .batch_report import BatchReport, Outcome
from .batch_watch import check_watched, coming, pauses
from .console import say
from .exits import EXIT_OF_STOP, failure_of, say_traceback
from .progress import BatchBars, batch_bars
from .saving import Saving
from .signals import Signals

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
    painter = BatchPainter(context, options, styles)
    Saving.asked(asked).check(Path(f"picture.{asked['format']}"))
    naming = Naming(folder, f".{asked['format']}", asked["recursive"])
    jobs: list[Job] | None = None
    if asked["watch"]:
        check_watched(paths, naming)
    else:
        jobs = jobs_of(paths, naming)
        for job in jobs:
            job.check(painter.sources)
    with _made(folder), BatchReport(asked["report"]) as report, Signals() as signals:
        count, one_by_one = None if jobs is None else len(jobs), painter.at_once == 1
        with painter, batch_bars(not asked["quiet"], count, one_by_one) as bars:
            batch = _Batch(painter, asked["overwrite"], report, bars)
            if jobs is None:
                signals.run(lambda stop: batch.watch(paths, naming, stop, not asked["quiet"]))
            else:
                signals.run(lambda stop: batch.run(jobs, stop))
        counts = ", ".join(f"{batch.counts[s]} {s}" for s in ("made", "skipped", "failed"))
        if batch.stopped is not None:
            there = batch.counts["made"] + batch.counts["skipped"]
            so_far = (
                f"{folder}: {counts}"
                if jobs is None
                else f"{there} of {len(jobs)} pictures are in {folder}; the same command makes the "
                "rest"
            )
            say(f"{batch.stopped}: {so_far}")
            if (unwritten := report.failure) is not None:
                say(str(unwritten))
            raise typer.Exit(EXIT_OF_STOP.get(batch.stopped, 0))
        if not asked["quiet"]:
            say(f"{folder}: {counts}, {perf_counter() - began:.1f} s")
        if not batch.exit_code and report.failure is not None:
            raise report.failure
    raise typer.Exit(batch.exit_code)


class _Batch:
    """Where a batch stands: what became of the pictures so far."""

    def __init__(
        self, painter: BatchPainter, overwrite: bool, report: BatchReport, bars: BatchBars
    ) -> None:
        self._painter = painter
        self._overwrite = overwrite
        self._report = report
        self._bars = bars
        self._taking, self._telling = Lock(), Lock()
        self._over = Event()
        self.counts: Counter[str] = Counter()
        self.exit_code = 0
        self.stopped: str | None = None

    def run(
        self,
        jobs: Iterable[Job],
        stop: Stop,
        tell: Callable[[Outcome], None] = lambda outcome: None,
    ) -> None:
        """Make all of them, as many at once as the painter can, until the last one or a stop.

        Args:
            tell: is called with what became of each.
        """
        waiting = iter(jobs)
        work = partial(self._work, waiting, stop, tell)
        if self._painter.at_once == 1:
            work()
            return
        with ThreadPoolExecutor(self._painter.at_once) as pool:
            for ended in [pool.submit(work) for _ in range(self._painter.at_once)]:
                ended.result()

    def _work(self, jobs: Iterator[Job], stop: Stop, tell: Callable[[Outcome], None]) -> None:
        """One of the threads that take one job after the other."""
        while not self._over.is_set():
            with self._taking:
                job = next(jobs, None)
            if job is None:
                return
            self._bars.begin(job.source.name)
            try:
                outcome = self._outcome(job, stop)
            except BaseException:
                self._over.set()
                raise
            with self._telling:
                if outcome is None:
                    self.stopped = stop.reason
                    self._over.set()
                    return
                self.counts[outcome.status] += 1
                self._report.add(outcome)
                self._bars.end()
                tell(outcome)

    def watch(self, paths: Sequence[Path], naming: Naming, stop: Stop, told: bool) -> None:
        """Make what is there and what comes, until a stop.

        Args:
            told: whether to say so, and what was made.
        """

        def tell(outcome: Outcome) -> None:
            if told and outcome.status == "made":
                say(f"{outcome.output}: {outcome.seconds:.1f} s, loss {outcome.loss:.4g}")

        _ = self._painter.ready  # or its errors would wait for the first picture
        if told:
            say(f"waiting for pictures in {', '.join(map(str, paths))}; Ctrl-C ends it")
        with contextlib.suppress(Stopped), pauses(stop, self._over) as ends:
            self.run(coming(paths, naming, ends), stop, tell)
        self.stopped = stop.reason

    def _outcome(self, job: Job, stop: Stop) -> Outcome | None:
        """None where a stop came before the picture was done."""
        from ..engine.files import check_writable

        began, names = perf_counter(), (str(job.source), str(job.output))
        if job.rival is None and not self._overwrite and job.output.is_file():
            return Outcome(*names, "skipped")
        if stop.reason is not None:
            return None
        _ = self._painter.ready
        try:
            job.check(self._painter.sources)
            check_writable(job.output)
            saving = self._painter.saving(job.source)
            result = self._painter.paint(job.source, self._bars.current, stop)
            # Not even its best picture so far: the next run would take it for done.
            if result.stopped in EXIT_OF_STOP:
                return None
            saving.save(result, job.output)
        except Stopped:
            return None
        except Exception as error:
            if isinstance(error, ClusterError) and not isinstance(error, WorkerKilled):
                raise  # which no other picture can be painted without
            sentence, exit_code = failure_of(error)
            say_traceback(error)
            say(f"failed: {job.source}: {' '.join(sentence.split())}")
            self.exit_code = self.exit_code or exit_code
            return Outcome(*names, "failed", None, perf_counter() - began, sentence)
        return Outcome(*names, "made", result.loss, result.seconds)


@contextlib.contextmanager
def _made(folder: Path) -> Iterator[None]:
    """While inside, the folder is there; a new one goes again if nothing came into it."""
    try:
        is_new = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot make the folder {str(folder)!r}: {reason}") from error
    try:
        yield
    finally:
        if is_new:
            with contextlib.suppress(OSError):
                folder.rmdir()
