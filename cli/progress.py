"""Progress bars on stderr, for people; in a pipe there are none."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from .console import is_terminal, one_line

if TYPE_CHECKING:
    from rich.progress import Progress as Bars

    from ..engine.records import Progress

__all__ = ["BatchBars", "batch_bars", "download_bar", "painting_bar"]

Painted: TypeAlias = "Callable[[Progress], None]"
Downloaded: TypeAlias = Callable[[int, int | None], None]


@contextlib.contextmanager
def painting_bar(wanted: bool) -> Iterator[Painted | None]:
    """A bar for one picture; gives what the engine is to call, or None where nobody is watching."""
    if not wanted or not is_terminal(sys.stderr):
        yield None
        return
    bars = _bars()
    show = _shown_in(bars)
    bars.start()
    try:
        yield show
    finally:
        _end(bars)


@contextlib.contextmanager
def batch_bars(wanted: bool, pictures: int | None, one_by_one: bool = True) -> Iterator[BatchBars]:
    """A bar for all pictures and one for that in the making, where somebody is watching.

    Args:
        one_by_one: whether one picture is made at a time; there is else no second bar.
    """
    if not wanted or not is_terminal(sys.stderr):
        yield BatchBars(None, pictures, one_by_one)
        return
    bars = _bars()
    shown = BatchBars(bars, pictures, one_by_one)
    bars.start()
    try:
        yield shown
    finally:
        _end(bars)


class BatchBars:
    """What a batch tells while it works.

    Args:
        bars: None where nobody is watching.
        pictures: how many there are in all; None where nobody knows.
        one_by_one: see `batch_bars`.
    """

    def __init__(self, bars: Bars | None, pictures: int | None, one_by_one: bool = True) -> None:
        self._bars = bars
        # What the engine is to call.
        self.current: Painted | None = None
        if bars is not None:
            self._all = bars.add_task("pictures", total=pictures, rest="")
        if bars is not None and one_by_one:
            self.current = _shown_in(bars)

    def begin(self, name: str) -> None:
        """Tell which picture is made now."""
        if self._bars is not None and self.current is not None:
            self._bars.update(self._all, rest=one_line(name).replace("[", r"\["))

    def end(self) -> None:
        """Count one more picture, whatever became of it."""
        if self._bars is not None:
            self._bars.advance(self._all)


def _bars() -> Bars:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rest]}"),
        console=Console(stderr=True),
        transient=True,
        expand=True,
    )


def _shown_in(bars: Bars) -> Painted:
    """A further bar, for one picture."""
    task = bars.add_task("preparing", total=None, rest="")

    def show(progress: Progress) -> None:
        rest = f"loss {progress.loss:.4g}  {_clock(progress.remaining)} left"
        bars.update(
            task,
            description=f"level {progress.level}/{progress.levels}  "
            f"{progress.width} x {progress.height}",
            completed=progress.iteration,
            total=progress.iterations,
            rest=rest,
        )

    return show


def _end(bars: Bars) -> None:
    with contextlib.suppress(OSError):  # of a closed terminal: the picture is yet to be saved
        bars.stop()


@contextlib.contextmanager
def download_bar(name: str) -> Iterator[Downloaded | None]:
    """A bar for one download; gives what `pull` is to call, or None where nobody is watching."""
    if not is_terminal(sys.stderr):
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )
    from rich.progress import Progress as Bars

    bars = Bars(
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        expand=True,
    )
    with bars:
        task = bars.add_task(name, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
