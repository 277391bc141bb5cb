"""Progress bars on stderr, for people; in a pipe there are none."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from .console import is_terminal

if TYPE_CHECKING:
    from ..engine.records import Progress

__all__ = ["download_bar", "painting_bar"]

Painted: TypeAlias = "Callable[[Progress], None]"
Downloaded: TypeAlias = Callable[[int, int | None], None]


@contextlib.contextmanager
def painting_bar(wanted: bool) -> Iterator[Painted | None]:
    """A bar for one picture; gives what the engine is to call, or None where nobody is watching."""
    if not wanted or not is_terminal(sys.stderr):
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn
    from rich.progress import Progress as Bars

    bars = Bars(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rest]}"),
        console=Console(stderr=True),
        transient=True,
        expand=True,
    )
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

    bars.start()
    try:
        yield show
    finally:
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
