"""The pipeline from pictures to a picture: its clocks, and how it ends."""

from __future__ import annotations

from collections.abc import Sequence

from .checkpoint import Keeper, Standing
from .errors import DeadlineExceeded, MemoryLimit
from .methods import Method
from .options import Options
from .pacing import Pace, ending_at
from .painting import ObjectiveAt, Painting
from .records import ProgressCallback, Result
from .sources import Sources
from .stop import Stop

__all__ = ["paint"]

_BEGINNING = Standing()


def paint(
    sources: Sources,
    objective_at: ObjectiveAt,
    options: Options,
    *,
    methods: Sequence[Method],
    began: float,
    deadline: float | None = None,
    time: float | None = None,
    progress: ProgressCallback | None = None,
    stop: Stop,
    keeper: Keeper | None = None,
    standing: Standing = _BEGINNING,
) -> Result:
    """Paint one picture; see `impasto.stylize` for what is raised.

    An error that ends the work carries the best picture so far as its `result`.

    Args:
        objective_at: the objective of a level.
        methods: the optimiser of each level.
        began: when the work began with reading its pictures, by `time.perf_counter`; of a work that
            is resumed, the seconds spent before are between.
        deadline: seconds from then on that the work may take; beyond them it fails.
        time: seconds from then on after which it ends with the best picture so far.
        keeper: saves the work while it goes on.
        standing: where it stands.

    Raises:
        ResumeError: `standing` is that of another work.
    """
    ends = [None if seconds is None else began + seconds for seconds in (deadline, time)]
    with stop.for_one_work() as own:
        painting = Painting(
            sources, objective_at, options, methods, own, began, progress, keeper, Pace(ends[1])
        )
        painting.go_on_from(standing)
        del standing  # its arrays are the painting's, which lets them go
        try:
            with (
                ending_at(ends[0], own, "deadline") as exceeded,
                ending_at(ends[1], own, "time"),
            ):
                painting.work()
            if painting.ending.final and exceeded.is_set():
                late = DeadlineExceeded(f"the work takes longer than its {deadline:g} seconds")
                painting.attach_to(late)
                raise late
            return painting.result()
        except MemoryError as error:
            limit = MemoryLimit("there is not enough memory for this size")
            painting.attach_to(limit)
            raise limit from error
