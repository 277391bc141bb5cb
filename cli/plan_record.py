"""What is told of a plan: a record for machines, words for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..engine.plan import LevelPlan, Plan

__all__ = ["described", "gib", "record_of_plan"]


def record_of_plan(plan: Plan, time: float | None = None) -> dict[str, Any]:
    """Everything that `--json` tells; bytes, pixels and seconds.

    Args:
        time: the seconds that the work may take.
    """
    return {
        "memory": plan.memory,
        "peak": plan.bytes,
        "time": time,
        "seconds": plan.seconds,
        "levels": [_record_of_level(level) for level in plan.levels],
    }


def _record_of_level(level: LevelPlan) -> dict[str, Any]:
    record: dict[str, Any] = {
        "width": level.width,
        "height": level.height,
        "iterations": level.iterations,
        "optimizer": str(level.method),
        "peak": level.bytes,
        "seconds": level.seconds,
        "tiling": None,
    }
    if level.tiling is not None:
        height, width = level.tiling.size((level.height, level.width))
        down, across = level.tiles
        record["tiling"] = {
            "up_to": level.tiling.joint,
            "down": down,
            "across": across,
            "width": width,
            "height": height,
            "halo": level.tiling.halo,
            "half_precision_targets": level.tiling.half,
        }
    return record


def described(level: LevelPlan) -> str:
    """How a level is computed, in a few words."""
    if level.tiling is None:
        return "at once"
    down, across = level.tiles
    height, width = level.tiling.size((level.height, level.width))
    return f"to {level.tiling.joint} in {across} x {down} tiles of {width} x {height}"


def gib(count: int) -> str:
    """Bytes as the command line spells them: 1.25G."""
    return f"{count / 2**30:.2f}G"
