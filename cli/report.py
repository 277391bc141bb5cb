"""What is told of a finished picture: a record for machines, a line for people."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .memory import peak_rss_mb
from .plan_record import record_of_plan

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.options import Options
    from ..engine.records import Result

__all__ = ["is_painted", "record_of", "summary_of"]


def is_painted(result: Result) -> bool:
    """Whether there is more than the initial canvas: its loss was measured at least once."""
    return math.isfinite(result.loss)


def record_of(
    result: Result, output: Path | None, engine: Engine, options: Options
) -> dict[str, Any]:
    """Everything that `--json` tells; seconds, and megabytes of 10^6 bytes."""
    height, width = result.canvas.shape[:2]
    terms = {
        kind: float(result.term(kind)) if is_painted(result) else math.nan
        for kind in ("content", "style", "tv")
    }
    return {
        "output": None if output is None else str(output),
        "width": width,
        "height": height,
        "model": engine.model,
        "device": engine.device,
        "precision": engine.precision,
        "lowering": engine.lowering,
        "seed": options.seed,
        "loss": {"initial": result.initial_loss, "final": result.loss, **terms},
        "iterations": result.iterations,
        "evaluations": result.evaluations,
        "seconds": result.seconds,
        "evaluation_seconds": result.levels[-1].evaluation_seconds if result.levels else math.nan,
        "peak_rss_mb": peak_rss_mb(),
        "stopped": result.stopped,
        "levels": [asdict(level) for level in result.levels],
        "plan": None if result.plan is None else record_of_plan(result.plan),
    }


def summary_of(result: Result, output: Path) -> str:
    """Where the picture is, and how it came about, on one line."""
    height, width = result.canvas.shape[:2]
    about = f"{output}: {width} x {height}, {result.seconds:.1f} s, "
    if not is_painted(result):
        return f"{about}nothing was painted in the time given: it is the initial canvas"
    at = [level for level in result.levels if math.isfinite(level.loss)][-1]
    if (at.height, at.width) != (height, width):
        return f"{about}painted at {at.width} x {at.height}: more the time given did not allow"
    if math.isnan(result.initial_loss):
        return f"{about}loss {result.loss:.4g}"
    return f"{about}loss {result.initial_loss:.4g} -> {result.loss:.4g}"
